"""Networks as points: accuracy over cost or latency, latency over cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import NamedTuple

from mncost.errors import MeasureError, NothingPublishedError
from mncost.interval import Interval
from mncost.measure.cell import Cell
from mncost.measure.cells import digest
from mncost.pictures.families import family_of
from mncost.pictures.points import (
    AXES,
    Axis,
    Fit,
    Point,
    bounds,
    cost_of,
    cost_of_candidate,
    fit,
    on_front,
    percent,
    short_name,
)
from mncost.published.accuracy import Candidate, candidates
from mncost.published.checkpoints import trained_on
from mncost.render.units import written
from mncost.spec.catalog import index

__all__ = ["Scatter", "accuracy_over_cost", "accuracy_over_latency", "latency_over_cost"]

_MANY = 12  # architectures that a legend names one by one; of more it names the families
Timed = Sequence[tuple[Cell, Interval]]
"""Cells of one place with their latencies in seconds."""


class Scatter(NamedTuple):
    """A picture of points, before it is drawn.

    Attributes:
        title: what it shows.
        finding: what there is to see, in one sentence.
        points: the networks.
        axes: x and y.
        front: points that no other one beats.
        fit: the power of x that y follows.
        unpublished: how many networks are left out, because their accuracy is not published.
    """

    title: str
    finding: str
    points: Sequence[Point]
    axes: tuple[Axis, Axis]
    front: Sequence[Point] = ()
    fit: Fit | None = None
    unpublished: int = 0

    @property
    def groups(self) -> Mapping[str, Sequence[Point]]:
        """The points of each architecture, in the order in which they are drawn."""
        groups: dict[str, list[Point]] = {
            name: [] for name in sorted({p.group for p in self.points})
        }
        for point in self.points:
            groups[point.group].append(point)
        return groups


def latency_over_cost(timed: Timed, x: str = "macs") -> Scatter:
    """Return measured latencies over a count, and the power of it that they follow.

    Args:
        timed: cells of one place with their latencies.
        x: a name in :data:`mncost.pictures.points.AXES`.

    Raises:
        MeasureError: there are fewer than three networks of different cost.
    """
    factor = AXES["latency"].factor
    points = [
        Point(
            cost_of(cell, x),
            latency.center * factor,
            _group(cell),
            short_name(cell.label.arch, cell.label.alpha, cell.subject.resolution),
            (cell.subject.words(), _latency(latency), _macs(cell.macs)),
            y_bounds=bounds(latency, factor),
            is_rough=latency.relative_error is None,
            is_twin=cell.subject.twin is not None,
        )
        for cell, latency in timed
        if cost_of(cell, x)  # on an axis of logarithms there is no 0
    ]
    line = fit(points)
    finding = (
        f"latency follows {AXES[x].name}^{line.exponent:.2f}: {percent(line.within)} of "
        f"{line.points} networks are within ±10 %"
    )
    axes = AXES[x], AXES["latency"]
    return Scatter(f"Latency over {AXES[x].name}", finding, points, axes, fit=line)


def accuracy_over_cost(known: Sequence[Candidate], x: str = "macs") -> Scatter:
    """Return published accuracies over a count, and their Pareto front.

    Args:
        known: networks with published accuracies.
        x: a name in :data:`mncost.pictures.points.AXES`.
    """
    points = [_accuracy(one, cost_of_candidate(one, x), _macs(one.network.macs)) for one in known]
    return _with_front(points, x)


def accuracy_over_latency(timed: Timed, known: Sequence[Candidate] | None = None) -> Scatter:
    """Return published accuracies over measured latencies, and their Pareto front.

    Args:
        timed: cells of one place, or of one of each runtime, with their latencies; those whose
            accuracy is not published are left out.
        known: networks with published accuracies; by default all.

    Raises:
        MeasureError: the accuracy of none of the cells is published.
    """
    timed = [(cell, latency) for cell, latency in timed if cell.subject.twin is None]
    published = _published([cell for cell, _ in timed], known) if timed else {}
    both = [(published.get(cell.digest), cell, latency) for cell, latency in timed]
    named = [(one, cell, latency) for one, cell, latency in both if one is not None]
    if not named:
        raise MeasureError("no accuracy of any network of the run is published")
    factor = AXES["latency"].factor
    runtimes = dict.fromkeys(cell.place.runtime for _, cell, _ in named)
    points = [
        _accuracy(
            one,
            latency.center * factor,
            *([cell.place.runtime] if len(runtimes) > 1 else []),
            _latency(latency),
            _macs(cell.macs),
        )._replace(x_bounds=bounds(latency, factor), is_rough=latency.relative_error is None)
        for one, cell, latency in named
    ]
    if len(runtimes) > 1:  # a group, and so a marker, for each
        points = [
            point._replace(group=f"{point.group} on {cell.place.runtime}")
            for point, (_, cell, _) in zip(points, named, strict=True)
        ]
    missing = {cell.digest for one, cell, _ in both if one is None}
    return _with_front(points, "latency")._replace(unpublished=len(missing))


def _by_family(points: Sequence[Point]) -> Sequence[Point]:
    """Return points of few architectures as they are, of many by their families."""
    if len({point.group for point in points}) <= _MANY:
        return points

    def family(group: str) -> str:
        arch, on, runtime = group.partition(" on ")
        return f"{family_of(arch)}{on}{runtime}"

    return [point._replace(group=family(point.group)) for point in points]


def _with_front(points: Sequence[Point], x: str) -> Scatter:
    points = _by_family(points)
    best = on_front(points)
    are = "is" if len(best) == 1 else "are"
    finding = f"{len(best)} of {len(points)} networks {are} on the Pareto front"
    if not best:
        finding = "no Pareto front: no network has an interval"
    title = f"Published accuracy over {AXES[x].name}"
    return Scatter(title, finding, points, (AXES[x], AXES["top1"]), front=best)


def _accuracy(one: Candidate, x: float, *facts: str) -> Point:
    network = one.network
    data = trained_on(one.figure)
    source = f"accuracy: {one.figure.source}, trained on {data}"
    about = (one.name, f"top-1 {one.top1:g} %", *facts, source)
    label = short_name(network.arch, network.alpha, network.resolution)
    return Point(x, one.top1, network.arch, label, about, has_more_data=data != "1k")


def _published(cells: Sequence[Cell], known: Sequence[Candidate] | None) -> Mapping[str, Candidate]:
    """Return networks with published accuracies by their digests.

    Of built-in architectures only these are read; a file may hold any of them.
    """
    if known is not None:
        return _by_digest(known)
    names = dict.fromkeys(cell.label.arch for cell in cells)
    built_in = names.keys() <= index().keys()
    return _all_published(cells[0].place.precision, ",".join(names) if built_in else "all")


@cache
def _all_published(precision: str, arch: str) -> Mapping[str, Candidate]:
    """Return all of a precision: a report asks for them at each place."""
    from mncost.cost.memory import as_precision

    try:
        return _by_digest(candidates(arch, precision=as_precision(precision)))
    except NothingPublishedError:
        return {}


def _by_digest(known: Sequence[Candidate]) -> dict[str, Candidate]:
    return {digest(one.network.graph, one.network.inputs): one for one in known}


def _group(cell: Cell) -> str:
    twin = cell.subject.twin
    return cell.label.arch if twin is None else f"{cell.label.arch}, {twin} twin"


def _latency(latency: Interval) -> str:
    return f"latency {written('time', latency)}"


def _macs(macs: int) -> str:
    return f"{written('count', macs)} MACs"
