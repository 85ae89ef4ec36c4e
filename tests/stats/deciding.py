"""Decisions about ratios and medians, many at once, by the functions that really decide."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from math import log
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from mncost.interval import Interval
from mncost.stats.generations import Estimate, bounds, estimate
from mncost.stats.location import resemblance_of
from mncost.stats.looks import ALPHA, Looks, unseen

GENERATIONS = 20
SD = 0.012  # of a generation's log ratio, unless told otherwise

Values = NDArray[Any]
Draw = Callable[[np.random.Generator, int, int], Values]
"""Returns log ratios around 0: as many decisions (rows) of as many generations (columns)."""


def turned(generations: int) -> Values:
    """Return in which generations the other side starts first."""
    result: Values = np.arange(generations) % 2 == 1
    return result


def decide(
    logs: Values, limit: float, *, tests: int = 1, fractions: Values | None = None
) -> tuple[Values, Values]:
    """Return each decision's first verdict (1 is FAIL, -1 PASS, 0 none), and the look of it.

    Args:
        logs: the generations' log ratios, one decision a row.
        limit: on the scale of logarithms.
        tests: how many limits a file has: as many rows, one after the other, share the error.
        fractions: the share of the time at each look; by default equal steps.
    """
    count = logs.shape[1]
    times = np.arange(1, count + 1) / count if fractions is None else fractions
    looks = Looks(ALPHA, tests)
    verdicts, when = np.zeros(len(logs), int), np.full(len(logs), count)
    for n in range(1, count + 1):
        look = looks.look(float(times[n - 1]), n == count)
        if n < 3 or not look.fail:
            continue
        mean, room = (
            estimate(logs[:, :n], turned(n)),
            log(unseen(Interval(1.0, 1.0, 1.0, n), last=False)),
        )
        while True:
            failed, passed = (
                np.repeat((verdicts.reshape(-1, tests) == verdict).sum(axis=1), tests)
                for verdict in (1, -1)
            )
            lo, hi = np.empty(len(logs)), np.empty(len(logs))
            for pair in set(zip(failed.tolist(), passed.tolist(), strict=True)):
                rows = (failed == pair[0]) & (passed == pair[1])
                center, error, freedom, skewness = (each[rows] for each in mean[:4])
                some = Estimate(center, error, freedom, skewness, n)
                to_fail, to_pass = look.levels(*pair).ratio
                lo[rows], hi[rows] = bounds(some, to_fail)[0], bounds(some, to_pass)[1]
            raised = hi + (np.maximum(0.0, room - (hi - mean[0]) / 2) if n == count else room)
            now = np.where(lo > limit, 1, np.where(raised <= limit, -1, 0))
            new = (verdicts == 0) & (now != 0)
            verdicts[new], when[new] = now[new], n
            if tests == 1 or not new.any():
                break
    return verdicts, when


def decide_medians(logs: Values, limit: float, *, tests: int = 1) -> Values:
    """Return each decision's first verdict on a median, as :func:`decide` does on a ratio.

    Limits of one file share the error, and the autocorrelation of what they have in common. A limit
    that is decided is not measured any more.

    Args:
        logs: the log medians of the generations' processes, one decision a row.
        limit: on the scale of logarithms.
        tests: how many limits a file has: as many rows, one after the other.
    """
    count = logs.shape[1]
    cube, looks = logs.reshape(-1, tests, count), Looks(ALPHA, tests)
    verdicts, measured = np.zeros(cube.shape[:2], int), np.full(cube.shape, True)
    for n in range(1, count + 1):
        look = looks.look(n / count, n == count)
        if n < 2:
            continue
        measured[:, :, n - 1] = verdicts == 0
        rest = np.where(measured, cube, np.nan)[:, :, :n]
        rest -= np.nanmean(rest, axis=2, keepdims=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # generations after all are decided
            common = np.nanmean(rest, axis=1)
        alike = np.array([resemblance_of(row[np.isfinite(row)].tolist()) for row in common])
        center = cube[:, :, :n].mean(axis=2)
        independent = (n * (1 - alike) / (1 + alike))[:, None]
        error = (cube[:, :, :n].var(axis=2, ddof=1) / independent) ** 0.5
        while True:
            failed, passed = ((verdicts == one).sum(axis=1, keepdims=True) for one in (1, -1))
            every = [look.levels(decided, decided).any for decided in range(tests + 1)]
            to_fail, to_pass = (np.array(levels) for levels in zip(*every, strict=True))
            below, above = (
                stdtrit(n - 1, 0.5 + levels[decided] / 2) * error
                for levels, decided in ((to_fail, failed), (to_pass, passed))
            )
            room = log(unseen(Interval(1.0, 1.0, 1.0, n), last=False))
            room = np.maximum(0.0, room - above / 2) if n == count else room
            highest = center + above + room
            now = np.where(center - below > limit, 1, np.where(highest <= limit, -1, 0))
            new = (verdicts == 0) & (now != 0)
            verdicts[new] = now[new]
            if tests == 1 or not new.any():
                break
    result: Values = verdicts.reshape(-1)
    return result


# ------------------------------------------------------------------------------- what is simulated


def normal(sd: float = SD) -> Draw:
    return lambda rng, rows, n: sd * rng.standard_normal((rows, n))


def heavy_tails(rng: np.random.Generator, rows: int, n: int) -> Values:
    """Return Student's t with 3 degrees of freedom."""
    return SD / 3**0.5 * rng.standard_t(3, (rows, n))


def skewed(sign: int) -> Draw:
    """Return an exponential distribution: a long tail to the slow (1) or to the fast side."""
    return lambda rng, rows, n: sign * SD * (rng.exponential(size=(rows, n)) - 1)


def slow_layout(sd: float) -> Draw:
    """One process in five is 4 % slower, on one side only; the mean of the ratio is 1."""
    return lambda rng, rows, n: (
        normal(sd)(rng, rows, n) + 0.04 * ((rng.random((rows, n)) < 0.2) - 0.2)
    )


def order(effect: Callable[[np.random.Generator, int, int], Values]) -> Draw:
    """The side that starts first is slower; that alternates."""
    return lambda rng, rows, n: (
        normal()(rng, rows, n) + effect(rng, rows, n) * np.where(turned(n), -1, 1)
    )


def resembling(correlation: float, sd: float = SD) -> Draw:
    """Return a stationary autoregression."""

    def draw(rng: np.random.Generator, rows: int, n: int) -> Values:
        values = rng.standard_normal((rows, n))
        for k in range(1, n):
            values[:, k] *= (1 - correlation**2) ** 0.5
            values[:, k] += correlation * values[:, k - 1]
        return sd * values

    return draw


def drifting(rng: np.random.Generator, rows: int, n: int) -> Values:
    """The ratio grows by 2 % from begin to end; its mean over the time is 1."""
    return normal(0.02)(rng, rows, n) + 0.02 * (np.linspace(0, 1, n) - 0.5)


def one_mood(correlation: float, tests: int, share: float = 0.8, sd: float = SD) -> Draw:
    """Limits of one file share a mood of the machine, which resembles the one before.

    Measured: 68 to 97 % of a process's variance is common to all that the generation measures.
    """

    def draw(rng: np.random.Generator, rows: int, n: int) -> Values:
        mood = np.repeat(resembling(correlation, sd)(rng, rows // tests, n), tests, axis=0)
        own: Values = normal(sd)(rng, rows, n)
        values: Values = share**0.5 * mood + (1 - share) ** 0.5 * own
        return values

    return draw
