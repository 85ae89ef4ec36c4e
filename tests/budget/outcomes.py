"""Outcomes for the tests of what is shown of them."""

from __future__ import annotations

from mncost.budget.outcome import Ending, Inconclusive, Outcome, Verdicts
from mncost.budget.records import (
    Bounds,
    Exact,
    Latency,
    Limit,
    Model,
    Place,
    Ratio,
    Regression,
)
from mncost.interval import Interval
from mncost.interval import exact as exactly

M = 10**6
HOSTILE = [
    "<script>alert(1)</script>",
    "]]> & &amp; ]]&gt;",
    "\"'` | *_\\",
    "two\nlines\r\nand\ttabs",
    "\x00\x07\x1b[31m\x7f\x85",
    "\ufffe\uffff\ud800",
    "%0A::error::x, y: z%",
    "::stop-commands::x",
    "##vso[task.complete result=Failed]",
    "##[error]x",
    "α ρ − 😀",
    "",
]


def limit(
    metric: str, bound: Bounds, budget: int = 1, name: str = "v2", line: int | None = 3
) -> Limit:
    """Return a limit on V2."""
    return Limit(budget, line, name, Model(arch="v2"), "fp32", Place(), metric, bound)


def exact(
    value: int | None,
    *,
    most: int | None = None,
    least: int | None = None,
    metric: str = "macs",
    name: str = "v2",
    budget: int = 1,
) -> Outcome:
    """Return the outcome of an exact limit; its verdict is worked out here."""
    assert value is not None
    within = (most is None or value <= most) and (least is None or value >= least)
    bound = Exact(metric, most, least)
    return Outcome(
        limit(metric, bound, budget, name),
        "PASS" if within else "FAIL",
        exactly(value),
        "bytes" if metric.endswith("bytes") else "count",
    )


def interval(value: float | None, lo: float | None, hi: float | None) -> Interval | None:
    """Return an interval over five processes; nothing if there is no value."""
    return None if value is None else Interval(value, lo, hi, 5)


def latency(
    verdict: Ending,
    value: float | None,
    lo: float | None,
    hi: float | None,
    *,
    percent: float = 99,
    most: float = 12e-3,
    name: str = "v2",
    budget: int = 1,
    why: str = "",
) -> Outcome:
    """Return the outcome of a limit on a latency, in seconds."""
    of = limit(f"latency p{percent:g}", Latency(percent, most), budget, name)
    return Outcome(of, verdict, interval(value, lo, hi), "time", why)


def ratio(verdict: Ending, value: float, lo: float | None, hi: float | None) -> Outcome:
    """Return the outcome of a limit on a ratio to V1: 1.1."""
    bound = Ratio(Model(arch="v1"), 1.1)
    of = limit("latency ratio to v1", bound, budget=5)
    return Outcome(of, verdict, interval(value, lo, hi), "ratio")


def regression(
    verdict: Ending,
    value: float | None,
    lo: float | None = None,
    hi: float | None = None,
    *,
    share: float = 0.03,
    old: float | None = None,
    new: float | None = None,
    name: str = "v2",
) -> Outcome:
    """Return the outcome of a limit on a regression."""
    of = limit("latency regression", Regression(share), budget=6, name=name)
    return Outcome(of, verdict, interval(value, lo, hi), "ratio", old=old, new=new)


def checked(outcomes: list[Outcome], inconclusive: Inconclusive = "keep") -> Verdicts:
    """Return the verdicts of a check with these outcomes."""
    return Verdicts(outcomes, inconclusive=inconclusive)


def one_of_each(name: str = "v2", why: str = "too few runs") -> list[Outcome]:
    """Return a limit that holds, one that fails and an inconclusive one."""
    return [
        exact(300_774_272, most=301 * M, name=name),
        exact(300_774_272, most=300 * M, name=name, budget=2),
        latency("INCONCLUSIVE", 12.1e-3, 11.9e-3, None, name=name, budget=3, why=why),
    ]
