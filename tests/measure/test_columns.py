"""Numbers with their intervals, as people read them."""

from __future__ import annotations

import pytest

from mncost.interval import Interval
from mncost.render.table import tabulate
from mncost.render.units import with_interval
from mncost.results.columns import columns


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


def test_programs_get_each_interval_as_three_columns_in_base_units() -> None:
    table = tabulate("bench", columns((50.0, 99.9)), []).for_programs()
    names = [column.name for column in table.columns]
    assert {"latency", "latency_lo", "latency_hi", "p99.9", "p99.9_lo", "p99.9_hi"} <= set(names)
    assert len(names) == len(set(names))
    assert not [name for name in names if name.endswith(("_ns", "_us", "_ms"))]
