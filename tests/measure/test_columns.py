"""Numbers with their intervals, as people read them."""

from __future__ import annotations

import pytest

from mncost.interval import Interval
from mncost.results.columns import machine_columns, people_columns, with_interval


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


def test_people_and_programs_choose_from_the_same_names() -> None:
    percentiles = (50.0, 99.9)
    assert people_columns(percentiles).keys() == machine_columns(percentiles).keys()
    assert {"p99.9_ms", "p99.9_ms_lo", "p99.9_ms_hi"} <= machine_columns(percentiles).keys()
