"""Where the time of a measured network goes: the table of its layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from mncost.errors import MeasureError
from mncost.interval import Interval, exact
from mncost.measure.cells import title
from mncost.measure.records import IDENTITY, Cell, Run
from mncost.render.table import Source, Table, Value, sources, tabulate
from mncost.render.units import with_interval
from mncost.results.layers import LayerTime, layer_times, overhead
from mncost.results.summary import CellSummary, summarise

__all__ = ["layer_table"]


def _of_cell(name: str) -> Callable[[_Row], Value]:
    return lambda row: getattr(row.cell, name)


def layer_table(run: Run) -> Table:
    """Return one row for each layer of each cell that was profiled, and its sum for people.

    Raises:
        MeasureError: none was.
    """
    found = {cell.id: layer_times(run, cell.id) for cell in run.cells}
    cells = [cell for cell in run.cells if found[cell.id]]
    if not cells and run.stopped in ("target", "max-time"):
        raise MeasureError("this run has no times of layers: measure with --by layer")
    summaries = summarise(run, ())
    body = [row for cell in cells for row in _rows(summaries[cell.id], found[cell.id])]
    notes = [note for cell in cells for note in _notes(run, cell, found[cell.id])]
    table = tabulate(
        "bench layers",
        _COLUMNS,
        body,
        hide=["cell"] if len(cells) == 1 else (),
        notes=notes,
        title=title(cells[0]) if len(cells) == 1 else "",
    )
    return table._replace(rows_for=["people" if row.is_sum else "all" for row in body])


class _Row(NamedTuple):
    """A layer of a cell, or the sum of a call."""

    cell: Cell
    layer: str
    kind: str
    macs: int
    time: Interval  # ns
    share: Interval  # of the call's time
    kernels: tuple[str, ...]
    is_sum: bool = False


def _rows(summary: CellSummary, layers: Sequence[LayerTime]) -> Iterator[_Row]:
    cell = summary.cell
    for one in layers:
        yield _Row(cell, one.layer, one.kind, one.macs, one.time, one.share, tuple(one.kernels))
    if summary.median is not None:
        yield _Row(cell, "(one call)", "", cell.macs, summary.median, exact(1.0), (), is_sum=True)


def _speed(row: _Row) -> Interval | None:
    """Return MACs a second."""
    return row.time.per(row.cell.batch * row.macs * 1e9) if row.macs else None


_COLUMNS: Mapping[str, Source] = {
    **sources(
        ("cell", "cell", "text", lambda row: title(row.cell)),
        *((name, name, "text", _of_cell(name)) for name in IDENTITY),
        ("layer", "layer", "text", lambda row: row.layer),
        ("kind", "kind", "text", lambda row: row.kind),
        ("macs", "MACs", "count", lambda row: row.macs),
        ("macs_share", "MACs share", "share", lambda row: row.macs / row.cell.macs),
        ("time", "time", "time", lambda row: row.time.scaled(1e-9)),
        ("time_share", "time share", "share", lambda row: row.share),
        ("macs_per_second", "MAC/s", "rate", _speed),
        ("kernels", "kernels", "text", lambda row: row.kernels),
        extra=(*IDENTITY, "kernels"),
        intervals=("time", "time_share", "macs_per_second"),
    )
}


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
