"""What this machine's noise lets decisions find, by a measurement of a network against itself."""

from __future__ import annotations

from collections.abc import Mapping
from math import exp, log, log1p
from typing import NamedTuple

from mncost.errors import MeasureError
from mncost.interval import Interval
from mncost.results.statistics import is_turned
from mncost.stats.location import LEVEL, alternating_interval, student

__all__ = ["POWER", "NoiseFloor", "noise_floor"]

POWER = 0.95
# How far beyond the limit 95 % of decisions find a slowdown: in standard deviations of a
# generation's log ratio × √generations, by the generations of a decision. By simulation of the
# looks and their intervals with normal ratios (tests/budget/test_noise.py). A number of generations
# between two of these has the value of the smaller one.
_BEYOND = {
    **{3: 28.9, 4: 8.53, 5: 11.02, 6: 10.75, 7: 10.99, 8: 10.53, 10: 8.49, 12: 6.71, 16: 5.07},
    **{20: 4.58, 30: 4.15},
}
_MOST = log(10.0)  # no one asks for a tenfold slowdown


class NoiseFloor(NamedTuple):
    """A machine's noise, as far as a few generations show it; another hour may be noisier.

    Attributes:
        ratio: of the two sides, which run the same network; an interval without 1: they differ.
        sd: standard deviation of a generation's log ratio: 0.012 is 1.2 %. Its bounds are those of
            normal ratios (chi-squared).
        detectable: the slowdown, as a share, that 95 % of decisions find; ``None``: more than
            tenfold.
    """

    ratio: Interval
    sd: Interval
    detectable: Interval | None


def noise_floor(ratios: Mapping[int, float], generations: int, limit: float) -> NoiseFloor:
    """Return which slowdowns decisions on this machine find.

    Args:
        ratios: of the two sides' latencies, by generation; at least three.
        generations: of one decision, at least three.
        limit: the regression that is allowed, as a share: 0.03.

    Raises:
        MeasureError: there are fewer than three ratios or generations, or all of the same order.
    """
    turned = [is_turned(generation) for generation in ratios]
    if min(len(ratios), generations) < 3 or len(set(turned)) < 2:
        raise MeasureError("two generations show no noise: allow more time")
    ratio = alternating_interval(list(ratios.values()), turned)
    sd = _deviation(ratio, sum(-1 if one else 1 for one in turned))
    beyond = _BEYOND[max(n for n in _BEYOND if n <= generations)] / generations**0.5
    center, lo, hi = (None if one is None else log1p(limit) + beyond * one for one in sd[:3])
    assert center is not None
    if center > _MOST:
        return NoiseFloor(ratio, sd, None)
    low, high = (None if one is None or one > _MOST else exp(one) - 1 for one in (lo, hi))
    return NoiseFloor(ratio, sd, Interval(exp(center) - 1, low, high, sd.n))


def _deviation(ratio: Interval, sign: int) -> Interval:
    """Return the standard deviation of the log ratios that an interval was made of."""
    from scipy.special import chdtri

    n, freedom = ratio.n, ratio.n - 2
    assert ratio.lo is not None
    assert ratio.hi is not None
    error = log(ratio.hi / ratio.lo) / 2 / student(0.5 + LEVEL / 2, freedom)
    sd = error * ((n * n - sign * sign) / n) ** 0.5
    low, high = (float(chdtri(freedom, tail)) for tail in (0.5 - LEVEL / 2, 0.5 + LEVEL / 2))
    return Interval(sd, sd * (freedom / low) ** 0.5, sd * (freedom / high) ** 0.5, n)
