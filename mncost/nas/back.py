"""Which wider network may fit after all, once the one that was found is measured.

A search goes by intervals that hold for networks which nobody has measured. When one is measured
and fits, its own interval is narrower, and networks that the search had given up may fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from mncost.interval import Interval

__all__ = ["Tried", "may_fit"]


class Tried(NamedTuple):
    """A network that was measured: its latency, and its predicted one, in seconds."""

    measured: Interval
    predicted: float


def may_fit(
    wider: Sequence[int],
    predicted: Sequence[float],
    fits: Tried,
    others: Sequence[Tried],
    most: float,
) -> int | None:
    """Return the first of some steps whose network may fit into a budget; ``None``: none may.

    It is thought to be as much slower than predicted as the slowest of those that were measured,
    and its interval as wide as that of the one that fits.

    Args:
        wider: steps whose networks were not measured, the widest first.
        predicted: of each step, in seconds.
        fits: the one that fits.
        others: that do not: their intervals may have been wide.
        most: the budget, in seconds.
    """
    center, _, high, *_ = fits.measured
    assert high is not None
    slower = max(one.measured.center / one.predicted for one in (fits, *others))
    return next((n for n in wider if predicted[n] * slower * high / center <= most), None)
