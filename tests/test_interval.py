"""A figure with its interval: rates, and the digits that are worth printing."""

from __future__ import annotations

from math import inf

import pytest

from mncost.interval import Interval
from mncost.render.units import with_interval


def test_a_rate_turns_the_interval_round() -> None:
    time = Interval(4.0, 2.0, 5.0, 3)
    assert time.per(20.0) == (5.0, 4.0, 10.0, 3, ())
    assert time.scaled(10.0) == (40.0, 20.0, 50.0, 3, ())
    assert time.relative_error == 1.5 / 4
    assert Interval(4.0, None, 5.0, 3, ("x",)).per(20.0) == (5.0, 4.0, None, 3, ("x",))


@pytest.mark.parametrize(
    ("center", "lo", "hi", "text"),
    [
        (9.1874, 9.0774, 9.2974, "9.19 ±0.11"),
        (9.1874, 8.7, 9.7, "9.2 ±0.5"),
        (65.4049, 65.2049, 65.6049, "65.40 ±0.20"),
        (1234.5, 1200.0, 1270.0, "1,234 ±35"),
        (1234.5, 734.0, 1734.0, "1,200 ±500"),
        (7.5, 7.5, 7.5, "7.50"),  # a scripted clock
        (7.5, None, None, "7.50 ±?"),
        (7.5, 0.1, 90.0, "7.50 ±>100%"),
        (0.0123, 0.0121, 0.0125, "0.01230 ±0.00020"),
    ],
)
def test_only_the_digits_that_the_interval_supports(
    center: float, lo: float | None, hi: float | None, text: str
) -> None:
    assert with_interval(Interval(center, lo, hi, 5)) == text


@pytest.mark.parametrize(
    ("half", "digits"),
    [
        (0.119, 2),  # the Review's own examples: 0.827 ± 0.119 is 0.83 ± 0.12,
        (0.367, 1),  # and 0.827 ± 0.367 is 0.8 ± 0.4
        (0.034, 3),
        (0.00354, 4),
        (0.00355, 3),
        (0.0949, 2),
        (0.0951, 2),  # 0.10
        (0.9996, 1),  # 1.0
        (1.0, 1),
        (3.4, 1),
        (5.0, 0),
        (34.0, 0),
        (50.0, -1),
        (1200.0, -2),
    ],
)
def test_decimals_follow_the_particle_data_group(half: float, digits: int) -> None:
    assert Interval(5000.0, 5000.0 - half, 5000.0 + half, 5).decimals == digits


@pytest.mark.parametrize("bounds", [(None, None), (1.0, None), (None, 1.0), (1.0, 1.0), (1.0, inf)])
def test_no_interval_supports_no_digits(bounds: tuple[float | None, float | None]) -> None:
    assert Interval(1.0, *bounds, 5).decimals is None
