"""Percentiles of latencies, with bounds that assume no distribution."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, log
from typing import TYPE_CHECKING, Any

from mncost.interval import Interval
from mncost.stats.location import LEAST_TAIL, LEVEL, ONE_PROCESS, TOO_FEW_RUNS, student

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["percentiles"]

MAX_TRIED = 200  # samples that are tried as bounds of a percentile
MAX_LOOKED_AT = 4000  # samples that say where these are


def percentiles(
    processes: Sequence[NDArray[Any]], percents: Sequence[float], level: float = LEVEL
) -> dict[float, Interval]:
    """Return percentiles of all samples together, with bounds that assume no distribution.

    The bounds are samples. A latency is in the interval if, by the share of the samples below it,
    ``percent`` % of all runs can be below it: if they are in Clopper and Pearson's interval for
    that share, with the number of runs replaced by the effective one. That is the runs divided by
    the design effect of the processes, and reduced for the few degrees of freedom that this is
    estimated with (Korn & Graubard, *Confidence intervals for proportions with small expected
    number of positive counts estimated from survey data*, 1998). The design effect is that at the
    latency in question (Francisco & Fuller, *Quantile estimation with a complex survey design*,
    1991) or at the percentile itself (Woodruff, *Confidence intervals for medians and other
    position measures*, 1952), whichever is larger: the few samples beyond a high percentile often
    come from one process, and cannot show that another one may be slower still.

    A bound that would lie beyond the smallest or the largest sample is missing: too few runs, or
    too few processes for how they differ.

    Args:
        processes: the samples of each process, each at least one.
        percents: above 0, below 100.
        level: of each interval.
    """
    samples = _Samples(processes, level)
    return {percent: samples.percentile(percent / 100) for percent in percents}


class _Samples:
    """The samples of several processes, in order. Ranks are counted from 1.

    A run may have millions of them, so only some ranks are looked at: some thousand over all of
    them, and then :data:`MAX_TRIED` where the bounds are.
    """

    def __init__(self, processes: Sequence[NDArray[Any]], level: float) -> None:
        import numpy as np

        self.level = level
        # A stable sort merges what is in order already.
        self.ordered = [np.sort(samples, kind="stable") for samples in processes]
        self.pooled = np.sort(np.concatenate(self.ordered), kind="stable")
        self.runs, self.n = len(self.pooled), len(processes)
        self.coarse = self._steps(1, self.runs, MAX_LOOKED_AT)
        self.coarse_sizes = self.effective(self.coarse)

    def percentile(self, share: float) -> Interval:
        """Return the sample that has this share of all below it, with bounds."""
        rank = max(1, ceil(round(share * self.runs, 6)))  # 0.999 · 1,000 is a little above 999
        center = float(self.pooled[rank - 1])
        if self.n < 2:
            return Interval(center, None, None, self.n, (ONE_PROCESS,))
        below, above = self._bounding_ranks(rank, share)
        lo, hi = (None if r is None else float(self.pooled[r - 1]) for r in (below, above))
        return Interval(center, lo, hi, self.n, () if below and above else (TOO_FEW_RUNS,))

    def effective(self, ranks: NDArray[Any]) -> NDArray[Any]:
        """Return how many independent runs would say as much about the share up to each rank."""
        import numpy as np

        n, runs = self.n, self.runs
        if n < 2:
            return np.zeros(len(ranks))
        at = self.pooled[ranks - 1]
        below = np.array([np.searchsorted(samples, at, side="right") for samples in self.ordered])
        share = below.sum(axis=0) / runs
        # Variance of a share by its linearisation over clusters (Cochran, Sampling Techniques,
        # 11.8).
        sizes = np.array([len(samples) for samples in self.ordered])
        squares = ((below - share * sizes[:, None]) ** 2).sum(axis=0)
        variance = n / (n - 1) * squares / runs**2
        # All samples are up to the last rank: nothing varies.
        independent = np.where(share < 1, share * (1 - share) / runs, 1.0)
        freedom = student(0.5 + self.level / 2, runs - 1) / student(0.5 + self.level / 2, n - 1)
        effective: NDArray[Any] = runs / np.maximum(1.0, variance / independent) * freedom**2
        return effective

    def _bounding_ranks(self, rank: int, share: float) -> tuple[int | None, int | None]:
        """Return which samples are the bounds; ``None``: none is.

        The k-th of n independent samples is below the quantile with probability I(share; k, n-k+1),
        the incomplete beta function; ranks are scaled to the effective number of runs. Bounds are
        the nearest ranks beyond all those that the interval holds.
        """
        import numpy as np
        from scipy.special import betainc

        tail, runs = (1 - self.level) / 2, self.runs
        if 1 - self.level < LEAST_TAIL:
            return None, None
        most = self.effective(np.array([rank]))
        ranks = self._near(rank, share, most)
        step = int(ranks[1] - ranks[0]) if len(ranks) > 1 else 1
        n = np.minimum(self.effective(ranks), most)
        k, before = ranks / runs * n, (ranks - 1) / runs * n
        may_be_above = betainc(k, n - k + 1, share) > tail
        may_be_below = betainc(before + 1, n - before, share) < 1 - tail
        held = ranks[may_be_above & may_be_below]
        if not len(held):  # p99.99 of ten runs: all samples are on one side of it
            return (None, 1) if share < 0.5 else (runs, None)
        below, above = int(held[0]) - step, int(held[-1]) + step
        return below if below >= 1 else None, above if above <= runs else None

    def _near(self, rank: int, share: float, most: NDArray[Any]) -> NDArray[Any]:
        """Return the ranks that are tried as bounds: Chernoff's bound excludes the others.

        Twice, because sizes are not whole.
        """
        import numpy as np
        from scipy.special import rel_entr

        upto = self.coarse / self.runs
        distance = rel_entr(upto, share) + rel_entr(1 - upto, 1 - share)
        kept = np.minimum(self.coarse_sizes, most) * distance <= -2 * log((1 - self.level) / 2)
        ranks = [rank, *self.coarse[kept][[0, -1]]] if kept.any() else [rank]
        step = 1 + self.runs // MAX_LOOKED_AT
        return self._steps(max(1, min(ranks) - step), min(self.runs, max(ranks) + step), MAX_TRIED)

    @staticmethod
    def _steps(first: int, last: int, most: int) -> NDArray[Any]:
        """Return the ranks from the first to the last, in equal steps if they are too many."""
        import numpy as np

        return np.arange(first, last + 1, 1 + (last - first) // most)
