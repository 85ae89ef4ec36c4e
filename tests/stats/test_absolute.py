"""Verdicts on medians and on p99: error rates by simulation of the procedure that runs.

A rate is held against its limit plus what chance adds to it in 1 of 1000 simulations.
"""

from __future__ import annotations

from collections.abc import Callable
from math import log
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from mncost.stats.location import log_interval, resemblance_of
from mncost.stats.looks import Looks, unseen
from mncost.stats.percentiles import percentiles
from mncost.stats.verdict import judge
from tests.stats.deciding import (
    GENERATIONS,
    Draw,
    decide_medians,
    drifting,
    heavy_tails,
    normal,
    one_mood,
    resembling,
    skewed,
    slow_layout,
)

Values = NDArray[Any]
DECISIONS = 1000
NUMBERS = {"FAIL": 1, "PASS": -1, None: 0}


def most(rate: float, repeats: int) -> float:
    """Return the largest share that a rate may show by chance."""
    return float(stats.binom.ppf(0.999, repeats, rate)) / repeats


# ------------------------------------------------------------------------------------- medians


def decided(logs: Values) -> str | None:
    """Return the verdict on a median whose true value is at the limit, as the gate decides."""
    looks, count = Looks(), len(logs)
    for n in range(1, count + 1):
        level = looks.level(n / count, n == count)
        values = np.exp(logs[:n]).tolist()
        interval = log_interval(values, level, resemblance_of([log(one) for one in values]))
        if verdict := judge(interval, 1.0, room=unseen(interval, last=n == count)):
            return verdict
    return None


@pytest.mark.slow
@pytest.mark.simulation
@pytest.mark.parametrize(
    ("name", "draw", "rate"),
    [
        ("normal", normal(), 0.025),
        ("heavy tails", heavy_tails, 0.025),
        ("skewed to slow", skewed(1), 0.08),
        ("skewed to fast", skewed(-1), 0.08),
        ("slow layout", slow_layout(0.012), 0.035),
        ("slow layout, little noise", slow_layout(0.003), 0.06),
        ("drift", drifting, 0.025),
        ("resemblance of 0.3", resembling(0.3), 0.035),
        ("resemblance of 0.7", resembling(0.7), 0.08),
    ],
)
def test_verdicts_on_medians_are_hardly_ever_wrong(name: str, draw: Draw, rate: float) -> None:
    logs = draw(np.random.default_rng(20), DECISIONS, GENERATIONS)
    verdicts = [decided(row) for row in logs]
    assert verdicts.count("FAIL") / DECISIONS <= most(rate, DECISIONS)
    assert verdicts.count("PASS") / DECISIONS <= most(rate, DECISIONS)
    assert decide_medians(logs[:200], 0.0).tolist() == [NUMBERS[one] for one in verdicts[:200]]


@pytest.mark.slow
@pytest.mark.simulation
@pytest.mark.parametrize("tests", [10, 30])
@pytest.mark.parametrize(
    ("correlation", "shared", "rate"),
    [
        (0.0, False, 0.025),
        (0.0, True, 0.025),
        (0.33, False, 0.035),
        (0.33, True, 0.025),
        # Independent limits are a worst case: most of a process's variance is the machine's.
        (0.7, False, 0.2),
        (0.7, True, 0.05),
    ],
)
def test_any_wrong_verdict_on_a_median_of_a_file(
    tests: int, correlation: float, shared: bool, rate: float
) -> None:
    """Limits whose generations are independent of the others', or share the machine's mood."""
    files = 400
    draw = one_mood(correlation, tests) if shared else resembling(correlation)
    logs = draw(np.random.default_rng(22), files * tests, GENERATIONS)
    verdicts = decide_medians(logs, 0.0, tests=tests).reshape(files, tests)
    for wrong in (1, -1):
        assert (verdicts == wrong).any(axis=1).mean() <= most(rate, files)


# ----------------------------------------------------------------------------------------- p99

PROCESSES, RUNS, REPEATS = 20, 240, 300


def noise(rng: np.random.Generator, processes: int) -> Values:
    return np.exp(0.01 * rng.standard_normal((processes, RUNS)))


def levels(rng: np.random.Generator, processes: int) -> Values:
    """Processes differ by 2 %."""
    return noise(rng, processes) * np.exp(0.02 * rng.standard_normal((processes, 1)))


def bursts(rng: np.random.Generator, processes: int) -> Values:
    """One burst of twelve in fifty is disturbed: each of its runs takes half as long again."""
    disturbed = rng.random((processes, RUNS // 12)) < 0.02
    return noise(rng, processes) * np.where(np.repeat(disturbed, 12, axis=1), 1.5, 1.0)


def shares(rng: np.random.Generator, processes: int) -> Values:
    """The share of runs that take twice as long varies: none to 6 %, 2 % on average."""
    share = 0.06 * rng.beta(1, 2, (processes, 1))
    return noise(rng, processes) * np.where(rng.random((processes, RUNS)) < share, 2.0, 1.0)


def tails(rng: np.random.Generator, processes: int) -> Values:
    """Every run may be interrupted; for how long on average differs between processes."""
    length = rng.exponential(0.2, (processes, 1))
    interrupted = rng.random((processes, RUNS)) < 0.05
    return noise(rng, processes) + interrupted * rng.exponential(1.0, (processes, RUNS)) * length


def resembling_processes(rng: np.random.Generator, processes: int) -> Values:
    """Return normal values with a lag-1 autocorrelation of 0.7."""
    values: Values = resembling(0.7, 1.0)(rng, 1, processes).T
    return values


def episodes(rng: np.random.Generator, processes: int) -> Values:
    """As :func:`shares`, but the share of a process resembles that of the one before."""
    share = 0.06 * stats.norm.cdf(resembling_processes(rng, processes)) ** 2
    return noise(rng, processes) * np.where(rng.random((processes, RUNS)) < share, 2.0, 1.0)


def long_episodes(rng: np.random.Generator, processes: int) -> Values:
    """As :func:`tails`, but how long interruptions last resembles the process before."""
    length = 0.2 * np.exp(resembling_processes(rng, processes))
    interrupted = rng.random((processes, RUNS)) < 0.05
    return noise(rng, processes) + interrupted * rng.exponential(1.0, (processes, RUNS)) * length


def pareto(rng: np.random.Generator, processes: int) -> Values:
    return 1 + 0.01 * rng.pareto(2.0, (processes, RUNS))


DRAWS = noise, levels, bursts, shares, tails, episodes, long_episodes, pareto


@pytest.mark.slow
@pytest.mark.simulation
@pytest.mark.parametrize(
    ("draw", "above", "unbounded"),
    [
        (noise, 0.025, 0.05),
        (levels, 0.05, 1.0),  # processes differ more than runs: there is hardly ever a bound
        (bursts, 0.025, 0.1),
        (shares, 0.05, 0.05),
        (tails, 0.05, 0.05),
        # Beyond the promise, and documented: 12 and 16 %.
        (episodes, 0.13, 0.05),
        (long_episodes, 0.18, 0.05),
        (pareto, 0.025, 0.05),
    ],
)
def test_bounds_of_a_p99_from_twenty_short_processes(
    draw: Callable[[np.random.Generator, int], Values], above: float, unbounded: float
) -> None:
    """How often the truth is above the bound, and how often there is none."""
    rng = np.random.default_rng(21)
    truth = float(np.percentile(draw(rng, 4000), 99))
    missed = missing = 0
    for _ in range(REPEATS):
        interval = percentiles(list(draw(rng, PROCESSES)), [99.0])[99.0]
        missed += interval.hi is not None and interval.hi < truth
        missing += interval.hi is None
    assert missed / REPEATS <= most(above, REPEATS)
    assert missing / REPEATS <= most(unbounded, REPEATS)
