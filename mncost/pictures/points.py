"""What is drawn: points with intervals, on axes with units."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import exp, log
from typing import NamedTuple

from mncost.choose.pareto import front
from mncost.errors import MeasureError
from mncost.interval import Interval
from mncost.measure.cell import Cell
from mncost.published.accuracy import Candidate

__all__ = [
    "AXES",
    "Axis",
    "Fit",
    "Point",
    "accuracy_points",
    "check_fit",
    "cost_of",
    "fit",
    "group_of",
    "latency_points",
    "on_front",
    "percent",
    "short_label",
]


class Axis(NamedTuple):
    """A quantity: its name, its title with the unit, and what bare values are multiplied by."""

    name: str
    title: str
    factor: float = 1.0


AXES: Mapping[str, Axis] = {
    "macs": Axis("MACs", "multiply-accumulates (millions)", 1e-6),
    "params": Axis("parameters", "parameters (millions)", 1e-6),
    "size": Axis("weights", "weights (MiB)", 2.0**-20),
    "memory": Axis("memory", "weights and peak activations (MiB)", 2.0**-20),
    "latency": Axis("latency", "latency, median of one call (ms)", 1e3),
    "top1": Axis("top-1", "ImageNet top-1 accuracy, as published (%)"),
}

_OF_CANDIDATE: Mapping[str, Callable[[Candidate], float]] = {
    "macs": lambda c: c.network.macs,
    "params": lambda c: c.network.params,
    "size": lambda c: c.network.weight_bytes,
    "memory": lambda c: c.memory_bytes,
}
_OF_CELL: Mapping[str, Callable[[Cell], float]] = {
    "macs": lambda cell: cell.call_macs,
    "params": lambda cell: cell.params,
    "size": lambda cell: cell.weight_bytes,
    "memory": lambda cell: cell.weight_bytes + cell.place.batch * cell.peak_activation_bytes,
}


class Point(NamedTuple):
    """One network. Coordinates are in the units of the axes; intervals have two bounds or none."""

    x: float
    y: float
    group: str  # its architecture
    label: str  # its α and resolution
    x_bounds: tuple[float, float] | None = None
    y_bounds: tuple[float, float] | None = None


class Fit(NamedTuple):
    """y = factor × x ^ exponent, by least squares of logarithms, and how near the points are."""

    factor: float
    exponent: float
    within: float  # the share of the points that are within MARGIN of it
    points: int

    def at(self, x: float) -> float:
        """Return y."""
        return float(self.factor * x**self.exponent)


MARGIN = 0.1


def accuracy_points(
    found: Sequence[Candidate],
    x: str,
    measured: Sequence[tuple[Candidate, Interval]] = (),
) -> list[Point]:
    """Return published accuracies over a count, or over the latencies that were measured."""
    if x == "latency":
        return [
            _accuracy(one, interval.center, x, _bounds(interval, AXES[x].factor))
            for one, interval in measured
        ]
    return [_accuracy(one, _OF_CANDIDATE[x](one), x, None) for one in found]


def latency_points(cells: Sequence[tuple[Cell, Interval]], x: str) -> list[Point]:
    """Return measured latencies over a count."""
    ms = AXES["latency"].factor
    return [
        Point(
            cost_of(cell, x),
            interval.center * ms,
            group_of(cell),
            short_label(cell),
            y_bounds=_bounds(interval, ms),
        )
        for cell, interval in cells
    ]


def on_front(points: Sequence[Point]) -> list[Point]:
    """Return those that no other one beats: less x, more y; in the order of x."""
    kept = front([(point.x, point.y) for point in points], [False, True])
    return sorted(point for point, is_kept in zip(points, kept, strict=True) if is_kept)


def fit(points: Sequence[Point]) -> Fit:
    """Return the power of x that y follows.

    Raises:
        MeasureError: there are fewer than three points, or all have the same x.
    """
    check_fit(point.x for point in points)
    xs, ys = [log(point.x) for point in points], [log(point.y) for point in points]
    n, mean_x, mean_y = len(xs), sum(xs) / len(xs), sum(ys) / len(ys)
    spread = sum((x - mean_x) ** 2 for x in xs)
    exponent = sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True)) / spread
    found = Fit(exp(mean_y - exponent * mean_x), exponent, 0.0, n)
    near = sum(abs(point.y / found.at(point.x) - 1) <= MARGIN for point in points)
    return found._replace(within=near / n)


def check_fit(costs: Iterable[float]) -> None:
    """Find out whether there is a fit to networks of these costs, before they are measured.

    Raises:
        MeasureError: there are fewer than three, or all have the same cost.
    """
    if len(set(costs)) < 3:
        raise MeasureError("a fit needs three networks of different cost")


def cost_of(cell: Cell, x: str) -> float:
    """Return a count of a cell, in the units of the axis."""
    return _OF_CELL[x](cell) * AXES[x].factor


def percent(share: float) -> str:
    """Return a share in words: without decimals, but never a small one as none."""
    value = 100 * share
    return f"{value:.0f} %" if value >= 1 or value == 0 else f"{value:.1g} %"


def _accuracy(one: Candidate, value: float, x: str, bounds: tuple[float, float] | None) -> Point:
    network = one.network
    label = f"{network.alpha:g}·{network.resolution}"
    return Point(value * AXES[x].factor, one.top1, network.arch, label, x_bounds=bounds)


def _bounds(interval: Interval, factor: float) -> tuple[float, float] | None:
    if interval.lo is None or interval.hi is None:
        return None
    return interval.lo * factor, interval.hi * factor


def group_of(cell: Cell) -> str:
    """Return the group that a cell is drawn in: its architecture, and which twin it is of."""
    twin = cell.subject.twin
    return cell.label.arch if twin is None else f"{cell.label.arch}, {twin}"


def short_label(cell: Cell) -> str:
    """Return ``0.5·160`` for α 0.5 at 160 px; what a network does not have is left out."""
    numbers = [cell.label.alpha, cell.subject.resolution]
    return "·".join(f"{number:g}" for number in numbers if number is not None) or cell.label.arch
