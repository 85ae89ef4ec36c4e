"""What a search takes, for the command line and for Python."""

from __future__ import annotations

from dataclasses import dataclass

from mncost.flags import flag
from mncost.limits import time
from mncost.units import share

__all__ = ["Searching", "budget"]


@dataclass(frozen=True)
class Searching:
    """How a search goes.

    ``None`` is the default that the flag's help states.
    """

    panel = "Search"

    score: str | None = flag(
        "What decides between networks, my.py:score or package.module:score, a function from a "
        "mncost.Network to a number, the larger the better. Default: the share of MACs that is "
        "kept, which is no accuracy.",
        metavar="FILE:NAME",
    )
    step: float | None = flag(
        "Each step of NetAdapt saves at least this share of the first network's latency. "
        "Default: 1%.",
        metavar="%",
        parse=share,
    )
    round: int | None = flag(
        "Widths that NetAdapt proposes are multiples of it. Default: 8.", metavar="N"
    )
    population: int | None = flag(
        "Networks that a generation keeps, over a design space. Default: 64.", metavar="N"
    )
    generations: int | None = flag("Generations over a design space. Default: 30.", metavar="N")
    seed: int | None = flag(
        "Of all that is random: the draws over a design space, and Python's, numpy's and torch's "
        "numbers before each call of --score. Default: 0.",
        metavar="N",
    )


def budget(option: str, text: str | float) -> float:
    """Return a limit on latency in seconds: ``5ms``, or a number of seconds."""
    return time(option, text) if isinstance(text, str) else float(text)
