"""What takes the processor away during a burst, as far as Linux counts it.

A program cannot see that it was kept waiting; the kernel's counters can. Each is read before and
after a burst, outside of the timed runs, and what it gained is kept. Other systems have none, and
older or restricted ones not all of them: each is left out by itself, and the run says which.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from mncost.measure.quota import groups
from mncost.measure.workers.sampling import cpu_clock, interruptions

if TYPE_CHECKING:
    from typing import TypeAlias

__all__ = ["Gained", "interference", "not_counted"]

Gained: TypeAlias = Callable[[], Mapping[str, int]]
"""Returns what the counters have gained since it was made, by the names of a burst's fields."""

_WORDS = {
    "stolen_us": "time that a hypervisor takes (/proc/stat)",
    "stalled_us": "CPU pressure (/proc/pressure/cpu)",
    "throttled_us": "throttling by a CPU quota (cpu.stat)",
}
_TICK_US = 10_000  # /proc/stat counts in hundredths of a second on every architecture


def interference(root: Path = Path("/")) -> Callable[[], Gained]:
    """Return what begins to watch a burst.

    Args:
        root: where ``/proc`` and ``/sys`` are.
    """
    sources = list(_sources(root))

    def read() -> dict[str, int]:
        values = {}
        for name, path, pattern, factor in sources:
            with suppress(OSError):
                if match := re.search(pattern, path.read_text("ascii", "replace")):
                    values[name] = int(float(match[1]) * factor)
        return values

    def begin() -> Gained:
        before = read()
        return lambda: {
            name: max(0, value - before[name]) for name, value in read().items() if name in before
        }

    return begin


def not_counted(root: Path = Path("/")) -> list[str]:
    """Return what this system does not count of a call or a burst, in words.

    Args:
        root: where ``/proc`` and ``/sys`` are.
    """
    counted = {name for name, *_ in _sources(root)}
    missing = [] if cpu_clock(1) else ["CPU time"]
    missing += [] if interruptions() else ["interruptions, waits and page faults"]
    return missing + [words for name, words in _WORDS.items() if name not in counted]


def _sources(root: Path) -> Iterator[tuple[str, Path, str, float]]:
    """Yield the counters that this system has: name, file, where it stands, microseconds each."""
    every = [
        ("stolen_us", root / "proc/stat", r"^cpu +(?:\d+ +){7}(\d+)", _TICK_US),
        ("stalled_us", root / "proc/pressure/cpu", r"^some .*total=(\d+)", 1.0),
    ]
    for directory in groups(root):
        every.append(("throttled_us", directory / "cpu.stat", r"(?m)^throttled_usec (\d+)", 1.0))
        every.append(("throttled_us", directory / "cpu.stat", r"(?m)^throttled_time (\d+)", 1e-3))
    taken = set()
    for name, path, pattern, factor in every:
        with suppress(OSError):
            if name not in taken and re.search(pattern, path.read_text("ascii", "replace")):
                taken.add(name)
                yield name, path, pattern, factor
