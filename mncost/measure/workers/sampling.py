"""Runs, timed one by one: the time that passed, and the CPU time that was spent meanwhile."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import TypeAlias

__all__ = [
    "Clock",
    "Clocks",
    "Interruptions",
    "Times",
    "cpu_clock",
    "give_way",
    "interruptions",
    "sample",
]

Clock: TypeAlias = Callable[[], int]
"""Returns nanoseconds."""

_COARSE = 1e-6  # seconds: steps in which no run can be timed
_EMPTY_RUNS = 1000


class Times(NamedTuple):
    """Nanoseconds of each run, in order."""

    ns: list[int]
    cpu_ns: list[int]  # empty without a clock of CPU time

    def then(self, other: Times) -> Times:
        """Return these runs and those of another, which came after them."""
        return Times(self.ns + other.ns, self.cpu_ns + other.cpu_ns)


class Clocks(NamedTuple):
    """The clocks of a worker.

    Attributes:
        wall: the time that passes.
        cpu: the CPU time that its threads spend; ``None`` where that cannot be seen.
    """

    wall: Clock
    cpu: Clock | None

    def empty(self) -> Times:
        """Return the median of runs that do nothing: what the clocks themselves take."""
        times = sample(_nothing, self, _EMPTY_RUNS)
        return Times(*([int(median(ns))] if ns else [] for ns in times))


class Interruptions(NamedTuple):
    """What has happened to this process since it began."""

    switches: int  # another program got its core
    waits: int  # it gave its core away by itself: a sleep, a lock, a file
    faults: int  # pages of memory that were not there


def sample(call: Callable[[], object], clocks: Clocks, runs: int) -> Times:
    """Time calls one by one. Nothing else stands between the readings of the wall's clock."""
    wall, cpu = clocks
    ns = [0] * runs
    if cpu is None:
        for run in range(runs):
            start = wall()
            call()
            ns[run] = wall() - start
        return Times(ns, [])
    cpu_ns = [0] * runs
    for run in range(runs):
        cpu_start = cpu()
        start = wall()
        call()
        ns[run] = wall() - start
        cpu_ns[run] = cpu() - cpu_start
    return Times(ns, cpu_ns)


def cpu_clock(threads: int) -> Clock | None:
    """Return the clock of this thread's CPU time, or of the process' where several threads work.

    ``None`` where the system has none, or counts in steps in which no run can be timed.
    """
    try:
        if threads == 1:
            clock, resolution = time.thread_time_ns, time.get_clock_info("thread_time").resolution
        else:
            clock, resolution = time.process_time_ns, time.get_clock_info("process_time").resolution
    except (AttributeError, ValueError):
        return None
    return None if resolution > _COARSE else clock


def interruptions() -> Interruptions | None:
    """Return how often this process was interrupted; ``None`` where that is not counted."""
    try:
        import resource
    except ImportError:
        return None
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return Interruptions(usage.ru_nivcsw, usage.ru_nvcsw, usage.ru_minflt + usage.ru_majflt)


def give_way() -> None:
    """Let others run now, so that they interrupt the next runs less."""
    if hasattr(os, "sched_yield"):
        os.sched_yield()


def _nothing() -> None:
    pass
