"""New limits for a budget file, as a diff: nothing is written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from decimal import ROUND_CEILING, Decimal
from difflib import unified_diff
from typing import Any

import tomlkit

from mncost.budget.records import Exact, Latency, Outcome, Ratio, Regression
from mncost.budget.schema import percent_of
from mncost.units import COUNTS, SIZES, TIMES, unit_of

__all__ = ["proposed"]

SLACK = 0.1  # a limit with more headroom could be tightened
MARGIN = Decimal("1.1")  # new limits of what is measured: the interval's upper bound and 10 %


def proposed(text: str, outcomes: Sequence[Outcome], origin: str) -> str:
    """Return a unified diff that gives a budget file new limits; ``""`` if it needs none.

    Replaced are limits that failed, and those that passed with more than 10 % of headroom. An exact
    one becomes the value; one of a latency or a ratio the upper bound of the interval and 10 %,
    rounded up to two significant digits. What is inconclusive stays, and so do regressions: how
    much slower is too much is not for a measurement to say. Comments and layout stay.

    Args:
        text: the budget file from which the limits were read, without a byte order mark.
        outcomes: what was found for them.
        origin: the file's name in the head of the diff.
    """
    document = tomlkit.parse(text)
    budgets: Any = document.get("budget", [])
    for outcome in outcomes:
        _renew(budgets[outcome.of.budget - 1], outcome)
    return "".join(_diff(text, document.as_string(), origin))


def _renew(budget: MutableMapping[str, Any], outcome: Outcome) -> None:
    """Give one limit its new value, if it needs one."""
    if outcome.value is None or outcome.verdict == "INCONCLUSIVE":
        return
    if outcome.verdict == "PASS" and (outcome.headroom or 0.0) <= SLACK:
        return
    upper = Decimal(str(outcome.value if outcome.hi is None else outcome.hi)) * MARGIN
    match outcome.of.bound:
        case Exact() as bound:
            _renew_exact(budget, bound, int(outcome.value))
        case Latency() as bound:
            latency = budget["latency"]
            key = next(key for key in latency if percent_of(key) == bound.percent)
            unit = unit_of(latency[key])
            new = _rounded_up(upper / (Decimal(str(TIMES[unit])) * 10**9))
            if _is_wanted(outcome, new * Decimal(str(TIMES[unit])) * 10**9):
                latency[key] = f"{_plain(new)} {unit}"
        case Ratio():
            new = _rounded_up(upper)
            if _is_wanted(outcome, new):
                budget["latency"]["max_ratio"] = float(new)
        case Regression():
            pass


def _renew_exact(budget: MutableMapping[str, Any], bound: Exact, value: int) -> None:
    units = COUNTS if bound.metric in ("macs", "params") else SIZES
    end = "max" if bound.max is not None else "min"
    if bound.min is not None and value < bound.min:
        end = "min"
    one = isinstance(budget[bound.metric], str)
    table, key = (budget, bound.metric) if one else (budget[bound.metric], end)
    table[key] = _exact_text(value, unit_of(table[key]), units)


def _is_wanted(outcome: Outcome, new: Decimal) -> bool:
    """Whether a new limit does what it is for: a failed one gets wider, a passed one tighter."""
    old = Decimal(str(outcome.limit))
    return new > old if outcome.verdict == "FAIL" else new < old


def _exact_text(value: int, unit: str, units: Mapping[str, int]) -> str:
    """Write a value to the last unit: in ``unit`` where that takes few decimals, else in bytes."""
    factor = units[unit]
    places = 3 if factor & (factor - 1) == 0 else 9  # KiB, MiB, GiB: 1/1024 has ten decimals
    whole, rest = divmod(value, factor)
    decimals, lost = divmod(rest * 10**places, factor)
    if lost:
        return f"{value} B"
    return f"{whole}.{decimals:0{places}}".rstrip("0").rstrip(".") + f" {unit}"


def _rounded_up(number: Decimal) -> Decimal:
    """Return the next number of two significant digits."""
    step = Decimal(1).scaleb(number.adjusted() - 1)
    return (number / step).to_integral_value(ROUND_CEILING) * step


def _plain(number: Decimal) -> str:
    return f"{number.normalize():f}"


def _diff(old: str, new: str, origin: str) -> Iterator[str]:
    """Yield the lines of a unified diff that ``patch`` takes."""
    before, after = (re.findall(r"[^\n]*\n|[^\n]+", text) for text in (old, new))
    for line in unified_diff(before, after, origin, origin):
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
