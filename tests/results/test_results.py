"""Summaries of runs that are small enough for a pencil, and of simulated ones."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from math import log
from typing import Any

import numpy as np
import pytest

from mncost.measure.bursts import Counts
from mncost.measure.records import Agreement, Burst, Failure, ModelFile
from mncost.results.results import Results
from mncost.results.series import generation_ratios
from mncost.stats.generations import generations_interval
from mncost.stats.location import log_interval
from tests.measure.synthetic import REFERENCE_NS, cell, process, run_of, simulated


def approx(*values: float) -> object:
    return pytest.approx(values)


def test_one_cell_by_hand() -> None:
    """Medians of 4 and 9: their geometric mean is 6; with one degree of freedom, t is 12.706."""
    visits = [{0: [[4, 4, 3], [5, 4, 10]]}, {0: [[9, 9, 9]]}]
    run = run_of([cell(batch=2, macs=30)], [process(g, v) for g, v in enumerate(visits)])
    (found,) = Results(run).summaries
    assert found.latency is not None
    assert found.latency.center == pytest.approx(6e-9)
    # The logarithms are log 6 ± log 1.5: their standard error is log 1.5.
    assert found.latency.hi == pytest.approx(6e-9 * 1.5**12.70620, rel=1e-4)
    assert found.latency.lo == pytest.approx(6e-9 / 1.5**12.70620, rel=1e-4)
    assert found.mean_latency is not None
    assert found.mean_latency.center == pytest.approx((5 * 9) ** 0.5 * 1e-9)
    assert (found.min_latency, found.runs, found.rounds, found.processes) == (3e-9, 9, 3, 2)
    tail = found.percentile(60)
    assert tail is not None
    assert tail.center == 9e-9  # the sixth of nine
    assert found.images_per_second is not None
    assert found.images_per_second.center == pytest.approx(2 / 6e-9)
    assert found.macs_per_second is not None
    assert found.macs_per_second.center == pytest.approx(2 * 30 / 6e-9)
    assert found.spread == pytest.approx((9 - 4) / 5)
    assert not found.reached


def test_what_a_cell_without_samples_says() -> None:
    failure = Failure(cell=1, generation=0, reason="out of memory")
    run = run_of([cell(0), cell(1, twin="standard")], [process(0, {0: [[5]]})], failures=[failure])
    measured, failed = Results(run).summaries
    assert (measured.failure, failed.failure) == (None, "out of memory")
    assert (failed.latency, failed.mean_latency, failed.min_latency) == (None, None, None)
    assert failed.spread is None
    assert failed.macs_per_second is failed.images_per_second is None
    assert failed.percentile(90) is None
    assert (failed.runs, failed.rounds, failed.processes, failed.reached) == (0, 0, 0, False)
    assert measured.speedup is None
    assert measured.macs_ratio == 1.0  # counts are known whatever was measured


def test_warm_ups_and_first_runs_are_no_samples() -> None:
    slow = [Burst(round=0, cell=0, at=0.0, warmup_ns=[999], ns=[999])]
    good = [Burst(round=1, cell=0, at=0.1, warmup_ns=[999], ns=[7, 7])]
    run = run_of([cell()], [process(0, {}, first_runs=slow, bursts=good)])
    (found,) = Results(run).summaries
    assert (found.runs, found.rounds) == (2, 1)
    assert found.latency is not None
    assert found.latency.center == pytest.approx(7e-9)


def test_a_clock_that_reads_zero_breaks_nothing() -> None:
    run = run_of(
        [cell(0), cell(1, twin="standard")], [process(g, {0: [[0]], 1: [[0]]}) for g in (0, 1)]
    )
    found = Results(run).summaries[0]
    assert found.latency is not None
    assert found.speedup is not None
    assert (found.latency.center, found.speedup.center) == pytest.approx((1e-9, 1.0))


def test_speed_up_is_paired_with_the_cell_s_own_standard_twin() -> None:
    """Two generations, speed-ups of 4 and 9; everything else about the twin must be the same."""
    cells = [
        cell(0, macs=100),
        cell(1, twin="standard", macs=850, params=1, digest="x"),
        cell(2, twin="standard", threads=2),
        cell(3, twin="fused"),
        cell(4, precision="int8"),
    ]
    slow, other = [[4000]], [[123]]
    visits = [
        {0: [[1000]] * 2, 1: slow * 2, 2: other, 3: other, 4: other},
        {0: [[100], [1], [100]], 1: [[900], [1], [900]], 2: other, 3: other, 4: other},
    ]
    run = run_of(cells, [process(g, v) for g, v in enumerate(visits)])
    found = Results(run).summaries
    assert found[0].speedup is not None
    assert found[0].speedup.center == pytest.approx(6.0)
    assert found[0].macs_ratio == 8.5
    assert [one.speedup for one in found[1:]] == [None] * 4
    assert [one.macs_ratio for one in found[1:]] == [None] * 4
    assert found[0].twin is found[1]
    assert Results(run).ratio(1, 0) == found[0].speedup


def test_int8_is_compared_with_fp32_and_only_with_that() -> None:
    cells = [cell(0), cell(1, precision="int8"), cell(2, precision="int8", batch=8)]
    run = run_of(cells, [process(g, {0: [[700]], 1: [[350]], 2: [[1]]}) for g in range(3)])
    agreement = Agreement(images=8, same_top1=7, error=0.1)
    run.files = [
        ModelFile(cells=[0], bytes=400, seconds=0.1),
        ModelFile(cells=[1, 2], bytes=100, seconds=0.1, agreement=agreement),
    ]
    full, quantised, batched = Results(run).summaries
    assert full.int8_speedup is batched.int8_speedup is None
    assert quantised.int8_speedup is not None
    assert quantised.int8_speedup.center == pytest.approx(2.0)
    assert [one.file_bytes for one in (full, quantised, batched)] == [400, 100, 100]
    assert [one.agreement for one in (full, quantised, batched)] == [None, agreement, agreement]


def test_only_rounds_that_visited_both_are_pairs() -> None:
    """In the second generation the twin's worker died early; in the third it never started."""
    cells = [cell(0), cell(1, twin="standard")]
    visits = [
        {0: [[10], [10]], 1: [[20], [20]]},
        {0: [[10], [999], [999]], 1: [[20]]},
        {0: [[10]]},
    ]
    run = run_of(cells, [process(g, v) for g, v in enumerate(visits)])
    found = Results(run).summaries[0].speedup
    assert found is not None
    assert found[:4] == approx(2.0, 2.0, 2.0, 2)


def test_cells_of_different_workers_are_paired_by_generation_and_round() -> None:
    """Another interpreter, another process: the machine's moments cancel all the same."""
    cells = [cell(0), cell(1, python="other/python")]
    moments = [3, 1, 7]
    run = run_of(cells)
    for generation, moment in enumerate(moments):
        for own, factor in ((0, 100), (1, 150)):
            rounds = [[moment * factor * (number + 1)] for number in range(4)]
            python = cells[own].place.python
            run.processes.append(process(generation, {own: rounds}, python=python))
    found = Results(run).ratio(1, 0)
    assert found is not None
    assert found[:3] == approx(1.5, 1.5, 1.5)


def test_relative_errors_are_those_of_the_summaries() -> None:
    cells = [cell(0), cell(1, alpha=0.5), cell(2, alpha=0.25)]
    run = simulated({None: REFERENCE_NS, 0: 9e6, 1: 4e6}, cells, processes=4)
    found = Results(run).summaries
    errors = Results(run).relative_errors()
    assert errors.keys() == {0, 1}
    for index, error in errors.items():
        latency = found[index].latency
        assert latency is not None
        assert error == latency.relative_error
        assert found[index].reached == (error <= 0.02)
    assert Results(simulated({0: 9e6}, cells, processes=1)).relative_errors() == {}


@pytest.mark.parametrize(("target", "reached"), [(0.5, True), (1e-6, False)])
def test_reached_is_measured_by_the_target(target: float, reached: bool) -> None:
    from msgspec.structs import replace

    run = simulated({0: 9e6}, [cell()])
    run.options = replace(run.options, target_error=target)
    assert Results(run).summaries[0].reached == reached


def test_the_drift_of_the_reference_is_found() -> None:
    cells = [cell()]
    for change in (0.0, 0.06):
        run = simulated(
            {None: REFERENCE_NS, 0: 9e6}, cells, drift=change, between=0.001, processes=8
        )
        (found,) = Results(run).drifts.values()
        assert found is not None
        assert found.center == pytest.approx(1 + change, abs=0.01)


def test_a_worker_with_a_slower_reference_is_no_drift() -> None:
    """The second runtime's reference takes twice as long, and joins only in the second half."""
    run = run_of([cell()])
    for generation in range(6):
        run.processes.append(process(generation, {None: [[1000]] * 5}))
        if generation >= 3:
            run.processes.append(process(generation, {None: [[2000]] * 5}, runtime="torch"))
    (found,) = Results(run).drifts.values()
    assert found is not None
    assert found[:3] == approx(1.0, 1.0, 1.0)
    assert [*Results(run_of([cell()])).drifts.values()] == [None]


def test_new_bursts_are_taken_in_as_if_they_had_been_there() -> None:
    """The gate looks at a run that grows: after each look everything is as in a fresh reading."""
    cells = [cell(0), cell(1, twin="standard"), cell(2, runtime="torch")]
    latencies = {None: REFERENCE_NS, 0: 9e6, 1: 3e7}
    whole = simulated(latencies, cells, processes=4, rounds=6)
    growing = run_of(cells)
    results = Results(growing)
    assert results.interval(0) is None
    for one in whole.processes:
        visits, one.bursts = one.visits(), []
        growing.processes.append(one)
        for begin, end in pairwise((0, 0, 1, 7, len(visits))):
            for visit in visits[begin:end]:
                one.add(visit)
            fresh = Results(growing)
            assert results.update() is results
            for index in range(3):
                assert results.interval(index, level=0.99) == fresh.interval(index, level=0.99)
                assert results.summaries[index].percentile(90) == fresh.summaries[index].percentile(
                    90
                )
                assert results.fastest(index) == fresh.fastest(index)
            assert results.ratio(1, 0) == fresh.ratio(1, 0)
            assert results.drifts == fresh.drifts
            assert results.warnings == fresh.warnings
    assert results.summaries[0].runs == 4 * 6 * 5
    growing.failures.append(Failure(cell=2, generation=3, reason="died"))
    assert results.update().summaries[2].failure == "died"


def test_a_verdict_does_not_depend_on_which_side_starts_first() -> None:
    """The side that starts first is 5 % slower, and that is the baseline in odd generations."""
    run = run_of([cell(0), cell(1, baseline_of=0)])
    for generation in range(6):
        first = 1.05 if generation % 2 == 0 else 1 / 1.05
        visits = {0: [[round(2e9 * first**0.5)]], 1: [[round(1e9 / first**0.5)]]}
        run.processes.append(process(generation, visits))
    results = Results(run)
    assert results.generation_ratios(0, 1)[0] == pytest.approx(2 * 1.05)
    sides, plain = results.verdict_ratio(0, 1, 0.95), results.ratio(0, 1)
    assert sides is not None
    assert plain is not None
    assert sides[:3] == approx(2.0, 2.0, 2.0)
    assert plain.center == pytest.approx(2.0)
    assert plain.relative_error is not None
    assert plain.relative_error > 0.04
    assert Results(run_of(run.cells)).verdict_ratio(0, 1, 0.95) is None


def test_the_machine_s_mood_is_what_the_cells_have_in_common() -> None:
    """Two cells whose own ups and downs (by three) cancel; their common ones (by one) do not."""
    run = run_of([cell(0), cell(1, alpha=0.5)])
    for generation, mood in enumerate([1, 1, -1, -1, 1, 1, -1, -1]):
        own = -3 if generation % 2 else 3
        ns = [round(base * 1.01**wave) for base, wave in ((1e7, mood + own), (9e7, mood - own))]
        run.processes.append(process(generation, {0: [[ns[0]]], 1: [[ns[1]]]}))
    both = Results(run)
    r = 1 / 8 + 4 / 11  # of neighbours' products and squares; what few generations do not show
    assert both.resemblance == pytest.approx(r, abs=1e-3)
    for one in run.processes:
        one.bursts = [bursts for bursts in one.bursts if bursts.cell == 0]
    alone = Results(run)
    assert alone.resemblance == 0.0  # 4 -2 2 -4 4 -2 2 -4
    halves = []
    for results in (both, alone):
        latency = results.summaries[0].latency
        assert latency is not None
        assert latency.hi is not None
        assert latency == results.interval(0)
        halves.append(log(latency.hi / latency.center))
    assert halves[0] / halves[1] == pytest.approx(((1 + r) / (1 - r)) ** 0.5, rel=1e-3)


def timed(
    cpu: Callable[[int, int], float], *, waits: int = 0, switches: int = 3, **changes: Any
) -> Results:
    """Return a network 5 % slower than its baseline, by CPU time; a busy machine doubles a call.

    Args:
        cpu: seconds of CPU time of a cell's call in a generation.
        waits, switches: of each burst of the new network; ``switches`` of the baseline's, too.
        changes: of both cells.
    """
    rng = np.random.default_rng(1)
    run = run_of([cell(0, **changes), cell(1, baseline_of=0, **changes)])
    for generation in range(8):
        spent = [[round(1e9 * cpu(own, generation))] * 5 for own in (0, 1)]
        wall = [
            [round(ns * rng.uniform(1.0, 3.0)) if switches else ns for ns in side] for side in spent
        ]
        one = process(generation, {own: [wall[own]] * 4 for own in (0, 1)})
        for own, bursts in enumerate(one.bursts):
            bursts.cpu_ns = Counts(spent[own] * 4)
            bursts.switches = Counts([switches] * 4)
            bursts.waits = Counts([waits if own == 0 else 0] * 4)
        run.processes.append(one)
    return Results(run)


def slower(own: int, generation: int) -> float:
    return (0.0105 if own == 0 else 0.01) * 1.001 ** (generation % 3 - own)


def test_cpu_time_decides_about_calls_that_compute() -> None:
    results = timed(slower)
    assert results.clock(0, 1) == "cpu"
    found = results.verdict_ratio(0, 1, 0.95)
    wall = log_interval(
        list(generation_ratios(results.series[0], results.series[1], "wall").values())
    )
    assert found is not None
    assert found.center == pytest.approx(1.05, abs=0.002)
    assert found.relative_error is not None
    assert found.relative_error < 0.002
    assert (wall.relative_error or 0) > 0.05


@pytest.mark.parametrize("waits", [1, 40])
def test_calls_that_give_their_core_away_are_judged_by_the_wall(waits: int) -> None:
    """A sleep, a lock or a file in the call of one side: CPU time would hide it."""
    results = timed(slower, waits=waits)
    assert results.clock(0, 1) == "wall"
    assert results.verdict_ratio(0, 1, 0.95) == generations_interval(
        list(results.generation_ratios(0, 1).values()), [bool(g % 2) for g in range(8)], 0.95
    )


def test_a_wait_that_the_system_does_not_count_shows_in_calls_that_nothing_interrupted() -> None:
    results = timed(slower, switches=0)
    assert results.clock(0, 1) == "cpu"
    for one in results.run.processes:
        for bursts in one.bursts:
            bursts.waits = Counts()
            if bursts.cell == 0:
                bursts.ns = Counts([ns + 500_000 for ns in bursts.ns])  # 5 %
    assert Results(results.run).clock(0, 1) == "wall"


def test_without_cpu_time_or_with_several_threads_the_wall_decides() -> None:
    assert timed(slower, threads=2).clock(0, 1) == "wall"
    results = timed(slower)
    results.run.processes[0].bursts[0].cpu_ns = Counts()
    assert Results(results.run).clock(0, 1) == "wall"
