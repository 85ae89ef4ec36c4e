"""Pareto fronts: what nothing else beats."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["front"]


def front(points: Sequence[Sequence[float]], largest: Sequence[bool]) -> list[bool]:
    """Return for each point whether it is on the Pareto front.

    It is if no other point is at least as good in every coordinate and better in one. Equal points
    are on the front together.

    Args:
        points: their coordinates.
        largest: for each coordinate, whether more of it is better.
    """
    signs = [-1 if more else 1 for more in largest]
    costs = [tuple(s * value for s, value in zip(signs, point, strict=True)) for point in points]
    return [not any(_beats(other, cost) for other in costs) for cost in costs]


def _beats(one: Sequence[float], other: Sequence[float]) -> bool:
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))
