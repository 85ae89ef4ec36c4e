"""``mncost table --published``."""

from __future__ import annotations

from collections.abc import Iterable

from mncost.columns import PUBLISHED_COLUMNS
from mncost.comparison import Comparison
from mncost.report.table import Column, Table, Value

__all__ = ["published_table"]

# On a terminal, reasons and sources are numbers that point below the table.
_TERMINAL = (
    "arch",
    "alpha",
    "resolution",
    "published_macs_m",
    "macs",
    "macs_why",
    "published_params_m",
    "params",
    "params_why",
    "top1",
    "source",
)
_AS_MARKS = {"macs_why": "why", "params_why": "why", "source": "src"}


def published_table(found: list[Comparison], *, for_people: bool) -> Table:
    """Return ours beside the published figures; for people with the long texts as notes."""
    tally = _tally(found)
    if not for_people:
        columns = [source.column for source in PUBLISHED_COLUMNS.values()]
        rows = [[source.value(c) for source in PUBLISHED_COLUMNS.values()] for c in found]
        return Table("published", columns, rows, [f"{s}: {text}" for s, text in tally.items()])
    marks: dict[str, str] = {"": ""}
    sources: dict[str, str] = {}
    people = [_for_people(c, marks, sources) for c in found]
    notes = ["why: no mark is ours, rounded", *(f"{m}: {t}" for t, m in marks.items() if t)]
    notes += [f"{mark} {source}: {tally[source]}" for source, mark in sources.items()]
    return Table("published", _columns(), people, notes)


def _columns() -> list[Column]:
    columns = [PUBLISHED_COLUMNS[name].column for name in _TERMINAL]
    return [c._replace(title=_AS_MARKS.get(c.name, c.title)) for c in columns]


def _for_people(
    comparison: Comparison, marks: dict[str, str], sources: dict[str, str]
) -> list[Value]:
    row: list[Value] = []
    for name in _TERMINAL:
        value = PUBLISHED_COLUMNS[name].value(comparison)
        if name == "source":
            value = sources.setdefault(str(value), f"[{len(sources) + 1}]")
        elif name in _AS_MARKS:
            value = marks.setdefault(str(value), chr(ord("a") + len(marks) - 1))
        row.append(value)
    return row


def _tally(found: Iterable[Comparison]) -> dict[str, str]:
    """Say, source by source, how many of its figures the exact counts explain."""
    agreed: dict[str, tuple[list[bool], list[bool]]] = {}
    for c in found:
        macs, params = agreed.setdefault(c.figure.source, ([], []))
        macs += [] if c.macs_agrees is None else [c.macs_agrees]
        params += [] if c.params_agrees is None else [c.params_agrees]
    return {source: _explained(macs, params) for source, (macs, params) in agreed.items()}


def _explained(macs: list[bool], params: list[bool]) -> str:
    parts = [
        f"{sum(agreed)} of {len(agreed)} {what}"
        for agreed, what in ((macs, "MACs"), (params, "params"))
        if agreed
    ]
    return f"{', '.join(parts)} explained"
