"""Numbers for people: prefixes, and only the digits worth reading."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from mncost.interval import Interval
from mncost.render.column import AtLeast, Column, Kind, Value

__all__ = [
    "ABSENT",
    "HUGE",
    "format_column",
    "three_digits",
    "with_bounds",
    "with_interval",
    "written",
]

ABSENT = "–"

_DECIMAL = ((1e6, "M"), (1e3, "k"), (1, ""))
_PREFIXES: dict[str, tuple[tuple[float, str], ...]] = {
    "count": _DECIMAL,
    "rate": ((1e9, "G"), *_DECIMAL),
    "bytes": ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"), (1, "B")),
    "time": ((1, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")),
}
_FIXED = {"ratio": ("", 1, 2), "fraction": ("", 1, 4), "share": ("%", 0.01, 1)}
_LEAST = 0.01  # of a prefix: what three decimals still show two digits of
HUGE = 1e15
_WIDE = 1_000  # columns whose numbers differ by more have three digits in each cell


class Unit(Struct, frozen=True):
    """The unit of a column.

    Attributes:
        name: for its title.
        size: in base units.
        digits: decimals of numbers without an interval; ``None``: three significant digits.
    """

    name: str
    size: float
    digits: int | None


def format_column(column: Column, values: Sequence[Value]) -> tuple[str, list[str]]:
    """Return the unit of a column, for its title, and its cells as text."""
    unit = _unit(column.kind, values)
    return unit.name, [_cell(column, value, unit) for value in values]


def written(kind: Kind, value: Interval | float, *, bounds: bool = False) -> str:
    """Return one number with its unit, for a sentence: ``9.19 ±0.11 ms``, ``1.53 MiB``."""
    unit, (text,) = format_column(Column("", "", kind, bounds=bounds), [value])
    return f"{text} {unit}" if unit else text


def with_interval(interval: Interval) -> str:
    """Return ``9.19 ±0.11``: only the digits that the interval supports; ``±?`` without one."""
    center, lo, hi = interval[:3]
    if lo is None or hi is None:
        return f"{three_digits(center)} ±?"
    digits = interval.decimals
    if digits is None:  # no width
        return three_digits(center)
    half = (hi - lo) / 2
    if half >= abs(center):  # it supports no digit at all
        return f"{three_digits(center)} ±>100%"
    return f"{_rounded(center, digits)} ±{_rounded(half, digits)}"


def with_bounds(interval: Interval) -> str:
    """Return ``9.19 (9.10–9.45)``; a bound that is not known is a question mark."""
    center, lo, hi = interval[:3]
    if lo is None and hi is None:
        return f"{three_digits(center)} ±?"
    below, above = ("?" if bound is None else three_digits(bound) for bound in (lo, hi))
    return f"{three_digits(center)} ({below}–{above})"


def three_digits(value: float) -> str:
    """Return a number with three significant digits, or more if it has more before the point.

    Bounds of intervals that say nothing may be beyond all measure: they have an exponent.
    """
    if abs(value) >= HUGE:
        return f"{value:.2e}"
    whole = len(str(int(abs(value)))) if abs(value) >= 1 else 0
    return f"{value:,.{max(0, 3 - whole)}f}"


def _unit(kind: Kind, values: Sequence[Value]) -> Unit:
    if kind in _FIXED:
        return Unit(*_FIXED[kind])
    if kind not in _PREFIXES:
        return Unit("", 1, None)
    sizes = [abs(size) for value in values if (size := _size(value))]
    if not sizes:
        return Unit("", 1, 0)
    largest, smallest = max(sizes), min(sizes)
    prefixes = _PREFIXES[kind]
    size, name = next(
        (prefix for prefix in prefixes if largest >= prefix[0] and smallest >= _LEAST * prefix[0]),
        prefixes[-1],
    )
    if size == 1 and kind in ("count", "bytes"):
        return Unit(name, size, 0)
    if kind in ("time", "rate") or largest > _WIDE * smallest:
        return Unit(name, size, None)
    least = smallest / size
    two = kind == "bytes" and least >= 0.1
    return Unit(name, size, 1 if least >= 10 else 2 if two else 3)


def _size(value: Value) -> float | None:
    if isinstance(value, Interval):
        return value.center
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _cell(column: Column, value: Value, unit: Unit) -> str:
    if isinstance(value, AtLeast):
        return f"≥{_cell(column, int(value), unit)}"
    if isinstance(value, Interval):
        if value.lo != value.hi or value.lo is None:
            scaled = value.scaled(1 / unit.size)
            return with_bounds(scaled) if column.bounds else with_interval(scaled)
        value = value.center  # exact
    number = _size(value)
    if not number or column.kind in ("text", "number"):
        return _text(value)
    if unit.digits is None:
        return three_digits(number / unit.size)
    return f"{number / unit.size if unit.size != 1 else number:,.{unit.digits}f}"


def _rounded(value: float, digits: int) -> str:
    return f"{round(value, digits):,.{max(digits, 0)}f}"


def _text(value: Value) -> str:
    match value:
        case None:
            return ABSENT
        case bool():
            return "yes" if value else "no"
        case tuple():
            return " ".join(map(str, value))
        case 0:
            return "0"
        case _:
            return str(value)
