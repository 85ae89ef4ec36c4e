"""What is drawn: fits against numpy, fronts by hand, units of the axes."""

from __future__ import annotations

import numpy as np
import pytest

import mncost
from mncost.errors import MeasureError
from mncost.interval import Interval
from mncost.pictures.points import Point, accuracy_points, fit, latency_points, on_front
from mncost.published.accuracy import candidates
from tests.measure.synthetic import cell


def points(pairs: list[tuple[float, float]]) -> list[Point]:
    return [Point(x, y, "v2", "") for x, y in pairs]


def test_a_fit_is_the_least_squares_line_of_logarithms() -> None:
    rng = np.random.default_rng(1)
    xs = rng.uniform(10, 600, size=40)
    ys = 0.03 * xs**0.8 * np.exp(0.1 * rng.normal(size=40))
    found = fit(points(list(zip(xs.tolist(), ys.tolist(), strict=True))))
    slope, intercept = np.polyfit(np.log(xs), np.log(ys), 1)
    assert (found.exponent, found.factor) == pytest.approx((slope, np.exp(intercept)))
    near = np.abs(ys / (np.exp(intercept) * xs**slope) - 1) <= 0.1
    assert found.within == pytest.approx(near.mean())
    assert 0 < found.within < 1
    assert found.points == 40


def test_a_fit_needs_three_networks() -> None:
    with pytest.raises(MeasureError, match="three networks"):
        fit(points([(1, 1), (1, 2), (2, 3), (2, 4)]))


def test_the_front_is_in_the_order_of_cost() -> None:
    found = on_front(points([(3, 72), (1, 60), (2, 59), (4, 71), (2, 65)]))
    assert [(point.x, point.y) for point in found] == [(1, 60), (2, 65), (3, 72)]


def test_accuracies_over_counts_in_the_units_of_the_axes() -> None:
    found = candidates("v2", 0.75, 160, dialect="paper")
    network = mncost.load("v2", 0.75, 160)
    (macs,), (size,), (memory,) = (accuracy_points(found, x) for x in ("macs", "size", "memory"))
    assert (macs.x, macs.y, macs.group, macs.label) == (107.2952, 66.4, "v2", "0.75·160")
    assert size.x == pytest.approx(network.weight_bytes / 2**20)
    both = network.weight_bytes + network.peak_activation_bytes
    assert memory.x == pytest.approx(both / 2**20)


def test_latencies_keep_their_intervals() -> None:
    one, other = cell(0), cell(1, twin="standard")
    measured = [(one, Interval(8e-3, 7e-3, 9e-3, 5)), (other, Interval(3e-2, None, None, 1))]
    first, second = latency_points(measured, "macs")
    assert first.y == pytest.approx(8.0)
    assert first.y_bounds == pytest.approx((7.0, 9.0))
    assert second.y_bounds is None
    assert second.group == f"{first.group}, standard"
