"""Numbers with units, as people write them: ``90 s``, ``2 min``, ``3 %``."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from mncost.errors import QuantityError

__all__ = ["seconds", "share"]

_SECONDS = {"us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0}
_SHARES = {"%": 0.01, "‰": 0.001}
_NUMBER = re.compile(r"\s*(?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)\s*(?P<unit>\D*?)\s*")


def seconds(name: str, text: str, *, bare: float | None = 1.0) -> float:
    """Return a duration in seconds; ``bare`` is what a number without a unit counts in.

    Raises:
        QuantityError: it is not a number with one of the units, or is negative.
    """
    return _parse(name, text, _SECONDS, bare)


def share(name: str, text: str, *, bare: float | None = 1.0) -> float:
    """Return a share, 1 being all; ``bare`` is what a number without a unit counts in.

    Raises:
        QuantityError: it is not a number with one of the units, or is negative.
    """
    return _parse(name, text, _SHARES, bare)


def _parse(name: str, text: str, units: Mapping[str, float], bare: float | None) -> float:
    found = _NUMBER.fullmatch(text)
    unit = found["unit"] if found else ""
    factor = units.get(unit, None if unit else bare)
    if not found or factor is None:
        listed = ", ".join(units)
        raise QuantityError(f"{name} {text!r}: accepted is a number with one of: {listed}")
    value = float(found["number"]) * factor
    if value < 0 or not math.isfinite(value):
        raise QuantityError(f"{name} {text!r}: accepted is a finite number, not negative")
    return value
