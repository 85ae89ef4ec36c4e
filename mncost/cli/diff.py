"""``mncost diff``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from mncost.cli import options
from mncost.cli.emit import emit, format_for
from mncost.measure.cells import title
from mncost.measure.needs import TO_SHOW, need
from mncost.measure.records import IDENTITY
from mncost.measure.run_file import read_run
from mncost.render.table import Column, Table, Value
from mncost.results.change import Change, Comparison, compare
from mncost.results.columns import with_interval

__all__ = ["diff"]


def diff(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="The earlier run file.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="The later run file.")],
    allow_different_machine: Annotated[
        bool,
        typer.Option(
            "--allow-different-machine", help="Compare them even if the machines are not the same."
        ),
    ] = False,
    format_name: options.Format = None,
    output: options.Output = None,
) -> None:
    """Compare two saved runs cell by cell: the ratio of the latencies, with its interval.

    mncost diff old.json new.json
    mncost diff old.json new.json --format csv -o change.csv

    Runs measured apart share no moment of the machine: to compare two interpreters or two models
    sharply, measure them in one run (mncost bench --python, --arch a,b).
    """
    need(*TO_SHOW)
    wanted = format_for(format_name, output)
    found = compare(read_run(old), read_run(new), allow_different_machine=allow_different_machine)
    table = _for_people(found) if wanted in ("terminal", "markdown") else _for_programs(found)
    emit(table, wanted, output)


def _for_people(found: Comparison) -> Table:
    columns = [
        Column("cell", "cell"),
        Column("old_ms", "old ms", "number"),
        Column("new_ms", "new ms", "number"),
        Column("ratio", "new/old", "number"),
        Column("beside_reference", "beside reference", "number"),
        Column("detectable", "detectable change", "share"),
        Column("verdict", "verdict"),
    ]
    rows: list[list[Value]] = []
    for change in found.changes:
        beside = change.beside_reference
        rows.append(
            [
                title(change.new),
                with_interval(change.old_median.scaled(1e-6)),
                with_interval(change.new_median.scaled(1e-6)),
                with_interval(change.difference.ratio),
                None if beside is None else with_interval(beside.ratio),
                change.detectable,
                change.verdict or "no interval",
            ]
        )
    return Table("compare-runs", columns, rows, list(_notes(found)))


def _for_programs(found: Comparison) -> Table:
    names = [*IDENTITY, "old_ms", "new_ms", *_RATIO]
    rows = [_numbers(change) for change in found.changes]
    return Table("compare-runs", [Column(name, name) for name in names], rows, list(_notes(found)))


_RATIO = (
    *("ratio", "ratio_lo", "ratio_hi"),
    *("beside_reference", "beside_reference_lo", "beside_reference_hi"),
    *("detectable", "verdict", "network_changed"),
)


def _numbers(change: Change) -> list[Value]:
    ratio = change.difference.ratio
    return [
        *(getattr(change.new, name) for name in IDENTITY),
        change.old_median.center * 1e-6,
        change.new_median.center * 1e-6,
        ratio.center,
        ratio.lo,
        ratio.hi,
        *(change.beside_reference.ratio[:3] if change.beside_reference else (None, None, None)),
        change.detectable,
        change.verdict,
        change.network_changed,
    ]


def _notes(found: Comparison) -> Iterator[str]:
    if found.reference is not None:
        yield f"reference workload: {with_interval(found.reference.ratio)} times as long as before"
    yield from found.cautions
    yield from found.notes
    for which, cells in (("old", found.only_old), ("new", found.only_new)):
        for cell in cells:
            yield f"only in the {which} run: {title(cell)}"
