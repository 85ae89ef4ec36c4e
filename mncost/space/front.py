"""Pareto fronts of many points, by divide and conquer (Kung, Luccio, Preparata 1975)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["beaten", "on_front"]

_FEW = 1 << 14  # comparisons of points that are made at once


def on_front(costs: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Return which points are on the Pareto front: no other one is as small in all, and not equal.

    Equal points are on the front together.

    Args:
        costs: of each coordinate, the values of all points; less is better.
    """
    import numpy

    order = numpy.lexsort(costs[::-1])
    points = numpy.stack([cost[order] for cost in costs], axis=1)
    is_new = numpy.ones(len(points), bool)  # unlike the point before it
    is_new[1:] = (points[1:] != points[:-1]).any(axis=1)
    kept = numpy.zeros(len(points), bool)
    kept[order] = _best(points[is_new])[is_new.cumsum() - 1]
    return kept


def beaten(costs: Sequence[NDArray[Any]], by: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Return which points are beaten by one of a few others: as small in all, and not equal."""
    import numpy

    lost = numpy.zeros(len(costs[0]), bool)
    for values in zip(*by, strict=True):
        at_least, more = numpy.ones(len(lost), bool), numpy.zeros(len(lost), bool)
        for cost, value in zip(costs, values, strict=True):
            at_least &= cost >= value
            more |= cost > value
        lost |= at_least & more
    return lost


def _best(points: NDArray[Any]) -> NDArray[Any]:
    """Return the front of different points in lexicographic order.

    Only a point that stands before another one can beat it: if it is at most as large in all
    coordinates but the first.
    """
    import numpy

    best: NDArray[Any] = numpy.ones(len(points), bool)
    if points.shape[1] == 1:
        best[1:] = False
        return best
    if points.shape[1] == 2:
        best[1:] = points[1:, 1] < numpy.minimum.accumulate(points[:-1, 1])
        return best
    if len(points) ** 2 <= _FEW:
        best &= ~numpy.triu(_at_most(points[:, 1:], points[:, 1:]), 1).any(axis=0)
        return best
    half = len(points) // 2
    best = numpy.concatenate([_best(points[:half]), _best(points[half:])])
    second = half + best[half:].nonzero()[0]
    best[second] = ~_covered(points[:half][best[:half], 1:], points[second, 1:])
    return best


def _at_most(these: NDArray[Any], those: NDArray[Any]) -> NDArray[Any]:
    """Return which of these points are at most as large as which of those, in all coordinates."""
    at_most: NDArray[Any] = these[:, None, 0] <= those[:, 0]
    for axis in range(1, these.shape[1]):
        at_most &= these[:, None, axis] <= those[:, axis]
    return at_most


def _covered(these: NDArray[Any], those: NDArray[Any]) -> NDArray[Any]:
    """Return for which of those points one of these is at most as large in all coordinates."""
    import numpy

    covered: NDArray[Any] = numpy.zeros(len(those), bool)
    if not len(these) or not len(those):
        return covered
    if these.shape[1] == 2:
        order = these[:, 0].argsort()
        lowest = numpy.minimum.accumulate(these[order, 1])
        place = numpy.searchsorted(these[order, 0], those[:, 0], side="right")
        covered[:] = (place > 0) & (lowest[place - 1] <= those[:, 1])
        return covered
    if len(these) * len(those) <= _FEW:
        covered[:] = _at_most(these, those).any(axis=0)
        return covered
    first, others = these[:, 0], those[:, 0]
    middle = numpy.median(first)
    if middle == first.max():
        middle = first[first < middle].max(initial=first.min())
    low, high = first <= middle, others > middle
    if low.all():  # these are equal in the first coordinate
        high = others >= middle
    else:
        covered[~high] = _covered(these[low], those[~high])
    covered[high] = _covered(these[low, 1:], those[high, 1:])
    left = high & ~covered
    covered[left] = _covered(these[~low], those[left])
    return covered
