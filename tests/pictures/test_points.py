"""What is drawn: fits against numpy, fronts by hand, units of the axes."""

from __future__ import annotations

import numpy as np
import pytest

import mncost
from mncost.errors import MeasureError
from mncost.interval import Interval
from mncost.measure.cell import Cell
from mncost.pictures.points import Point, fit, on_front, short_name
from mncost.pictures.scatter import _by_family as by_family
from mncost.pictures.scatter import accuracy_over_cost, latency_over_cost
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


def test_of_many_architectures_the_families_are_named_each_with_its_runtime() -> None:
    archs = [f"v{n}-small" for n in range(7)] + ["v2", "v2-large"]
    drawn = [Point(1, 1, f"{arch} on {one}", "") for arch in archs for one in ("torch", "ncnn")]
    groups = {point.group for point in by_family(drawn)}
    assert groups == {f"v{n} on {one}" for n in range(7) for one in ("torch", "ncnn")}


def test_the_front_is_in_the_order_of_cost() -> None:
    found = on_front(points([(3, 72), (1, 60), (2, 59), (4, 71), (2, 65)]))
    assert [(point.x, point.y) for point in found] == [(1, 60), (2, 65), (3, 72)]


def test_accuracies_over_counts_in_the_units_of_the_axes() -> None:
    known = candidates("v2", 0.75, 160, dialect="paper")
    network = mncost.load("v2", 0.75, 160)
    (macs,), (size,), (memory,) = (
        accuracy_over_cost(known, x).points for x in ("macs", "size", "memory")
    )
    assert (macs.x, macs.y, macs.group, macs.label) == (107.2952, 66.4, "v2", "V2 0.75 @160")
    assert size.x == pytest.approx(network.weight_bytes / 2**20)
    both = network.weight_bytes + network.peak_activation_bytes
    assert memory.x == pytest.approx(both / 2**20)


def timed(*seconds: float, twin: float = 1.0, rough: float = 1.0) -> list[tuple[Cell, Interval]]:
    """Return cells of 1, 2, 3 ... million MACs with latencies, a twin of 9 and a rough one of 8."""
    cells = [cell(n, macs=10**6 * (n + 1)) for n in range(len(seconds))]
    known = [
        (one, Interval(center, 0.9 * center, 1.1 * center, 5))
        for one, center in zip(cells, seconds, strict=True)
    ]
    other = cell(8, twin="standard", macs=9 * 10**6), Interval(twin, 0.9 * twin, 1.1 * twin, 5)
    return [*known, other, (cell(7, macs=8 * 10**6), Interval(rough, None, None, 1))]


def test_a_network_without_macs_has_no_place_on_an_axis_of_logarithms() -> None:
    empty = cell(9, macs=0), Interval(1e-5, 0.9e-5, 1.1e-5, 5)
    points = latency_over_cost([*timed(1e-3, 2e-3, 3e-3), empty]).points
    assert sorted(point.x for point in points) == pytest.approx([1, 2, 3, 8, 9])


def test_latencies_keep_their_intervals() -> None:
    scatter = latency_over_cost(timed(1e-3, 2e-3, 3e-3))
    first, *_, twin, rough = scatter.points
    assert (first.x, first.y) == pytest.approx((1.0, 1.0))
    assert first.y_bounds == pytest.approx((0.9, 1.1))
    assert twin.group == f"{first.group}, standard twin"
    assert (twin.is_twin, twin.is_rough) == (True, False)
    assert (rough.y_bounds, rough.is_rough, rough.is_twin) == (None, True, False)


def test_a_fit_rests_on_networks_with_an_interval_and_not_on_twins() -> None:
    line = latency_over_cost(timed(1e-3, 2e-3, 3e-3, twin=5.0, rough=7.0)).fit
    assert line is not None
    assert (line.points, line.exponent, line.factor) == pytest.approx((3, 1.0, 1.0))


def test_a_front_rests_on_points_with_an_interval() -> None:
    best, rough = Point(2, 60, "v2", "a"), Point(1, 99, "v2", "b", is_rough=True)
    assert on_front([best, rough]) == [best]


@pytest.mark.parametrize(
    ("arch", "alpha", "resolution", "name"),
    [
        ("v3-large", 0.75, 224, "V3-L 0.75 @224"),
        ("v4-hybrid-m", 1.0, 256, "V4-H-M 1.0 @256"),
        ("v2", 1.0, 96, "V2 1.0 @96"),
        ("my_net", None, 32, "my_net @32"),
        ("keywords", None, None, "keywords"),
    ],
)
def test_names_in_pictures_are_short(
    arch: str, alpha: float | None, resolution: int | None, name: str
) -> None:
    assert short_name(arch, alpha, resolution) == name
