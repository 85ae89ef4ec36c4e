"""Pins a worker to as many CPUs as it has threads: on different cores, the quieter ones first."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

__all__ = ["QUIET_FIRST", "chosen_cpus", "pin", "quiet_first"]

SYSFS = Path("/sys/devices/system/cpu")
QUIET_FIRST = "MNCOST_QUIET_FIRST"  # environment variable: CPUs with commas between
TRIED, SECONDS = 8, 0.01  # CPUs that are tried at most, and for how long each


def pin(threads: int) -> list[int] | None:
    """Pin this process, before it has other threads; return its CPUs, ``None`` if unknown."""
    if not hasattr(os, "sched_setaffinity"):
        return None
    quiet = [int(cpu) for cpu in os.environ.get(QUIET_FIRST, "").split(",") if cpu.isdecimal()]
    with suppress(OSError):  # forbidden here: it runs where it may
        os.sched_setaffinity(0, chosen_cpus(threads, os.sched_getaffinity(0), quiet=quiet))
    return sorted(os.sched_getaffinity(0))


def quiet_first(share: Callable[[int], float] | None = None) -> list[int]:
    """Return the CPUs that this process may use, those that others use less first.

    CPUs that differ by less than a tenth keep their order, so that on a quiet machine it is always
    the same one.

    Args:
        share: returns which share of a CPU this process gets; by default it is tried out.
    """
    if not hasattr(os, "sched_setaffinity"):
        return []
    allowed = sorted(os.sched_getaffinity(0))
    tried = {cpu: round((share or _share)(cpu), 1) for cpu in allowed[:TRIED]}
    with suppress(OSError):
        os.sched_setaffinity(0, allowed)
    return sorted(allowed, key=lambda cpu: -tried.get(cpu, 0.0))


def _share(cpu: int) -> float:
    """Compute on a CPU for a moment, and return how much of that time this thread had it."""
    try:
        os.sched_setaffinity(0, {cpu})
        spent, begun = time.thread_time(), time.perf_counter()
        while time.perf_counter() - begun < SECONDS:
            pass
        return (time.thread_time() - spent) / (time.perf_counter() - begun)
    except OSError:
        return 0.0


def chosen_cpus(
    threads: int, allowed: Iterable[int], sysfs: Path = SYSFS, quiet: Sequence[int] = ()
) -> list[int]:
    """Return ``threads`` of the allowed CPUs, one of each physical core before others.

    With more threads than CPUs these are all of them.

    Args:
        threads: how many may run at once.
        allowed: logical CPUs.
        sysfs: where the kernel says which CPUs share a core.
        quiet: which of them to take first; the others follow by their numbers.
    """
    taken: dict[str, int] = {}
    ranked = []
    every = sorted(allowed)
    order = [cpu for cpu in quiet if cpu in every]
    for place, cpu in enumerate(dict.fromkeys([*order, *every])):
        core = _core(cpu, sysfs)
        taken[core] = taken.get(core, 0) + 1
        ranked.append((taken[core], place, cpu))
    return sorted(cpu for *_, cpu in sorted(ranked)[:threads])


def _core(cpu: int, sysfs: Path) -> str:
    """Return a name that the CPUs of one core have in common."""
    try:
        return (sysfs / f"cpu{cpu}/topology/thread_siblings_list").read_text().strip()
    except OSError:
        return str(cpu)
