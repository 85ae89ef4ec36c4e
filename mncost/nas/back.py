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

    def highest(self, predicted: float) -> float:
        """Return the upper end of another one's interval, if it is as far off as this one's."""
        high = self.measured.center if self.measured.hi is None else self.measured.hi
        return predicted * high / self.predicted


def may_fit(
    wider: Sequence[int], predicted: Sequence[float], seen: Sequence[Tried], most: float
) -> int | None:
    """Return the first of some steps whose network may fit into a budget; ``None``: none may.

    Args:
        wider: steps whose networks were not measured, the widest first.
        predicted: of each step, in seconds.
        seen: the one that fits, and the last one that did not, if there is one.
        most: the budget, in seconds.
    """
    for number in wider:
        if all(one.highest(predicted[number]) <= most for one in seen):
            return number
    return None
