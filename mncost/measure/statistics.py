"""Summaries of samples that are honest about processes.

Runs in one process share its memory layout, its heap and its moment, so they resemble each other
more than they resemble the runs of the next process: many runs in one process are not many
measurements. Wherever an interval is given, the unit of repetition is the process (for ratios in
one run: the generation of processes), however many runs each has (Kalibera & Jones, *Rigorous
benchmarking in reasonable time*, 2013). Latencies are compared by their logarithms, so that an
interval for a / b is the one for b / a turned over.

Nothing here knows the unit of the samples; all of them are above zero.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from functools import lru_cache
from math import exp, floor, inf, isfinite, log, log10
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "LEVEL",
    "Difference",
    "Ratio",
    "Summary",
    "decimals",
    "drift",
    "log_interval",
    "mean",
    "median",
    "paired_ratio",
    "percentile",
    "spread",
    "unpaired_ratio",
]

LEVEL = 0.95
POWER = 0.80  # the usual one: a change that is "detectable" is found in 4 of 5 repetitions
MAX_DRIFT_POINTS = 200  # Theil and Sen look at every pair of points

ONE_PROCESS = "one process"
TOO_FEW_RUNS = "too few runs"


class Summary(NamedTuple):
    """A figure with its interval; a bound that nothing can be said about is ``None``."""

    center: float
    lo: float | None
    hi: float | None
    n: int  # processes (or generations of them) that it rests on
    warnings: tuple[str, ...] = ()  # why a bound is missing

    @property
    def relative_error(self) -> float | None:
        """Half the interval's width / the centre."""
        if self.lo is None or self.hi is None:
            return None
        return (self.hi - self.lo) / 2 / self.center

    def scaled(self, factor: float) -> Summary:
        """Return it times a constant, e.g. in another unit."""
        return self._mapped(lambda value: factor * value)

    def per(self, amount: float) -> Summary:
        """Return ``amount / this``: a rate from a time. The bounds change places."""
        turned = self._mapped(lambda value: amount / value)
        return turned._replace(lo=turned.hi, hi=turned.lo)

    def _mapped(self, function: Any) -> Summary:
        lo, hi = (bound if bound is None else function(bound) for bound in (self.lo, self.hi))
        return self._replace(center=function(self.center), lo=lo, hi=hi)


class Ratio(NamedTuple):
    """A ratio of latencies from paired rounds."""

    ratio: Summary
    pairs: int  # of bursts


class Difference(NamedTuple):
    """A ratio of latencies that were measured apart."""

    ratio: Summary
    detectable: float | None  # the smallest relative change that would probably have been found


# ---------------------------------------------------------------------------------------- latency


def median(processes: Sequence[NDArray[Any]], level: float = LEVEL) -> Summary:
    """Return the median latency: the geometric mean of the processes' medians.

    The interval is Student's t over the logarithms of the processes' medians; a single process has
    none.

    Args:
        processes: the samples of each process, each at least one.
        level: of the interval.
    """
    import numpy as np

    return log_interval([float(np.median(samples)) for samples in processes], level)


def mean(processes: Sequence[NDArray[Any]], level: float = LEVEL) -> Summary:
    """Return the mean latency: the geometric mean of the processes' means. As :func:`median`."""
    return log_interval([float(samples.mean()) for samples in processes], level)


def log_interval(values: Sequence[float], level: float = LEVEL) -> Summary:
    """Return the geometric mean of values with Student's t interval on their logarithms."""
    logs = [log(value) for value in values]
    n, center = len(logs), sum(logs) / len(logs)
    if n < 2:
        return Summary(exp(center), None, None, n, (ONE_PROCESS,))
    variance = sum((value - center) ** 2 for value in logs) / (n - 1)
    half = _student(0.5 + level / 2, n - 1) * (variance / n) ** 0.5
    return Summary(exp(center), exp(center - half), exp(center + half), n)


def spread(processes: Sequence[NDArray[Any]]) -> float:
    """Return the interquartile range / the median, of all samples together."""
    import numpy as np

    low, middle, high = np.percentile(np.concatenate(processes), (25, 50, 75))
    return float((high - low) / middle)


# ------------------------------------------------------------------------------------ percentiles


def percentile(processes: Sequence[NDArray[Any]], percent: float, level: float = LEVEL) -> Summary:
    """Return a percentile of all samples together, with bounds that assume no distribution.

    The bounds are samples: the interval holds each value of which, by the share of the samples
    below it, it can be that ``percent`` % of all latencies are below it. That is decided by
    Clopper and Pearson's interval for a proportion with the number of runs replaced by the
    effective one: divided by the design effect of the processes, and reduced for the few degrees
    of freedom that it is estimated with. A bound that would lie beyond the smallest or the largest
    sample is missing: too few runs, or processes too different for their number.

    Sources: Korn & Graubard, *Confidence intervals for proportions with small expected number of
    positive counts estimated from survey data* (1998); the inversion of an interval for a
    proportion: Woodruff, *Confidence intervals for medians and other position measures* (1952).

    Args:
        processes: the samples of each process, each at least one.
        percent: above 0, below 100.
        level: of the interval.
    """
    import numpy as np

    share = percent / 100
    pooled = np.sort(np.concatenate(processes))
    runs = len(pooled)
    center = float(np.percentile(pooled, percent, method="inverted_cdf"))
    if len(processes) < 2:
        return Summary(center, None, None, len(processes), (ONE_PROCESS,))
    effective = _effective_runs(processes, center, share, level)
    below, above = _order_statistics(runs, effective, share, level)
    lo = None if below is None else float(pooled[below - 1])
    hi = None if above is None else float(pooled[above - 1])
    warnings = () if below and above else (TOO_FEW_RUNS,)
    return Summary(center, lo, hi, len(processes), warnings)


def _effective_runs(
    processes: Sequence[NDArray[Any]], center: float, share: float, level: float
) -> float:
    """Return how many independent runs would say as much about the share below ``center``."""
    n, runs = len(processes), sum(map(len, processes))
    below = [int((samples <= center).sum()) for samples in processes]
    overall = sum(below) / runs
    # Variance of the overall share by its linearisation over clusters (Cochran 1977, 11.8).
    excess = [b - overall * len(p) for b, p in zip(below, processes, strict=True)]
    variance = n / (n - 1) * sum(e * e for e in excess) / runs**2
    design_effect = max(1.0, variance / (share * (1 - share) / runs))
    tail = 0.5 + level / 2
    return runs / design_effect * (_student(tail, runs - 1) / _student(tail, n - 1)) ** 2


def _order_statistics(
    runs: int, effective: float, share: float, level: float
) -> tuple[int | None, int | None]:
    """Return which samples, in order and counted from 1, are the bounds; ``None``: none is.

    The k-th of n independent samples is above the quantile with probability I(share; k, n-k+1),
    the incomplete beta function; ranks are scaled to the effective number of runs.
    """
    from scipy.special import betainc

    tail, unit = (1 - level) / 2, effective / runs

    def beyond(rank: int) -> bool:
        """Whether the quantile is hardly above the sample of this rank."""
        k = rank * unit
        return bool(betainc(k, effective - k + 1, share) <= tail)

    def not_before(rank: int) -> bool:
        """Whether the quantile may be below the sample of this rank."""
        k = (rank - 1) * unit
        return bool(betainc(k + 1, effective - k, share) < 1 - tail)

    ranks = range(1, runs + 1)
    above = bisect_left(ranks, True, key=beyond) + 1
    below = bisect_left(ranks, True, key=not_before)
    return below or None, above if above <= runs else None


# ----------------------------------------------------------------------------------------- ratios


def paired_ratio(
    generations: Iterable[tuple[Sequence[float], Sequence[float]]], level: float = LEVEL
) -> Ratio | None:
    """Return how many times as long one cell takes as another, visited in the same rounds.

    Each round gives one ratio of two bursts' medians, so whatever slows the machine for longer
    than a round slows both. A generation's ratio is the median of its rounds' ratios, so that a
    single disturbed burst does not move it, and so that a / b is 1 / (b / a). The interval is
    Student's t over the generations' logarithms; a single generation has none.

    Args:
        generations: for each, the bursts' medians of the two cells, round by round.
        level: of the interval.

    Returns:
        ``None`` without a single pair.
    """
    from statistics import median as middle

    centers, pairs = [], 0
    for numerators, denominators in generations:
        logs = [log(a / b) for a, b in zip(numerators, denominators, strict=True)]
        if logs:
            centers.append(exp(middle(logs)))
            pairs += len(logs)
    return Ratio(log_interval(centers, level), pairs) if centers else None


def unpaired_ratio(
    numerators: Sequence[float], denominators: Sequence[float], level: float = LEVEL
) -> Difference:
    """Return the ratio of two latencies measured apart, by Welch's t on logarithms.

    ``detectable`` is the smallest relative change that would have excluded 1 from the interval
    with a probability of 80 %, given what the processes differ by.

    Args:
        numerators: one value for each process, e.g. its median.
        denominators: the same of the other latency.
        level: of the interval.
    """
    above, below = [log(value) for value in numerators], [log(value) for value in denominators]
    center = sum(above) / len(above) - sum(below) / len(below)
    n = min(len(above), len(below))
    if n < 2:
        return Difference(Summary(exp(center), None, None, n, (ONE_PROCESS,)), None)
    if len(set(above)) == len(set(below)) == 1:  # scripted clocks; t would be 0 / 0
        return Difference(Summary(exp(center), exp(center), exp(center), n), 0.0)
    from scipy.stats import ttest_ind

    test = ttest_ind(above, below, equal_var=False)
    bounds = test.confidence_interval(level)
    tail = _student(0.5 + level / 2, test.df)
    error = float(bounds.high - bounds.low) / 2 / tail
    detectable = exp(error * (tail + _student(POWER, test.df))) - 1
    return Difference(Summary(exp(center), exp(bounds.low), exp(bounds.high), n), float(detectable))


# ------------------------------------------------------------------------------------------ drift


def drift(times: Sequence[float], values: Sequence[float], level: float = LEVEL) -> Summary | None:
    """Return by which factor values changed from the first time to the last.

    Theil and Sen's slope of the logarithms, which outliers hardly move. Its interval takes the
    values for independent, and those of neighbouring rounds are not: it is too narrow, so it tells
    a drift that is there from one that cannot be seen only roughly.

    Args:
        times: when, in any order.
        values: e.g. the reference workload's bursts' medians; at least three times.
        level: of the interval.

    Returns:
        ``None`` if there are too few values; ``n`` counts the points that the slope is taken from.
    """
    import numpy as np

    if len(times) < 3:
        return None
    order = np.argsort(times, kind="stable")
    when, logs = np.asarray(times, float)[order], np.log(np.asarray(values, float)[order])
    span = float(when[-1] - when[0])
    if span <= 0:
        return None
    blocks = min(len(when), MAX_DRIFT_POINTS)
    points = [
        [float(np.median(block)) for block in np.array_split(axis, blocks)] for axis in (when, logs)
    ]
    from scipy.stats import theilslopes

    slope = theilslopes(points[1], points[0], alpha=level)
    change, lo, hi = (
        exp(span * value) for value in (slope.slope, slope.low_slope, slope.high_slope)
    )
    return Summary(change, lo, hi, blocks)


# ----------------------------------------------------------------------------------------- digits


def decimals(summary: Summary) -> int | None:
    """Return to how many decimals a figure is worth printing, by its interval.

    The rule of the Particle Data Group (*Review of Particle Physics*, introduction, 5.3): of the
    half-width's first three digits, 100 to 354 keep two digits, 355 to 949 keep one, and 950 to
    999 become 1000 and keep two. The centre ends at the same decimal.

    Returns:
        Below zero if not even the units are supported (-1: tens); ``None`` if the interval says
        nothing: a bound is missing, or it has no width.
    """
    if summary.lo is None or summary.hi is None:
        return None
    half = (summary.hi - summary.lo) / 2
    if not half > 0 or not isfinite(half):
        return None
    exponent = floor(log10(half))
    first_three = round(half / 10.0 ** (exponent - 2))
    if first_three >= 950:
        return -exponent
    return 1 - exponent if first_three <= 354 else -exponent


@lru_cache(maxsize=1024)
def _student(probability: float, freedom: float) -> float:
    """Return a quantile of Student's t."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, probability)) if freedom > 0 else inf
