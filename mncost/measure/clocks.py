"""The clock of a run: the wall's, or one that moves with a scripted runtime."""

from __future__ import annotations

import time
from typing import Protocol

__all__ = ["Clock", "VirtualClock", "WallClock"]


class Clock(Protocol):
    """Says how many seconds a run has taken."""

    def now(self) -> float:
        """Return the seconds since the run began."""

    def spend(self, ns: int) -> None:
        """Take note that a worker was busy for this many nanoseconds."""


class WallClock:
    """Real time."""

    def __init__(self, before: float = 0.0) -> None:
        """Start; a run that is resumed has already taken ``before`` seconds."""
        self._zero = time.monotonic() - before

    def now(self) -> float:
        """Return the seconds since the run began."""
        return time.monotonic() - self._zero

    def spend(self, ns: int) -> None:
        """Nothing to do: real time passes by itself."""


class VirtualClock:
    """The time that scripted runtimes say they were busy."""

    def __init__(self, before: float = 0.0) -> None:
        """Start; a run that is resumed has already taken ``before`` seconds."""
        self._now = before

    def now(self) -> float:
        """Return the seconds since the run began."""
        return self._now

    def spend(self, ns: int) -> None:
        """Let time pass."""
        self._now += ns / 1e9
