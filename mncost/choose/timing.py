"""A limit on latency: flags for the command line and Python."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mncost.choose.limits import Spelling
from mncost.clock import clock_flag
from mncost.errors import InputError
from mncost.flags import flag, given
from mncost.limits import Amount
from mncost.place import OnePlace

__all__ = ["Timing"]


class Timing(OnePlace):
    """A limit on latency, and where latencies come from; ``None`` was not asked for."""

    panel = "Measure"

    max_latency: str | None = flag(
        "Latency of one call, e.g. 8ms, measured now or taken from --run.",
        metavar="TIME",
        panel="Limits",
    )
    run: Any = flag(  # Results, or a path
        "Take latencies from a run file of mncost bench; - for stdin.", metavar="FILE"
    )
    percentile: Amount | None = flag(
        "Percentile of the latency. Default: 50, the median.", metavar="P"
    )
    max_time: Amount | None = flag("Measure at most this long. Default: 60 s.", metavar="TIME")
    predicted: bool = flag(
        "Do not measure what the profile of mncost calibrate rules out.", default=False
    )
    clock: str | None = clock_flag()
    save: Path | str | None = flag(
        "Save the measurements as a run file.", metavar="FILE", panel="Output"
    )

    def check(self, spelled: Spelling = str) -> None:
        """Refuse what means nothing beside the others.

        Raises:
            InputError: such an argument was given.
        """
        for name in given(self):
            if self.max_latency is None:
                raise InputError(f"{spelled(name)} needs {spelled('max_latency')}")
            if self.run is not None and name in ("max_time", "save", "predicted", "hosts"):
                raise InputError(f"{spelled(name)} does not go with {spelled('run')}")
        if self.predicted and self.percentile is not None:
            raise InputError(
                f"{spelled('percentile')} does not go with {spelled('predicted')}: medians are"
            )
