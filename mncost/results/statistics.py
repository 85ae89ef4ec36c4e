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

from collections.abc import Iterable, Sequence
from functools import lru_cache
from math import ceil, exp, inf, log
from statistics import median as middle
from typing import TYPE_CHECKING, Any, NamedTuple

from mncost.interval import Interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "LEVEL",
    "Difference",
    "Interval",
    "Ratio",
    "alternating_interval",
    "drift",
    "log_interval",
    "mean",
    "median",
    "midmean",
    "paired_ratio",
    "spread",
    "student",
    "unpaired_ratio",
]

LEVEL = 0.95
POWER = 0.80  # the usual one: a change that is "detectable" is found in 4 of 5 repetitions
MAX_DRIFT_POINTS = 200  # Theil and Sen look at every pair of points

ONE_PROCESS = "one process"
TOO_FEW_PROCESSES = "too few processes"
TOO_FEW_RUNS = "too few runs"


class Ratio(NamedTuple):
    """A ratio of latencies from paired rounds."""

    ratio: Interval
    pairs: int  # of bursts


class Difference(NamedTuple):
    """A ratio of latencies that were measured apart."""

    ratio: Interval
    detectable: float | None  # the smallest relative change that would probably have been found


# ---------------------------------------------------------------------------------------- latency


def median(processes: Sequence[NDArray[Any]], level: float = LEVEL) -> Interval:
    """Return the median latency: the geometric mean of the processes' medians.

    The interval is Student's t over the logarithms of the processes' medians; a single process has
    none.

    Args:
        processes: the samples of each process, each at least one.
        level: of the interval.
    """
    import numpy as np

    return log_interval([float(np.median(samples)) for samples in processes], level)


def mean(processes: Sequence[NDArray[Any]], level: float = LEVEL) -> Interval:
    """Return the mean latency: the geometric mean of the processes' means. As :func:`median`."""
    return log_interval([float(samples.mean()) for samples in processes], level)


def log_interval(values: Sequence[float], level: float = LEVEL) -> Interval:
    """Return the geometric mean of values with Student's t interval on their logarithms."""
    logs = [log(value) for value in values]
    n, center = len(logs), sum(logs) / len(logs)
    if n < 2:
        return Interval(exp(center), None, None, n, (ONE_PROCESS,))
    variance = sum((value - center) ** 2 for value in logs) / (n - 1)
    half = student(0.5 + level / 2, n - 1) * (variance / n) ** 0.5
    return Interval(exp(center), exp(center - half), exp(center + half), n)


def alternating_interval(
    values: Sequence[float], turned: Sequence[bool], level: float = LEVEL
) -> Interval:
    """Return :func:`log_interval` of values of which some were measured the other way round.

    What the order does to a value is in all of them, with one sign or the other. It is estimated
    and taken out (least squares: a mean and an effect of the order, one degree of freedom less), so
    that it neither moves the mean nor widens the interval.

    Args:
        values: at least one; three for an interval.
        turned: which of them were measured the other way round.
        level: of the interval.
    """
    logs, signs = [log(value) for value in values], [-1 if other else 1 for other in turned]
    n, sign = len(logs), sum(signs)
    total, along = sum(logs), sum(s * value for s, value in zip(signs, logs, strict=True))
    determinant = n * n - sign * sign
    if not determinant:  # all of them one way round
        return Interval(exp(total / n), None, None, n, (TOO_FEW_PROCESSES,))
    center = (n * total - sign * along) / determinant
    if n < 3:
        return Interval(exp(center), None, None, n, (TOO_FEW_PROCESSES,))
    effect = (n * along - sign * total) / determinant
    rest = [value - center - s * effect for s, value in zip(signs, logs, strict=True)]
    variance = sum(value**2 for value in rest) / (n - 2)
    half = student(0.5 + level / 2, n - 2) * (variance * n / determinant) ** 0.5
    return Interval(exp(center), exp(center - half), exp(center + half), n)


def midmean(values: Sequence[float]) -> float:
    """Return the mean of the middle half of values: without a quarter of them at either end.

    Of up to six values that is the median. With more of them it varies less (Crow & Siddiqui,
    *Robust estimation of location*, 1967): between generations of an A/B here by a tenth.
    """
    cut = min(ceil(len(values) / 4), (len(values) - 1) // 2)
    kept = sorted(values)[cut : len(values) - cut]
    return sum(kept) / len(kept)


def spread(processes: Sequence[NDArray[Any]]) -> float:
    """Return the interquartile range / the median, of all samples together."""
    import numpy as np

    low, middle, high = np.percentile(np.concatenate(processes), (25, 50, 75))
    return float((high - low) / middle)


# ----------------------------------------------------------------------------------------- ratios


def paired_ratio(
    generations: Iterable[tuple[Sequence[float], Sequence[float]]], level: float = LEVEL
) -> Ratio | None:
    """Return how many times as long one cell takes as another, visited in the same rounds.

    Each round gives one ratio of two bursts' medians, so whatever slows the machine for longer
    than a round slows both. A generation's ratio is the mean of the middle half of its rounds'
    logarithms (:func:`midmean`), so that disturbed bursts do not move it, and so that a / b is
    1 / (b / a). The interval is Student's t over the generations' logarithms; a single generation
    has none.

    Args:
        generations: for each, the bursts' medians of the two cells, round by round.
        level: of the interval.

    Returns:
        ``None`` without a single pair.
    """
    centers, pairs = [], 0
    for numerators, denominators in generations:
        logs = [log(a / b) for a, b in zip(numerators, denominators, strict=True)]
        if logs:
            centers.append(exp(midmean(logs)))
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
        return Difference(Interval(exp(center), None, None, n, (ONE_PROCESS,)), None)
    if len(set(above)) == len(set(below)) == 1:  # scripted clocks; t would be 0 / 0
        return Difference(Interval(exp(center), exp(center), exp(center), n), 0.0)
    from scipy.stats import ttest_ind

    test = ttest_ind(above, below, equal_var=False)
    bounds = test.confidence_interval(level)
    tail = student(0.5 + level / 2, test.df)
    error = float(bounds.high - bounds.low) / 2 / tail
    detectable = exp(error * (tail + student(POWER, test.df))) - 1
    found = Interval(exp(center), exp(bounds.low), exp(bounds.high), n)
    return Difference(found, float(detectable))


# ------------------------------------------------------------------------------------------ drift


def drift(times: Sequence[float], values: Sequence[float], level: float = LEVEL) -> Interval | None:
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
    moments: dict[float, list[float]] = {}
    for time, value in zip(times, values, strict=True):
        moments.setdefault(time, []).append(value)
    if len(moments) < 3:
        return None
    import numpy as np

    when = np.array(sorted(moments))
    logs = np.array([log(middle(moments[time])) for time in when])
    blocks = min(len(when), MAX_DRIFT_POINTS)
    points = [
        [float(np.median(block)) for block in np.array_split(axis, blocks)] for axis in (when, logs)
    ]
    from scipy.stats import theilslopes

    slope = theilslopes(points[1], points[0], alpha=level)
    span = float(when[-1] - when[0])
    change, lo, hi = (
        exp(span * value) for value in (slope.slope, slope.low_slope, slope.high_slope)
    )
    return Interval(change, lo, hi, blocks)


@lru_cache(maxsize=1024)
def student(probability: float, freedom: float) -> float:
    """Return a quantile of Student's t."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, probability)) if freedom > 0 else inf
