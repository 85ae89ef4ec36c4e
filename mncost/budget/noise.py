"""What this machine's noise lets decisions find, by a measurement of a network against itself."""

from __future__ import annotations

from collections.abc import Mapping
from math import exp, log
from typing import NamedTuple

from mncost.errors import MeasureError
from mncost.interval import Interval
from mncost.results.statistics import is_turned
from mncost.stats.location import LEVEL, alternating_interval

__all__ = ["POWER", "NoiseFloor", "noise_floor"]

POWER = 0.95
# How far beyond the limit 95 % of decisions find a slowdown: in standard errors of the mean of
# their log ratios, by the number of generations. By simulation of the looks and their intervals
# with normal ratios (tests/budget/test_noise.py). A number between two has the smaller one's value.
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
    import numpy as np
    from scipy.special import chdtri

    turned = [is_turned(generation) for generation in ratios]
    if min(len(ratios), generations) < 3 or len(set(turned)) < 2:
        raise MeasureError("two generations show no noise: allow more time")
    logs, freedom = np.log([*ratios.values()]), len(ratios) - 2
    order = np.array([(1.0, -1.0 if one else 1.0) for one in turned])
    squares = float(((logs - order @ np.linalg.lstsq(order, logs)[0]) ** 2).sum())
    low, high = (chdtri(freedom, tail) for tail in (0.5 - LEVEL / 2, 0.5 + LEVEL / 2))
    sd, lo, hi = (float(squares / one) ** 0.5 for one in (freedom, low, high))
    beyond = _BEYOND[max(n for n in _BEYOND if n <= generations)] / generations**0.5
    slowdown, least, most = (
        (1 + limit) * exp(beyond * one) - 1 if beyond * one < _MOST else None
        for one in (sd, lo, hi)
    )
    return NoiseFloor(
        alternating_interval(list(ratios.values()), turned),
        Interval(sd, lo, hi, len(ratios)),
        None if slowdown is None else Interval(slowdown, least, most, len(ratios)),
    )
