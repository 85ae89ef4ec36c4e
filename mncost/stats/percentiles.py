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
    import numpy as np

    pooled = np.concatenate(processes)
    order = np.argsort(pooled, kind="stable")
    pooled = pooled[order]
    runs, n = len(pooled), len(processes)
    effective = _effective_runs([len(samples) for samples in processes], order, level)
    effective = effective[np.searchsorted(pooled, pooled, side="right") - 1]  # alike, alike
    found = {}
    for percent in percents:
        share = percent / 100
        rank = max(1, ceil(share * runs))
        if n < 2:
            found[percent] = Interval(float(pooled[rank - 1]), None, None, n, (ONE_PROCESS,))
            continue
        sizes = np.minimum(effective, effective[rank - 1])
        below, above = _bounding_ranks(sizes, share, level)
        lo, hi = (None if r is None else float(pooled[r - 1]) for r in (below, above))
        warnings = () if below and above else (TOO_FEW_RUNS,)
        found[percent] = Interval(float(pooled[rank - 1]), lo, hi, n, warnings)
    return found


def _effective_runs(sizes: Sequence[int], order: NDArray[Any], level: float) -> NDArray[Any]:
    """Return how many independent runs would say as much about the share up to each rank.

    Args:
        sizes: runs of each process.
        order: of the samples of all processes, one after the other, when they are sorted.
        level: of the interval.
    """
    import numpy as np

    n, runs = len(sizes), len(order)
    if n < 2:
        return np.zeros(runs)
    owner = np.repeat(np.arange(n), sizes)[order]
    share = np.arange(1, runs + 1) / runs
    # Variance of a share by its linearisation over clusters (Cochran, Sampling Techniques, 11.8).
    below = np.cumsum(owner == np.arange(n)[:, None], axis=1)  # of each process, up to each rank
    squares = ((below - share * np.array(sizes)[:, None]) ** 2).sum(axis=0)
    variance = n / (n - 1) * squares / runs**2
    independent = share * (1 - share) / runs
    independent[-1] = 1.0  # all samples are up to the last rank: nothing varies
    freedom = student(0.5 + level / 2, runs - 1) / student(0.5 + level / 2, n - 1)
    effective: NDArray[Any] = runs / np.maximum(1.0, variance / independent) * freedom**2
    return effective


def _bounding_ranks(
    effective: NDArray[Any], share: float, level: float
) -> tuple[int | None, int | None]:
    """Return which samples, in order and counted from 1, are the bounds; ``None``: none is.

    The k-th of n independent samples is below the quantile with probability I(share; k, n-k+1),
    the incomplete beta function; ranks are scaled to the effective number of runs. Bounds are the
    nearest ranks beyond all those that the interval holds.
    """
    import numpy as np
    from scipy.special import betainc, rel_entr

    tail, runs = (1 - level) / 2, len(effective)
    if 1 - level < LEAST_TAIL:
        return None, None
    upto = np.arange(1, runs + 1) / runs
    # Chernoff's bound excludes the others (twice: sizes are not whole); many are tried in steps.
    distance = effective * (rel_entr(upto, share) + rel_entr(1 - upto, 1 - share))
    ranks = np.flatnonzero(distance <= -2 * log(tail)) + 1
    step = 1 + len(ranks) // MAX_TRIED
    ranks = ranks[::step]
    n = effective[ranks - 1]
    k, before = ranks / runs * n, (ranks - 1) / runs * n
    may_be_above = betainc(k, n - k + 1, share) > tail
    may_be_below = betainc(before + 1, n - before, share) < 1 - tail
    held = ranks[may_be_above & may_be_below]
    if not len(held):  # p99.99 of ten runs: all samples are on one side of it
        return (None, 1) if share < 0.5 else (runs, None)
    below, above = int(held[0]) - step, int(held[-1]) + step
    return below if below >= 1 else None, above if above <= runs else None
