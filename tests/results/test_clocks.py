"""Which time of a call counts: its CPU time, or the time that passes."""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable, Sequence
from typing import Literal

import pytest
from msgspec import structs

from mncost.interval import Interval
from mncost.measure.records import Burst
from mncost.measure.workers import sampling
from mncost.measure.workers.sampling import Clocks, interruptions, sample
from mncost.results.cell_summary import CellSummary
from mncost.results.results import Results
from mncost.results.warnings import warnings_of_cell
from tests.measure.synthetic import cell, process, run_of


def one_cell(
    wall: Sequence[float],
    cpu: Sequence[float] | None,
    *,
    threads: int = 1,
    switches: int = 1,
    asked: Literal["cpu", "wall"] | None = None,
) -> CellSummary:
    """Return the summary of three processes whose calls took so many ms, and ms of CPU time."""
    ns = [round(1e6 * ms) for ms in wall]
    spent = [] if cpu is None else [round(1e6 * ms) for ms in cpu]
    bursts = [
        Burst(0, 0, 0.0, [], ns, [], spent, switches=switches, waits=0, faults=0) for _ in range(2)
    ]
    runs = [process(generation, {}, bursts=bursts, threads=threads) for generation in range(3)]
    run = run_of([cell(0, threads=threads)], runs)
    run.options = structs.replace(run.options, clock=asked)
    return Results(run).summaries[0]


def center(interval: Interval | None) -> float | None:
    return interval and round(1e3 * interval.center, 6)


def test_the_latency_of_one_thread_is_cpu_time_beside_the_wall_s() -> None:
    """One call of four was interrupted for 4 ms: by hand, 10 ms of CPU time, 10.1 ms pass."""
    one = one_cell([10.1, 14.1, 10.1, 10.1], [10, 10, 10, 10])
    assert (one.clock, center(one.latency)) == ("cpu", 10.0)
    assert (center(one.wall), center(one.undisturbed)) == (10.1, 10.1)
    assert one.spread == 0
    assert (one.min_latency, center(one.percentile(99))) == (0.01, 14.1)  # tails: the wall's


def test_where_every_call_is_interrupted_no_wall_time_is_shown_beside_it() -> None:
    one = one_cell([14, 18, 14, 14], [10, 10, 10, 10])
    assert (center(one.latency), center(one.wall), one.undisturbed) == (10.0, 14.0, None)


@pytest.mark.parametrize(("asked", "expected"), [("wall", 14.0), ("cpu", 10.0), (None, 10.0)])
def test_the_clock_may_be_asked_for(asked: Literal["cpu", "wall"] | None, expected: float) -> None:
    one = one_cell([14, 18, 14, 14], [10, 10, 10, 10], asked=asked)
    assert (one.clock, center(one.latency)) == (asked or "cpu", expected)
    assert "waits" not in {warning.name for warning in warnings_of_cell(one)}


def test_a_call_that_waits_is_judged_by_the_wall_and_says_so() -> None:
    """It sleeps for 5 ms, and nothing interrupts it."""
    one = one_cell([15, 15, 15, 15], [10, 10, 10, 10], switches=0)
    assert (one.clock, center(one.latency)) == ("wall", 15.0)
    assert "waits" in {warning.name for warning in warnings_of_cell(one)}


def test_several_threads_are_timed_where_nothing_interrupted_them() -> None:
    """Two threads at work all the time: 20 ms of CPU time in 10 ms; one call lost 4 ms."""
    one = one_cell([10, 10, 14, 10.2], [20, 20, 20, 20], threads=2)
    assert (one.clock, center(one.latency), one.disturbed) == ("undisturbed", 10.0, False)
    assert center(one.wall) == 10.1


def test_several_threads_that_were_always_interrupted_have_a_warning() -> None:
    one = one_cell([14, 18, 14, 14], [20, 20, 20, 20], threads=2)
    assert (one.clock, center(one.latency), one.disturbed) == ("wall", 14.0, True)
    (warning,) = [warning for warning in warnings_of_cell(one) if warning.name == "disturbed"]
    assert warning.value == 1.0
    assert not one_cell([14, 18], [20, 20], threads=2, asked="wall").disturbed


def test_where_no_cpu_time_is_counted_the_wall_decides_and_says_so() -> None:
    one = one_cell([10, 14, 10], None)
    assert (one.clock, center(one.latency)) == ("wall", 10.0)
    assert "no-cpu-time" in {warning.name for warning in warnings_of_cell(one)}


# ------------------------------------------------------------------------ real calls, real clocks


def sleeps() -> None:
    time.sleep(0.002)


def waits_for_a_lock() -> None:
    lock = threading.Lock()
    lock.acquire()
    lock.acquire(timeout=0.002)


def waits_for_input() -> None:
    ours, theirs = os.pipe()
    select.select([ours], [], [], 0.002)
    os.close(ours)
    os.close(theirs)


@pytest.mark.skipif(os.name != "posix", reason="counts of switches are those of POSIX systems")
@pytest.mark.parametrize("call", [sleeps, waits_for_a_lock, waits_for_input])
def test_a_wait_is_not_hidden(call: Callable[[], None]) -> None:
    """Measured as a worker does, on a machine as busy as it is."""
    bursts = []
    for number in range(10):
        before = interruptions()
        times = sample(call, Clocks(time.perf_counter_ns, time.thread_time_ns), 3)
        after = interruptions()
        assert before is not None
        assert after is not None
        counts = (now - then for now, then in zip(after, before, strict=True))
        bursts.append(Burst(number, 0, 0.0, [], times.ns, [], times.cpu_ns, *counts))
    run = run_of([cell(0)], [process(0, {}, bursts=bursts)])
    assert Results(run).clock(0) == "wall"


def test_a_system_without_cpu_clocks_is_measured_by_the_wall(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(time, "thread_time_ns")
    monkeypatch.delattr(time, "process_time_ns")
    assert sampling.cpu_clock(1) is None
    assert sampling.cpu_clock(2) is None
    times = sample(sleeps, Clocks(time.perf_counter_ns, sampling.cpu_clock(1)), 3)
    assert len(times.ns) == 3
    assert times.cpu_ns == []
