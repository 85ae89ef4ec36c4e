"""Many decisions of the gate at once: the procedure that runs, on arrays.

``test_decisions`` holds it against the real one (:class:`Looks`, ``alternating_interval`` and
``judge``) on random data.
"""

from __future__ import annotations

from math import log
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from mncost.stats.looks import Looks

__all__ = ["decide", "generations", "least", "most"]

Array = NDArray[Any]


def decide(logs: Array, limit: float, tests: int = 1) -> tuple[Array, Array]:
    """Return the verdicts of decisions (1: FAIL, -1: PASS, 0: none) and after how many generations.

    Args:
        logs: log ratios; a row a decision, a column a generation, every second one turned.
        limit: the largest ratio that is allowed.
        tests: limits that share the error.
    """
    count = logs.shape[1]
    looks = Looks(tests=tests)
    levels = [looks.level(n / count, n == count) for n in range(1, count + 1)]
    signs = np.where(np.arange(count) % 2, -1.0, 1.0)
    total, along, squares = (np.cumsum(values, axis=1) for values in (logs, signs * logs, logs**2))
    verdicts, when = np.zeros(len(logs)), np.full(len(logs), count)
    for n in range(3, count + 1):
        center, error = _location(n, total[:, n - 1], along[:, n - 1], squares[:, n - 1])
        half = special.stdtrit(n - 2, 0.5 + levels[n - 1] / 2) * error
        found = np.where(
            center - half > log(limit), 1, np.where(center + half <= log(limit), -1, 0)
        )
        new = (verdicts == 0) & (found != 0)
        verdicts[new], when[new] = found[new], n
    return verdicts, when


def _location(n: int, total: Array, along: Array, squares: Array) -> tuple[Array, Array]:
    """Return the mean and its standard error, with the effect of the order taken out."""
    sign = n % 2
    determinant = n * n - sign
    center = (n * total - sign * along) / determinant
    effect = (n * along - sign * total) / determinant
    variance = np.maximum(0.0, squares - center * total - effect * along) / (n - 2)
    return center, np.sqrt(variance * n / determinant)


def generations(
    rng: np.random.Generator, decisions: int, count: int, sd: float, kind: str = "normal"
) -> Array:
    """Return log ratios around 0 of generations of one of the audit's kinds."""
    size = (decisions, count)
    if kind == "normal":
        return sd * rng.standard_normal(size)
    if kind == "t3":
        return sd / 3**0.5 * rng.standard_t(3, size)
    if kind in ("slow", "fast"):  # skewed
        return (sd if kind == "slow" else -sd) * (rng.exponential(size=size) - 1)
    if kind == "layout":  # a slow memory layout on the new side: 20 % of processes, + 4 %
        return sd * rng.standard_normal(size) + 0.04 * (rng.random(size) < 0.2)
    if kind.startswith("ar"):
        rho, values = float(kind[2:]), rng.standard_normal(size)
        for n in range(1, count):
            values[:, n] = rho * values[:, n - 1] + (1 - rho**2) ** 0.5 * values[:, n]
        return sd * values
    raise ValueError(kind)


def most(rate: float, repeats: int) -> float:
    """Return the largest share that a rate shows by chance in 999 of 1000 simulations."""
    return float(stats.binom.ppf(0.999, repeats, rate)) / repeats


def least(rate: float, repeats: int) -> float:
    """Return the smallest such share."""
    return float(stats.binom.ppf(0.001, repeats, rate)) / repeats
