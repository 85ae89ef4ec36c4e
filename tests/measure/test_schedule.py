"""The order of visits, the length of bursts, and how a run's time is shared out."""

from __future__ import annotations

from collections import Counter

import pytest

from mncost.measure.schedule import (
    MAX_RUNS,
    MAX_WARMUPS,
    Timetable,
    interleaved,
    shuffled,
    visit,
)


def test_an_order_holds_everything_once_and_the_seed_decides_it() -> None:
    things = list(range(20))
    assert sorted(shuffled(things, 1, 2, 3)) == things
    assert shuffled(things, 1, 2, 3) == shuffled(things, 1, 2, 3)
    assert shuffled(things, 1, 2, 3) != shuffled(things, 1, 2, 4)
    assert shuffled(things, 1, 23) != shuffled(things, 12, 3)
    assert things == list(range(20))


def test_every_place_in_a_round_is_as_likely() -> None:
    """Where a cell stands must not depend on which cell it is: what runs before it matters."""
    rounds = 3000
    first = Counter(shuffled(["a", "b", "c"], 0, 0, number)[0] for number in range(rounds))
    # 1000 expected, standard deviation 25.8: five of them either way.
    assert all(abs(count - 1000) < 130 for count in first.values())


@pytest.mark.parametrize(
    ("typical_ns", "expected"),
    [
        (97_000_000, (1, 1)),
        (30_000_000, (1, 1)),
        (14_600_000, (2, 2)),
        (6_600_000, (4, 5)),
        (700_000, (MAX_WARMUPS, MAX_RUNS)),
        (0, (MAX_WARMUPS, MAX_RUNS)),
    ],
)
def test_a_visit_is_short_whatever_the_model(typical_ns: int, expected: tuple[int, int]) -> None:
    assert visit(typical_ns) == expected


@pytest.mark.parametrize(
    ("typical_ns", "expected"), [(97_000_000, (1, 1)), (8_000_000, (1, 1)), (1_000_000, (4, 8))]
)
def test_a_visit_to_a_side_of_an_ab_is_shorter(typical_ns: int, expected: tuple[int, int]) -> None:
    assert visit(typical_ns, "paired") == expected


@pytest.mark.parametrize(
    ("typical_ns", "expected"), [(200_000_000, (1, 1)), (10_000_000, (3, 16)), (1_000_000, (4, 64))]
)
def test_a_visit_for_a_high_percentile_has_more_runs(
    typical_ns: int, expected: tuple[int, int]
) -> None:
    assert visit(typical_ns, "tail") == expected


def test_members_of_a_group_follow_one_another() -> None:
    groups = [["a", "A"], ["b", "B"], ["c"]]
    for number in range(20):
        order = "".join(interleaved(groups, 0, number, generation=0))
        assert sorted(order) == sorted("aAbBc")
        assert "aA" in order
        assert "bB" in order
        order = "".join(interleaved(groups, 0, number, generation=1))
        assert "Aa" in order
        assert "Bb" in order
    assert len({"".join(interleaved(groups, 0, n, generation=0)) for n in range(20)}) > 1


def simulate(
    max_time: float, processes: int, start: float, round_time: float, fewest: int | None = None
) -> list[int]:
    """Return the rounds of each generation when nothing but the time limit ends the run."""
    now = 0.0
    rounds: list[int] = []
    timetable = Timetable(now, max_time, processes, fewest)
    while not rounds or timetable.another_generation(now):
        timetable.begin(now, len(rounds))
        now += start
        timetable.loaded(now)
        count = 0
        while timetable.another_round(now, count):
            now = min(now + round_time, timetable.deadline)
            count += 1
        rounds.append(count)
    assert now <= timetable.deadline + start
    return rounds


def test_time_is_shared_among_the_processes_asked_for() -> None:
    rounds = simulate(max_time=50, processes=5, start=4, round_time=1)
    assert len(rounds) == 5
    assert min(rounds) >= 5


def test_processes_that_start_slowly_measure_for_as_long_as_they_start() -> None:
    """But there are the fewest; where starts are short there are as many as were asked for."""
    quick = simulate(20, 20, start=0.4, round_time=0.1, fewest=8)
    assert quick == simulate(20, 20, start=0.4, round_time=0.1)
    assert len(quick) == 20
    assert len(simulate(20, 20, start=0.0, round_time=0.1, fewest=8)) >= 20
    slow = simulate(20, 20, start=1.0, round_time=0.1, fewest=8)
    assert 9 <= len(slow) <= 10
    assert min(slow) >= 10
    assert len(simulate(20, 20, start=1.0, round_time=0.1)) > len(slow)
    assert len(simulate(20, 20, start=2.0, round_time=0.1, fewest=8)) == 8


def test_models_that_take_most_of_the_time_leave_all_of_it() -> None:
    for built, deadline in ((0.0, 60.0), (29.0, 60.0), (31.0, 91.0), (130.0, 190.0)):
        timetable = Timetable(0.0, 60.0, 3)
        timetable.built(built)
        assert timetable.deadline == deadline


def test_a_generation_is_worth_its_start() -> None:
    """With time to spare, there are more generations, not longer ones: at least 80 % measure."""
    rounds = simulate(max_time=600, processes=5, start=1.0, round_time=0.3)
    assert len(rounds) > 50
    assert all(0.8 <= count * 0.3 / (count * 0.3 + 1.0) < 0.9 for count in rounds[:-1])


def test_a_slow_start_leaves_fewer_processes_but_never_none() -> None:
    assert simulate(max_time=50, processes=5, start=20, round_time=1) == [3, 7]
    assert simulate(max_time=10, processes=5, start=20, round_time=1) == [0]
