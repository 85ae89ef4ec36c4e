"""A limit and its value in words: one unit, and the digits that matter."""

from __future__ import annotations

from typing import Literal

from mncost.budget.outcome import Outcome
from mncost.budget.records import Exact, Latency, Regression
from mncost.errors import one_line
from mncost.interval import Interval
from mncost.render.column import Column
from mncost.render.units import ABSENT, HUGE, format_column, three_digits, with_interval

__all__ = ["bound_of", "limit_and_value", "percent", "sentence"]

_MOST_DIGITS = 6  # decimals that a nanosecond has in ms
_LOPSIDED = 0.05  # of an interval's width: how far its middle may be from the value


def sentence(outcome: Outcome) -> str:
    """Return the value, the limit and the reason of an outcome, in one line."""
    limit, value = limit_and_value(outcome)
    text = f"{one_line(outcome.of.metric)} is {'unknown' if value == ABSENT else value}"
    text += f", the limit {limit}"
    if outcome.old is not None and outcome.new is not None:
        text += f" ({old_and_new(outcome)})"
    return f"{text}; {one_line(outcome.why)}" if outcome.why else text


def bound_of(outcome: Outcome) -> Literal["max", "min", "both"]:
    """Return which values a limit allows: up to it, from it on, or between two."""
    bound = outcome.of.bound
    if not isinstance(bound, Exact) or bound.min is None:
        return "max"
    return "min" if bound.max is None else "both"


def limit_and_value(outcome: Outcome) -> tuple[str, str]:
    """Return the limit and the value as people read them.

    Both are in one unit, and they look alike only if they are equal.
    """
    if outcome.unit in ("count", "bytes"):
        return _counted(outcome)
    value, limit = outcome.value, outcome.limit
    if isinstance(outcome.of.bound, Regression):
        return f"≤ {_signed(100 * (limit - 1))} %", _change(value, limit)
    if outcome.unit == "ratio":
        return f"≤ {_as_given(limit)}", _measured(outcome, value, limit)
    limit *= 1e3
    text = _measured(outcome, None if value is None else value.scaled(1e3), limit)
    return f"≤ {_as_given(limit)} ms", text if value is None else f"{text} ms"


def old_and_new(outcome: Outcome) -> str:
    """Return the latencies that were compared: ``4.10 → 4.56 ms``; ``""`` if they are unknown."""
    if outcome.old is None or outcome.new is None:
        return ""
    old, new = (three_digits(1e3 * seconds) for seconds in (outcome.old, outcome.new))
    return f"{old} → {new} ms"


def percent(share: float | None) -> str:
    """Return a share in %; it reads 0.0 only if it is 0."""
    if share is None:
        return ABSENT
    if 0 < abs(share) < 0.0005:
        return "<0.1" if share > 0 else ">−0.1"
    return f"{100 * share:,.1f}".replace("-", "−")


def _counted(outcome: Outcome) -> tuple[str, str]:
    """Write counts or bytes with prefixes; in full if prefixes would hide a difference."""
    bound = outcome.of.bound
    least = bound.min if isinstance(bound, Exact) and bound_of(outcome) == "both" else None
    value = None if outcome.value is None else int(outcome.value.center)
    numbers = [outcome.limit, value, least]
    kind = Column("", "", "bytes" if outcome.unit == "bytes" else "count")
    unit, texts = format_column(kind, numbers)
    if len(set(texts)) < len(set(numbers)):
        unit = "B" if outcome.unit == "bytes" else ""
        texts = [ABSENT if number is None else f"{number:,}" for number in numbers]
    limit, written, lower = (
        text if text == ABSENT else f"{text} {unit}".rstrip() for text in texts
    )
    if least is None:
        return f"{'≥' if bound_of(outcome) == 'min' else '≤'} {limit}", written
    return f"= {limit}" if lower == limit else f"{lower}–{limit}", written


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
