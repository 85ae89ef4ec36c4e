"""Ratios of two latencies: measured in the same rounds, or apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import exp, log
from typing import NamedTuple

from mncost.interval import Interval
from mncost.stats.location import (
    LEVEL,
    ONE_PROCESS,
    interval_of_logs,
    log_interval,
    midmean,
    student,
)

__all__ = ["POWER", "Difference", "paired_ratio", "ratio_of_rounds", "unpaired_ratio"]

POWER = 0.80  # the usual one: a change that is "detectable" is found in 4 of 5 repetitions


class Difference(NamedTuple):
    """A ratio of latencies that were measured apart.

    Attributes:
        ratio: with its interval.
        detectable: the smallest relative change that would have excluded 1 from the interval with
            a probability of :data:`POWER`, given how much the processes differ; ``None`` without
            an interval.
    """

    ratio: Interval
    detectable: float | None


def ratio_of_rounds(numerators: Sequence[float], denominators: Sequence[float]) -> float | None:
    """Return the ratio of two cells in one generation, from the rounds that visited both.

    Each round gives one ratio of two bursts' medians, so a disturbance longer than a round slows
    both. The result is the mean of the middle half of the rounds' logarithms (:func:`midmean`):
    disturbed bursts do not move it, and a / b is 1 / (b / a).

    Args:
        numerators: the bursts' medians of one cell, round by round.
        denominators: those of the other cell in the same rounds.

    Returns:
        ``None`` without a round.
    """
    logs = [log(a / b) for a, b in zip(numerators, denominators, strict=True)]
    return exp(midmean(logs)) if logs else None


def paired_ratio(
    generations: Iterable[tuple[Sequence[float], Sequence[float]]], level: float = LEVEL
) -> Interval | None:
    """Return how many times as long one cell takes as another, visited in the same rounds.

    The interval is Student's t on the logarithms of the generations' ratios
    (:func:`ratio_of_rounds`). A single generation has none.

    Args:
        generations: for each, the bursts' medians of the two cells, round by round.
        level: of the interval.

    Returns:
        ``None`` without a single round.
    """
    ratios = [ratio for one, other in generations if (ratio := ratio_of_rounds(one, other))]
    return log_interval(ratios, level) if ratios else None


def unpaired_ratio(
    numerators: Sequence[float], denominators: Sequence[float], level: float = LEVEL
) -> Difference:
    """Return the ratio of two latencies measured apart, by Welch's t on logarithms.

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
    squares = [_squared_error(above), _squared_error(below)]
    error = sum(squares) ** 0.5
    if not error:  # scripted clocks
        return Difference(Interval(exp(center), exp(center), exp(center), n), 0.0)
    sizes = (len(above), len(below))
    # Welch and Satterthwaite's degrees of freedom.
    freedom = error**4 / sum(s**2 / (size - 1) for s, size in zip(squares, sizes, strict=True))
    ratio = interval_of_logs(center, error, freedom, n, level)
    if ratio.lo is None:
        return Difference(ratio, None)
    away = error * (student(0.5 + level / 2, freedom) + student(POWER, freedom))
    return Difference(ratio, exp(away) - 1)


def _squared_error(logs: Sequence[float]) -> float:
    """Return the square of the standard error of the mean."""
    n, center = len(logs), sum(logs) / len(logs)
    return sum((value - center) ** 2 for value in logs) / (n - 1) / n
