"""What a search takes, for the command line and for Python."""

from __future__ import annotations

from math import inf

from mncost.errors import QuantityError
from mncost.flags import Flags, flag
from mncost.limits import time
from mncost.units import share

__all__ = ["Searching", "budget"]


class Searching(Flags):
    """How a search goes.

    ``None`` is the default that the flag's help states.
    """

    panel = "Search"

    score: str | None = flag(
        "The score of a network: a function from a mncost.Network to a number, the larger the "
        "better, as my.py:score or package.module:score. Default: the share of MACs that is kept, "
        "which is no accuracy.",
        metavar="FILE:NAME",
    )
    step: float | None = flag(
        "NetAdapt: each step saves at least this share of the first network's latency. "
        "Default: 1%.",
        metavar="%",
        parse=share,
    )
    round: int | None = flag("NetAdapt: widths are multiples of it. Default: 8.", metavar="N")
    population: int | None = flag(
        "For a design space: networks that each generation keeps. Default: 64.", metavar="N"
    )
    generations: int | None = flag("For a design space: generations. Default: 30.", metavar="N")
    seed: int | None = flag(
        "Seed of the draws over a design space, and of Python's, numpy's and torch's random "
        "numbers before each call of --score. Default: 0.",
        metavar="N",
    )


def budget(option: str, text: str | float) -> float:
    """Return a limit on latency in seconds: ``5ms``, or a number of seconds."""
    if isinstance(text, str):
        return time(option, text)
    seconds = float(text)
    if not 0 < seconds < inf:  # nothing is above what is no number
        raise QuantityError(f"{option} {text!r}: accepted is a time longer than 0")
    return seconds
