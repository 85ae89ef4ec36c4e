"""What is drawn: points with intervals on axes with units, power laws, Pareto fronts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import exp, log
from typing import NamedTuple

from mncost.choose.pareto import front
from mncost.errors import MeasureError
from mncost.interval import Interval
from mncost.measure.cell import Cell
from mncost.published.accuracy import Candidate
from mncost.readers import is_model

__all__ = [
    "AXES",
    "MARGIN",
    "Axis",
    "Fit",
    "Point",
    "bounds",
    "check_fit",
    "cost_of",
    "cost_of_candidate",
    "fit",
    "on_front",
    "percent",
    "short_name",
]


class Axis(NamedTuple):
    """A quantity: its name, its title with the unit, and what base values are multiplied by."""

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
    """One network. Coordinates are in the units of the axes.

    Attributes:
        x, y: where it stands.
        group: its architecture.
        label: its name in a picture.
        about: what is known about it, line by line: what a page says beside it.
        x_bounds, y_bounds: the interval of a measured coordinate; ``None``: it has none.
        is_rough: it was measured in too few processes for an interval. It is drawn hollow, and no
            fit and no front rests on it.
        is_twin: it is a twin: no fit rests on it.
        has_more_data: its accuracy rests on more than ImageNet-1k: it is drawn with a dark edge.
    """

    x: float
    y: float
    group: str
    label: str
    about: tuple[str, ...] = ()
    x_bounds: tuple[float, float] | None = None
    y_bounds: tuple[float, float] | None = None
    is_rough: bool = False
    is_twin: bool = False
    has_more_data: bool = False


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


def on_front(points: Sequence[Point]) -> list[Point]:
    """Return those that no other one beats: less x, more y; in the order of x."""
    known = [point for point in points if not point.is_rough]
    kept = front([(point.x, point.y) for point in known], [False, True])
    return sorted(point for point, is_kept in zip(known, kept, strict=True) if is_kept)


def fit(points: Sequence[Point]) -> Fit:
    """Return the power of x that y follows.

    Raises:
        MeasureError: there are fewer than three points, or all have the same x.
    """
    points = [point for point in points if not (point.is_rough or point.is_twin)]
    check_fit(point.x for point in points)
    xs, ys = [log(point.x) for point in points], [log(point.y) for point in points]
    n, mean_x, mean_y = len(xs), sum(xs) / len(xs), sum(ys) / len(ys)
    spread = sum((x - mean_x) ** 2 for x in xs)
    exponent = sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True)) / spread
    line = Fit(exp(mean_y - exponent * mean_x), exponent, 0.0, n)
    near = sum(abs(point.y / line.at(point.x) - 1) <= MARGIN for point in points)
    return line._replace(within=near / n)


def check_fit(costs: Iterable[float]) -> None:
    """Check that there is a fit to networks of these costs, before they are measured.

    Raises:
        MeasureError: there are fewer than three different costs above 0.
    """
    if len(set(costs) - {0}) < 3:
        raise MeasureError("a fit needs three networks of different cost")


def cost_of(cell: Cell, x: str) -> float:
    """Return a count of a cell, in the units of the axis."""
    return _OF_CELL[x](cell) * AXES[x].factor


def cost_of_candidate(candidate: Candidate, x: str) -> float:
    """Return a count of a network, in the units of the axis."""
    return _OF_CANDIDATE[x](candidate) * AXES[x].factor


def percent(share: float) -> str:
    """Return a share in words: without decimals, but never a small one as none."""
    value = 100 * share
    return f"{value:.0f} %" if value >= 1 or value == 0 else f"{value:.1g} %"


def bounds(interval: Interval, factor: float) -> tuple[float, float] | None:
    """Return the bounds of an interval in the units of an axis."""
    if interval.lo is None or interval.hi is None:
        return None
    return interval.lo * factor, interval.hi * factor


def short_name(arch: str, alpha: float | None, resolution: int | str | None) -> str:
    """Return ``V3-L 0.75 @224`` for v3-large at α 0.75 and 224 pixels.

    Only MobileNets are shortened: ``resnet-50 @224``, whose α of 1 goes without saying.
    """
    first, *rest = arch.split("-")
    is_mobilenet = first in ("v1", "v2", "v3", "v4") and not is_model(arch)
    short = "-".join([first.upper(), *(word[:1].upper() for word in rest)])
    words = [short if is_mobilenet else arch]
    words += [] if alpha is None or (alpha == 1 and not is_mobilenet) else [str(float(alpha))]
    words += [] if resolution is None else [f"@{resolution}"]
    return " ".join(words)
