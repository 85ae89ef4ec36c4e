"""Pareto fronts: what nothing else beats."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from math import inf

__all__ = ["front"]


def front(points: Sequence[Sequence[float]], largest: Sequence[bool]) -> list[bool]:
    """Return for each point whether it is on the Pareto front.

    It is if no other point is at least as good in every coordinate and better in one. Equal points
    are on the front together.

    Points are taken in the order of their first coordinate, so those before are at least as good in
    it. Of these a staircase is kept, the best third coordinate for each second one (Kung, Luccio &
    Preparata, *On finding the maxima of a set of vectors*, 1975).

    Args:
        points: two or three coordinates of each.
        largest: for each coordinate, whether more of it is better.
    """
    signs = [-1 if more else 1 for more in largest]
    costs = [tuple(s * value for s, value in zip(signs, point, strict=True)) for point in points]
    best: set[tuple[float, ...]] = set()
    stairs: list[tuple[float, float]] = []  # upwards in the second, downwards in the third
    for cost in sorted(set(costs)):
        _, second, third = (*cost, 0.0)[:3]
        place = bisect_right(stairs, (second, inf))
        if place and stairs[place - 1][1] <= third:
            continue
        best.add(cost)
        above = place
        while above < len(stairs) and stairs[above][1] >= third:
            above += 1
        if place and stairs[place - 1][0] == second:
            place -= 1
        stairs[place:above] = [(second, third)]
    return [cost in best for cost in costs]
