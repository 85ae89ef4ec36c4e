"""Verdicts from intervals, by hand; intervals from runs whose truth is known."""

from __future__ import annotations

from math import exp, inf, log
from typing import Any

import numpy as np
import pytest
from scipy import stats

from mncost.budget.judge import (
    CONTROL_LEVEL,
    SavedRatio,
    arms_differ,
    control_interval,
    generation_ratios,
    judge_saved,
    latency_interval,
    ratio_interval,
    saved_interval,
    sides_interval,
)
from mncost.interval import Interval
from mncost.measure.records import Run
from mncost.stats.looks import Looks
from mncost.stats.verdict import judge
from tests.measure.synthetic import REFERENCE_NS, cell, process, run_of, simulated

CELLS = [cell(0), cell(1, alpha=0.5)]
LATENCIES: dict[int | None, float] = {None: REFERENCE_NS, 0: 9e6, 1: 4e6}
HERE, THERE = ("onnxruntime", 1, None, ""), ("onnxruntime", 1, None, "baseline")


def between(lo: float | None, hi: float | None) -> Interval:
    return Interval(1.0, lo, hi, 5)


def measured(seed: int = 1, factor: float = 1.0, **changes: Any) -> Run:
    """Return a run of two cells and the reference; the first cell is so many times as slow."""
    latencies = LATENCIES | {0: 9e6 * factor}
    return simulated(latencies, CELLS, seed=seed, **{"between": 0.01, "processes": 6} | changes)


def covers(interval: Interval | None, truth: float) -> bool:
    assert interval is not None
    lo = -inf if interval.lo is None else interval.lo
    hi = inf if interval.hi is None else interval.hi
    return lo <= truth <= hi


# --------------------------------------------------------------------------------------- verdicts


@pytest.mark.parametrize(
    ("lo", "hi", "verdict"),
    [
        (0.9, 1.01, "PASS"),
        (0.9, 1.02, "PASS"),  # the limit itself is allowed
        (0.9, 1.03, None),
        (1.02, 1.03, None),
        (1.021, 1.03, "FAIL"),
        (None, 1.01, "PASS"),
        (None, 1.03, None),
        (1.03, None, "FAIL"),
        (0.9, None, None),
        (None, None, None),
    ],
)
def test_a_verdict_needs_the_whole_interval(
    lo: float | None, hi: float | None, verdict: str | None
) -> None:
    assert judge(between(lo, hi), 1.02) == verdict


def test_nothing_measured_has_no_verdict() -> None:
    assert judge(None, 1.0) is None
    assert judge_saved(None, 1.0) is None


WITHIN, ACROSS, BEYOND = between(0.9, 1.0), between(0.9, 1.1), between(1.05, 1.1)


@pytest.mark.parametrize(
    ("plain", "beside", "verdict"),
    [
        (WITHIN, WITHIN, "PASS"),
        (BEYOND, WITHIN, "PASS"),  # the machine is slower today
        (WITHIN, ACROSS, None),  # it is faster today
        (WITHIN, BEYOND, None),  # the reference is
        (ACROSS, BEYOND, None),
        (BEYOND, ACROSS, None),
        (BEYOND, BEYOND, "FAIL"),
        (BEYOND, None, None),
        (WITHIN, None, None),
    ],
)
def test_a_saved_run_fails_only_by_itself_and_beside_the_reference(
    plain: Interval, beside: Interval | None, verdict: str | None
) -> None:
    assert judge_saved(SavedRatio(plain, beside), 1.02) == verdict


# -------------------------------------------------------------------------------------- latencies


def test_the_median_s_interval_is_student_s_t_over_processes() -> None:
    run = measured()
    logs = [
        log(np.median([ns for burst in one.bursts if burst.cell == 0 for ns in burst.ns]))
        for one in run.processes
    ]
    expected = stats.ttest_1samp(logs, 0).confidence_interval(0.99)
    found = latency_interval(run, 0, 50, 0.99)
    assert found is not None
    assert (found.lo, found.hi) == pytest.approx((exp(expected.low), exp(expected.high)))


def test_a_percentile_s_interval_has_samples_as_bounds_or_none() -> None:
    few, many = measured(rounds=5, runs=5), measured(rounds=100, runs=16, between=0.0)
    found = latency_interval(few, 0, 99, 0.95)
    assert found is not None
    assert (found.hi, found.warnings) == (None, ("too few runs",))
    assert judge(found, 1e12) is None  # far above all that was measured: not known to be enough
    samples = {ns for one in many.processes for b in one.bursts if b.cell == 0 for ns in b.ns}
    found = latency_interval(many, 0, 99, 0.95)
    assert found is not None
    assert {found.lo, found.center, found.hi} <= samples
    assert covers(found, 9e6 * exp(stats.norm.ppf(0.99) * 0.01))
    assert judge(found, 1e12) == "PASS"


def test_what_was_not_measured_has_no_interval() -> None:
    run = run_of(CELLS, [process(0, {0: [[5, 5]]})])
    assert latency_interval(run, 1, 50, 0.95) is None
    assert latency_interval(run, 1, 99, 0.95) is None
    assert ratio_interval(run, 0, 1, 0.95) is None
    assert generation_ratios(run, 0, 1) == {}
    assert sides_interval(run, 0, 1, 0.95) is None
    assert control_interval(run, HERE, HERE) is None
    assert saved_interval(run, 1, measured(), 1, 0.95) is None
    assert saved_interval(measured(), 1, run, 1, 0.95) is None


@pytest.mark.parametrize("level", [1 - 1e-9, 1 - 1e-11, 1 - 1e-16, 1.0])
@pytest.mark.parametrize("processes", [2, 6])
def test_a_level_that_spends_next_to_nothing_gives_bounds_that_decide_nothing(
    level: float, processes: int
) -> None:
    run = measured(processes=processes, between=0.1)
    saved = saved_interval(run, 0, measured(2, processes=processes), 0, level)
    assert saved is not None
    found = [
        latency_interval(run, 0, 50, level),
        latency_interval(run, 0, 99, level),
        ratio_interval(run, 0, 1, level),
        control_interval(two_arms(1, processes=processes), HERE, THERE, level),
        saved.plain,
        saved.beside_reference,
    ]
    for interval in found:
        assert interval is not None
        assert judge(interval, 0.99 * interval.center) != "FAIL"
        assert judge(interval, 1.01 * interval.center) != "PASS"
        if level > 1 - 1e-12:
            assert (interval.lo, interval.hi) == (None, None)


# ----------------------------------------------------------------------------------------- ratios


def test_a_ratio_is_paired_and_its_inverse_is_the_inverse() -> None:
    """A drift of 20 % that two cells share is not in it."""
    run = measured(drift=0.2)
    one, other = ratio_interval(run, 0, 1, 0.99), ratio_interval(run, 1, 0, 0.99)
    assert one is not None
    assert other is not None
    assert covers(one, 9 / 4)
    assert list(one[:3]) == pytest.approx(list(other.per(1.0)[:3]))
    ratios = list(generation_ratios(run, 0, 1).values())
    assert len(ratios) == 6
    expected = stats.ttest_1samp(np.log(ratios), 0).confidence_interval(0.99)
    assert (one.lo, one.hi) == pytest.approx((exp(expected.low), exp(expected.high)))


def test_ratios_of_generations_by_hand() -> None:
    rounds = {0: [[20], [40], [60]], 1: [[10], [10], [10]]}
    run = run_of(CELLS, [process(0, rounds), process(1, {0: [[30]], 1: [[10]]})])
    assert generation_ratios(run, 0, 1) == pytest.approx({0: 4.0, 1: 3.0})


def test_the_order_of_the_sides_is_not_in_their_ratio() -> None:
    """By hand: the side that is started first takes 1.1 times as long, in either order."""
    run = run_of(
        CELLS,
        [
            process(0, {0: [[22_000]], 1: [[10_000]]}),
            process(1, {0: [[20_000]], 1: [[11_000]]}),
            process(2, {0: [[22_000]], 1: [[10_000]]}),
        ],
    )
    found = sides_interval(run, 0, 1, 0.95)
    assert found is not None
    assert list(found[:3]) == pytest.approx([2.0, 2.0, 2.0])
    assert found.n == 3


# ------------------------------------------------------------------------------------------ guard


def two_arms(seed: int, factor: float = 1.0, processes: int = 8) -> Run:
    """Return a run whose second worker does everything so many times as slowly."""
    rng = np.random.default_rng(seed)
    found = []
    for generation in range(processes):
        for arm, slower in (("", 1.0), ("baseline", factor)):
            ns = 1e6 * slower * exp(0.01 * rng.normal())
            rounds = np.exp(0.01 * rng.normal(size=(12, 1)))
            visits = {None: np.rint(ns * rounds).astype(int).tolist()}
            found.append(process(generation, visits, arm=arm))
    return run_of(CELLS, found)


def test_the_control_compares_the_reference_of_two_workers() -> None:
    run = two_arms(1, 1.05)
    found = control_interval(run, THERE, HERE)
    assert found is not None
    assert found.n == 8
    assert covers(found, 1.05)
    assert arms_differ(found, 0.02)
    assert not arms_differ(control_interval(two_arms(1), THERE, HERE), 0.02)
    assert control_interval(run, THERE, ("torch", 1, None, "")) is None


@pytest.mark.parametrize(
    ("lo", "hi", "differ"),
    [
        (1.001, 1.017, True),  # 0.9 %, more than a third of 2 %
        (1 / 1.017, 1 / 1.001, True),  # the other way round
        (0.999, 1.019, False),  # may be 1
        (1.001, 1.009, False),  # is not 1, and too little to matter
        (None, None, False),
    ],
)
def test_arms_differ_by_what_would_matter(lo: float | None, hi: float | None, differ: bool) -> None:
    center = 1.0 if lo is None or hi is None else (lo * hi) ** 0.5
    assert arms_differ(Interval(center, lo, hi, 5), 0.02) is differ


def wrong_and_decided(
    factor: float, *, guarded: bool, decisions: int = 4000
) -> tuple[float, float]:
    """Return how often an unchanged network fails a limit of 2 %, and how often it has a verdict.

    The arms differ by a factor; both ratios differ by 1.2 % between the generations, of which
    there are 8, each with a look.
    """
    rng, looks = np.random.default_rng(11), Looks()
    network, control = log(factor) + 0.012 * rng.standard_normal((2, decisions, 8))
    verdict = np.zeros(decisions)
    for n in range(1, 9):
        level = looks.level(n / 8, n == 8)
        if n == 1:
            continue
        lo, hi = t_interval(network[:, :n], level)
        found = np.where(lo > log(1.02), 1, np.where(hi <= log(1.02), -1, 0))
        for row in np.flatnonzero(found * (verdict == 0)):
            low, high = t_interval(control[row, :n], CONTROL_LEVEL)
            center = exp(control[row, :n].mean())
            interval = Interval(center, exp(low), exp(high), n)
            if not (guarded and arms_differ(interval, 0.02)):
                verdict[row] = found[row]
    return float((verdict == 1).mean()), float((verdict != 0).mean())


def t_interval(logs: Any, level: float) -> tuple[Any, Any]:
    n = logs.shape[-1]
    half = stats.t.ppf(0.5 + level / 2, n - 1) * logs.std(axis=-1, ddof=1) / n**0.5
    return logs.mean(axis=-1) - half, logs.mean(axis=-1) + half


def test_without_the_guard_different_arms_make_an_unchanged_network_fail() -> None:
    assert wrong_and_decided(1.05, guarded=False, decisions=500)[0] > 0.95


@pytest.mark.parametrize("factor", [1.02, 1.03, 1.05, 1.08])
def test_with_the_guard_they_hardly_do(factor: float) -> None:
    wrong, _ = wrong_and_decided(factor, guarded=True)
    assert wrong <= stats.binom.ppf(0.999, 4000, 0.025) / 4000


def test_arms_that_are_alike_lose_hardly_a_verdict() -> None:
    with_guard, without = (wrong_and_decided(1.0, guarded=on)[1] for on in (True, False))
    assert without - with_guard <= stats.binom.ppf(0.999, 4000, 0.01) / 4000


# ------------------------------------------------------------------------------------- saved runs


def test_a_slower_cell_fails_against_a_saved_run_and_an_equal_one_passes() -> None:
    old, new = measured(1), measured(2, 1.2)
    slower, same = (saved_interval(new, one, old, one, 0.95) for one in (0, 1))
    assert judge_saved(slower, 1.05) == "FAIL"
    assert judge_saved(same, 1.05) == "PASS"
    assert slower is not None
    assert covers(slower.plain, 1.2)
    assert covers(slower.beside_reference, 1.2)


def test_a_slower_machine_does_not_fail_a_saved_run() -> None:
    old = measured(1)
    latencies = {name: 1.3 * ns for name, ns in LATENCIES.items()}
    new = simulated(latencies, CELLS, seed=2, between=0.01, processes=6)
    found = saved_interval(new, 0, old, 0, 0.95)
    assert found is not None
    assert judge(found.plain, 1.1) == "FAIL"
    assert judge_saved(found, 1.1) == "PASS"


def test_another_reference_workload_says_nothing() -> None:
    found = saved_interval(measured(2, 1.2, reference="another"), 0, measured(1), 0, 0.95)
    assert found is not None
    assert found.beside_reference is None
    assert judge(found.plain, 1.05) == "FAIL"
    assert judge_saved(found, 1.05) is None


def test_saved_intervals_are_welch_s() -> None:
    old, new = measured(1, processes=4), measured(2, 1.1)
    found = saved_interval(new, 0, old, 0, 0.99)
    above, below = (
        [
            log(np.median([ns for burst in one.bursts if burst.cell == 0 for ns in burst.ns]))
            for one in run.processes
        ]
        for run in (new, old)
    )
    expected = stats.ttest_ind(above, below, equal_var=False).confidence_interval(0.99)
    assert found is not None
    assert (found.plain.lo, found.plain.hi) == pytest.approx(
        (exp(expected.low), exp(expected.high))
    )


def test_wrong_failures_against_a_saved_run_are_as_rare_as_the_level_says() -> None:
    """The ratio is at the limit exactly: at most 2.5 % of 400, with 5 processes each."""
    wrong = 0
    for seed in range(400):
        old, new = (
            measured(2 * seed + n, (1.0, 1.1)[n], processes=5, rounds=2, runs=2) for n in (0, 1)
        )
        wrong += judge_saved(saved_interval(new, 0, old, 0, 0.95), 1.1) == "FAIL"
    assert wrong <= stats.binom.ppf(0.999, 400, 0.025)
