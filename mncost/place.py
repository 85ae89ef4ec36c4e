"""The one place of a measurement that is meant: flags for the command line and Python."""

from __future__ import annotations

from pathlib import Path

from mncost.errors import InputError
from mncost.flags import Flags, flag

__all__ = ["OnePlace"]


class OnePlace(Flags):
    """The one place that is measured at, or that is meant in a run."""

    panel = "Measure"

    runtime: str | None = flag(
        "Runtime whose latency counts; all: any that is installed. Default: onnxruntime, or the "
        "run's only one.",
        metavar="NAME",
        completes="runtimes",
    )
    threads: int | None = flag(
        "Threads of that runtime. Default: 1, or those of the run.", metavar="N"
    )
    host: str | None = flag(
        "Measure on this machine of hosts.toml, or use its profile; . is this one. Default: .",
        metavar="NAME",
    )
    hosts: Path | None = flag(
        "The file with the hosts. Default: hosts.toml here, or mncost/hosts.toml in ~/.config.",
        metavar="FILE",
    )

    def __post_init__(self) -> None:
        """Refuse a hosts file without a host.

        Raises:
            InputError: there is no host.
        """
        if self.hosts is not None and self.host is None:
            raise InputError("--hosts needs --host: which of its machines is meant")
