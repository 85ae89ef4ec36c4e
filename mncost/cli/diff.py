"""``mncost diff``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mncost.cli.emit import Out
from mncost.extras import require
from mncost.measure.run_file import read_run
from mncost.results.changes import compare
from mncost.results.results import Results
from mncost.tables.changes import changes_table

__all__ = ["diff"]


def diff(
    out: Out,
    old: Annotated[Path, typer.Argument(metavar="OLD", help="The earlier run file.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="The later run file.")],
    allow_different_machine: Annotated[
        bool,
        typer.Option(
            "--allow-different-machine", help="Compare them even if the machines are not the same."
        ),
    ] = False,
) -> None:
    """Compare two saved runs cell by cell: the ratio of the latencies, with its interval.

    mncost diff old.json new.json
    mncost diff old.json new.json --format csv -o change.csv

    Runs measured apart share no moment of the machine: to compare two interpreters or two models
    sharply, measure them in one run (mncost bench --python, --arch a,b).
    """
    require("results")
    runs = (Results(read_run(file)) for file in (old, new))
    changes = compare(*runs, allow_different_machine=allow_different_machine)
    out.emit(changes_table(changes, columns=out.columns))
