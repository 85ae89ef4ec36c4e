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
from collections.abc import Mapping
from math import sqrt
from typing import NamedTuple

from mncost.interval import Interval

__all__ = [
    "ALPHA",
    "Levels",
    "Look",
    "Looks",
    "factor",
    "unseen",
]

ALPHA = 0.05
EXPONENT, EXPONENT_OF_PASS = 6, 2
FAIL_FACTORS = {
    **{4: 1.0, 5: 1.35, 6: 2.0, 7: 2.25, 8: 2.4, 10: 2.8, 12: 3.0, 15: 3.45, 20: 4.0},
    **{25: 4.7, 30: 5.2, 40: 6.3},
}
"""How many times as much as by union bounds a look at a ratio may spend, by the number of looks.

By 100,000 simulated sequences each (tests/stats).
"""
PASS_FACTORS = {
    **{4: 1.35, 5: 1.5, 6: 1.75, 7: 2.1, 8: 2.3, 10: 2.8, 12: 3.1, 15: 7.2, 20: 7.0},
    **{25: 7.2, 30: 7.4, 40: 8.2},
}
"""Likewise for a PASS: more of the error is spent at early looks."""
# A memory layout that makes one process in five 4 % slower is missing in all of 14 generations with
# a probability of 4.4 %. With fewer, a PASS leaves room for what it does to their mean.
GENERATIONS_TO_SEE, UNSEEN = 14, 0.008


class Levels(NamedTuple):
    """The levels of two-sided intervals: of that whose lower, and of that whose upper bound counts.

    An interval of level 1 decides nothing. A FAIL needs the lower bound, a PASS the upper one.

    Attributes:
        any: of any interval that keeps its level.
        ratio: of :func:`mncost.stats.generations.generations_interval`.
    """

    any: tuple[float, float]
    ratio: tuple[float, float]


class Look(NamedTuple):
    """What one look may spend, if there is one limit.

    Attributes:
        any: on any interval.
        fail: on the lower bound of a ratio.
        passing: on its upper bound.
        tests: how many limits there are.
    """

    any: float
    fail: float
    passing: float
    tests: int

    def levels(self, failed: int = 0, passed: int = 0) -> Levels:
        """Return the levels for a limit, after this many others have been decided."""
        to_fail, to_pass = (max(1, self.tests - decided) for decided in (failed, passed))
        return Levels(
            (1.0 - self.any / to_fail, 1.0 - self.any / to_pass),
            (1.0 - min(1.0, self.fail / to_fail), 1.0 - min(1.0, self.passing / to_pass)),
        )


class Looks:
    """Gives each look at a measurement the level of its intervals.

    **What holds.** A verdict is wrong only if its whole interval lies on one side of the truth. A
    limit that holds can only get a wrong FAIL, a limit that is exceeded only a wrong PASS. The
    probability of any wrong FAIL in the file is at most ``alpha / 2``, and that of any wrong PASS
    too; of a file in which all limits hold, or all are exceeded, any verdict is wrong with at most
    ``alpha / 2``. This needs intervals that keep their level, and times of looks that do not depend
    on what was measured. When or how often one looks does not matter. What intervals of ratios do
    where generations resemble each other or are skewed is in docs/budgets.md.

    **How.** Each limit gets ``alpha / tests``, but a FAIL shares with those limits only that have
    not failed before, and a PASS with those that have not passed (Holm, *A simple sequentially
    rejective multiple test procedure*, 1979). By time fraction *t* at most the share *t* ^ 6 is
    spent, and the last look spends the rest. These union bounds hold for any dependence between
    looks and between limits. So they serve medians, ratios and percentiles alike, and are wider
    than necessary.

    **What that costs.** With one limit and 6 to 8 equally spaced looks, the last interval is 13 to
    17 % wider than if it were the only one. An exact bound for independent normal increments
    (Armitage, McPherson & Rowe 1969) would be 5 % wider. A slowdown of 4 % exceeds a limit of 2 %
    (8 looks, a standard deviation of 1.2 %) by the verdict in 94 % of all cases; by the exact bound
    or by a single look in 97 %. With the share *t* ^ 3 the last interval would be 29 to 33 % wider,
    and the 94 % would be 90 %; a slowdown of 5 % would be found half a generation earlier.

    **Ratios.** Their intervals come from independent generations, one more at each look, so more is
    known than union bounds use. Each look may spend more by a factor that was found by simulating
    :func:`mncost.stats.generations.generations_interval` with normal generations
    (:data:`FAIL_FACTORS`): ``alpha / 2`` of the verdicts are wrong where the true ratio is at the
    limit. A PASS spends the share *t* ^ 2 (:data:`PASS_FACTORS`): an unchanged network, which most
    are, passes earlier. A FAIL keeps *t* ^ 6, which finds more small slowdowns.
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

    def look(self, fraction: float, last: bool = False) -> Look:
        """Return what this look may spend. Call it once a look, for all limits.

        Args:
            fraction: the time that has passed / the time allowed. More than 1 counts as 1. A look
                that is not later than an earlier one can spend nothing.
            last: no other look follows, so all that is left is spent.
        """
        self._looks += 1
        time, before = 1.0 if last else min(1.0, max(0.0, fraction)), self._time
        step = time - before
        if step <= 0:
            return Look(0.0, 0.0, 0.0, self.tests)
        self._time = time
        usual, early = (
            (time**power - before**power) * self.alpha for power in (EXPONENT, EXPONENT_OF_PASS)
        )
        # As many looks as there would be at this distance, and no more than there were on average.
        looks = min(time / step, self._looks / time)
        fail, passing = factor(FAIL_FACTORS, looks), factor(PASS_FACTORS, looks)
        return Look(usual, usual * fail, early * passing, self.tests)

    def level(self, fraction: float, last: bool = False) -> float:
        """Return the level of any interval at this look, instead of :meth:`look`."""
        return self.look(fraction, last).levels().any[0]


def factor(factors: Mapping[int, float], looks: float) -> float:
    """Return the factor of some equally spaced looks, between those of a table."""
    counts = list(factors)
    index = bisect_right(counts, looks)
    if index in (0, len(counts)):
        return factors[counts[max(0, index - 1)]]
    below, above = counts[index - 1], counts[index]
    part = (looks - below) / (above - below)
    return factors[below] + part * (factors[above] - factors[below])


def unseen(interval: Interval | None, *, last: bool) -> float:
    """Return by which factor a slow memory layout may raise a mean without having been seen.

    At the last look there is no more to see, and a wide interval has room for it already. An upper
    bound is then at least :data:`UNSEEN` and half of its reach above the center.

    Args:
        interval: of as many generations as its ``n``.
        last: whether it is the last look.
    """
    if interval is None or interval.hi is None or interval.n >= GENERATIONS_TO_SEE:
        return 1.0
    reach = interval.hi / interval.center if last else 1.0
    return max(1.0, (1.0 + UNSEEN) / sqrt(reach))
