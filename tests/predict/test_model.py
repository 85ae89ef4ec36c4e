"""The model, against latencies that are made by known rules, and SciPy's least squares."""

from __future__ import annotations

from math import erf
from typing import Any

import numpy as np
import pytest
from scipy.optimize import nnls

from mncost.predict.intervals import quantile, scores_of
from mncost.predict.model import OFFSET, PROCESS, Cells, fit

Array = Any


def made(
    seed: int, families: int, each: int, probes: int, *, offset: float = OFFSET, noise: float = 0.01
) -> tuple[Cells, Array]:
    """Return cells whose latencies are a sum of five amounts, times what their family adds."""
    random = np.random.default_rng(seed)
    family = np.array([-1] * probes + [f for f in range(families) for _ in range(each)])
    totals = random.uniform(0.5, 5, (len(family), 5))
    where = random.uniform(-0.5, 0.5, (len(family), 2))
    shift = np.append(random.normal(0, offset, families), 0.0)
    seconds = totals @ [2e-4, 0, 5e-5, 1e-4, 3e-4] + 1e-4
    seconds = seconds * np.exp(shift[family] + random.normal(0, noise, len(family)))
    return Cells(totals, family, where), seconds


def test_factors_are_recovered() -> None:
    cells, seconds = made(0, 0, 0, 200, noise=0.0)
    model = fit(cells, seconds)
    assert model.factors == pytest.approx([2e-4, 0, 5e-5, 1e-4, 3e-4, 1e-4], rel=0.02, abs=1.2e-5)


def test_independent_cells_are_plain_least_squares() -> None:
    """Without families it is SciPy's non-negative least squares of relative errors."""
    cells, seconds = made(1, 0, 0, 80, noise=0.05)
    rows = np.c_[cells.totals, np.ones(80)] / seconds[:, None]
    expected, _ = nnls(rows, np.ones(80))
    assert fit(cells, seconds).sums(cells) == pytest.approx(
        np.c_[cells.totals, np.ones(80)] @ expected, rel=0.02
    )


def test_a_measured_family_is_known_better() -> None:
    cells, seconds = made(2, 6, 12, 60)
    learnt = (cells.family != 5) | (np.arange(len(seconds)) % 3 == 0)
    asked = ~learnt
    unseen = cells.family != 5
    with_some = fit(cells.only(learnt), seconds[learnt]).predict(cells.only(asked))
    without = fit(cells.only(unseen), seconds[unseen]).predict(cells.only(asked))
    assert (with_some[1] < without[1]).all()
    errors = [np.abs(np.log(seconds[asked]) - one[0]).mean() for one in (with_some, without)]
    assert errors[0] < errors[1] / 2


def test_deviation_far_from_everything() -> None:
    """Of an unknown family the deviation is that of offset, process and noise together."""
    cells, seconds = made(3, 2, 5, 20)
    new = Cells(cells.totals[:1], np.array([7]), cells.where[:1])
    _, deviation = fit(cells, seconds).predict(new)
    assert deviation[0] == pytest.approx(np.sqrt(OFFSET**2 + PROCESS**2 + 0.015**2))


@pytest.mark.parametrize("level", [0.8, 0.9])
def test_coverage(level: float) -> None:
    """Intervals of cells that were not measured cover as often as they say, over many machines."""
    covered = []
    for seed in range(40):
        cells, seconds = made(500 + seed, 5, 12, 40, noise=0.015)
        learnt = (cells.family < 0) | (np.arange(len(seconds)) % 12 < 6)
        scores = scores_of(cells.only(learnt), seconds[learnt])
        center, deviation = fit(cells.only(learnt), seconds[learnt]).predict(cells.only(~learnt))
        half = quantile(scores.seen, level) * deviation
        covered.append(np.mean(np.abs(np.log(seconds[~learnt]) - center) <= half))
    assert level - 0.05 < np.mean(covered) < level + 0.05


@pytest.mark.parametrize(
    ("scores", "level", "expected"),
    [
        (tuple(range(1, 100)), 0.9, 90),  # ⌈100 × 0.9⌉
        (tuple(range(1, 20)), 0.5, 10),
        ((1.0,) * 18, 0.9, 1.725),  # a table of Student's t: 20 degrees of freedom
        ((1.0,) * 18, 0.95, 2.086),
        ((3.0,) * 8, 0.9, 1.812 * 7.4**0.5),  # 10 of them; (2 × 1 + 8 × 9) / 10
    ],
)
def test_quantile(scores: tuple[float, ...], level: float, expected: float) -> None:
    assert quantile(scores, level) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(("count", "scale"), [(6, 1.0), (18, 1.5), (40, 2.0), (150, 3.0)])
def test_quantile_covers(count: int, scale: float) -> None:
    """With few scores too, the next one is within the quantile as often as the level says."""
    random = np.random.default_rng(count)
    scores = np.abs(random.normal(0, scale, (3000, count)))
    covered = [erf(quantile(tuple(row), 0.9) / scale / 2**0.5) for row in scores.tolist()]
    assert np.mean(covered) == pytest.approx(0.9, abs=0.015)
