"""With how much effort networks are measured, and by which clock: flags for everybody."""

from __future__ import annotations

from collections.abc import Sequence

from mncost import units
from mncost.clock import check_clock, clock_flag
from mncost.errors import MeasureError
from mncost.flags import Flags, flag

__all__ = ["Effort", "check_count"]


class Effort(Flags):
    """How long and how often networks are measured; ``None``: the default that the help states."""

    panel = "Measure"

    target_error: float | None = flag(
        "Stop when each median's 95 % interval is at most ± this. Default: 2 %.",
        metavar="%",
        parse=units.share,
    )
    max_time: float | None = flag(
        "Stop after this time in any case: 90, 90s, 5min. Default: 60 s, or 5 s for each "
        "network, twin and place if that is more, three times that while an interval is wider "
        "than 5 %; at most 10 min.",
        metavar="TIME",
        parse=units.seconds,
    )
    processes: int | None = flag(
        "Measure in at least this many processes, one after another. Default: 6.", metavar="N"
    )
    copies: int | None = flag(
        "Measure each model N times in the same run (A/A test). Default: 1.", metavar="N"
    )
    seed: int | None = flag("Seed of weights, images and order. Default: 0.", metavar="N")
    clock: str | None = clock_flag()

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            MeasureError: one of them is not accepted.
        """
        if self.target_error is not None and not 0 < self.target_error < 1:
            accepted = "accepted is more than 0 % and less than 100 %"
            raise MeasureError(f"target error {self.target_error:g}: {accepted}")
        if self.max_time is not None and not 0 < self.max_time < 10**7:
            accepted = "accepted is more than 0 s and less than 10,000,000 s"
            raise MeasureError(f"max time {self.max_time:g} s: {accepted}")
        check_count("processes", (1 if self.processes is None else self.processes,), 1000)
        check_count("copies", (1 if self.copies is None else self.copies,), 10)
        if self.seed is not None and not 0 <= self.seed < 2**63:
            raise MeasureError(f"seed {self.seed}: accepted are 0 to {2**63 - 1}")
        check_clock(self.clock)


def check_count(name: str, values: Sequence[int], most: int) -> None:
    """Check numbers that count something.

    Raises:
        MeasureError: one is below 1, or too large.
    """
    for value in values:
        if not 1 <= value <= most:
            raise MeasureError(f"{name} {value}: accepted are 1 to {most}")
