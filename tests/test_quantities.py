"""Numbers with units."""

from __future__ import annotations

import pytest

from mncost.errors import QuantityError
from mncost.quantities import seconds, share


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90", 90.0),
        ("90s", 90.0),
        ("1.5 min", 90.0),
        ("0.5h", 1800.0),
        (" 12 ms ", 0.012),
        ("250us", 0.00025),
        ("250 µs", 0.00025),
        ("1e3 s", 1000.0),
        ("0 s", 0.0),
    ],
)
def test_seconds(text: str, expected: float) -> None:
    assert seconds("--max-time", text) == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize(("text", "expected"), [("2%", 0.02), ("2 %", 0.02), ("0.02", 0.02)])
def test_share(text: str, expected: float) -> None:
    assert share("--target-error", text) == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize(
    "text", ["", "s", "fast", "12 parsecs", "-1 s", "nan", "inf s", "1e999 s", "1 2 s", "3 %", "S"]
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(QuantityError, match=r"^--max-time '.*': accepted is a"):
        seconds("--max-time", text)


def test_a_unit_can_be_required() -> None:
    with pytest.raises(QuantityError, match="accepted is a number with one of: us, µs, ms, s"):
        seconds("p50", "12", bare=None)
