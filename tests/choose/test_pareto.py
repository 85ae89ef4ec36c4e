"""Pareto fronts: against a sweep, and by hand."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import pytest

from mncost.choose.pareto import front


@pytest.mark.parametrize("seed", range(20))
def test_two_coordinates_against_a_sweep(seed: int) -> None:
    """Sorted by cost, a point is on the front if it is more accurate than all that cost less."""
    rng = Random(seed)
    points = [(rng.randrange(12), rng.randrange(12)) for _ in range(30)]
    expected = []
    for accuracy, cost in points:
        cheaper = [a for a, c in points if c < cost]
        as_cheap = [a for a, c in points if c == cost]
        expected.append(accuracy == max(as_cheap) and accuracy > max(cheaper, default=-1))
    assert front(points, [True, False]) == expected


def test_three_coordinates_by_hand() -> None:
    points = [(1, 1, 1), (1, 1, 2), (0, 5, 1), (1, 1, 1), (2, 0, 9), (2, 1, 9)]
    assert front(points, [False] * 3) == [True, False, True, True, True, False]


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("count", [2, 3])
def test_against_every_pair_of_points(seed: int, count: int) -> None:
    """The definition, word by word."""
    rng = Random(seed)
    points = [tuple(rng.randrange(7) for _ in range(count)) for _ in range(60)]

    def beats(one: Sequence[int], other: Sequence[int]) -> bool:
        return one != other and all(a <= b for a, b in zip(one, other, strict=True))

    expected = [not any(beats(other, point) for other in points) for point in points]
    assert front(points, [False] * count) == expected
    assert front([[-x for x in point] for point in points], [True] * count) == expected


def test_a_third_coordinate_only_adds_points() -> None:
    rng = Random(1)
    points = [tuple(rng.randrange(9) for _ in range(3)) for _ in range(40)]
    two = front([point[:2] for point in points], [True, False])
    best = {point[:2] for point, kept in zip(points, two, strict=True) if kept}
    three = front(points, [True, False, False])
    assert sum(three) >= len(best)
    for pair in best:  # the best of equal ones in the third is on the front
        alike = [index for index, point in enumerate(points) if point[:2] == pair]
        least = min(points[index][2] for index in alike)
        assert all(three[index] == (points[index][2] == least) for index in alike)


def test_nothing_has_no_front() -> None:
    assert front([], [True]) == []
