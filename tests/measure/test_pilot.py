"""The pilot of a run: what it measures, and how the rest of the run follows from it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from mncost.measure.lengths import BurstLengths
from mncost.measure.records import Burst, Run
from mncost.measure.runtimes.fake import Script
from mncost.measure.schedule import PILOT_VISITS, Pace, Timetable, transient_of
from mncost.results.forecast import Forecast, forecast
from mncost.stats.location import log_interval, resemblance_of
from mncost.stats.planning import expected_error, processes_needed
from tests.measure.scripted import begun, carried_out, fake_request
from tests.measure.synthetic import cell, process, run_of

QUIET = Script(process=0.002, noise=0.002)


@pytest.mark.parametrize(
    ("visits", "expected"),
    [
        ([[100, 100, 100, 100]], 0),
        ([[150, 103, 100, 100]], 2),  # 3 % are left after one run
        ([[150, 103, 100, 100], [150, 100, 100, 100]], 1),  # the second run was interrupted once
        ([[120, 116, 112, 108, 104, 100]], 4),  # the later half: 104
    ],
)
def test_runs_that_take_longer_after_another_model(visits: list[list[int]], expected: int) -> None:
    assert transient_of(visits) == expected


def test_visits_wait_for_the_transient_that_the_pilot_saw() -> None:
    """By CPU time, as an interruption may fall into any run."""
    first = Burst(0, 0, 0.0, [], [8_000_000])
    cpu = [9_000_000, 8_500_000, 8_200_000, 8_010_000, 8_000_000, 8_000_000, 8_000_000, 8_000_000]
    pilot = Burst(0, 0, 0.0, [], [2 * ns for ns in reversed(cpu)], [], cpu)
    run = run_of([cell(0)], [process(0, {}, first_runs=[first])])
    assert BurstLengths(run, ()).visit(run.cells[0]).warmups == 4  # 25 ms, without a pilot
    run.processes[0].add(pilot, "pilot")
    assert BurstLengths(run, ()).visit(run.cells[0]).warmups == 3


def test_time_is_planned_for_more_processes_if_it_is_enough_for_them() -> None:
    """A generation measures as long as it took to start, or for three rounds: 2 + 2 s."""
    timetable = Timetable(0.0, 100.0, 6)
    assert timetable.plan(2.0, Pace(start=2.0, round=0.5)) == 1.0
    assert timetable.processes == 25


def test_where_time_is_short_there_are_three_processes_with_shorter_visits() -> None:
    """The first one has been started; 24 of 28 s are left for three rounds of 16 s."""
    timetable = Timetable(0.0, 30.0, 6)
    assert timetable.plan(2.0, Pace(start=2.0, round=16.0)) == pytest.approx(0.5)


def test_the_pilot_visits_each_cell_in_the_first_processes_only(tmp_path: Path) -> None:
    told: list[tuple[Pace, float]] = []
    run = begun(fake_request("v1,v2"), max_time=30.0)
    carried_out(run, tmp_path, script=QUIET, pilot=lambda run, *said: told.append(said))
    counted = Counter(
        (one.generation, burst.cell)
        for one in run.processes
        for record in one.pilot
        for burst in record
    )
    expected: dict[tuple[int, int | None], int]
    expected = {(0, index): PILOT_VISITS for index in range(4)}
    expected[0, None] = 2 * PILOT_VISITS  # two reference workloads
    assert counted == expected
    ((pace, started),) = told
    # By hand: four warm-ups and some 30 ms of each cell, 40 MACs a nanosecond.
    assert pace.round == pytest.approx(sum(_visit_seconds(run)), rel=0.05)
    assert started == 0.0


def _visit_seconds(run: Run) -> list[float]:
    return [
        (one.warmups + one.runs) * float(np.median(one.ns)) / 1e9 for one in run.processes[0].bursts
    ]


@pytest.mark.parametrize("max_time", [9.0, 15.0])
def test_there_are_three_processes_however_short_the_time(max_time: float, tmp_path: Path) -> None:
    """A round of the 16 cells takes some 3 s, to load them 1 s: visits are shortened."""
    run = begun(fake_request("v1,v2", alpha="0.25:1.0"), max_time=max_time, target_error=None)
    carried_out(run, tmp_path, script=QUIET, pilot=lambda *said: None)
    assert len({one.generation for one in run.processes}) >= 3


@pytest.mark.parametrize(("processes", "expected"), [(5, 3), (2, 2), (1, 1)])
def test_each_cell_has_a_latency_even_if_building_used_up_the_time(
    processes: int, expected: int, tmp_path: Path
) -> None:
    """One round in each of three processes, or of as many as were asked for."""
    run = begun(fake_request("v1,v2"), max_time=1e-6, processes=processes)
    carried_out(run, tmp_path, script=QUIET, pilot=lambda *said: None)
    assert [one.generation for one in run.processes] == [*range(expected)]
    visits = [sorted(b.cell for b in p.bursts if b.cell is not None) for p in run.processes]
    assert visits == [[0, 1, 2, 3]] * expected
    assert all(len(bursts) == 1 for process in run.processes for bursts in process.bursts)
    assert run.stopped == "max-time"


def test_a_run_does_not_go_on_long_after_its_time_for_more_processes(tmp_path: Path) -> None:
    """A call takes 40 s: after the round that is owed, the time has been over for minutes."""
    run = begun(fake_request("v1"), max_time=1.0)
    carried_out(run, tmp_path, script=Script(overhead_ns=4e10), pilot=lambda *said: None)
    (process,) = run.processes
    assert {bursts.cell for bursts in process.bursts} == {None, 0, 1}


def test_networks_that_are_known_well_enough_are_not_measured_any_more(tmp_path: Path) -> None:
    """The second network is noisier: it and its twin are measured on."""

    def errors(run: Run) -> dict[int, float]:
        generations = len({one.generation for one in run.processes})
        return {0: 0.01, 1: 0.01, 2: 0.1 if generations < 9 else 0.01, 3: 0.01}

    run = begun(fake_request("v1,v2"), max_time=1000.0)
    carried_out(run, tmp_path, script=QUIET, errors=errors)
    seen = [{one.cell for one in process.bursts} - {None} for process in run.processes]
    assert seen == [{0, 1, 2, 3}] * 5 + [{2, 3}] * 4
    assert run.stopped == "target"


# ------------------------------------------------------------------------------- what is expected


@pytest.mark.parametrize("n", [4, 8, 16])
def test_the_expected_error_is_that_of_the_intervals_that_are_used(n: int) -> None:
    """By simulation of 500 runs whose processes differ by 2 %."""
    rng = np.random.default_rng(n)
    halves = []
    for logs in 0.02 * rng.standard_normal((500, n)):
        interval = log_interval(np.exp(logs).tolist(), resemblance=resemblance_of(logs.tolist()))
        halves.append(interval.relative_error or 0.0)
    assert expected_error(0.02, n) == pytest.approx(float(np.median(halves)), rel=0.2)


def test_as_many_processes_as_the_target_takes() -> None:
    needed = processes_needed(0.02, 0.02)
    assert needed is not None
    assert expected_error(0.02, needed) <= 0.02 < expected_error(0.02, needed - 1)
    assert processes_needed(0.02, 0.5, least=6) == 6
    assert processes_needed(1.0, 0.001) is None


def test_a_forecast_of_a_run() -> None:
    """By hand: a generation takes 2 + 2 s; a pilot without noise: processes differ by 2 %."""
    pilot = Burst(0, 0, 0.0, [], [8_000_000] * 4, [], [8_000_000] * 4)
    run = run_of([cell(0)], [process(0, {})])
    run.processes[0].add(pilot, "pilot")
    needed = processes_needed(0.02, 0.02, 5)
    assert needed is not None
    assert forecast(run, Pace(2.0, 0.1), 0.0) == Forecast(
        1, 0.02, 4.0 * needed, 60.0, expected_error(0.02, 15)
    )
