"""``mncost diff``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated

import typer

from mncost.cli.emit import Out
from mncost.cli.params import Only
from mncost.extras import require
from mncost.measure.cells import title
from mncost.measure.records import IDENTITY
from mncost.measure.run_file import read_run
from mncost.render.table import Source, Table, Value, sources, tabulate
from mncost.render.units import with_interval
from mncost.results.change import Change, Comparison, compare

__all__ = ["diff"]


def diff(
    out: Annotated[Out, Only(without=("columns",))],
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
    found = compare(read_run(old), read_run(new), allow_different_machine=allow_different_machine)
    out.emit(_table(found))


def _table(found: Comparison) -> Table:
    return tabulate("compare-runs", _COLUMNS, found.changes, notes=list(_notes(found)))


def _of_cell(name: str) -> Callable[[Change], Value]:
    return lambda change: getattr(change.new, name)


_COLUMNS: Mapping[str, Source] = sources(
    ("cell", "cell", "text", lambda c: title(c.new)),
    *((name, name, "text", _of_cell(name)) for name in IDENTITY),
    ("old_latency", "old", "time", lambda c: c.old_median.scaled(1e-9)),
    ("new_latency", "new", "time", lambda c: c.new_median.scaled(1e-9)),
    ("ratio", "new/old", "ratio", lambda c: c.difference.ratio),
    (
        "beside_reference",
        "beside reference",
        "ratio",
        lambda c: c.beside_reference.ratio if c.beside_reference else None,
    ),
    ("detectable", "detectable change", "share", lambda c: c.detectable),
    ("verdict", "verdict", "text", lambda c: c.verdict or "no interval"),
    ("network_changed", "other network", "text", lambda c: c.network_changed),
    extra=(*IDENTITY, "network_changed"),
    intervals=("old_latency", "new_latency", "ratio", "beside_reference"),
)


def _notes(found: Comparison) -> Iterator[str]:
    if found.reference is not None:
        yield f"reference workload: {with_interval(found.reference.ratio)} times as long as before"
    yield from found.cautions
    yield from found.notes
    for which, cells in (("old", found.only_old), ("new", found.only_new)):
        for cell in cells:
            yield f"only in the {which} run: {title(cell)}"
