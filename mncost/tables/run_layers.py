"""Where the time of a measured network goes: one row for each of its layers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from mncost.errors import MeasureError
from mncost.interval import Interval, exact
from mncost.measure.cell import IDENTITY, Cell
from mncost.measure.runtime_names import RUNTIMES
from mncost.measure.runtimes import runtime_class
from mncost.render.column import Show
from mncost.render.sources import Source, sources, tabulate
from mncost.render.table import Table
from mncost.render.units import with_interval
from mncost.results.cell_summary import CellSummary
from mncost.results.layer_times import LayerTime
from mncost.results.results import Results
from mncost.tables.cells import cell_columns
from mncost.tables.warnings import measured

__all__ = ["RUN_LAYERS_COLUMNS", "run_layers_table"]


class _Row(NamedTuple):
    """A layer of a cell, or for people the sum: one call."""

    cell: Cell
    layer: str
    kind: str
    macs: int
    time: Interval
    share: Interval  # of the call's time
    kernels: tuple[str, ...]
    is_sum: bool = False


def run_layers_table(
    results: Results, *, columns: str | Sequence[str] | None = None, cell: int | None = None
) -> Table:
    """Return one row for each layer of each cell that was profiled.

    Args:
        results: of the run.
        columns: names of columns, with commas; by default each column says who sees it.
        cell: only this one, by its id.

    Raises:
        MeasureError: none was profiled.
        UnknownNameError: there is no such column.
    """
    summaries = [one for one in results.summaries if cell in (None, one.cell.id)]
    layers = {one.cell.id: results.layers(one.cell.id) for one in summaries}
    summaries = [one for one in summaries if layers[one.cell.id]]
    if not summaries and results.run.stopped in ("target", "max-time"):
        raise MeasureError("this run has no times of layers: measure with --by layer")
    rows = [row for one in summaries for row in _rows(one, layers[one.cell.id])]
    single = summaries[0].cell.words() if len(summaries) == 1 else ""
    table = tabulate(
        "bench layers",
        RUN_LAYERS_COLUMNS,
        rows,
        names=columns,
        hide=[*IDENTITY, "arm", *["cell"] * bool(single)],
        legend=[note for one in summaries for note in _about(results, one)],
        title=single,
    )
    rows_for: list[Show] = ["people" if row.is_sum else "all" for row in rows]
    return measured(table._replace(rows_for=rows_for), results)


def _rows(summary: CellSummary, layers: Sequence[LayerTime]) -> Iterator[_Row]:
    cell = summary.cell
    for one in layers:
        yield _Row(cell, one.layer, one.kind, one.macs, one.time, one.share, tuple(one.kernels))
    if summary.latency is not None:
        yield _Row(cell, "(one call)", "", cell.macs, summary.latency, exact(1.0), (), is_sum=True)


def _speed(row: _Row) -> Interval | None:
    return row.time.per(row.cell.place.batch * row.macs) if row.macs else None


RUN_LAYERS_COLUMNS: Mapping[str, Source] = {
    **sources(("cell", "cell", "text", lambda row: row.cell.words()), people=("cell",)),
    **cell_columns(lambda row: row.cell),
    **sources(
        ("layer", "layer", "text", lambda row: row.layer),
        ("kind", "kind", "text", lambda row: row.kind),
        ("macs", "MACs", "count", lambda row: row.macs),
        ("macs_share", "MACs share", "share", lambda row: _share(row.macs, row.cell.macs)),
        ("time", "time", "time", lambda row: row.time),
        ("time_share", "time share", "share", lambda row: row.share),
        ("macs_per_second", "MAC/s", "rate", _speed),
        ("kernels", "kernels", "text", lambda row: row.kernels),
        extra=("kernels",),
        intervals=("time", "time_share", "macs_per_second"),
        narrow=("macs_per_second", "macs_share", "macs"),
    ),
}


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _about(results: Results, summary: CellSummary) -> Iterator[str]:
    """Yield what the profiler itself costs, and which kinds of layers take the time."""
    slower = results.profiler_overhead(summary.cell.id)
    if slower is not None:
        runtime = summary.cell.place.runtime
        if runtime in RUNTIMES and runtime_class(runtime).times_modules:
            yield (
                f"hooks around modules make a run {with_interval(slower)} times as long; times are "
                "shares of the time without them; a layer is a module, without those inside it"
            )
        else:
            yield (
                f"the profiler makes a run {with_interval(slower)} times as long; times are its "
                "shares of the time without it; a layer includes the batch norm, activation and "
                "addition that the runtime fuses into it"
            )
    step = results.profiler_step(summary.cell.id)
    if step:
        short = sum(one.time.lo == 0 for one in results.layers(summary.cell.id) if one.kernels)
        shorter = f"; of {short} layers it cannot tell the time from 0" if short else ""
        yield (
            f"it counts in steps of {step * 1e6:g} µs and cuts off the rest of each kernel: "
            f"half a step is added to each, and may be wrong by as much{shorter}"
        )
    kinds = results.layer_groups(summary.cell.id, lambda layer: layer.kind if layer.macs else "")
    layers = results.layers(summary.cell.id)
    whole = sum(one.macs for one in layers)
    words = []
    for kind, group in kinds.items():
        if kind:
            macs = sum(one.macs for one in layers if one.kind == kind) / whole
            words.append(f"{kind} {macs:.1%} of the MACs, {_percent(group.share)} of the time")
    if words:
        yield f"{summary.cell.words()}: {'; '.join(words)}"


def _percent(share: Interval) -> str:
    return f"{with_interval(share.scaled(100))} %"
