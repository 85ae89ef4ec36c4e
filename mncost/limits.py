"""Limits as people write them, read in one place: ``"107.3 M"``, ``"14 MiB"``, ``"12 ms"``, 0.9.

Budget files, the pytest fixture and ``pick`` all read their limits here. Each function is given
the name that its messages begin with, and raises :class:`~mncost.errors.QuantityError` for what it
cannot read.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from numbers import Real
from typing import Literal, TypeAlias

from mncost import units
from mncost.errors import QuantityError

__all__ = [
    "EXACT",
    "Amount",
    "change",
    "exact",
    "percent_of",
    "percentage",
    "ratio",
    "seconds",
    "time",
    "whole",
]

Amount: TypeAlias = str | float
"""A bare number, or a text with a unit."""

EXACT: Mapping[str, Literal["count", "bytes"]] = {
    "macs": "count",
    "params": "count",
    "weight_bytes": "bytes",
    "peak_activation_bytes": "bytes",
}
"""Metrics that are counted, and what they are counted in.

The names are those of properties of :class:`mncost.network.Network`.
"""

_PERCENTILE = re.compile(r"p[0-9]{1,2}(\.[0-9]{1,2})?")


def exact(name: str, given: Amount, kind: Literal["count", "bytes"], *, up: bool = False) -> int:
    """Return a count, or a size in bytes: a text with a unit, or a bare whole number.

    Args:
        name: what messages call it.
        given: what was written.
        kind: what it is.
        up: round a size that is no whole number of bytes up, as for a minimum, rather than down.
    """
    if isinstance(given, str):
        if kind == "count":
            return units.count(name, given)
        return units.size(name, given, up=up)
    is_number = isinstance(given, Real) and not isinstance(given, bool)
    if is_number and 0 <= given < math.inf and given == int(given):
        return int(given)
    accepted = units.COUNTS if kind == "count" else units.SIZES
    raise QuantityError(
        f"{name} {given!r}: accepted is a whole number, not negative, or a text with one of: "
        f"{', '.join(accepted)}"
    )


def time(name: str, given: object) -> float:
    """Return a limit on latency in seconds: a text with a unit, above 0."""
    value = float(f"{units.seconds(name, str(given), bare=None):.12g}")  # 9 ms is 0.009
    if not value:
        raise QuantityError(f"{name} {given!r}: accepted is a time longer than 0")
    return value


def seconds(name: str, given: Amount | None) -> float | None:
    """Return how long something may take in seconds; ``None`` stays ``None``."""
    value = None if given is None else units.seconds(name, str(given))
    if value == 0:
        raise QuantityError(f"{name} {given!r}: accepted is a time longer than 0")
    return value


def ratio(name: str, given: Amount) -> float:
    """Return a ratio: a number above 0, at most 1,000."""
    return _number(name, given, 1000.0, "a number above 0, at most 1,000")


def percentage(name: str, given: Amount) -> float:
    """Return a percentage: a number above 0 and below 100, or a text that may end in ``%``."""
    text = given.strip().removesuffix("%") if isinstance(given, str) else given
    value = _number(name, text, 100.0, "a number between 0 and 100, in %", shown=given)
    if value == 100.0:
        raise QuantityError(f"{name} {given!r}: accepted is a number between 0 and 100, in %")
    return value


def change(name: str, given: str) -> float:
    """Return a relative change: ``"3 %"`` is 0.03."""
    return units.share(name, given, bare=None)


def whole(name: str, given: object, most: int) -> int:
    """Return a whole number from 1 to ``most``."""
    if not isinstance(given, int) or isinstance(given, bool) or not 1 <= given <= most:
        raise QuantityError(f"{name} {given!r}: accepted is a whole number from 1 to {most}")
    return given


def percent_of(key: str) -> float | None:
    """Return which percentile a key is: 99.9 for ``p99.9``; ``None`` if it is none.

    Accepted are more than 0 and less than 100, with up to two decimals.
    """
    percent = float(key[1:]) if _PERCENTILE.fullmatch(key) else 0.0
    return percent or None


def _number(name: str, given: object, most: float, accepted: str, shown: object = None) -> float:
    convert: Callable[[object], float] = float  # type: ignore[assignment]
    try:
        value = math.nan if isinstance(given, bool) else convert(given)
    except (TypeError, ValueError):
        value = math.nan
    if not 0 < value <= most:
        raise QuantityError(f"{name} {given if shown is None else shown!r}: accepted is {accepted}")
    return value
