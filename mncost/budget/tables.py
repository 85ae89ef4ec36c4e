"""What was found for each limit, as tables and as sentences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from mncost.budget.records import Exact, Latency, Outcome
from mncost.budget.verdicts import summary_line
from mncost.errors import one_line
from mncost.render.table import Column, Table, Value
from mncost.render.units import ABSENT, format_column

if TYPE_CHECKING:
    from mncost.interval import Interval

__all__ = ["bound_of", "limit_and_value", "machine_table", "people_table", "sentence"]

_MS = 1e-6
_MOST_DIGITS = 6  # decimals that a nanosecond has in ms
_LOPSIDED = 0.05  # of an interval's width: how far its middle may be from the value

_PEOPLE = [
    Column("name", "budget"),
    Column("metric", "metric"),
    Column("limit", "limit", "number"),
    Column("value", "value", "number"),
    Column("headroom", "headroom %", "number"),
    Column("verdict", "verdict"),
]
_MODEL = ("arch", "alpha", "resolution", "dialect", "classes", "twin")
_PLACE = ("runtime", "provider", "threads", "batch")
_MACHINE = (
    *("budget", "line", "name", *_MODEL, "precision", *_PLACE),
    *("metric", "bound", "limit", "value", "lo", "hi", "unit", "headroom", "verdict", "why"),
)


def people_table(outcomes: Sequence[Outcome], notes: Sequence[str]) -> Table:
    """Return a row for each limit, in units for people.

    Reasons stand in the notes, before those given.
    """
    rows = [[*_named(outcome), *_shown(outcome), outcome.verdict] for outcome in outcomes]
    reasons = [
        f"{': '.join(_named(outcome))}: {one_line(outcome.why)}"
        for outcome in outcomes
        if outcome.why
    ]
    return Table("check", _PEOPLE, rows, [*reasons, *notes], summary_line(outcomes))


def machine_table(outcomes: Sequence[Outcome], notes: Sequence[str]) -> Table:
    """Return a row of bare values for each limit: nanoseconds, bytes, units, ratios, shares."""
    columns = [Column(name, name) for name in _MACHINE]
    return Table("check", columns, [_bare(outcome) for outcome in outcomes], list(notes))


def sentence(outcome: Outcome) -> str:
    """Return what was found and what is allowed, in one line."""
    limit, value = limit_and_value(outcome)
    why = f"; {one_line(outcome.why)}" if outcome.why else ""
    found = "unknown" if value == ABSENT else value
    return f"{one_line(outcome.of.metric)} is {found}, the limit {limit}{why}"


def bound_of(outcome: Outcome) -> Literal["max", "min", "both"]:
    """Return which values a limit allows: up to it, from it on, or between two."""
    bound = outcome.of.bound
    if not isinstance(bound, Exact) or bound.min is None:
        return "max"
    return "min" if bound.max is None else "both"


def limit_and_value(outcome: Outcome) -> tuple[str, str]:
    """Return both for people, in one unit, and never alike unless they are equal."""
    if outcome.unit in ("count", "bytes"):
        return _counted(outcome)
    factor, unit = (_MS, " ms") if outcome.unit == "ns" else (1.0, "")
    return f"≤ {_as_given(outcome.limit * factor)}{unit}", _measured(outcome, factor, unit)


def _named(outcome: Outcome) -> tuple[str, str]:
    return one_line(outcome.of.name), one_line(outcome.of.metric)


def _shown(outcome: Outcome) -> tuple[str, str, str]:
    return *limit_and_value(outcome), _percent(outcome.headroom)


def _counted(outcome: Outcome) -> tuple[str, str]:
    """Write counts or bytes with prefixes; every digit if these hide a difference."""
    bound = outcome.of.bound
    least = bound.min if isinstance(bound, Exact) and bound_of(outcome) == "both" else None
    numbers = [outcome.limit, outcome.value, least]
    kind = Column("", "", "bytes" if outcome.unit == "bytes" else "count")
    unit, texts = format_column(kind, numbers)
    if len(set(texts)) < len(set(numbers)):
        unit = "B" if outcome.unit == "bytes" else ""
        texts = [ABSENT if number is None else f"{number:,}" for number in numbers]
    limit, value, lower = (text if text == ABSENT else f"{text} {unit}".rstrip() for text in texts)
    if least is None:
        return f"{'≥' if bound_of(outcome) == 'min' else '≤'} {limit}", value
    return f"= {limit}" if lower == limit else f"{lower}–{limit}", value


def _measured(outcome: Outcome, factor: float, unit: str) -> str:
    if outcome.value is None:
        return ABSENT
    from mncost.interval import Interval
    from mncost.render.units import with_interval

    summary = Interval(outcome.value, outcome.lo, outcome.hi, 0).scaled(factor)
    if _is_lopsided(outcome, summary):
        return f"{_with_bounds(summary, outcome.limit * factor)}{unit}"
    return f"{with_interval(summary)}{unit}"


def _is_lopsided(outcome: Outcome, summary: Interval) -> bool:
    """Whether ± would mislead beside a limit, as it does for wide intervals of few processes."""
    center, lo, hi = summary[:3]
    if lo is None or hi is None:
        return (lo is None) != (hi is None)
    bound = outcome.of.bound
    tail = isinstance(bound, Latency) and bound.percent != 50
    return tail or center <= 0 or abs(lo + hi - 2 * center) > _LOPSIDED * (hi - lo)


def _with_bounds(summary: Interval, limit: float) -> str:
    """Return ``9.19 (9.10–9.45)``: each with the decimals that tell it from the limit."""
    from mncost.render.units import three_digits

    fewest = len(three_digits(summary.center).partition(".")[2])
    center, lo, hi = (
        "?" if number is None else _apart(number, limit, fewest) for number in summary[:3]
    )
    return f"{center} ({lo}–{hi})"


def _apart(number: float, limit: float, fewest: int) -> str:
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


def _percent(share: float | None) -> str:
    """Return a share in %, never as a zero that it is not."""
    if share is None:
        return ABSENT
    if 0 < abs(share) < 0.0005:
        return "<0.1" if share > 0 else ">−0.1"
    return f"{100 * share:,.1f}".replace("-", "−")


def _bare(outcome: Outcome) -> list[Value]:
    limit = outcome.of
    numbers = (outcome.limit, outcome.value, outcome.lo, outcome.hi)
    return [
        *(limit.budget, limit.line, limit.name),
        *(getattr(limit.model, name) for name in _MODEL),
        limit.precision,
        *(getattr(limit.place, name) for name in _PLACE),
        *(limit.metric, bound_of(outcome)),
        *numbers,
        *(outcome.unit, outcome.headroom, outcome.verdict, outcome.why),
    ]
