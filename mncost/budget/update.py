"""New limits for a budget file, as a diff: nothing is written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from decimal import ROUND_CEILING, Decimal
from difflib import unified_diff
from typing import Any

import tomlkit

from mncost.budget.outcome import Outcome
from mncost.budget.records import Exact, Latency, Ratio, Regression
from mncost.limits import EXACT, percent_of
from mncost.units import COUNTS, SIZES, TIMES, unit_of

__all__ = ["proposed"]

SLACK = 0.1  # a limit with more headroom could be tightened
MARGIN = Decimal("1.1")  # a new limit on latency is the interval's upper bound and 10 %


def proposed(text: str, outcomes: Sequence[Outcome], origin: str) -> str:
    """Return a unified diff that gives a budget file new limits; ``""`` if it needs none.

    It replaces limits that failed, and limits that passed with more than 10 % of headroom. An exact
    limit becomes the value. A limit of a latency or a ratio becomes the upper bound of the interval
    and 10 %, rounded up to two significant digits. Inconclusive limits and regressions stay, and so
    do comments and layout: no measurement says how much slower is too much.

    Args:
        text: the budget file from which the limits were read, without a byte order mark.
        outcomes: of its limits.
        origin: the file's name in the head of the diff.
    """
    document = tomlkit.parse(text)
    budgets: Any = document.get("budget", [])
    for outcome in outcomes:
        _renew(budgets[outcome.of.budget - 1], outcome)
    return "".join(_diff(text, document.as_string(), origin))


def _renew(budget: MutableMapping[str, Any], outcome: Outcome) -> None:
    """Give one limit its new value, if it needs one."""
    if outcome.value is None or outcome.verdict not in ("PASS", "FAIL"):
        return
    if outcome.verdict == "PASS" and (outcome.headroom or 0.0) <= SLACK:
        return
    center, _, hi = outcome.value[:3]
    upper = Decimal(str(center if hi is None else hi)) * MARGIN
    match outcome.of.bound:
        case Exact() as bound:
            _renew_exact(budget, bound, int(center))
        case Latency() as bound:
            _renew_latency(budget, bound, outcome, upper)
        case Ratio():
            new = _rounded_up(upper)
            if _is_wanted(outcome, new):
                budget["latency"]["max_ratio"] = float(new)
        case Regression():
            pass


def _renew_latency(
    budget: MutableMapping[str, Any], bound: Latency, outcome: Outcome, upper: Decimal
) -> None:
    table, key = budget, "latency"
    if not isinstance(budget["latency"], str):
        table = budget["latency"]
        key = next(key for key in table if percent_of(key) == bound.percent)
    unit = unit_of(table[key])
    new = _rounded_up(upper / Decimal(str(TIMES[unit])))
    if _is_wanted(outcome, new * Decimal(str(TIMES[unit]))):
        table[key] = f"{_plain(new)} {unit}"


def _renew_exact(budget: MutableMapping[str, Any], bound: Exact, value: int) -> None:
    units = COUNTS if EXACT[bound.metric] == "count" else SIZES
    end = "max" if bound.max is not None else "min"
    if bound.min is not None and value < bound.min:
        end = "min"
    given = budget[bound.metric]
    table, key = (given, end) if isinstance(given, MutableMapping) else (budget, bound.metric)
    is_text = isinstance(table[key], str)
    table[key] = _exact_text(value, unit_of(table[key]), units) if is_text else value


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
