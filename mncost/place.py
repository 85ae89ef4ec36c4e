"""The one place of a measurement that is meant: flags for the command line and Python."""

from __future__ import annotations

from dataclasses import dataclass

from mncost.flags import flag

__all__ = ["OnePlace"]

_PANEL = "Measure"


@dataclass(frozen=True)
class OnePlace:
    """The one place that is measured at, or that is meant in a run."""

    runtime: str | None = flag(
        "Runtime whose latency counts; all: any that is installed. Default: onnxruntime, or the "
        "run's only one.",
        metavar="NAME",
        completes="runtimes",
        panel=_PANEL,
    )
    threads: int | None = flag(
        "Threads of that runtime. Default: 1, or those of the run.", metavar="N", panel=_PANEL
    )
