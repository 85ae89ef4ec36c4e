"""``mncost diff``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mncost.cli.emit import Out
from mncost.extras import require
from mncost.flags import Flag

__all__ = ["diff"]


def diff(
    out: Out,
    old: Annotated[Path, typer.Argument(metavar="OLD", help="The earlier run file.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="The later run file.")],
    allow_different_machine: Annotated[
        bool,
        Flag("Compare runs of different machines too.", panel="Model"),
    ] = False,
) -> None:
    """Compare two saved runs cell by cell: the ratio of the latencies, with its interval.

    mncost diff old.json new.json
    mncost diff old.json new.json --format csv -o change.csv

    The machine may change between two runs. For a precise comparison of two interpreters or two
    models, measure them in one run (mncost bench --python, mncost bench a b).
    """
    require("results")
    from mncost.render.write import refuse_overwriting
    from mncost.results.changes import compare
    from mncost.results.results import Results

    refuse_overwriting({"--output": out.output}, {"the old run": old, "the new run": new})
    runs = [Results.read(file) for file in (old, new)]
    changes = compare(*runs, allow_different_machine=allow_different_machine)
    out.emit(changes.table(columns=out.columns))
