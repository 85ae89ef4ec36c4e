"""What this machine's noise makes of decisions: false alarms, and the slowdowns that are found.

Two arms that run the same network (A/A) give a ratio for each generation that should be 1.
Decisions are made up of such generations, drawn at random, and judged by the rules of
:mod:`mncost.stats.looks` and :mod:`mncost.budget.judge`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import exp, log, log1p
from typing import TYPE_CHECKING, Any, NamedTuple

from mncost.budget.judge import is_turned
from mncost.errors import MeasureError
from mncost.interval import Interval
from mncost.stats.location import LEVEL, alternating_interval
from mncost.stats.looks import ALPHA, Looks

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

__all__ = ["POWER", "NoiseFloor", "noise_floor"]

POWER = 0.95
DECISIONS = 2000
MACHINES = 200  # resampled ones, for how far so few generations can be trusted
MACHINE_DECISIONS = 500
_MOST = log(10.0)  # no one asks for a tenfold slowdown, and exp() has a limit
_TAILS = (0.5 - LEVEL / 2, 0.5 + LEVEL / 2)


class NoiseFloor(NamedTuple):
    """A machine's noise, as far as a few real generations show it.

    Bounds are meant to be 95 %. Those of ``sd`` and ``detectable`` are rough: they cover in 84 to
    93 % of simulations with 5 to 20 normal generations, in 63 to 83 % if these have heavy tails
    (Student's t with 3 degrees of freedom). Nothing says what this machine does in another hour.
    """

    ratio: Interval  # of the two arms; if its interval excludes 1, they differ by themselves
    sd: Interval  # of a generation's log ratio: 0.012 is 1.2 %
    false_alarms: Interval  # share of decisions that call the unchanged network too slow
    detectable: Interval | None  # slowdown, as a share, that 95 % of decisions find; None: above 10

    @property
    def generations(self) -> int:
        """How many real ones all of it rests on."""
        return self.ratio.n

    @property
    def unseen(self) -> float:
        """The share of generations that may well be disturbed though not one of these was.

        The upper 95 % bound of a share of which there are 0 in ``generations``.
        """
        return float(1 - 0.05 ** (1 / self.generations))


def noise_floor(
    ratios: Mapping[int, float],
    generations: int,
    limit: float,
    *,
    alpha: float = ALPHA,
    tests: int = 1,
    seed: int = 0,
) -> NoiseFloor:
    """Return how often decisions are wrong on this machine, and which slowdowns they find.

    The simulated generations are a smoothed bootstrap of the real ones (Silverman & Young, *The
    bootstrap: to smooth or not to smooth?*, 1987) with their variance, because real generations
    are never exactly alike, and equal ones would make intervals without width. False alarms are
    simulated with the arms' own difference left in, slowdowns without it. The bounds come from
    resampled machines; those of false alarms are Clopper and Pearson's of the simulation where
    these are wider.

    Args:
        ratios: of the two arms' latencies, by generation; at least three.
        generations: of one decision, at least three; it is looked at after each.
        limit: the regression that is allowed, as a share: 0.03.
        alpha: see :class:`mncost.stats.looks.Looks`.
        tests: the limits that share ``alpha``.
        seed: of everything random.

    Raises:
        MeasureError: there are fewer than three ratios or generations, or all of the same order.
    """
    if min(len(ratios), generations) < 3:
        raise MeasureError("two generations show no noise: allow more time")
    import numpy as np

    rng = np.random.default_rng(seed)
    turned = [is_turned(generation) for generation in ratios]
    if len(set(turned)) < 2:
        raise MeasureError("all generations began with the same side: allow more time")
    logs = _in_one_order(np.array([log(ratio) for ratio in ratios.values()]), turned)
    tails = _student_factors(Looks(alpha, tests), generations)
    n, own = len(logs), logs.mean()
    # Resampling takes the sample's variance, which is smaller than the estimate by (n - 1) / n.
    machines = own + (rng.choice(logs, (MACHINES, n)) - own) * (n / (n - 1)) ** 0.5
    width = _bandwidth(logs)
    found = _Decisions(rng, logs[None], width, tails, log1p(limit), DECISIONS)
    again = _Decisions(rng, machines, width, tails, log1p(limit), MACHINE_DECISIONS)
    excess = _scale(found.excess(), again.excess(), n)
    return NoiseFloor(
        alternating_interval(list(ratios.values()), turned),
        _scale(found.sd, again.sd, n),
        _share(found.alarms(), again.alarms(), n),
        _slowdown(excess, limit),
    )


class _Decisions:
    """Simulated decisions on several machines; all arrays have an axis of machines first.

    A decision about a network that is slower by *d* (on the log scale) fails if its interval is
    beyond the limit at some look and was within it at none before. That is so from some *d* on, so
    it is enough to know that one for every decision.
    """

    def __init__(
        self,
        rng: Generator,
        logs: NDArray[Any],
        width: float,
        tails: NDArray[Any],
        limit: float,
        decisions: int,
    ) -> None:
        import numpy as np

        self.limit = limit
        self.own = logs.mean(axis=1)  # the arms' own difference
        self.sd = logs.std(axis=1, ddof=1)
        count = len(logs), decisions, len(tails)
        chosen = rng.integers(logs.shape[1], size=count)
        drawn = logs[np.arange(len(logs))[:, None, None], chosen] - self.own[:, None, None]
        drawn += width * rng.standard_normal(count)
        # The variance of what is drawn from, by which it is brought back to that of the sample.
        actual = logs.var(axis=1) + width**2
        shrink = np.divide(self.sd, np.sqrt(actual), out=np.ones_like(actual), where=actual > 0)
        self.fails_from = _fails_from(drawn * shrink[:, None, None], tails, limit)

    def alarms(self) -> NDArray[Any]:
        """Return the share of decisions that fail though the network is not slower."""
        return (self.fails_from < self.own[:, None]).mean(axis=1)  # type: ignore[no-any-return]

    def excess(self) -> NDArray[Any]:
        """Return how far beyond the limit a slowdown is that 95 % of the decisions find."""
        import numpy as np

        found: NDArray[Any] = np.quantile(self.fails_from, POWER, axis=1, method="higher")
        return found - self.limit


def _fails_from(drawn: NDArray[Any], tails: NDArray[Any], limit: float) -> NDArray[Any]:
    """Return for each decision (the last axis: its generations) the slowdown that it finds.

    All on the log scale. At a look with mean *m* and half-width *h*, a slowdown *d* fails if
    m + d - h > limit and passes if m + d + h <= limit.
    """
    import numpy as np

    # As in alternating_interval: every second generation is turned; two have no interval.
    n, signs = np.arange(3, len(tails) + 1), np.where(np.arange(len(tails)) % 2, -1, 1)
    total, along, squares = (
        np.cumsum(values, axis=-1)[..., 2:] for values in (drawn, signs * drawn, drawn**2)
    )
    sign = n % 2
    determinant = n * n - sign
    mean = (n * total - sign * along) / determinant
    effect = (n * along - sign * total) / determinant
    variance = np.maximum(0.0, squares - mean * total - effect * along) / (n - 2)
    half = np.full_like(mean, np.inf)
    error = np.sqrt(variance * n / determinant)
    np.multiply(tails[2:], error, out=half, where=np.isfinite(tails[2:]))
    fails, passes = limit - mean + half, limit - mean - half
    latest = np.maximum.accumulate(passes, axis=-1)
    fails[..., 1:] = np.maximum(fails[..., 1:], latest[..., :-1])  # it must not have passed before
    return fails.min(axis=-1)  # type: ignore[no-any-return]


def _student_factors(looks: Looks, generations: int) -> NDArray[Any]:
    """Return for each look the half-width of its interval / the standard error."""
    import numpy as np
    from scipy.special import stdtrit

    levels = [looks.level(n / generations, n == generations) for n in range(1, generations + 1)]
    return np.array(
        [
            float(stdtrit(freedom, 0.5 + level / 2)) if freedom > 0 and level < 1 else np.inf
            for freedom, level in enumerate(levels, -1)
        ]
    )


def _in_one_order(logs: NDArray[Any], turned: Sequence[bool]) -> NDArray[Any]:
    """Return logarithms without what the order did to them, and with the spread that is left.

    Two things were taken from them; they are spread out as if it had been one, their mean.
    """
    import numpy as np

    signs = np.where(turned, -1, 1)
    n, sign = len(logs), signs.sum()
    effect = (n * (signs * logs).sum() - sign * logs.sum()) / (n * n - sign * sign)
    without = logs - effect * signs
    rest = without - without.mean()
    return np.asarray(without.mean() + rest * ((n - 1) / (n - 2)) ** 0.5)


def _bandwidth(logs: NDArray[Any]) -> float:
    """Return how far a bootstrap is smoothed: Silverman, *Density Estimation*, 1986, eq. 3.31."""
    import numpy as np

    low, high = np.quantile(logs, (0.25, 0.75))
    return float(0.9 * min(logs.std(ddof=1), (high - low) / 1.34) * len(logs) ** -0.2)


def _scale(found: NDArray[Any], again: NDArray[Any], n: int) -> Interval:
    """Return a measure of scale; its bounds are those of the factor that it is wrong by.

    The basic bootstrap on logarithms (Davison & Hinkley, *Bootstrap Methods*, 1997, 5.2): small
    samples are most of the time too small in spread, so the upper bound has to be the farther one.
    """
    import numpy as np

    center = float(found[0])
    if not center > 0:  # scripted clocks
        return Interval(center, center, center, n)
    low, high = np.quantile(again, _TAILS)
    return Interval(center, center**2 / float(high), center**2 / float(low) if low else None, n)


def _slowdown(excess: Interval, limit: float) -> Interval | None:
    """Return the share by which a network is slower that is so far beyond the limit (logarithm)."""
    if excess.center > _MOST:
        return None
    center, lo, hi = (
        None if beyond is None or beyond > _MOST else (1 + limit) * exp(beyond) - 1
        for beyond in excess[:3]
    )
    assert center is not None
    return Interval(center, lo, hi, excess.n)


def _share(found: NDArray[Any], again: NDArray[Any], n: int) -> Interval:
    """Return a simulated share, with the wider of two bounds.

    Those of the simulation (Clopper & Pearson), and the quantiles over resampled machines.
    """
    import numpy as np
    from scipy.stats import binomtest

    share = float(found[0])
    low, high = np.quantile(again, _TAILS)
    exact = binomtest(round(share * DECISIONS), DECISIONS).proportion_ci(LEVEL)
    return Interval(share, min(float(low), exact.low), max(float(high), exact.high), n)
