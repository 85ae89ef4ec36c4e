"""From a run to what the user sees of it: the table of its cells, and the notes under it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mncost.cli.emit import emit, emit_text
from mncost.cli.measure_options import View
from mncost.cli.measured_notes import conditions, objections
from mncost.measure.records import Cell, Run
from mncost.render.table import Table, tabulate
from mncost.results.columns import Row, columns, percentile_name, rows
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

        table = layer_table(run)
        notes, legend = list(objections(run, summarise(run))), [*table.notes, *conditions(run)]
        emit(table._replace(notes=notes, legend=legend), view.format, output)
    else:
        emit(cell_table(run, view), view.format, output)


def status(run: Run) -> int:
    """Return the exit status: a cell that failed is a check that failed."""
    if run.stopped == "interrupted":
        return INTERRUPTED
    return FAILED if run.failures else 0


def cell_table(run: Run, view: View) -> Table:
    """Return one row for each cell; for people, a twin stands in the row of its network."""
    percentiles = view.percentiles or PERCENTILES
    registry, every = columns(percentiles), rows(run, percentiles)
    main = [row for row in every if row.summary.cell.twin is None] or every
    main = [row for row in main if row.summary.cell.part is None]
    legend = [*conditions(run)]
    if any(row.summary.agreement for row in every):
        legend.append(_LOGITS_ERROR)
    usual = _for_people(main, view)
    table = tabulate(
        "bench",
        registry,
        every,
        names=view.columns,
        hide=registry.keys() - set(usual),
        notes=list(objections(run, [row.summary for row in every])),
        legend=legend,
        title=f"CPU latency: {shared([row.summary.cell for row in main])}",
    )
    return table._replace(rows_for=["all" if row in main else "programs" for row in every])


def _for_people(found: Sequence[Row], view: View) -> list[str]:
    """Return the columns that say something about these rows."""
    cells = [row.summary.cell for row in found]
    names = [name for name in _IDENTITY if name in _ALWAYS or varies(cells, name)]
    names += ["macs", "latency"]
    names += [percentile_name(p) for p in view.percentiles or ()]
    names += ["macs_per_second"]
    if varies(cells, "batch"):
        names += ["images_per_second"]
    if any(row.twin for row in found):
        names += ["twin_latency", "macs_ratio", "speedup"]
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
