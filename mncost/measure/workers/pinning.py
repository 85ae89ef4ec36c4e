"""Pins a worker to as many CPUs as it has threads, on different cores where possible."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

__all__ = ["chosen_cpus", "pin"]

SYSFS = Path("/sys/devices/system/cpu")


def pin(threads: int) -> list[int] | None:
    """Pin this process, before it has other threads; return its CPUs, ``None`` if unknown."""
    if not hasattr(os, "sched_setaffinity"):
        return None
    with suppress(OSError):  # forbidden here: it runs where it may
        os.sched_setaffinity(0, chosen_cpus(threads, os.sched_getaffinity(0)))
    return sorted(os.sched_getaffinity(0))


def chosen_cpus(threads: int, allowed: Iterable[int], sysfs: Path = SYSFS) -> list[int]:
    """Return the first ``threads`` of the allowed CPUs, one of each physical core before others.

    With more threads than CPUs these are all of them.

    Args:
        threads: how many may run at once.
        allowed: logical CPUs.
        sysfs: where the kernel says which CPUs share a core.
    """
    taken: dict[str, int] = {}
    ranked = []
    for cpu in sorted(allowed):
        core = _core(cpu, sysfs)
        taken[core] = taken.get(core, 0) + 1
        ranked.append((taken[core], cpu))
    return sorted(cpu for _, cpu in sorted(ranked)[:threads])


def _core(cpu: int, sysfs: Path) -> str:
    """Return a name that the CPUs of one core have in common."""
    try:
        return (sysfs / f"cpu{cpu}/topology/thread_siblings_list").read_text().strip()
    except OSError:
        return str(cpu)
