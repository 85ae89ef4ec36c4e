"""Numbers with units."""

from __future__ import annotations

import pytest

from mncost import limits
from mncost.errors import QuantityError
from mncost.units import count, seconds, share, size, unit_of


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


def test_what_may_take_no_time_at_all_is_no_limit() -> None:
    assert limits.seconds("--max-time", None) is None
    with pytest.raises(QuantityError):
        limits.seconds("--max-time", 0)


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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3.504872 M", 3_504_872),
        ("107.3M", 107_300_000),
        (" 0.300774272 G ", 300_774_272),
        ("1.5e-3 M", 1_500),
        ("0.000001 M", 1),
        ("5 k", 5_000),
        ("0 k", 0),
        # Beyond what a double holds: 2^53 + 1.
        ("9007199.254740993 G", 9_007_199_254_740_993),
    ],
)
def test_a_count_is_exact(text: str, expected: int) -> None:
    found = count("macs", text)
    assert (type(found), found) == (int, expected)


@pytest.mark.parametrize(
    ("text", "down", "up"),
    [
        ("7 B", 7, 7),
        ("1 KiB", 1_024, 1_024),
        ("1.5 MiB", 1_572_864, 1_572_864),
        ("1 GiB", 1_073_741_824, 1_073_741_824),
        ("1.5kB", 1_500, 1_500),
        ("0.1 MB", 100_000, 100_000),
        ("2 GB", 2_000_000_000, 2_000_000_000),
        ("0.1 MiB", 104_857, 104_858),  # 104857.6
        ("0.5 B", 0, 1),
    ],
)
def test_a_size_is_exact_or_rounded_to_the_side_that_is_asked_for(
    text: str, down: int, up: int
) -> None:
    assert (size("weight_bytes", text), size("weight_bytes", text, up=True)) == (down, up)


@pytest.mark.parametrize(
    "text", ["", "M", "107.3", "5", "1 m", "1 K", "1 MiB", "nan M", "inf M", "1 2 M", "1,5 M"]
)
def test_what_is_no_count_is_refused_with_the_units(text: str) -> None:
    with pytest.raises(QuantityError, match=r"^macs '.*': accepted is a .* of: k, M, G$"):
        count("macs", text)


@pytest.mark.parametrize("text", ["", "5", "1.5 M", "1 kb", "1 KB", "nan B", "inf B"])
def test_what_is_no_size_is_refused_with_the_units(text: str) -> None:
    listed = "B, KiB, MiB, GiB, kB, MB, GB"
    with pytest.raises(QuantityError, match=f"^peak '.*': accepted is a .* of: {listed}$"):
        size("peak", text)


@pytest.mark.parametrize("text", ["1.5e-3 k", "0.0001 k", "0.3333333 M"])
def test_a_count_is_whole(text: str) -> None:
    with pytest.raises(QuantityError, match="accepted is a whole number once multiplied out"):
        count("macs", text)


def test_counts_and_sizes_are_not_negative() -> None:
    with pytest.raises(QuantityError, match="not negative"):
        count("macs", "-1 M")
    with pytest.raises(QuantityError, match="not negative"):
        size("peak", "-1 B")


@pytest.mark.parametrize("text", ["1e999999999 M", "1e-999999999 M", f"1e{'9' * 5000} M"])
def test_an_exponent_out_of_all_proportion_is_refused_at_once(text: str) -> None:
    """Multiplied out, the first would take a gigabyte of digits."""
    with pytest.raises(QuantityError, match="at most 100 digits"):
        count("macs", text)


@pytest.mark.parametrize(
    ("text", "unit"), [("12ms", "ms"), ("1e3 M ", "M"), ("5", ""), ("3 %", "%"), ("x", "")]
)
def test_the_unit_of_a_text(text: str, unit: str) -> None:
    assert unit_of(text) == unit
