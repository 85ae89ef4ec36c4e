"""Numbers with units, as people write them: ``90 s``, ``3 %``, ``107.3 M``, ``1.5 MiB``."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from fractions import Fraction

from mncost.errors import QuantityError

__all__ = ["COUNTS", "SIZES", "TIMES", "count", "seconds", "share", "size", "unit_of"]

COUNTS = {"k": 10**3, "M": 10**6, "G": 10**9}
"""Units of counts."""
SIZES = {
    "B": 1,
    **{"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30},
    **{"kB": 10**3, "MB": 10**6, "GB": 10**9},
}
"""Units of sizes, in bytes."""

TIMES = {"us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0}
"""Units of durations, in seconds."""
_SHARES = {"%": 0.01, "‰": 0.001}
MAX_TEXT, MAX_EXPONENT = 100, 100  # what an exact number is read from
_NUMBER = re.compile(r"\s*(?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)\s*(?P<unit>\D*?)\s*")


def seconds(name: str, text: str, *, bare: float | None = 1.0) -> float:
    """Return a duration in seconds; ``bare`` is what a number without a unit counts in.

    Raises:
        QuantityError: it is not a number with one of the units, or is negative.
    """
    return _parse(name, text, TIMES, bare)


def share(name: str, text: str, *, bare: float | None = 1.0) -> float:
    """Return a share, 1 being all; ``bare`` is what a number without a unit counts in.

    Raises:
        QuantityError: it is not a number with one of the units, or is negative.
    """
    return _parse(name, text, _SHARES, bare)


def count(name: str, text: str) -> int:
    """Return a count, exact to the unit: ``3.504872 M`` is 3504872.

    Raises:
        QuantityError: it is not a number with one of the units, is negative, or is no whole number
            once multiplied out.
    """
    exact = _exact(name, text, COUNTS)
    if exact.denominator != 1:
        raise QuantityError(f"{name} {text!r}: accepted is a whole number once multiplied out")
    return exact.numerator


def size(name: str, text: str, *, up: bool = False) -> int:
    """Return a size in bytes, exact to the byte.

    What is no whole number of bytes is rounded down, or ``up``: for a maximum and a minimum, these
    are the whole numbers that mean the same.

    Raises:
        QuantityError: it is not a number with one of the units, or is negative.
    """
    exact = _exact(name, text, SIZES)
    return math.ceil(exact) if up else math.floor(exact)


def unit_of(text: str) -> str:
    """Return the unit of a number that can be read; ``""`` if it has none."""
    match = _NUMBER.fullmatch(text)
    return match["unit"] if match else ""


def _exact(name: str, text: str, units: Mapping[str, int]) -> Fraction:
    """Read a number without rounding; it has to have a unit."""
    match = _matched(name, text, units)
    _, _, exponent = match["number"].partition("e")
    # A huge exponent would be multiplied out, digit by digit.
    if len(text) > MAX_TEXT or abs(int(exponent or 0)) > MAX_EXPONENT:
        raise QuantityError(f"{name} {text[:40]!r}: accepted is a number of at most 100 digits")
    value = Fraction(match["number"]) * units[match["unit"]]
    if value < 0:
        raise QuantityError(f"{name} {text!r}: accepted is a finite number, not negative")
    return value


def _parse(name: str, text: str, units: Mapping[str, float], bare: float | None) -> float:
    match = _matched(name, text, units, bare=bare is not None)
    factor = units.get(match["unit"], bare)
    assert factor is not None
    value = float(match["number"]) * factor
    if value < 0 or not math.isfinite(value):
        raise QuantityError(f"{name} {text!r}: accepted is a finite number, not negative")
    return value


def _matched(
    name: str, text: str, units: Mapping[str, float], *, bare: bool = False
) -> re.Match[str]:
    """Take a text apart into ``number`` and ``unit``; a ``bare`` number has none."""
    match = _NUMBER.fullmatch(text)
    if not match or not (match["unit"] in units or (bare and not match["unit"])):
        listed = ", ".join(units)
        raise QuantityError(f"{name} {text!r}: accepted is a number with one of: {listed}")
    return match
