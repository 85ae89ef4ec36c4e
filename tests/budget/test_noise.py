"""The noise floor: against brute force, theory, and machines whose noise is known."""

from __future__ import annotations

from math import exp, inf, log

import numpy as np
import pytest
from scipy import stats

from mncost.budget.noise import POWER, _fails_from, _student_factors, noise_floor
from mncost.errors import MeasureError
from mncost.stats.location import alternating_interval
from mncost.stats.looks import Looks
from mncost.stats.verdict import judge

SD = 0.012


def ratios(seed: int, count: int, sd: float = SD, order: float = 0.0) -> dict[int, float]:
    """Return the ratios of two arms that are alike, but for what the order does to them."""
    logs = sd * np.random.default_rng(seed).normal(size=count)
    return {number: exp(log + order * (-1) ** number) for number, log in enumerate(logs)}


def verdict(logs: list[float], looks: Looks, limit: float) -> str | None:
    """Return what the first look that can decides, one generation after the other."""
    for n in range(1, len(logs) + 1):
        level = looks.level(n / len(logs), n == len(logs))
        values = [exp(value) for value in logs[:n]]
        try:
            turned = [bool(number % 2) for number in range(n)]
            found = judge(alternating_interval(values, turned, level), limit)
        except OverflowError:  # no bounds
            continue
        if found is not None:
            return found
    return None


def test_decisions_are_those_of_the_looks_and_of_judge() -> None:
    """By brute force: slightly less of a slowdown does not fail, slightly more does."""
    drawn = SD * np.random.default_rng(1).normal(size=(40, 7))
    from_here = _fails_from(drawn, _student_factors(Looks(), 7), log(1.02))
    for logs, slowdown in zip(drawn, from_here, strict=True):
        below, above = (
            verdict((logs + slowdown + change).tolist(), Looks(), 1.02) for change in (-1e-9, 1e-9)
        )
        assert below != "FAIL"
        assert above == "FAIL"


def test_a_decision_that_passed_before_it_could_fail_is_over() -> None:
    """By hand: three equal generations have an interval without width, and decide at once."""
    drawn = np.array([[-0.1, -0.1, -0.1, 0.7]])
    assert _fails_from(drawn, np.array([inf, inf, 1.0, 1.0]), 0.02) == pytest.approx([0.12])
    # Their look left out: the mean of all, 0.1, is 0.08 beyond the limit.
    assert _fails_from(drawn, np.array([inf, inf, inf, 0.0]), 0.02) == pytest.approx([-0.08])


def test_one_look_agrees_with_the_noncentral_t_distribution() -> None:
    """Three generations have one look with an interval: Student's t with one degree of freedom.

    Two of them are one way round and have as much weight as the third: (a + c) / 4 + b / 2.
    """
    found = noise_floor(ratios(2, 4000), 3, 0.0)
    assert found.detectable is not None
    level = 1 - 0.05 * (1 - (2 / 3) ** 6)
    beyond = stats.t.ppf(0.5 + level / 2, 1)
    shift = log(1 + found.detectable.center) / (SD * (2 / 16 + 1 / 4) ** 0.5)
    assert stats.nct.sf(beyond, 1, shift) == pytest.approx(
        POWER, abs=3.3 * (POWER * (1 - POWER) / 2000) ** 0.5
    )


def test_the_detectable_slowdown_is_found_in_95_of_100_new_decisions() -> None:
    """Of generations that the estimate has not seen, on a machine that is known very well."""
    found = noise_floor(ratios(3, 20_000), 7, 0.02)
    assert found.detectable is not None
    rng, hits = np.random.default_rng(4), 0
    for _ in range(1000):
        logs = log(1 + found.detectable.center) + SD * rng.normal(size=7)
        hits += verdict(logs.tolist(), Looks(), 1.02) == "FAIL"
    # Both simulations count: 2000 decisions that it is a quantile of, and these 1000.
    deviation = (POWER * (1 - POWER) * (1 / 1000 + 1 / 2000)) ** 0.5
    assert hits / 1000 == pytest.approx(POWER, abs=3.3 * deviation)


def test_a_noisier_machine_and_more_limits_detect_less() -> None:
    quiet = noise_floor(ratios(5, 20), 7, 0.02)
    noisy = noise_floor(ratios(5, 20, 3 * SD), 7, 0.02)
    shared = noise_floor(ratios(5, 20), 7, 0.02, tests=10)
    longer = noise_floor(ratios(5, 20), 12, 0.02)
    found = [one.detectable.center for one in (longer, quiet, shared, noisy) if one.detectable]
    assert found == sorted(found)
    assert len(set(found)) == 4
    # Scale: the excess over the limit is in proportion to the noise.
    assert log((1 + found[3]) / 1.02) == pytest.approx(3 * log((1 + found[1]) / 1.02))


def test_false_alarms_are_rare_if_the_arms_are_alike_and_usual_if_they_are_not() -> None:
    alike = noise_floor(ratios(6, 20), 7, 0.02)
    assert alike.false_alarms.center <= 0.005
    assert alike.false_alarms.hi is not None
    assert alike.false_alarms.hi >= 1 - 0.025 ** (1 / 2000)  # Clopper and Pearson's, of 0 in 2000
    shifted = {number: 1.06 * ratio for number, ratio in ratios(6, 20).items()}
    different = noise_floor(shifted, 7, 0.02)
    assert different.ratio.lo is not None
    assert different.ratio.lo > 1.05
    assert different.false_alarms.center > 0.95
    assert different.detectable == alike.detectable


def test_false_alarms_at_the_limit_are_as_rare_as_promised() -> None:
    """With no regression allowed an unchanged network is at its limit: alpha / 2 at most."""
    logs = np.log(list(ratios(7, 5000).values()))
    found = noise_floor(dict(enumerate(np.exp(logs - logs.mean()).tolist())), 8, 0.0)
    assert 0 < found.false_alarms.center <= stats.binom.ppf(0.999, 2000, 0.025) / 2000


def test_the_sd_is_that_of_the_generations_and_its_interval_usually_covers() -> None:
    values = ratios(8, 20)
    found = noise_floor(values, 7, 0.02)
    orders = [(-1) ** number for number in values]
    line = stats.linregress(orders, np.log(list(values.values())))
    rest = np.log(list(values.values())) - line.intercept - line.slope * np.array(orders)
    assert found.sd.center == pytest.approx((rest @ rest / (20 - 2)) ** 0.5)
    assert found.generations == 20
    covered = 0
    for seed in range(40):
        sd = noise_floor(ratios(100 + seed, 20), 3, 0.02, seed=seed).sd
        assert sd.lo is not None
        assert sd.hi is not None
        covered += sd.lo <= SD <= sd.hi
    assert covered >= stats.binom.ppf(0.001, 40, 0.85)  # rough, as it says


def test_what_few_generations_cannot_have_seen() -> None:
    """The rule of three: 3 / n, here exactly."""
    found = noise_floor(ratios(9, 20), 7, 0.02)
    assert (1 - found.unseen) ** 20 == pytest.approx(0.05)
    assert found.unseen == pytest.approx(3 / 20, rel=0.1)


def test_the_seed_decides() -> None:
    values = ratios(10, 20)
    assert noise_floor(values, 7, 0.02) == noise_floor(values, 7, 0.02)
    assert noise_floor(values, 7, 0.02, seed=1) != noise_floor(values, 7, 0.02)


def test_a_scripted_clock_has_no_noise() -> None:
    found = noise_floor(dict.fromkeys(range(5), 1.0), 6, 0.02)
    assert found.sd[:3] == (0.0, 0.0, 0.0)
    assert found.false_alarms.center == 0.0
    assert found.detectable is not None
    assert found.detectable.center == pytest.approx(0.02)


def test_what_the_order_does_is_no_noise() -> None:
    values = ratios(13, 20), ratios(13, 20, order=0.02)
    without, with_order = (noise_floor(found, 7, 0.02) for found in values)
    assert with_order.sd[:3] == pytest.approx(without.sd[:3])
    assert with_order.detectable is not None
    assert without.detectable is not None
    assert with_order.detectable[:3] == pytest.approx(without.detectable[:3])


def test_noise_beyond_all_measure_detects_nothing() -> None:
    assert noise_floor(ratios(11, 5, 1.0), 3, 0.02, tests=20).detectable is None


@pytest.mark.parametrize(("count", "generations"), [(1, 7), (0, 7), (2, 7), (20, 2)])
def test_two_generations_are_not_enough(count: int, generations: int) -> None:
    with pytest.raises(MeasureError, match="two generations show no noise"):
        noise_floor(ratios(12, count), generations, 0.02)


def test_generations_that_all_began_with_the_same_side_are_not_enough() -> None:
    with pytest.raises(MeasureError, match="the same side"):
        noise_floor({0: 1.0, 2: 1.1, 4: 1.0}, 7, 0.02)
