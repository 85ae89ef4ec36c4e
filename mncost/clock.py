"""Which time of a call counts: its CPU time, or the time that passes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, cast

from mncost.errors import MeasureError, UnknownNameError
from mncost.flags import flag

__all__ = ["CLOCKS", "check_clock", "clock_flag"]

CLOCKS = ("cpu", "wall")


def clock_flag() -> Any:
    """Return the flag that says which time of a call counts."""
    return flag(
        "cpu or wall: which time of a call counts. Default: CPU time for one thread, if calls "
        "do not wait; otherwise the wall time of undisturbed runs.",
        metavar="NAME",
        completes="clocks",
    )


def check_clock(clock: str | None, threads: Sequence[int] = (1,)) -> Literal["cpu", "wall"] | None:
    """Return the clock that was asked for.

    Raises:
        UnknownNameError: there is no such clock.
        MeasureError: it is the CPU's, and there are several threads.
    """
    if clock is not None and clock not in CLOCKS:
        raise UnknownNameError("clock", clock, CLOCKS)
    if clock == "cpu" and max(threads) > 1:
        raise MeasureError(
            "clock cpu: several threads compute at once, so their CPU time is no latency; accepted "
            "with one thread"
        )
    return cast("Literal['cpu', 'wall'] | None", clock)
