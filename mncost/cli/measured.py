"""From a run to what the user sees of it: the table of its cells, and the notes under it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mncost.cli.emit import emit, emit_text
from mncost.cli.measure_options import View
from mncost.cli.measured_notes import conditions, objections
from mncost.columns import Source, chosen
from mncost.measure.records import Cell, Run
from mncost.render.table import Table, Value
from mncost.results.columns import (
    Row,
    machine_columns,
    people_columns,
    percentile_name,
    rows,
)
from mncost.results.summary import PERCENTILES, summarise

__all__ = ["FOR_PEOPLE", "emit_run", "shared", "status", "varies"]

FAILED, INTERRUPTED = 1, 130

FOR_PEOPLE = ("terminal", "markdown", "html")

# What tells cells apart, in the order of a table for people; what is the same in all of them goes
# to the title, but for the first three and the runtime.
_IDENTITY = (
    *("arch", "dialect", "alpha", "resolution", "precision", "batch", "runtime", "provider"),
    *("threads", "python", "copy", "arm"),
)
_ALWAYS = ("arch", "alpha", "resolution", "runtime")

_LOGITS_ERROR = (
    "int8: logits error is the root mean square of its difference from the fp32 logits / their "
    "standard deviation; weights are random and images are noise, so it says that quantising "
    "worked, and nothing about accuracy"
)


def emit_run(run: Run, view: View, output: Path | None) -> None:
    """Write a run as the table that was asked for."""
    if view.export is not None:
        from mncost.results.pyperf_file import to_pyperf

        emit_text(to_pyperf(run), output)
    elif view.by_layer:
        from mncost.cli.measured_layers import layer_table

        table = layer_table(run, for_people=view.format in FOR_PEOPLE)
        notes = [*table.notes, *conditions(run), *objections(run, summarise(run))]
        emit(table._replace(notes=notes), view.format, output)
    else:
        emit(cell_table(run, view), view.format, output)


def status(run: Run) -> int:
    """Return the exit status: a cell that failed is a check that failed."""
    if run.stopped == "interrupted":
        return INTERRUPTED
    return FAILED if run.failures else 0


def cell_table(run: Run, view: View) -> Table:
    """Return one row for each cell; for people, a twin stands in the row of its network."""
    found = every = rows(run, view.percentiles or PERCENTILES)
    if view.format in FOR_PEOPLE:
        registry = people_columns(view.percentiles or PERCENTILES)
        found = [row for row in found if row.summary.cell.twin is None] or found
        found = [row for row in found if row.summary.cell.part is None]
        cells = [row.summary.cell for row in found]
        default = _for_people(found, view)
        title, notes = f"CPU latency: {shared(cells)}", [*conditions(run)]
    else:
        registry = machine_columns(view.percentiles or PERCENTILES)
        default, title, notes = list(registry), "", []
    if any(row.summary.agreement for row in every):
        notes.append(_LOGITS_ERROR)
    notes += objections(run, [row.summary for row in every])
    columns = chosen(registry, view.columns, default)
    return Table("bench", [c.column for c in columns], _values(found, columns), notes, title)


def _values(found: Sequence[Row], columns: Sequence[Source]) -> list[list[Value]]:
    return [[column.value(row) for column in columns] for row in found]


def _for_people(found: Sequence[Row], view: View) -> list[str]:
    """Return the columns that say something about these rows."""
    cells = [row.summary.cell for row in found]
    names = [name for name in _IDENTITY if name in _ALWAYS or varies(cells, name)]
    names += ["macs", "latency_ms"]
    names += [f"{percentile_name(p)}_ms" for p in view.percentiles or ()]
    names += ["gmacs_per_second"]
    if varies(cells, "batch"):
        names += ["images_per_second"]
    if any(row.twin for row in found):
        names += ["twin_latency_ms", "macs_ratio", "speedup"]
    if any(cell.python for cell in cells):
        names += ["python_speedup"]
    if any(cell.precision == "int8" for cell in cells):
        names += ["file_bytes", "int8_speedup", "logits_error"]
    if view.format == "html" and any(row.cautions for row in found):
        names += ["warnings"]
    return names


def varies(cells: Sequence[Cell], name: str) -> bool:
    """Whether cells differ in a field."""
    found = {getattr(cell, name) for cell in cells}
    if name == "provider":
        found.discard(None)  # a runtime that has no providers
    return len(found) > 1


def shared(cells: Sequence[Cell]) -> str:
    """Say how all cells were run that were run in one way."""
    if not cells:
        return "no cells"
    first = cells[0]
    common = {
        "dialect": f"dialect {first.dialect}" if first.dialect != "paper" else "",
        "precision": first.precision,
        "batch": f"batch {first.batch}",
        "provider": next((cell.provider for cell in cells if cell.provider), ""),
        "threads": "1 thread" if first.threads == 1 else f"{first.threads} threads",
        "python": first.python or "",
    }
    return ", ".join(said for name, said in common.items() if said and not varies(cells, name))
