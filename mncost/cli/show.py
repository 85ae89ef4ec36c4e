"""``mncost show``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mncost.cli import measure_options, options
from mncost.cli.emit import format_for
from mncost.cli.measured import emit_run
from mncost.extras import require
from mncost.measure.run_file import read_run
from mncost.results.results import Results

__all__ = ["show"]


def show(
    run: Annotated[
        Path,
        typer.Argument(metavar="RUN", help="A run file of mncost bench; - for standard input."),
    ],
    by: measure_options.By = None,
    percentiles: measure_options.Percentiles = None,
    columns: options.ColumnNames = None,
    format_name: options.Format = None,
    export: measure_options.Export = None,
    output: options.Output = None,
) -> None:
    """Show a saved run: its statistics are worked out anew from the raw samples.

    mncost show run.json
    mncost show run.json --format csv -o run.csv
    mncost show run.json --percentiles 50,95,99.9
    mncost show run.json --export pyperf -o pyperf.json
    """
    require("results")
    view = measure_options.view(by, percentiles, columns, export, format_for(format_name, output))
    emit_run(Results(read_run(run)), view, output)
