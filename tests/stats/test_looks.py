"""Error rates and power of the looks, by simulation on data whose truth is known.

A rate is held against its limit plus what chance adds to the count of a rate that is at the limit
in 1 of 1000 simulations (binomial quantile).
"""

from __future__ import annotations

from math import exp, log
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from mncost.interval import Interval
from mncost.stats.location import log_interval
from mncost.stats.looks import ALPHA, EXPONENT, Looks
from mncost.stats.verdict import judge

LOOKS = 8
SD = 0.012
DECISIONS = 4000


def most(rate: float, repeats: int = DECISIONS) -> float:
    """Return the largest share that a rate may show by chance."""
    return float(stats.binom.ppf(0.999, repeats, rate)) / repeats


def least(rate: float, repeats: int = DECISIONS) -> float:
    """Return the smallest share that a rate may show by chance."""
    return float(stats.binom.ppf(0.001, repeats, rate)) / repeats


def levels(looks: int, tests: int = 1) -> list[float]:
    """Return the levels of looks after equal times."""
    sequence = Looks(ALPHA, tests)
    return [sequence.level(n / looks, n == looks) for n in range(1, looks + 1)]


def intervals(logs: NDArray[Any], used: list[float]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the bounds of all decisions (rows) at all looks but the first, on the log scale."""
    n = np.arange(2, logs.shape[1] + 1)
    mean = (np.cumsum(logs, axis=1) / np.arange(1, logs.shape[1] + 1))[:, 1:]
    sd = np.stack([logs[:, :k].std(axis=1, ddof=1) for k in n], axis=1)
    half = stats.t.ppf(0.5 + np.array(used[1:]) / 2, n - 1) * sd / np.sqrt(n)
    return mean - half, mean + half


def verdicts(logs: NDArray[Any], limit: float, used: list[float]) -> NDArray[Any]:
    """Return of each decision the first verdict: 1 is FAIL, -1 PASS, 0 none at any look."""
    lo, hi = intervals(logs, used)
    found = np.where(lo > log(limit), 1, np.where(hi <= log(limit), -1, 0))
    first = (found != 0).argmax(axis=1)
    return np.take_along_axis(found, first[:, None], axis=1)[:, 0]


def normal(rng: np.random.Generator, count: int, looks: int = LOOKS) -> NDArray[Any]:
    return SD * rng.standard_normal((count, looks))


def heavy(rng: np.random.Generator, count: int, looks: int = LOOKS) -> NDArray[Any]:
    """Return Student's t with 3 degrees of freedom, of the same standard deviation."""
    return SD / 3**0.5 * rng.standard_t(3, (count, looks))


def autocorrelated(
    rng: np.random.Generator, count: int, looks: int = LOOKS, correlation: float = 0.2
) -> NDArray[Any]:
    """Return a stationary autoregression."""
    values = normal(rng, count, looks)
    for n in range(1, looks):
        values[:, n] *= (1 - correlation**2) ** 0.5
        values[:, n] += correlation * values[:, n - 1]
    return values


# ------------------------------------------------------------------------------- what is spent


def test_the_levels_are_what_the_power_of_the_time_leaves() -> None:
    """By hand: with 0.05 / 10, a half of the time may spend 1 / 64 of it, the end the rest."""
    assert EXPONENT == 6
    looks = Looks(0.05, 10)
    assert looks.level(0.5) == pytest.approx(1 - 0.005 / 64)
    assert looks.level(0.9, last=True) == pytest.approx(1 - 0.005 * 63 / 64)


def test_a_look_that_is_not_later_spends_nothing() -> None:
    looks = Looks()
    assert looks.level(-0.1) == looks.level(0.0) == 1.0
    assert looks.level(0.6) < 1.0
    assert looks.level(0.6) == looks.level(0.3) == 1.0
    assert looks.level(7.0) == pytest.approx(1 - ALPHA * (1 - 0.6**6))
    assert looks.level(1.0, last=True) == looks.level(8.0) == 1.0


def test_one_look_is_an_ordinary_interval() -> None:
    assert Looks().level(0.2, last=True) == pytest.approx(0.95)
    assert Looks(0.1, 4).level(1.0) == pytest.approx(0.975)


@pytest.mark.parametrize("seed", range(20))
def test_never_more_than_alpha_is_spent_however_one_looks(seed: int) -> None:
    rng = np.random.default_rng(seed)
    tests = int(rng.integers(1, 30))
    looks = Looks(ALPHA, tests)
    spent = [1 - looks.level(float(t)) for t in rng.uniform(-0.2, 1.3, 40)]
    spent.append(1 - looks.level(0.5, last=True))
    assert min(spent) >= 0
    assert sum(spent) == pytest.approx(ALPHA / tests)


@pytest.mark.parametrize(("alpha", "tests"), [(0.0, 1), (1.0, 1), (0.05, 0)])
def test_what_cannot_be_spent_is_refused(alpha: float, tests: int) -> None:
    with pytest.raises(ValueError, match="alpha"):
        Looks(alpha, tests)


# ------------------------------------------------------------------------------- error rates


def test_the_simulation_judges_as_judge_does() -> None:
    rng, used = np.random.default_rng(1), levels(LOOKS)
    logs = normal(rng, 60) + rng.choice([0.0, 0.02, 0.05], (60, 1))
    names = {"FAIL": 1, "PASS": -1, None: 0}
    expected = []
    for decision in logs:
        found = None
        for n in range(2, LOOKS + 1):
            values = [exp(value) for value in decision[:n]]
            try:
                interval = log_interval(values, used[n - 1])
            except OverflowError:
                interval = Interval(1.0, None, None, n)
            found = found or judge(interval, 1.02)
        expected.append(names[found])
    assert set(expected) == {1, -1, 0}
    assert verdicts(logs, 1.02, used).tolist() == expected


@pytest.mark.parametrize("draw", [normal, heavy])
@pytest.mark.parametrize("tests", [1, 10])
def test_any_wrong_verdict_of_a_file_is_as_rare_as_promised(draw: Any, tests: int) -> None:
    """All limits are met exactly, which is when a wrong FAIL is likeliest: alpha / 2."""
    rng, used = np.random.default_rng(2), levels(LOOKS, tests)
    logs = draw(rng, DECISIONS * tests) + log(1.02)
    wrong = (verdicts(logs, 1.02, used) == 1).reshape(DECISIONS, tests).any(axis=1)
    assert wrong.mean() <= most(ALPHA / 2)


def test_limits_that_are_just_missed_rarely_pass() -> None:
    rng = np.random.default_rng(3)
    found = verdicts(normal(rng, DECISIONS) + log(1.02) + 1e-9, 1.02, levels(LOOKS))
    assert (found == -1).mean() <= most(ALPHA / 2)


@pytest.mark.parametrize("draw", [normal, heavy])
def test_all_intervals_of_all_looks_cover_together(draw: Any) -> None:
    lo, hi = intervals(draw(np.random.default_rng(4), DECISIONS), levels(LOOKS))
    missed = ((lo > 0) | (hi < 0)).any(axis=1)
    assert missed.mean() <= most(ALPHA)


def test_generations_that_resemble_each_other_leave_it_below_alpha() -> None:
    """Not below alpha / 2: that is what independence is for, and 0.5 breaks alpha as well."""
    rng = np.random.default_rng(5)
    little, much = (
        (verdicts(autocorrelated(rng, DECISIONS, LOOKS, by) + log(1.02), 1.02, levels(LOOKS)) == 1)
        for by in (0.2, 0.5)
    )
    assert little.mean() <= most(ALPHA)
    assert much.mean() > most(ALPHA)


@pytest.mark.parametrize("draw", [normal, heavy, autocorrelated])
def test_looking_naively_is_wrong_far_more_often(draw: Any) -> None:
    """Why anything has to be spent: 95 % intervals, one after each generation."""
    lo, hi = intervals(draw(np.random.default_rng(6), DECISIONS), [0.95] * LOOKS)
    assert ((lo > 0) | (hi < 0)).any(axis=1).mean() > most(2 * ALPHA)


def test_many_limits_without_bonferroni_are_wrong_far_more_often() -> None:
    logs = normal(np.random.default_rng(7), DECISIONS * 10) + log(1.02)
    wrong = (verdicts(logs, 1.02, levels(LOOKS)) == 1).reshape(DECISIONS, 10).any(axis=1)
    assert wrong.mean() > most(2 * ALPHA)


# ------------------------------------------------------------------------------- power


@pytest.mark.parametrize(
    ("slowdown", "looks", "power"),
    # By another simulation, of 100,000 decisions each.
    [(1.04, 6, 0.820), (1.04, 7, 0.894), (1.05, 7, 0.998), (1.04, 8, 0.940), (1.045, 8, 0.993)],
)
def test_a_slowdown_is_found_beyond_a_limit_of_2_percent(
    slowdown: float, looks: int, power: float
) -> None:
    logs = normal(np.random.default_rng(8), DECISIONS, looks) + log(slowdown)
    found = (verdicts(logs, 1.02, levels(looks)) == 1).mean()
    assert least(power) <= found <= most(power)


def test_a_gross_slowdown_is_found_halfway() -> None:
    logs = normal(np.random.default_rng(9), DECISIONS) + log(1.2)
    lo, _ = intervals(logs[:, : LOOKS // 2], levels(LOOKS)[: LOOKS // 2])
    assert (lo > log(1.02)).any(axis=1).mean() > 0.9


@pytest.mark.parametrize("looks", [6, 7, 8])
def test_the_last_interval_is_a_fifth_wider_than_a_single_one_at_most(looks: int) -> None:
    quantile = stats.t(looks - 1).ppf
    wider = quantile(0.5 + levels(looks)[-1] / 2) / quantile(0.975)
    assert 1.10 < wider < 1.20
