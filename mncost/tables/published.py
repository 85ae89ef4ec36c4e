"""Our counts beside the published figures, and why they differ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mncost.published.bases import Reproduction
from mncost.render.marks import Marks
from mncost.render.table import Column, Source, Table, Value, sources

__all__ = ["published_table"]

PUBLISHED_COLUMNS: Mapping[str, Source] = sources(
    ("arch", "arch", "text", lambda c: c.network.arch),
    ("dialect", "dialect", "text", lambda c: c.network.dialect),
    ("alpha", "α", "number", lambda c: c.network.alpha),
    ("resolution", "px", "number", lambda c: c.network.resolution),
    ("variant", "variant", "text", lambda c: c.figure.variant),
    ("precision", "precision", "text", lambda c: c.figure.precision),
    ("published_macs_m", "printed MACs M", "number", lambda c: c.figure.macs_m or None),
    ("macs", "our MACs", "count", lambda c: c.network.macs),
    ("macs_why", "MACs differ by", "text", lambda c: c.macs_why),
    ("macs_explained", "MACs explained", "count", lambda c: c.macs_explained),
    ("macs_agrees", "MACs agree", "text", lambda c: c.macs_agrees),
    ("published_params_m", "printed params M", "number", lambda c: c.figure.params_m or None),
    ("params", "our params", "count", lambda c: c.network.params),
    ("params_why", "params differ by", "text", lambda c: c.params_why),
    ("params_explained", "params explained", "count", lambda c: c.params_explained),
    ("params_agrees", "params agree", "text", lambda c: c.params_agrees),
    ("top1", "top-1 %", "number", lambda c: c.figure.top1 or None),
    ("top5", "top-5 %", "number", lambda c: c.figure.top5 or None),
    ("latency_ms", "latency ms", "text", lambda c: c.figure.latency_ms or None),
    ("latency_device", "device", "text", lambda c: c.figure.latency_device or None),
    ("source", "source", "text", lambda c: c.figure.source),
    ("note", "note", "text", lambda c: c.figure.note or None),
)

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


def published_table(found: list[Reproduction], *, for_people: bool = True) -> Table:
    """Return ours beside the published figures; for people with the long texts as notes."""
    tally = _tally(found)
    if not for_people:
        columns = [source.column for source in PUBLISHED_COLUMNS.values()]
        rows = [[source.value(c) for source in PUBLISHED_COLUMNS.values()] for c in found]
        return Table("published", columns, rows, [f"{s}: {text}" for s, text in tally.items()])
    marks: dict[str, str] = {"": ""}
    numbers = Marks()
    people = [_for_people(c, marks, numbers) for c in found]
    notes = ["why: no mark is ours, rounded", *(f"{m}: {t}" for t, m in marks.items() if t)]
    notes += [f"{mark} {source}: {tally[source]}" for mark, source in numbers]
    return Table("published", _columns(), people, notes)


def _columns() -> list[Column]:
    columns = [PUBLISHED_COLUMNS[name].column for name in _TERMINAL]
    return [c._replace(title=_AS_MARKS.get(c.name, c.title)) for c in columns]


def _for_people(one: Reproduction, marks: dict[str, str], numbers: Marks) -> list[Value]:
    row: list[Value] = []
    for name in _TERMINAL:
        value = PUBLISHED_COLUMNS[name].value(one)
        if name == "source":
            value = numbers(value)
        elif name in _AS_MARKS:
            value = marks.setdefault(str(value), chr(ord("a") + len(marks) - 1))
        row.append(value)
    return row


def _tally(found: Iterable[Reproduction]) -> dict[str, str]:
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
