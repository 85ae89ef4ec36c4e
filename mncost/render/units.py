"""Numbers for people: prefixes, and only the digits worth reading."""

from __future__ import annotations

from collections.abc import Sequence

from mncost.render.table import Column, Value

__all__ = ["ABSENT", "format_column"]

ABSENT = "–"

_DECIMAL = ((10**6, "M"), (10**3, "k"), (1, ""))
_BINARY = ((2**20, "MiB"), (2**10, "KiB"), (1, "B"))
_PREFIXES = {"count": _DECIMAL, "bytes": _BINARY}
_FIXED = {"ratio": ("", 1.0, 2), "fraction": ("", 1.0, 4), "share": ("%", 0.01, 1)}
_WIDE = 1_000  # a column whose numbers differ by more than this has a prefix in each cell


def format_column(column: Column, values: Sequence[Value]) -> tuple[str, list[str]]:
    """Return the unit of a column, for its title, and its cells as text."""
    if column.kind in _FIXED:
        unit, divisor, digits = _FIXED[column.kind]
    elif column.kind in _PREFIXES:
        prefixes = _PREFIXES[column.kind]
        sizes = [abs(value) for value in values if value and isinstance(value, int | float)]
        if sizes and max(sizes) > _WIDE * min(sizes):
            return "", [_with_prefix(value, prefixes) for value in values]
        unit, divisor, digits = _common(sizes, prefixes)
    else:
        return "", [_text(value) for value in values]
    return unit, [
        f"{value / divisor:,.{digits}f}"
        if isinstance(value, int | float) and value
        else _text(value)
        for value in values
    ]


def _common(sizes: Sequence[float], prefixes: Sequence[tuple[int, str]]) -> tuple[str, float, int]:
    """Choose the prefix by the largest number, the decimals by the smallest."""
    if not sizes:
        return "", 1, 0
    divisor, unit = _prefix(max(sizes), prefixes)
    if divisor == 1:
        return unit, 1, 0
    smallest = min(sizes) / divisor
    return unit, divisor, 1 if smallest >= 10 else 2 if prefixes is _BINARY else 3


def _with_prefix(value: Value, prefixes: Sequence[tuple[int, str]]) -> str:
    if not isinstance(value, int | float) or not value:
        return _text(value)
    divisor, unit = _prefix(abs(value), prefixes)
    scaled = value / divisor
    digits = 0 if divisor == 1 else 1 if scaled >= 100 else 2
    return f"{scaled:,.{digits}f} {unit}".rstrip()


def _prefix(size: float, prefixes: Sequence[tuple[int, str]]) -> tuple[int, str]:
    return next((divisor, unit) for divisor, unit in prefixes if size >= divisor or divisor == 1)


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
