"""Ratios of generations: a mean with an interval that decides verdicts.

Student's t interval keeps its level only for independent, symmetric values. Generations of
processes are not always like that: some get a slow memory layout, some are disturbed, and the
machine may drift. So this interval is Student's t interval, and wider where the generations say so:

- **Order.** One side starts first in every second generation. What that does is estimated and taken
  out, at the price of one degree of freedom (:func:`mncost.stats.location.alternating_interval`).
- **Resemblance.** If generations resemble the one before, there are fewer independent ones than it
  seems: with lag-1 autocorrelation r, n (1 - r) / (1 + r). The standard error is larger by the root
  of that, and there are fewer degrees of freedom, by the root too. Few generations show some
  resemblance by chance, and too little where there is much: so a little is taken for chance, and
  what is beyond it counts twice. It counts from six generations on.
- **Skewness.** If most generations are alike and a few are far off on one side, the mean is
  uncertain on that side. Hall's transformation (*On the removal of skewness by transformation*,
  1992) moves a bound; it is used where it moves the bound outwards. Few generations show too little
  skewness, so it counts 1.6 times.

Levels for a sequence of looks take into account that it is wider:
:attr:`mncost.stats.looks.Levels.ratio`.

Everything works on many series at once (arrays whose last axis is the generations), so that the
tests simulate what really decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp
from typing import TYPE_CHECKING, Any, NamedTuple

from mncost.interval import Interval
from mncost.stats.location import LEAST_TAIL, LEVEL, TOO_FEW_PROCESSES

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Estimate", "bounds", "estimate", "generations_interval"]

LEAST = 3  # generations for an interval
LEAST_TO_RESEMBLE = 6  # generations for an autocorrelation
CHANCE_RESEMBLANCE, RESEMBLANCE_FACTOR, MOST_RESEMBLANCE = 0.1, 2.0, 0.9
LEAST_FREEDOM = 2.0
SKEWNESS_FACTOR = 1.6
_WIDEST = 700.0  # exp() of more overflows


class Estimate(NamedTuple):
    """A mean of logarithms, for each of many series: arrays without the generations' axis.

    Attributes:
        center: the mean, without the effect of the order.
        error: its standard error, widened for resemblance.
        freedom: degrees of freedom of that.
        skewness: of the generations, as it counts.
        n: how many generations there are.
    """

    center: NDArray[Any]
    error: NDArray[Any]
    freedom: NDArray[Any]
    skewness: NDArray[Any]
    n: int


def generations_interval(
    ratios: Sequence[float], turned: Sequence[bool], level: float = LEVEL
) -> Interval:
    """Return the geometric mean of the generations' ratios with its interval.

    Args:
        ratios: of each generation, in the order of time; at least one, three for an interval.
        turned: in which generations the other side started first.
        level: of the interval; 1 gives one without bounds.
    """
    import numpy as np

    n, mean = len(ratios), estimate(np.log(ratios), np.array(turned))
    center = exp(float(mean.center))
    missing = Interval(center, None, None, n, (TOO_FEW_PROCESSES,))
    if n < LEAST or len(set(turned)) < 2 or 1 - level < LEAST_TAIL:
        return missing
    lo, hi = (float(bound) for bound in bounds(mean, level))
    if max(-lo, hi) > _WIDEST:
        return missing
    return Interval(center, exp(lo), exp(hi), n)


def estimate(logs: NDArray[Any], turned: NDArray[Any]) -> Estimate:
    """Return the mean of the generations' logarithms, and how well it is known.

    Args:
        logs: any shape; the last axis is the generations, in the order of time.
        turned: in which of them the other side started first. If that is so in all or in none, the
            center is the plain mean, and the error says nothing.
    """
    import numpy as np

    n, signs = logs.shape[-1], np.where(turned, -1.0, 1.0)
    sign = float(signs.sum())
    determinant = n * n - sign * sign
    if not determinant or n < LEAST:
        nothing = np.full(logs.shape[:-1], np.inf)
        center = logs.mean(axis=-1) if not determinant else _regression(logs, signs)[0]
        return Estimate(center, nothing, np.ones_like(nothing), np.zeros_like(nothing), n)
    center, effect = _regression(logs, signs)
    rest = logs - center[..., None] - effect[..., None] * signs
    squares = (rest**2).sum(axis=-1)
    error = np.sqrt(squares / (n - 2) * n / determinant)
    scale = np.where(squares > 0, squares, 1.0)  # scripted clocks have no spread
    skewness = SKEWNESS_FACTOR * (rest**3).mean(axis=-1) / (scale / n) ** 1.5
    fewer = np.ones_like(error)  # generations than there are, if they resemble each other
    if n >= LEAST_TO_RESEMBLE:
        alike = (rest[..., 1:] * rest[..., :-1]).sum(axis=-1) / scale
        alike = RESEMBLANCE_FACTOR * (alike - CHANCE_RESEMBLANCE)
        alike = np.clip(alike, 0.0, MOST_RESEMBLANCE)
        fewer = (1 - alike) / (1 + alike)
    freedom = np.maximum(n * np.sqrt(fewer) - 2, min(n - 2, LEAST_FREEDOM))
    return Estimate(center, error / np.sqrt(fewer), freedom, skewness, n)


def bounds(mean: Estimate, level: float) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the bounds of the interval, on the scale of logarithms.

    Args:
        mean: of at least three generations.
        level: of the interval, below 1.
    """
    import numpy as np
    from scipy.special import stdtrit

    tail = stdtrit(mean.freedom, 0.5 + level / 2)
    slope = mean.skewness / mean.n**0.5
    slope = np.where(np.abs(slope) < 1e-9, 1e-9, slope)
    low, high = (
        3 / slope * (np.cbrt(1 + slope * (quantile - slope / 6)) - 1) for quantile in (-tail, tail)
    )
    above, below = np.maximum(tail, -low), np.maximum(tail, high)
    return mean.center - below * mean.error, mean.center + above * mean.error


def _regression(logs: NDArray[Any], signs: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the mean and the effect of the order, by least squares."""
    n, sign = logs.shape[-1], signs.sum()
    total, along = logs.sum(axis=-1), (logs * signs).sum(axis=-1)
    determinant = n * n - sign * sign
    return (n * total - sign * along) / determinant, (n * along - sign * total) / determinant
