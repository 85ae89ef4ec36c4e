"""How much a value changed in the course of time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import exp, log
from statistics import NormalDist, median

from mncost.interval import Interval
from mncost.stats.location import LEVEL

__all__ = ["drift"]

MAX_POINTS = 200  # Theil and Sen look at every pair of points
_WIDEST = 700.0  # exp() of more overflows


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
    span = float(when[-1] - when[0])
    slopes = _slopes(points[0], points[1], level)
    change, lo, hi = (exp(max(-_WIDEST, min(span * slope, _WIDEST))) for slope in slopes)
    return Interval(change, lo, hi, blocks)


def _slopes(x: Sequence[float], y: Sequence[float], level: float) -> tuple[float, float, float]:
    """Return Theil and Sen's slope with its interval (Sen, *Estimates of the regression
    coefficient based on Kendall's tau*, 1968).

    scipy.stats has it too, and takes longer to import than all of mncost.

    Args:
        x: at least two, all different, in ascending order.
        y: a value for each.
        level: of the interval.
    """  # noqa: D205  the source does not fit into one line
    import numpy as np

    before, after = np.triu_indices(len(x), 1)
    rises, runs = (np.array(axis)[after] - np.array(axis)[before] for axis in (y, x))
    slopes = np.sort(rises / runs)
    ties = (len(x), *(-count for count in Counter(y).values()))
    # The variance of Kendall's S; values that are equal decide nothing.
    variance = sum(abs(n) * (abs(n) - 1) * (2 * abs(n) + 5) * (1 if n > 0 else -1) for n in ties)
    half = NormalDist().inv_cdf(0.5 + level / 2) * (variance / 18) ** 0.5
    lo = max(round((len(slopes) - half) / 2) - 1, 0)
    hi = min(round((len(slopes) + half) / 2), len(slopes) - 1)
    return float(np.median(slopes)), float(slopes[lo]), float(slopes[hi])
