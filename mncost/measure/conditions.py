"""What else the machine does meanwhile: stolen time, other programs, the clock rate.

:func:`counters` also runs on other hosts: it needs the standard library of Python 3.9 only, and
takes psutil where that is installed.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from mncost.measure.machine import cpu_mhz

if TYPE_CHECKING:
    from mncost.measure.records import Conditions

__all__ = ["Counters", "conditions_between", "counters", "observe"]

SHORTEST = 1.0  # seconds; the counters move in steps of 10 ms, so less would be noise


class Counters(NamedTuple):
    """The machine's counters at one moment, in seconds; all but the first add up all cores."""

    at: float
    total: float
    busy: float  # running programs or the kernel
    stolen: float | None
    own: float | None  # by this process and its descendants, those that ended included


def observe(generation: int) -> Callable[[], Conditions]:
    """Begin to watch; the function that is returned ends it, and says what there was.

    Workers that ended meanwhile must have been waited for, or their time counts as others'.
    """
    begin = counters()
    return lambda: conditions_between(generation, begin, counters(), cpu_mhz())


def conditions_between(
    generation: int, begin: Counters, end: Counters, mhz: float | None
) -> Conditions:
    """Return what happened between two readings of the counters."""
    from mncost.measure.records import Conditions

    seconds, total = end.at - begin.at, end.total - begin.total
    steal = other = None
    if seconds >= SHORTEST and total > 0:
        if begin.stolen is not None and end.stolen is not None:
            steal = max(0.0, end.stolen - begin.stolen) / total
        if begin.own is not None and end.own is not None:
            others = (end.busy - begin.busy) - (end.own - begin.own)
            other = max(0.0, others) / seconds
    return Conditions(generation=generation, steal=steal, other_load=other, mhz=mhz)


def counters() -> Counters:
    """Read the counters. Inside a container they are the whole machine's."""
    try:
        import psutil

        times = psutil.cpu_times()._asdict()
    except ImportError:
        times = _linux_times()
    if not times:
        return Counters(time.monotonic(), 0.0, 0.0, None, None)
    # Linux counts guests' time as user time already.
    total = sum(value for name, value in times.items() if not name.startswith("guest"))
    stolen = times.get("steal")
    idle = times["idle"] + times.get("iowait", 0.0) + (stolen or 0.0)
    return Counters(time.monotonic(), total, total - idle, stolen, own_seconds())


def own_seconds() -> float | None:
    """Return the CPU time of this process and its descendants, living or waited for.

    A process hands its time to its parent when that waits for it, so the sum never jumps.
    ``None`` on Windows, where it does not.
    """
    if os.name == "nt":
        return None
    try:
        import psutil
    except ImportError:
        return None

    seconds = 0.0
    for child in psutil.Process().children(recursive=True):
        try:
            seconds += sum(child.cpu_times()[:4])
        except psutil.Error:  # it ended just now
            continue
    return seconds + sum(os.times()[:4])


def _linux_times() -> dict[str, float]:
    """Return the times of all cores together from ``/proc/stat``; elsewhere nothing."""
    names = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
    try:
        ticks = Path("/proc/stat").read_text("ascii").split("\n", 1)[0].split()[1:]
    except OSError:
        return {}
    return {name: int(tick) / os.sysconf("SC_CLK_TCK") for name, tick in zip(names, ticks)}
