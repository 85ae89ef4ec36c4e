"""The Python face of pictures: :func:`plot`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from mncost.cost.memory import as_precision
from mncost.errors import InputError, MeasureError, UnknownNameError
from mncost.extras import require
from mncost.flags import given, none_left, taken
from mncost.interval import Interval
from mncost.measure.cell import Cell
from mncost.measure.where import ALL
from mncost.nas.found import Search
from mncost.network import Network
from mncost.pictures.picture import Picture
from mncost.place import OnePlace
from mncost.predict.predictions import Predictions
from mncost.results.results import Results
from mncost.which import Which

if TYPE_CHECKING:
    from mncost.pictures.scatter import Scatter
    from mncost.published.accuracy import Candidate

__all__ = ["KINDS", "X", "Y", "check_axes", "plot", "refuse_unpublished"]

KINDS = ("scatter", "layers")
X = ("macs", "params", "size", "memory", "latency")
Y = ("top1", "latency")
_LISTED = 4  # cells, in an error


def plot(
    of: Results | Predictions | Search | Network | Sequence[Network] | None = None,
    *,
    kind: str = "scatter",
    x: str | None = None,
    y: str | None = None,
    by: str = "layer",
    which: Which = Which(),  # noqa: B008 - it is frozen
    place: OnePlace = OnePlace(),  # noqa: B008 - it is frozen
    **options: Any,
) -> Picture:
    """Draw accuracy over cost, measured latency over cost, or what each layer costs.

    Nothing is measured: for latencies, pass what :func:`mncost.bench` returns.

    Args:
        of: a run; or predictions (of :class:`mncost.Predictor`); or a search (of
            :func:`mncost.search`), which takes no other argument; or a network
            (``kind="layers"``), or several, whose accuracy is published.
        kind: ``"scatter"``: networks as points; ``"layers"``: one network, layer by layer.
        x: ``"macs"`` (the default), ``"params"``, ``"size"``, ``"memory"``, or of a run
            ``"latency"``.
        y: ``"top1"`` (the default), or of a run ``"latency"``.
        by: of layers: ``"layer"``, ``"block"``, ``"stage"`` or ``"kind"``.
        which: only these networks, by their names, α, resolution, ...; of layers, which one.
        place: of a run that was measured in several, which one.
        options: the fields of ``which`` and ``place``: ``arch="v2"``, ``runtime="torch"``.

    Raises:
        InputError: an argument is not accepted, there is nothing to draw, or matplotlib is missing.
    """
    require("plot")
    which, place = taken(which, options), taken(place, options)
    none_left("plot", options)
    if kind not in KINDS:
        raise UnknownNameError("kind of picture", kind, KINDS)
    if isinstance(of, Search):
        from mncost.pictures.search import search_picture

        if (kind, x, y, by) != ("scatter", None, None, "layer") or given(which) or given(place):
            raise InputError("a search is drawn as it is: without other arguments")
        return search_picture(of.log)
    if kind == "layers":
        if isinstance(of, Predictions):
            raise InputError("layers are not predicted: pass a network, or a run")
        return _layers(of, by, which, place)
    x, y = x or "macs", y or "top1"
    check_axes(x, y)
    if isinstance(of, Results):
        return _of_run(of, x, y, which, place)
    if isinstance(of, Predictions):
        return _of_predictions(of, x, y)
    if "latency" in (x, y):
        raise InputError("latencies are those of a run: pass what mncost.bench returns")
    from mncost.pictures.scatter import accuracy_over_cost

    return _drawn(accuracy_over_cost(_candidates(of, which), x), "")


def check_axes(x: str, y: str) -> None:
    """Check the names of two axes.

    Raises:
        InputError: there is no such axis, or both are the same.
    """
    for option, name, accepted in (("--x", x, X), ("--y", y, Y)):
        if name not in accepted:
            raise UnknownNameError(option, name, accepted)
    if x == y:
        raise InputError(f"--x and --y are both {x}")


# --------------------------------------------------------------------------------------- networks


def _candidates(of: Network | Sequence[Network] | None, which: Which) -> list[Candidate]:
    from mncost.published.accuracy import candidates_of, published_of

    if of is not None:
        return candidates_of([of] if isinstance(of, Network) else of)[0]
    refuse_unpublished(which)
    return published_of(which)


def refuse_unpublished(which: Which) -> None:
    """Refuse what changes a network into one that nobody has published an accuracy of.

    Raises:
        InputError: something of it is given.
    """
    for name in ("input", "in_channels", "output_stride", "classes"):
        if getattr(which, name) is not None:
            option = name.replace("_", "-")
            raise InputError(f"--{option}: no accuracy of such networks is published")


def _of_run(results: Results, x: str, y: str, which: Which, place: OnePlace) -> Picture:
    from mncost.pictures.layers import caption
    from mncost.pictures.scatter import accuracy_over_latency, latency_over_cost

    if "latency" not in (x, y):
        raise InputError("a run is for latency: x or y is latency")
    if place.runtime is None and x == "latency":
        place = replace(place, runtime=ALL)  # each point says which
    timed = _timed(results, which, place)
    if y == "latency":
        scatter = latency_over_cost(timed, x)
    else:
        scatter = accuracy_over_latency(timed, _candidates(None, which))
        if any((which.arch, which.alpha, which.resolution, which.rho, which.dialect)):
            scatter = scatter._replace(unpublished=0)  # what is left out was not asked for
    return _drawn(
        scatter, f"medians, 95 % intervals; {caption(results, *(cell for cell, _ in timed))}"
    )


def _of_predictions(predictions: Predictions, x: str, y: str) -> Picture:
    from mncost.pictures.scatter import accuracy_over_latency, latency_over_cost
    from mncost.runs.networks import cells_of

    if "latency" not in (x, y):
        raise InputError("predictions are latencies: x or y is latency")
    cells = cells_of([one.network for one in predictions], predictions.place).cells
    timed = [(cell, one.latency) for cell, one in zip(cells, predictions, strict=True)]
    scatter = latency_over_cost(timed, x) if y == "latency" else accuracy_over_latency(timed)
    level, place = f"{predictions.level:.0%}", predictions.place.words()
    caption = f"predicted latencies, {level} intervals; {place}"
    return _drawn(scatter, caption, "of a kind of kernel that was never measured: no interval")


def _timed(results: Results, which: Which, place: OnePlace) -> list[tuple[Cell, Interval]]:
    """Return the cells at the place that is meant, with their latencies."""
    from mncost.choose.latency import cells_at

    cells = cells_at(results.run, as_precision(which.precision), place)
    latencies = [(cell, results.interval(cell.id)) for cell in cells]
    timed = [(cell, latency) for cell, latency in latencies if latency is not None]
    if not timed:
        raise MeasureError("nothing was measured")
    return timed


def _drawn(
    scatter: Scatter, caption: str, hollow: str = "measured in too few processes for an interval"
) -> Picture:
    from mncost.pictures.draw import draw

    rough = sum(point.is_rough for point in scatter.points)
    notes = [f"hollow: {rough} {hollow}"] if rough else []
    if scatter.fit and any(point.is_twin for point in scatter.points):
        notes.append("twins are not part of the fit")
    if scatter.unpublished:
        notes.append(f"{scatter.unpublished} left out, whose accuracy is not published")
    caption = "; ".join(filter(None, [caption, *notes]))  # a picture is passed on without them
    return Picture(partial(draw, scatter, caption), scatter.title, scatter.finding, notes)


# ----------------------------------------------------------------------------------------- layers


def _layers(
    of: Results | Network | Sequence[Network] | None,
    by: str,
    which: Which,
    place: OnePlace,
) -> Picture:
    from mncost.pictures.layers import layers_of_cell, layers_of_network

    if isinstance(of, Results):
        return layers_of_cell(of, _cell(of, which, place), by)
    if of is None:
        return layers_of_network(which.network(), by)
    networks = [of] if isinstance(of, Network) else list(of)
    if len(networks) != 1:
        raise InputError(f"needs one network, and these are {len(networks)}")
    return layers_of_network(networks[0], by)


def _cell(results: Results, which: Which, place: OnePlace) -> Cell:
    """Return the cell with times of layers that is meant."""
    from mncost.choose.latency import cells_at
    from mncost.pictures.layers import profiled_cells

    profiled = profiled_cells(results)
    if not profiled:
        raise MeasureError("the run has no times of layers: mncost bench --by layer measures them")
    here = cells_at(results.run, as_precision(which.precision), place)
    every = [cell for cell in here if cell in profiled]
    meant = [cell for cell in every if _is_meant(cell, which)]
    if len(meant) > 1 and which.twin is None:
        meant = [cell for cell in meant if cell.subject.twin is None] or meant
    if len(meant) == 1:
        return meant[0]
    listed = "; ".join(cell.words() for cell in (meant or every)[:_LISTED])
    if not meant:
        raise MeasureError(f"the run has no times of layers of that network; it has: {listed}")
    more = " ..." if len(meant) > _LISTED else ""
    raise MeasureError(
        f"the run has times of layers of {len(meant)} networks: {listed}{more}; --arch, --alpha, "
        "--resolution and --twin choose one"
    )


def _is_meant(cell: Cell, which: Which) -> bool:
    """Whether a cell is among the networks that are named; without any name, all are."""
    from mncost.selection import Selection
    from mncost.spec.catalog import index
    from mncost.spec.finding import find
    from mncost.spec.parse import PAPER

    if which.twin not in (None, cell.subject.twin):
        return False
    numbers = (which.alpha, which.resolution, which.rho)
    if which.arch is None and which.dialect is None and not any(numbers):
        return True
    label, resolution = cell.label, cell.subject.resolution
    arch = which.arch or label.arch
    if label.alpha is None or resolution is None or (arch == label.arch and arch not in index()):
        return arch == label.arch and not any(numbers)  # of a file that is not at hand
    for choice in find(arch):
        dialect = which.dialect
        if dialect is None and choice.dialect != PAPER:
            dialect = choice.dialect
        if (
            choice.spec.name == label.arch
            and dialect in (None, label.dialect)
            and Selection.of(choice, *numbers).holds(label.alpha, resolution)
        ):
            return True
    return False
