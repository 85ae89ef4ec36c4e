"""What changed from one run to another, one row for each cell that both have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from mncost.render.sources import Source, sources, tabulate
from mncost.render.table import Table
from mncost.render.units import with_interval
from mncost.results.changes import Changes
from mncost.tables.cells import cell_columns, constant, shared

__all__ = ["changes_table"]


def changes_table(changes: Changes, *, columns: str | Sequence[str] | None = None) -> Table:
    """Return one row for each cell: both latencies, their ratio, and what that says.

    Args:
        changes: of two runs.
        columns: names of columns, with commas; by default each column says who sees it.

    Raises:
        UnknownNameError: there is no such column.
    """
    cells = [change.new for change in changes.changes]
    return tabulate(
        "diff",
        _COLUMNS,
        changes.changes,
        names=columns,
        hide=constant(cells) | {"classes", "arm"},
        notes=list(_notes(changes)),
        title=f"New against old: {shared(cells)}",
    )


_COLUMNS: Mapping[str, Source] = {
    **cell_columns(lambda c: c.new),
    **sources(
        ("verdict", "verdict", "text", lambda c: c.direction or "no interval"),
        ("ratio", "new/old", "ratio", lambda c: c.ratio.plain.ratio),
        ("old_latency", "old", "time", lambda c: c.old_latency),
        ("new_latency", "new", "time", lambda c: c.new_latency),
        (
            "beside_reference",
            "beside reference",
            "ratio",
            lambda c: c.ratio.beside_reference and c.ratio.beside_reference.ratio,
        ),
        (
            "beside_memory",
            "beside memory",
            "ratio",
            lambda c: c.ratio.beside_memory and c.ratio.beside_memory.ratio,
        ),
        ("detectable", "detectable change", "share", lambda c: c.ratio.detectable),
        ("network_changed", "network changed", "text", lambda c: c.network_changed),
        extra=("network_changed",),
        intervals=("old_latency", "new_latency", "ratio", "beside_reference", "beside_memory"),
        narrow=("beside_memory", "beside_reference", "detectable", "new_latency", "old_latency"),
    ),
}


def _notes(changes: Changes) -> Iterator[str]:
    for name, reference in changes.references.items():
        ratio = with_interval(reference.ratio)
        yield f"reference workload ({name}): {ratio} times as long as before"
    yield from changes.warnings
    yield from changes.notes
    for which, cells in (("old", changes.only_old), ("new", changes.only_new)):
        for cell in cells:
            yield f"only in the {which} run: {cell.words()}"
