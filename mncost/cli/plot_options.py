"""What the pictures of ``mncost plot`` share: what was asked for, and measuring it now."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple, TypeAlias

import typer

from mncost.api import Grid, grid
from mncost.cli import completion, options
from mncost.errors import InputError, MeasureError
from mncost.extras import require
from mncost.render.write import check_writable

if TYPE_CHECKING:
    from mncost.cost.memory import Precision
    from mncost.measure.records import Cell, Place, Run
    from mncost.network import Network
    from mncost.published.accuracy import Candidate

__all__ = [
    "Alpha",
    "Arch",
    "Asked",
    "Dialect",
    "Picture",
    "Resolution",
    "about",
    "caption",
    "check",
    "measured",
    "place",
    "read",
    "refuse",
    "with_notes",
]

Arch: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--arch",
        "-a",
        metavar="NAMES",
        autocompletion=completion.architectures,
        help="Architectures, groups or checkpoints, with commas; for what is no accuracy, files "
        "too. Default: all for accuracies, v1,v2,v3-large for --y latency; of a run, its own.",
    ),
]


Alpha: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--alpha",
        metavar="α",
        help=f"Width multiplier: {options.GRAMMAR}. Default: all of accuracies, else 1.0.",
    ),
]
Resolution: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--resolution",
        "-r",
        metavar="PX",
        help="Side of the image, same grammar. Default: all of accuracies, else native.",
    ),
]
Dialect: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--dialect",
        metavar="NAME",
        autocompletion=completion.dialects,
        help="Whose reading: torchvision, timm ... Default: all of accuracies, else paper.",
    ),
]


class Asked(NamedTuple):
    """What is to be drawn, as far as all pictures have it."""

    run_file: Path | None
    arch: list[str] | None
    grid: Mapping[str, str | None]  # alpha, resolution, rho, dialect
    precision: Precision
    runtime: str | None
    threads: int | None
    max_time: float | None  # seconds
    save: Path | None

    def names(self, default: str = "") -> str:
        """Return what ``--arch`` says."""
        return ",".join(self.arch) if self.arch else default

    def networks(self, default: str = "") -> Grid:
        """Return the networks of the grid.

        Raises:
            InputError: an option cannot be used.
        """
        return grid(
            self.names(default),
            self.grid["alpha"],
            self.grid["resolution"],
            rho=self.grid["rho"],
            dialect=self.grid["dialect"],
            precision=self.precision,
        )

    def candidates(self) -> list[Candidate]:
        """Return the networks whose accuracy is published.

        Raises:
            InputError: an option cannot be used, or there are none.
        """
        from mncost.published.accuracy import candidates

        return candidates(self.names("all"), **self.grid, precision=self.precision)


class Picture(NamedTuple):
    """A picture that is ready to be drawn in a format, and what is said about it."""

    draw: Callable[[str], bytes]
    said: str
    notes: Sequence[str] = ()
    status: int = 0


def check(asked: Asked, target: Path) -> None:
    """Find out what is missing before anything is measured.

    Raises:
        InputError: matplotlib is, or a file cannot be written.
    """
    require("plot")
    if asked.run_file is not None:
        refuse(asked, "does not go with a run file: it is measured already", place=False)
    for path in (target, asked.save):
        if path is not None and str(path) != "-":
            check_writable(path)


def refuse(asked: Asked, why: str, *, place: bool = True) -> None:
    """Refuse the options that say how to measure, with or without those that say where.

    Raises:
        InputError: one was given.
    """
    given: dict[str, object] = {"max_time": asked.max_time, "save": asked.save}
    if place:
        given = {"runtime": asked.runtime, "threads": asked.threads, **given}
    options.refuse(given, why)


def place(asked: Asked, *, by_layer: bool = False) -> Place:
    """Return where to measure: one place."""
    from mncost.measure.networks import one_place

    return one_place(asked.runtime, asked.threads, asked.precision, by_layer=by_layer)


def read(file: Path) -> Run:
    """Read a run file."""
    from mncost.measure.run_file import read_run

    require("results")
    return read_run(file)


def measured(
    asked: Asked, networks: Sequence[Network], where: Place, *, by_layer: bool = False
) -> Run:
    """Measure networks now, and say how far that is.

    Raises:
        MeasureError: none of them could be measured.
    """
    from mncost.cli.progress import watching
    from mncost.measure.run_file import write_run
    from mncost.results.bench import measure_networks

    save = partial(write_run, path=asked.save) if asked.save else _nowhere
    with watching(None) as watch:
        run = measure_networks(
            networks,
            where,
            by_layer=by_layer,
            max_time=asked.max_time,
            watch=watch,
            save=save,
        ).run
    if len(run.failures) == len(run.cells):
        raise MeasureError(f"nothing was measured: {run.failures[0].reason}")
    return run


@contextmanager
def about(run_file: Path | None) -> Iterator[None]:
    """Name the run file in whatever is wrong with what it holds."""
    try:
        yield
    except MeasureError as error:
        raise error if run_file is None else InputError(f"{run_file}: {error}") from None


def with_notes(picture: Picture, asked: Asked, run: Run) -> Picture:
    """Add what has to be said about what was measured now, and whether all could be."""
    from mncost.cli.measured import status
    from mncost.results.results import Results
    from mncost.tables.words import conditions

    if asked.run_file is not None:
        return picture
    notes = [*picture.notes, *conditions(run), *run.notes]
    notes += [f"failed: {run.cells[one.cell].words()}: {one.reason}" for one in run.failures]
    if names := dict.fromkeys(warning.name for warning in Results(run).warnings):
        where = f"mncost show {asked.save}" if asked.save else "mncost show, of what --save keeps,"
        notes.append(f"warnings: {', '.join(names)}: {where} explains them")
    return picture._replace(notes=notes, status=status(run))


def caption(run: Run, cell: Cell) -> str:
    """Say where and with what a cell was measured."""
    versions = {
        process.versions.get(cell.runtime)
        for process in run.processes
        if process.worker == cell.worker
    }
    words = [
        " ".join([cell.runtime, *sorted(version for version in versions if version)]),
        *([cell.provider] if cell.provider not in (None, "CPUExecutionProvider") else []),
        "1 thread" if cell.threads == 1 else f"{cell.threads} threads",
        cell.precision,
        *([cell.python] if cell.python else []),
    ]
    return f"{', '.join(words)}; {run.machine.cpu}"


def _nowhere(run: Run) -> None:
    """Save nothing."""
