"""What ``mncost plot`` draws from: networks, a saved run, or what it measures now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from mncost.cli.options import refuse
from mncost.cost.memory import as_precision
from mncost.errors import InputError, MeasureError
from mncost.extras import require
from mncost.flags import given
from mncost.place import OnePlace
from mncost.render.write import check_writable
from mncost.which import Which

if TYPE_CHECKING:
    from mncost.network import Network
    from mncost.pictures.picture import Picture
    from mncost.results.results import Results

__all__ = ["Asked", "check", "layers", "scatter"]

UNUSABLE = 2
_UNSAVED = "; the run is not saved"


class Asked(NamedTuple):
    """The options of a picture, as they were given."""

    which: Which
    place: OnePlace
    run_file: Path | None
    max_time: float | None  # seconds
    save: Path | None

    def refuse(self, why: str, *, place: bool = True) -> None:
        """Refuse the options that say how to measure, with or without those that say where.

        Raises:
            InputError: one was given.
        """
        options: dict[str, object] = given(self.place) if place else {}
        refuse(options | {"max_time": self.max_time, "save": self.save}, why)


def check(asked: Asked, target: Path) -> None:
    """Find out what is missing before anything is measured.

    Raises:
        InputError: matplotlib is, or a file cannot be written.
    """
    require("plot")
    if asked.run_file is not None:
        asked.refuse("does not go with a run file: it is measured already", place=False)
    for path in (target, asked.save):
        if path is not None and str(path) != "-":
            check_writable(path)


def scatter(asked: Asked, x: str, y: str, *, is_predicted: bool = False) -> tuple[Picture, int]:
    """Return the picture of networks, measured or predicted, and the exit status.

    Raises:
        InputError: something cannot be used, or measured.
    """
    from mncost.pictures.plot import plot

    if is_predicted:
        return _predicted(asked, x, y), 0
    if "latency" not in (x, y):
        if asked.run_file is not None:
            raise InputError(
                f"{asked.run_file}: a run file is for latency: --x latency or --y latency"
            )
        asked.refuse("goes with latency: --x latency, --y latency or --kind layers")
        return plot(x=x, y=y, which=asked.which), 0
    if asked.run_file is None:
        results = _measured(asked, _networks(asked, y))
    else:
        if y == "latency":
            named = {
                name: value for name, value in given(asked.which).items() if name != "precision"
            }
            refuse(named, "does not go with --y latency and a run file: all of it is drawn")
        results = _read(asked.run_file)
    with _about(asked.run_file):
        picture = plot(results, x=x, y=y, which=asked.which, place=asked.place)
    return _with_notes(picture, asked, results)


def _predicted(asked: Asked, x: str, y: str) -> Picture:
    """Return the picture of predicted latencies."""
    from mncost.pictures.plot import plot
    from mncost.predict.profile import predictor_of

    if "latency" not in (x, y):
        raise InputError("--predicted goes with latency: --x latency or --y latency")
    if asked.run_file is not None:
        raise InputError(f"{asked.run_file}: --predicted does not go with a run file")
    refuse({"max_time": asked.max_time, "save": asked.save}, "does not go with --predicted")
    predictor = predictor_of(asked.place, as_precision(asked.which.precision))
    return plot(predictor.predict(_networks(asked, y)), x=x, y=y)


def layers(asked: Asked, by: str, *, has_time: bool) -> tuple[Picture, int]:
    """Return the picture of the layers of one network, and the exit status.

    Raises:
        InputError: something cannot be used, or measured.
    """
    from mncost.pictures.layer_rows import check_by
    from mncost.pictures.plot import plot

    check_by(by)
    if asked.run_file is not None:
        if not has_time:
            raise InputError("--no-time does not go with a run file: its times are drawn")
        results = _read(asked.run_file)
        with _about(asked.run_file):
            picture = plot(results, kind="layers", by=by, which=asked.which, place=asked.place)
        return picture, 0
    if asked.which.arch is None:
        raise InputError("missing argument 'ARCH': one network, or a run file of mncost bench")
    network = asked.which.network()
    if not has_time:
        asked.refuse("does not go with --no-time: nothing is measured")
        return plot(network, kind="layers", by=by), 0
    results = _measured(asked, [network], by_layer=True)
    if not results.run.profiles:
        raise MeasureError("no time was left for the layers: a longer --max-time")
    which = Which(precision=asked.which.precision)
    return _with_notes(plot(results, kind="layers", by=by, which=which), asked, results)


def _networks(asked: Asked, y: str) -> Sequence[Network]:
    """Return the networks to measure or to predict."""
    from mncost.pictures.plot import refuse_unpublished
    from mncost.published.accuracy import published_of
    from mncost.runs.begin import ARCHITECTURES

    which = asked.which
    if y == "top1":
        refuse_unpublished(which)
        return [one.network for one in published_of(which)]
    return replace(which, arch=which.arch or ARCHITECTURES).grid()


def _read(file: Path) -> Results:
    from mncost.measure.run_file import read_run
    from mncost.results.results import Results

    require("results")
    return Results(read_run(file))


def _measured(asked: Asked, networks: Sequence[Network], *, by_layer: bool = False) -> Results:
    """Measure networks now, and show how far that is.

    Raises:
        MeasureError: none of them could be measured.
    """
    from mncost.cli.progress import watching
    from mncost.measure.saving import saving
    from mncost.readers.model import TorchSource
    from mncost.results.bench import measure_networks
    from mncost.runs.networks import one_place

    precision = as_precision(asked.which.precision)
    of_modules = all(isinstance(network.source, TorchSource) for network in networks)
    place = one_place(asked.place, precision, by_layer=by_layer, of_modules=of_modules)
    with saving(asked.save) as save, watching(None) as watch:
        results = measure_networks(
            networks,
            place,
            by_layer=by_layer,
            max_time=asked.max_time,
            watch=watch,
            save=save,
        )
    if save.problem is not None:
        results.run.notes.append(f"{save.problem}{_UNSAVED}")
    failures = results.run.failures
    if len(failures) == len(results.run.cells):
        raise MeasureError(f"nothing was measured: {failures[0].reason}")
    return results


@contextmanager
def _about(run_file: Path | None) -> Iterator[None]:
    """Put the name of the run file in front of errors about its content."""
    try:
        yield
    except MeasureError as error:
        raise error if run_file is None else InputError(f"{run_file}: {error}") from None


def _with_notes(picture: Picture, asked: Asked, results: Results) -> tuple[Picture, int]:
    """Add how it was measured now and what is doubtful, and say whether all could be measured."""
    from mncost.cli.view import status
    from mncost.tables.words import conditions

    if asked.run_file is not None:
        return picture, 0
    run = results.run
    notes = [*picture.notes, *conditions(results), *run.notes]
    notes += [f"failed: {run.cells[one.cell].words()}: {one.reason}" for one in run.failures]
    if names := dict.fromkeys(warning.name for warning in results.warnings):
        where = f"mncost show {asked.save}" if asked.save else "mncost show, of what --save keeps,"
        notes.append(f"warnings: {', '.join(names)}: {where} explains them")
    is_lost = any(note.endswith(_UNSAVED) for note in run.notes)
    return picture._replace(notes=notes), UNUSABLE if is_lost else status(run)
