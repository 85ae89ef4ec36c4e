"""Moods of generations that are taken out of what was measured in them."""

from __future__ import annotations

from math import exp, log

import numpy as np
import pytest

from mncost.stats.moods import Moods


def medians(
    levels: list[float], moods: list[float], own: float = 0.0
) -> dict[int, dict[int, float]]:
    """Return latencies of things with these levels; each deviates by ``own`` in turn."""
    return {
        thing: {
            generation: exp(level + mood + own * (-1) ** (thing + generation))
            for generation, mood in enumerate(moods)
        }
        for thing, level in enumerate(levels)
    }


def test_a_mood_that_all_share_is_no_noise_of_one_of_them() -> None:
    """Levels 0, 1 and 2 in moods of 0.1, -0.1, 0.2, -0.2: only the mean mood is uncertain."""
    known = Moods(medians([0.0, 1.0, 2.0], [0.1, -0.1, 0.2, -0.2]))
    first, last = known.interval(0, 0.95), known.interval(2, 0.95)
    assert first is not None
    assert last is not None
    assert log(first.center) == pytest.approx(0.0, abs=1e-9)
    assert [last.center, last.lo, last.hi] == pytest.approx(
        [exp(2) * (bound or 0) for bound in (first.center, first.lo, first.hi)]
    )


def test_a_thing_that_only_bad_moods_measured_is_not_slow_by_them() -> None:
    """The third thing is measured in the last two generations, which are 20 % slower."""
    known = medians([0.0, 1.0, 2.0, 3.0], [0.0, 0.0, 0.2, 0.2], own=0.001)
    del known[2][0], known[2][1]
    third = Moods(known).interval(2, 0.95)
    assert third is not None
    assert third.n == 2
    assert log(third.center) == pytest.approx(2.1, abs=0.003)  # in the run's average mood


@pytest.mark.parametrize("things", [1, 2])
def test_few_members_say_nothing_of_a_mood(things: int) -> None:
    known = Moods(medians([1.0] * things, [0.1, -0.1, 0.2, -0.2]))
    assert known.interval(0, 0.95) is None
    assert known.interval(9, 0.95) is None
    assert Moods({}).interval(0, 0.95) is None


def test_a_single_generation_has_no_interval() -> None:
    assert Moods(medians([0.0, 1.0, 2.0, 3.0], [0.1])).interval(0, 0.95) is None


@pytest.mark.slow
@pytest.mark.simulation
@pytest.mark.parametrize("late", [0, 6])
def test_the_interval_covers_the_truth(late: int) -> None:
    """Ten things, of which some come late; 1.8 % of mood and 0.9 % of their own."""
    rng, missed, repeats = np.random.default_rng(1), 0, 600
    for _ in range(repeats):
        logs = 0.018 * rng.standard_normal(12) + 0.009 * rng.standard_normal((10, 12))
        known = {
            row: {g: exp(logs[row, g]) for g in range(late * (row > 4), 12)} for row in range(10)
        }
        interval = Moods(known).interval(9, 0.95)
        assert interval is not None
        assert interval.lo is not None
        assert interval.hi is not None
        missed += not interval.lo <= 1 <= interval.hi
    assert missed / repeats <= 0.05 + 3 * (0.05 * 0.95 / repeats) ** 0.5
