"""A limit and its value in words: one unit, and the digits that matter."""

from __future__ import annotations

from typing import Literal

from mncost.budget.outcome import Outcome
from mncost.budget.records import Exact
from mncost.errors import one_line
from mncost.render.column import Column
from mncost.render.units import ABSENT, format_column, three_digits

__all__ = ["bound_of", "limit_and_value", "percent", "sentence"]


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
    from mncost.budget.measured_words import limit_and_value as measured  # counts need none

    return measured(outcome)


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
