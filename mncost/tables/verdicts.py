"""The verdicts of a check: one row a limit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from mncost.budget.outcome import Outcome, Verdicts
from mncost.budget.words import bound_of, limit_and_value, old_and_new, percent
from mncost.errors import one_line
from mncost.render.column import Value
from mncost.render.sources import Source, sources, tabulate
from mncost.render.table import Table

if TYPE_CHECKING:
    from mncost.measure.records import Run

__all__ = ["COLUMNS", "verdicts"]


def _model(name: str) -> Callable[[Any], Value]:
    return lambda o: getattr(o.of.model, name)


def _place(name: str) -> Callable[[Any], Value]:
    return lambda o: getattr(o.of.place, name)


def _for_people(source: Source) -> Source:
    return source._replace(column=source.column._replace(show="people"))


_PEOPLE = (
    *("shown_metric", "shown_value", "shown_wall", "latencies", "shown_limit"),
    "shown_headroom",
)

COLUMNS: Mapping[str, Source] = {
    name: _for_people(source) if name in _PEOPLE else source
    for name, source in sources(
        ("verdict", "verdict", "text", lambda o: o.verdict),
        ("name", "budget", "text", lambda o: one_line(o.of.name)),
        ("metric", "metric", "text", lambda o: one_line(o.of.metric)),
        ("shown_metric", "metric", "text", lambda o: one_line(o.of.metric).replace("_", " ")),
        ("shown_value", "value", "number", lambda o: limit_and_value(o)[1]),
        ("latencies", "latency", "number", lambda o: old_and_new(o) or None),
        ("shown_limit", "limit", "number", lambda o: limit_and_value(o)[0]),
        ("shown_headroom", "headroom %", "number", lambda o: percent(o.headroom)),
        ("budget", "budget", "number", lambda o: o.of.budget),
        ("line", "line", "number", lambda o: o.of.line),
        *((n, n, "text", _model(n)) for n in ("arch", "alpha", "resolution", "dialect")),
        *((n, n, "text", _model(n)) for n in ("classes", "twin")),
        ("precision", "precision", "text", lambda o: o.of.precision),
        *((n, n, "text", _place(n)) for n in ("runtime", "provider", "threads", "batch")),
        ("bound", "bound", "text", bound_of),
        ("limit", "limit", "number", lambda o: o.limit),
        ("value", "value", "number", lambda o: o.value),
        ("unit", "unit", "text", lambda o: o.unit),
        ("old_latency", "old", "time", lambda o: o.old),
        ("new_latency", "new", "time", lambda o: o.new),
        ("clock", "clock", "text", lambda o: o.clock),
        ("undisturbed_latency", "wall", "time", lambda o: o.wall),
        ("shown_wall", "wall", "time", lambda o: o.wall and o.wall.center),
        ("headroom", "headroom", "number", lambda o: o.headroom),
        ("why", "why", "text", lambda o: o.why),
        extra=(
            *(
                "metric",
                "budget",
                "line",
                "arch",
                "alpha",
                "resolution",
                "dialect",
                "classes",
                "twin",
            ),
            *("precision", "runtime", "provider", "threads", "batch", "bound", "limit", "value"),
            *(
                "unit",
                "old_latency",
                "new_latency",
                "clock",
                "undisturbed_latency",
                "headroom",
                "why",
            ),
        ),
        intervals=("value", "undisturbed_latency"),
        narrow=("shown_wall", "shown_headroom", "latencies"),
    ).items()
}
"""For people a limit and its value share a unit, row by row; programs get base units."""


def verdicts(checked: Verdicts) -> Table:
    """Return a row for each limit; the reasons come first among the notes."""
    reasons = [_reason(outcome) for outcome in checked if outcome.why]
    columns = dict(COLUMNS)
    if not any(map(old_and_new, checked)):
        del columns["latencies"]
    if not any(outcome.wall for outcome in checked):
        del columns["shown_wall"]
    notes = [*reasons, *checked.notes, *_clocks(checked)]
    table = tabulate("check", columns, checked, notes=notes, title=checked.summary)
    return table if checked.run is None else _measured(table, checked.run)


def _clocks(checked: Verdicts) -> list[str]:
    """Return which time of a call each limit on latency was measured by."""
    by_clock: dict[str, list[str]] = {}
    for outcome in checked:
        if outcome.clock is not None:
            by_clock.setdefault(outcome.clock, []).append(outcome.of.metric)
    if not by_clock:
        return []
    from mncost.tables.words import CLOCK_WORDS  # exact limits need none

    if len(by_clock) == 1:
        return [f"clock: {CLOCK_WORDS[clock]}" for clock in by_clock]
    lines = (
        f"{CLOCK_WORDS[clock]} ({', '.join(dict.fromkeys(metrics))})"
        for clock, metrics in by_clock.items()
    )
    return [f"clock: {'; '.join(lines)}"]


def _reason(outcome: Outcome) -> str:
    return one_line(f"{outcome.of.name}: {outcome.of.metric}: {outcome.why}")


def _measured(table: Table, run: Run) -> Table:
    """Say where the limits were measured, and what is doubtful."""
    from mncost.results.results import Results
    from mncost.tables.warnings import measured  # it knows runs, which exact limits do not need

    table = measured(table, Results(run))
    return table._replace(legend=(), notes=[*table.notes, *table.legend])  # reasons come first
