"""Where the time of a measured network goes: the table of its layers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mncost.errors import MeasureError
from mncost.measure.cells import title
from mncost.measure.records import IDENTITY, Cell, Run
from mncost.render.table import Column, Table, Value
from mncost.results.columns import with_interval
from mncost.results.layers import LayerTime, layer_times, overhead
from mncost.results.summary import CellSummary, summarise

__all__ = ["layer_table"]

_US, _GIGA = 1e-3, 1e-9


def layer_table(run: Run, *, for_people: bool) -> Table:
    """Return one row for each layer of each cell that was profiled.

    Raises:
        MeasureError: none was.
    """
    found = {cell.id: layer_times(run, cell.id) for cell in run.cells}
    cells = [cell for cell in run.cells if found[cell.id]]
    if not cells and run.stopped in ("target", "max-time"):
        raise MeasureError("this run has no times of layers: measure with --by layer")
    rows = _for_people if for_people else _for_programs
    columns = _PEOPLE if for_people else _PROGRAMS
    summaries = summarise(run, ())
    body = [row for cell in cells for row in rows(summaries[cell.id], found[cell.id])]
    notes = [note for cell in cells for note in _notes(run, cell, found[cell.id])]
    if for_people and len(cells) == 1:
        columns, body = columns[1:], [row[1:] for row in body]
        return Table("bench layers", columns, body, notes, title(cells[0]))
    return Table("bench layers", columns, body, notes)


_PEOPLE = [
    Column("cell", "cell"),
    Column("layer", "layer"),
    Column("kind", "kind"),
    Column("macs", "MACs", "count"),
    Column("macs_share", "MACs share", "share"),
    Column("time_us", "time µs", "number"),
    Column("time_share", "time share", "share"),
    Column("gmacs_per_second", "GMAC/s", "number"),
]


def _for_people(summary: CellSummary, layers: Sequence[LayerTime]) -> Iterator[list[Value]]:
    cell = summary.cell
    for layer in layers:
        speed = layer.time.per(cell.batch * layer.macs) if layer.macs else None
        yield [
            title(cell),
            layer.layer,
            layer.kind,
            layer.macs or None,
            layer.macs / cell.macs if layer.macs else None,
            with_interval(layer.time.scaled(_US)),
            layer.share.center,
            None if speed is None else with_interval(speed),
        ]
    if summary.median is not None and summary.macs_per_second is not None:
        yield [
            title(cell),
            "(one call)",
            "",
            cell.macs,
            1.0,
            with_interval(summary.median.scaled(_US)),
            1.0,
            with_interval(summary.macs_per_second.scaled(_GIGA)),
        ]


_PROGRAMS = [
    *(Column(name, name) for name in IDENTITY),
    *(Column(name, name) for name in ("layer", "kind", "macs", "macs_share")),
    *(Column(name, name) for name in ("time_us", "time_us_lo", "time_us_hi")),
    *(Column(name, name) for name in ("time_share", "time_share_lo", "time_share_hi")),
    Column("kernels", "kernels"),
]


def _for_programs(summary: CellSummary, layers: Sequence[LayerTime]) -> Iterator[list[Value]]:
    cell = summary.cell
    about = [getattr(cell, name) for name in IDENTITY]
    for layer in layers:
        time = layer.time.scaled(_US)
        yield [
            *about,
            layer.layer,
            layer.kind,
            layer.macs,
            layer.macs / cell.macs,
            *(time.center, time.lo, time.hi),
            *(layer.share.center, layer.share.lo, layer.share.hi),
            tuple(layer.kernels),
        ]


def _notes(run: Run, cell: Cell, layers: Sequence[LayerTime]) -> Iterator[str]:
    """Say which kinds of layers take the time, and what the profiler itself costs."""
    slower = overhead(run, cell.id)
    if slower is not None:
        yield (
            f"the profiler makes a run {with_interval(slower)} times as long; times are its shares "
            "of the time without it; a layer includes the batch norm, activation and addition that "
            "the runtime fuses into it"
        )
    kinds = dict.fromkeys(layer.kind for layer in layers if layer.macs)
    words = []
    for kind in kinds:
        alike = [layer for layer in layers if layer.kind == kind]
        macs = sum(layer.macs for layer in alike) / cell.macs
        time = sum(layer.share.center for layer in alike)
        words.append(f"{kind} {macs:.1%} of the MACs, {time:.1%} of the time")
    yield f"{title(cell)}: {'; '.join(words)}"
