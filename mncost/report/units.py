"""Numbers for people: one prefix for a whole column, and only the digits worth reading."""

from __future__ import annotations

from collections.abc import Sequence

from mncost.report.table import Column, Value

__all__ = ["ABSENT", "format_column"]

ABSENT = "–"

_DECIMAL = ((10**6, "M"), (10**3, "k"), (1, ""))
_BINARY = ((2**20, "MiB"), (2**10, "KiB"), (1, "B"))


def format_column(column: Column, values: Sequence[Value]) -> tuple[str, list[str]]:
    """Return the unit of a column, for its title, and its cells as text."""
    numbers = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
    divisor: float
    match column.kind:
        case "count":
            unit, divisor, digits = _scale(numbers, _DECIMAL)
        case "bytes":
            unit, divisor, digits = _scale(numbers, _BINARY)
        case "ratio":
            unit, divisor, digits = "", 1, 2
        case "fraction":
            unit, divisor, digits = "", 1, 4
        case "share":
            unit, divisor, digits = "%", 0.01, 1
        case _:
            return "", [_text(value) for value in values]
    return unit, [
        f"{value / divisor:,.{digits}f}"
        if isinstance(value, int | float) and value
        else _text(value)
        for value in values
    ]


def _scale(numbers: Sequence[float], prefixes: Sequence[tuple[int, str]]) -> tuple[str, int, int]:
    """Choose the prefix by the largest number, the decimals by the smallest but 0."""
    sizes = [abs(number) for number in numbers if number]
    if not sizes:
        return "", 1, 0
    divisor, unit = next(p for p in prefixes if max(sizes) >= p[0] or p[0] == 1)
    if divisor == 1:
        return unit, 1, 0
    smallest = min(sizes) / divisor
    digits = 1 if smallest >= 10 else 2 if prefixes is _BINARY and smallest >= 1 else 3
    return unit, divisor, digits


def _text(value: Value) -> str:
    match value:
        case None:
            return ABSENT
        case bool():
            return "yes" if value else "no"
        case tuple():
            return " ".join(map(str, value))
        case _:
            return str(value)
