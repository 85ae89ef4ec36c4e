"""The noise floor: against simulated decisions, and on machines whose noise is known."""

from __future__ import annotations

from math import exp, log

import numpy as np
import pytest
from scipy import stats

from mncost.budget.noise import POWER, noise_floor
from mncost.errors import MeasureError
from tests.stats.deciding import Draw, decide, heavy_tails, normal, skewed

SD = 0.012


def most(rate: float, repeats: int) -> float:
    """Return the largest share that a rate shows by chance in 999 of 1000 simulations."""
    return float(stats.binom.ppf(0.999, repeats, rate)) / repeats


def least(rate: float, repeats: int) -> float:
    """Return the smallest such share."""
    return float(stats.binom.ppf(0.001, repeats, rate)) / repeats


def ratios(seed: int, count: int, sd: float = SD, order: float = 0.0) -> dict[int, float]:
    """Return the ratios of two sides that are alike, but for the effect of the order."""
    logs = sd * np.random.default_rng(seed).normal(size=count)
    return {number: exp(log + order * (-1) ** number) for number, log in enumerate(logs)}


@pytest.mark.parametrize("count", [3, 4, 5, 6, 7, 8, 11, 12, 20, 25, 40, 60])
def test_the_detectable_slowdown_is_found_in_95_of_100_decisions(count: int) -> None:
    """Of new generations, on a machine whose noise is known; not in many more, either."""
    floor = noise_floor(ratios(3, 20_000), count, 0.02)
    assert floor.detectable is not None
    slowdown = log(1 + floor.detectable.center)
    logs = slowdown + normal(SD)(np.random.default_rng(4), 4000, count)
    power = (decide(logs, log(1.02))[0] == 1).mean()
    assert power >= least(0.94, 4000)  # the noise of the floor itself is 0.5 %
    if count not in (11, 25):  # the table has smaller numbers only, which are enough
        assert power <= most(0.965, 4000)


@pytest.mark.parametrize(
    ("draw", "covers"), [(normal(SD), 0.95), (heavy_tails, 0.66), (skewed(1), 0.60)]
)
@pytest.mark.parametrize("count", [8, 20])
def test_how_often_the_bounds_hold_the_truth(draw: Draw, covers: float, count: int) -> None:
    """Of the standard deviation, which the detectable slowdown is in proportion to."""
    logs = draw(np.random.default_rng(5), 1000, count)
    inside = 0
    for row in logs:
        sd = noise_floor(dict(enumerate(np.exp(row).tolist())), count, 0.02).sd
        assert sd.lo is not None
        assert sd.hi is not None
        inside += sd.lo <= SD <= sd.hi
    assert inside / 1000 >= least(covers, 1000)


def test_the_bounds_are_chi_squared() -> None:
    """By hand: 1.1 × and / 1.1 in turn after 1.2 ×, the effect of the order taken out."""
    floor = noise_floor(ratios(6, 12, order=0.05), 8, 0.02)
    alike = noise_floor(ratios(6, 12), 8, 0.02)
    assert floor.sd[:3] == pytest.approx(alike.sd[:3])
    assert floor.sd.lo is not None
    assert floor.sd.hi is not None
    assert floor.sd.center / floor.sd.lo == pytest.approx((stats.chi2.ppf(0.975, 10) / 10) ** 0.5)
    assert floor.sd.hi / floor.sd.center == pytest.approx((10 / stats.chi2.ppf(0.025, 10)) ** 0.5)


def test_a_noisier_machine_detects_less_and_longer_decisions_more() -> None:
    quiet, noisy = noise_floor(ratios(5, 20), 7, 0.02), noise_floor(ratios(5, 20, 3 * SD), 7, 0.02)
    longer = noise_floor(ratios(5, 20), 12, 0.02)
    found = [one.detectable.center for one in (longer, quiet, noisy) if one.detectable]
    assert found == sorted(found)
    assert len(set(found)) == 3
    # Scale: the excess over the limit is in proportion to the noise.
    assert log((1 + found[2]) / 1.02) == pytest.approx(3 * log((1 + found[1]) / 1.02))


def test_a_machine_that_detects_nothing() -> None:
    floor = noise_floor(ratios(7, 8, sd=2.0), 8, 0.03)
    assert floor.detectable is None


def test_scripted_clocks_have_no_noise() -> None:
    floor = noise_floor(dict.fromkeys(range(5), 1.0), 8, 0.03)
    assert floor.sd[:3] == (0.0, 0.0, 0.0)
    assert floor.detectable is not None
    assert floor.detectable.center == pytest.approx(0.03)


@pytest.mark.parametrize(
    ("found", "count"), [(range(2), 8), (range(5), 2), ((0, 2, 4), 8), ((1, 3, 5), 8), ((), 8)]
)
def test_too_few_generations_show_no_noise(found: tuple[int, ...], count: int) -> None:
    with pytest.raises(MeasureError):
        noise_floor(dict.fromkeys(found, 1.0), count, 0.03)


def test_power_is_what_the_words_say() -> None:
    assert POWER == 0.95
