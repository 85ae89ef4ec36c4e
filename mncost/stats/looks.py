"""Looking at data as they arrive, without being wrong more often than was agreed on.

Each look at a measurement that goes on is another chance to be misled: of eight plain 95 %
intervals, one after each new value, at least one misses in 18 % of all cases. So the error is a
budget. *How much* of it may be spent by which time is fixed beforehand (Lan & DeMets, *Discrete
sequential boundaries for clinical trials*, 1983), by a power of the time (Kim & DeMets, *Design and
analysis of group sequential tests based on the type I error spending rate function*, 1987). *What*
one look spends is taken off the level of its intervals.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple

__all__ = ["ALPHA", "Levels", "Looks", "factor"]

ALPHA = 0.05
EXPONENT = 6
FACTORS = {
    **{4: 1.0, 5: 1.3, 6: 1.95, 7: 2.3, 8: 2.55, 10: 2.9, 12: 3.25, 15: 3.6, 20: 4.3},
    **{25: 5.0, 30: 5.6, 40: 6.9},
}
"""How many times as much as by union bounds a look at a ratio may spend, by the number of looks.

By 100,000 simulated sequences each; 1 to 30 limits make no difference (tests/stats).
"""
EARLIEST_PASS, EARLIEST_SHARE = 13, 0.65  # generations, or the share of the time, for a PASS


class Levels(NamedTuple):
    """The levels of two-sided intervals of one look; an interval of level 1 decides nothing.

    Attributes:
        any: of any interval that keeps its level.
        ratio: of :func:`mncost.stats.generations.generations_interval`.
        may_pass: whether a ratio may be called a PASS already.
    """

    any: float
    ratio: float
    may_pass: bool


class Looks:
    """Gives each look at a measurement the level of its intervals.

    **What holds.** With a probability of at least ``1 - alpha``, every interval of every limit
    covers the truth at every look. A verdict is wrong only if its whole interval lies on one side
    of the truth. A limit that holds can only get a wrong FAIL, a limit that is exceeded only a
    wrong PASS. So the probability that *any* verdict of the file is wrong is at most ``alpha / 2``.
    This needs intervals that keep their level, and times of looks that do not depend on what was
    measured. When or how often one looks does not matter. (Student's t does not quite keep its
    level where a generation resembles the one before: at a correlation of 0.1 wrong verdicts reach
    ``alpha / 2``, at 0.3 ``alpha``. Nor does it where generations are very skewed. With heavy tails
    on both sides it is wider than necessary.)

    **How.** By union bounds: each limit gets ``alpha / tests`` (Bonferroni). By time fraction *t*
    at most the share *t* ^ 6 of that is spent, and the last look spends the rest. Union bounds hold
    for any dependence between looks and between limits. So they serve medians, ratios and
    percentiles alike, and are wider than necessary.

    **What that costs.** With one limit and 6 to 8 equally spaced looks, the last interval is 13 to
    17 % wider than if it were the only one. An exact bound for independent normal increments
    (Armitage, McPherson & Rowe 1969) would be 5 % wider. A slowdown of 4 % exceeds a limit of 2 %
    (8 looks, a standard deviation of 1.2 %) by the verdict in 94 % of all cases; by the exact bound
    or by a single look in 97 %. With the share *t* ^ 3 the last interval would be 29 to 33 % wider,
    and the 94 % would be 90 %; a slowdown of 5 % would be found half a generation earlier.

    **Ratios.** Their intervals come from independent generations, one more at each look, so more is
    known than union bounds use. Each look may spend more by a factor that was found by simulating
    :func:`mncost.stats.generations.generations_interval` with normal generations
    (:data:`FACTORS`): ``alpha / 2`` of the verdicts are wrong where the true ratio is at the limit.
    A PASS waits for 13 generations, or for 65 % of the time: a memory layout that slows one
    process in five is missing in all of 13 generations with a probability of 5.5 %.
    """

    def __init__(self, alpha: float = ALPHA, tests: int = 1) -> None:
        """Begin with nothing spent.

        Args:
            alpha: the probability that some interval of some look misses, half of it on each side.
                Above 0, below 1.
            tests: the number of limits that are judged.

        Raises:
            ValueError: ``alpha`` or ``tests`` is out of range.
        """
        if not 0 < alpha < 1 or tests < 1:
            raise ValueError(f"alpha {alpha} is not between 0 and 1, or tests {tests} below 1")
        self.alpha = alpha
        self.tests = tests
        self._time = 0.0
        self._looks = 0

    def look(self, fraction: float, last: bool = False) -> Levels:
        """Return the levels of this look. Call it once a look, for all limits.

        Args:
            fraction: the time that has passed / the time allowed. More than 1 counts as 1. A look
                that is not later than an earlier one can spend nothing.
            last: no other look follows, so all that is left is spent.
        """
        self._looks += 1
        time = 1.0 if last else min(1.0, max(0.0, fraction))
        step = time - self._time
        if step <= 0:
            return Levels(1.0, 1.0, False)
        increment = (time**EXPONENT - self._time**EXPONENT) * self.alpha / self.tests
        self._time = time
        # As many looks as there would be at this distance, and no more than there were on average.
        ratio = increment * factor(min(time / step, self._looks / time))
        may_pass = self._looks >= EARLIEST_PASS or time >= EARLIEST_SHARE
        return Levels(1.0 - increment, 1.0 - min(1.0, ratio), may_pass)

    def level(self, fraction: float, last: bool = False) -> float:
        """Return :attr:`Levels.any` of this look, instead of :meth:`look`."""
        return self.look(fraction, last).any


def factor(looks: float) -> float:
    """Return how many times as much each of some equally spaced looks at a ratio may spend."""
    counts = list(FACTORS)
    index = bisect_right(counts, looks)
    if index in (0, len(counts)):
        return FACTORS[counts[max(0, index - 1)]]
    below, above = counts[index - 1], counts[index]
    part = (looks - below) / (above - below)
    return FACTORS[below] + part * (FACTORS[above] - FACTORS[below])
