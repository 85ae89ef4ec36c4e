"""From a run to what the user sees of it."""

from __future__ import annotations

from pathlib import Path

from mncost.cli.emit import emit, emit_text
from mncost.cli.measure_options import View
from mncost.measure.records import Run
from mncost.render.table import named
from mncost.results.results import Results

__all__ = ["check_columns", "emit_run", "status"]

FAILED, INTERRUPTED = 1, 130


def check_columns(view: View) -> None:
    """Find an unknown column before anything is measured.

    Raises:
        UnknownNameError: there is no such column.
    """
    if view.columns is None:
        return
    from mncost.results.cell_summary import PERCENTILES
    from mncost.tables.run import run_columns
    from mncost.tables.run_layers import RUN_LAYERS_COLUMNS

    known = RUN_LAYERS_COLUMNS if view.by_layer else run_columns(view.percentiles or PERCENTILES)
    named(view.columns, known)


def emit_run(results: Results, view: View, output: Path | None) -> None:
    """Write a run as the table that was asked for."""
    if view.export is not None:
        from mncost.results.pyperf import to_pyperf

        emit_text(to_pyperf(results), output)
    elif view.by_layer:
        from mncost.tables.run_layers import run_layers_table

        emit(run_layers_table(results, columns=view.columns), view.format, output)
    else:
        from mncost.tables.run import run_table

        table = run_table(results, columns=view.columns, percentiles=view.percentiles)
        emit(table, view.format, output)


def status(run: Run) -> int:
    """Return the exit status: a cell that failed is a check that failed."""
    if run.stopped == "interrupted":
        return INTERRUPTED
    return FAILED if run.failures else 0
