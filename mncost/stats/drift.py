"""How much a value changed in the course of time."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, log
from statistics import median

from mncost.interval import Interval
from mncost.stats.location import LEVEL

__all__ = ["drift"]

MAX_POINTS = 200  # Theil and Sen look at every pair of points


def drift(times: Sequence[float], values: Sequence[float], level: float = LEVEL) -> Interval | None:
    """Return by which factor values changed from the first time to the last.

    The slope of the logarithms is Theil and Sen's, which outliers hardly move. Its interval assumes
    independent values. Those of neighbouring rounds are not independent, so the interval is too
    narrow: it separates a drift from none only roughly.

    Args:
        times: when, in any order.
        values: e.g. the medians of the reference workload's bursts; at least three times.
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
    logs = np.array([log(median(moments[time])) for time in when])
    blocks = min(len(when), MAX_POINTS)
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
