"""How limits are checked: flags for the command line and Python."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from mncost.clock import clock_flag
from mncost.errors import one_of
from mncost.flags import Flags, flag, given
from mncost.limits import Amount

__all__ = ["Checking", "Inconclusive"]

Inconclusive: TypeAlias = Literal["keep", "pass", "fail"]
"""What an inconclusive limit counts as: itself, a limit that holds, or one that fails."""


def _inconclusive(option: str, name: str) -> Inconclusive:
    # Nobody has to ask for "keep".
    return one_of(option, name, [one for one in get_args(Inconclusive) if one != "keep"])


class Checking(Flags):
    """How limits are checked; ``None``: the default that the help states."""

    panel = "Measure"

    exact_only: bool = flag("Check only counts and bytes, without any runtime.", default=False)
    max_time: Amount | None = flag(
        "Limits that are undecided by then are inconclusive. Default: 20 s, 10 s more for each "
        "model beyond two, 40 s more for each p99 (p95: 8 s, p99.9: 400 s).",
        metavar="TIME",
    )
    clock: str | None = clock_flag()
    hosts: Path | None = flag(
        "The file with the hosts that budgets name. Default: hosts.toml here, or "
        "mncost/hosts.toml in ~/.config.",
        metavar="FILE",
    )
    inconclusive: Inconclusive = flag(
        "Count inconclusive limits as pass or fail. Default: neither, exit status 3.",
        default="keep",
        metavar="pass|fail",
        parse=_inconclusive,
        panel="Output",
    )
    save: Path | str | None = flag(
        "Save the measurements as a run file.", metavar="FILE", panel="Output"
    )

    @property
    def measuring(self) -> Mapping[str, object]:
        """What was given that means something only where latencies are measured."""
        return {name: value for name, value in given(self).items() if name in _MEASURING}


_MEASURING = ("save", "max_time", "clock", "hosts")
