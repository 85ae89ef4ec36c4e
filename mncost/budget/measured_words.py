"""A limit on a latency, a ratio or a change, and its value, in words."""

from __future__ import annotations

from mncost.budget.outcome import Outcome
from mncost.budget.records import Latency, Regression
from mncost.interval import Interval
from mncost.render.units import ABSENT, HUGE, three_digits, with_interval

__all__ = ["limit_and_value"]

_MOST_DIGITS = 6  # decimals that a nanosecond has in ms
_LOPSIDED = 0.05  # of an interval's width: how far its middle may be from the value


def limit_and_value(outcome: Outcome) -> tuple[str, str]:
    """Return the limit and the value as people read them, in one unit."""
    value, limit = outcome.value, outcome.limit
    if isinstance(outcome.of.bound, Regression):
        return f"≤ {_signed(100 * (limit - 1))} %", _change(value, limit)
    if outcome.unit == "ratio":
        return f"≤ {_as_given(limit)}", _measured(outcome, value, limit)
    limit *= 1e3
    text = _measured(outcome, None if value is None else value.scaled(1e3), limit)
    return f"≤ {_as_given(limit)} ms", text if value is None else f"{text} ms"


def _change(value: Interval | None, limit: float) -> str:
    """Return a ratio as a change: ``+11.2 % ±0.7``, or with its bounds where ± would mislead."""
    if value is None:
        return ABSENT
    center, lo, hi = (None if v is None else 100 * (v - 1) for v in value[:3])
    assert center is not None
    if lo is None or hi is None:
        return f"{_signed(round(center, 1))} % ±?"
    digits = _change_digits(value, limit)
    half = (hi - lo) / 2
    if abs(lo + hi - 2 * center) > _LOPSIDED * (hi - lo) or half < 0.5 * 10**-digits:
        low, high = (_fixed(bound, digits) for bound in (lo, hi))
        return f"{_fixed(center, digits)} % ({low} to {high})"
    return f"{_fixed(center, digits)} % ±{half:.{digits}f}"


def _change_digits(value: Interval, limit: float) -> int:
    """Return the decimals, at least one, with which no bound looks like the limit by rounding."""
    most = 100 * (limit - 1)
    bounds = [100 * (bound - 1) for bound in value[:3] if bound is not None and bound != limit]
    for digits in range(1, _MOST_DIGITS):
        if all(f"{bound:.{digits}f}" != f"{most:.{digits}f}" for bound in bounds):
            return digits
    return _MOST_DIGITS


def _fixed(number: float, digits: int) -> str:
    text = f"{number:+,.{digits}f}" if abs(number) < HUGE else f"{number:+.2e}"
    return text.replace("-", "−")


def _signed(number: float) -> str:
    return f"{number:+,.10g}".replace("-", "−")


def _measured(outcome: Outcome, value: Interval | None, limit: float) -> str:
    if value is None:
        return ABSENT
    return _with_bounds(value, limit) if _is_lopsided(outcome, value) else with_interval(value)


def _is_lopsided(outcome: Outcome, value: Interval) -> bool:
    """Whether ± would mislead beside a limit, as it does for wide intervals of few processes."""
    center, lo, hi = value[:3]
    if lo is None or hi is None:
        return (lo is None) != (hi is None)
    bound = outcome.of.bound
    tail = isinstance(bound, Latency) and bound.percent != 50
    return tail or center <= 0 or abs(lo + hi - 2 * center) > _LOPSIDED * (hi - lo)


def _with_bounds(value: Interval, limit: float) -> str:
    """Return ``9.19 (9.10–9.45)``: each with the decimals that tell it from the limit."""
    fewest = len(three_digits(value.center).partition(".")[2])
    center, lo, hi = (
        "?" if number is None else _apart(number, limit, fewest) for number in value[:3]
    )
    return f"{center} ({lo}–{hi})"


def _apart(number: float, limit: float, fewest: int) -> str:
    if abs(number) >= HUGE:
        return three_digits(number)
    if number == limit:
        digits = max(fewest, len(_as_given(limit).partition(".")[2]))
    else:
        differing = (
            n for n in range(fewest, _MOST_DIGITS) if f"{number:.{n}f}" != f"{limit:.{n}f}"
        )
        digits = next(differing, _MOST_DIGITS)
    return f"{number:,.{digits}f}"


def _as_given(limit: float) -> str:
    """Return a limit as its file says it: without the noise of a float's last digits."""
    return f"{limit:,.10g}"
