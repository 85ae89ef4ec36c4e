"""What a Pareto front is over: metrics, and whether more of each is better."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from mncost.errors import InputError, UnknownNameError
from mncost.space.segments import METRICS, Metric

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Goal", "goals_of", "on_front"]

Named: TypeAlias = Metric | Literal["latency", "top1"]
_NAMES: tuple[Named, ...] = (*METRICS, "latency", "top1")


class Goal(NamedTuple):
    """A metric, and whether the largest value is the best; else the smallest is."""

    metric: Named
    largest: bool


def goals_of(text: str, option: str = "pareto") -> tuple[Goal, ...]:
    """Read goals: ``"macs,params"``, ``"macs:max,params"``; the best ``top1`` is the largest.

    Raises:
        InputError: the text cannot be read.
    """
    goals = []
    for part in text.split(","):
        name, _, direction = part.strip().partition(":")
        metric = next((one for one in _NAMES if one == name), None)
        if metric is None:
            raise UnknownNameError("metric", name, _NAMES)
        if direction not in ("", "min", "max"):
            raise InputError(f"{option} {part.strip()!r}: accepted are {name}:min and {name}:max")
        goals.append(Goal(metric, direction == "max" or (metric == "top1" and not direction)))
    if len({goal.metric for goal in goals}) < len(goals):
        raise InputError(f"{option} {text!r}: a metric stands there twice")
    return tuple(goals)


def on_front(costs: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Return which points are on the Pareto front: no other one is as small in all, and not equal.

    Equal points are on the front together.

    Args:
        costs: of each coordinate, the values of all points; less is better.
    """
    import numpy

    if len(costs) == 1:
        smallest: NDArray[Any] = costs[0] == costs[0].min(initial=numpy.iinfo(numpy.int64).max)
        return smallest
    if len(costs) == 2:
        return _on_staircase(*costs)
    points = numpy.stack(costs, axis=1)
    kept = numpy.zeros(len(points), bool)
    left = numpy.arange(len(points))
    ranks = numpy.sum([numpy.unique(cost, return_inverse=True)[1] for cost in costs], axis=0)
    while len(left):
        # No other point is smaller in all coordinates than the one with the least sum of ranks.
        best = points[left[ranks[left].argmin()]]
        rest = points[left]
        kept[left[(rest == best).all(axis=1)]] = True
        left = left[(rest < best).any(axis=1)]
    return kept


def _on_staircase(first: NDArray[Any], second: NDArray[Any]) -> NDArray[Any]:
    """Return the front of two coordinates: in order of the first, the second has to get smaller."""
    import numpy

    order = numpy.lexsort((second, first))
    a, b = first[order], second[order]
    is_new = numpy.ones(len(a), bool)  # unlike the point before it
    is_new[1:] = (a[1:] != a[:-1]) | (b[1:] != b[:-1])
    lowest = numpy.minimum.accumulate(b)
    better = is_new.copy()
    better[1:] &= b[1:] < lowest[:-1]
    kept = numpy.zeros(len(a), bool)
    kept[order] = better[is_new.nonzero()[0][is_new.cumsum() - 1]] if len(a) else better
    return kept
