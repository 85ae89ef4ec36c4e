"""The tables that ``mncost compare --bench`` prints for people."""

from __future__ import annotations

from collections.abc import Sequence

from mncost.cli.compare_words import about_ceilings, about_memory, about_networks, about_pairs
from mncost.cli.measured import shared, varies
from mncost.cli.measured_notes import conditions, objections
from mncost.interval import Interval
from mncost.measure.records import Cell, Place, Run
from mncost.render.table import Column, Table, Value
from mncost.results.saving import NetworkSaving, PairSaving, Saving
from mncost.results.summary import summarise

__all__ = ["people_tables"]

_NANO = 1e-9
_PAIR_WORDS = {"standard": ("separable", "standard"), "fused": ("unfused", "fused")}


def people_tables(run: Run, saving: Saving) -> list[Table]:
    """Return the tables: networks, memory, then for each runtime the pairs and the roofline."""
    tables = [_networks(saving.networks)] if saving.networks else []
    if run.memory:
        tables.append(_memory(saving.networks))
    for place in dict.fromkeys(pair.both.place for pair in saving.pairs):
        pairs = [pair for pair in saving.pairs if pair.both.place == place]
        tables += [_pairs(pairs), _roofline(saving, place, pairs)]
    notes = [*conditions(run), *objections(run, summarise(run, ()))]
    last = tables[-1]
    return [*tables[:-1], last._replace(notes=[*last.notes, *notes])]


def _networks(networks: Sequence[NetworkSaving]) -> Table:
    cells = [saving.network.cell for saving in networks]
    twin = networks[0].twin.cell.twin
    named = _identity(cells)
    columns = [
        *named,
        Column("macs", "MACs", "count"),
        Column("macs_ratio", "MACs ratio", "ratio"),
        Column("params_ratio", "params ratio", "ratio"),
        Column("time", "latency", "time", interval=True),
        Column("twin_time", twin or "", "time", interval=True),
        Column("speedup", "speed-up", "ratio", interval=True),
        Column("efficiency", "efficiency", "share", interval=True),
    ]
    rows: list[list[Value]] = []
    for saving in networks:
        cell, twin_time = saving.network.cell, _seconds(saving.twin.median)
        rows.append(
            [
                *(getattr(cell, column.name) for column in named),
                cell.macs,
                saving.macs_ratio,
                saving.params_ratio,
                _seconds(saving.network.median),
                "not timed" if twin_time is None else twin_time,
                saving.speedup,
                saving.efficiency,
            ]
        )
    title = f"Networks and their {twin} twins: {shared(cells)}"
    notes = list(about_networks(networks))
    return Table("compare networks", columns, rows, notes, title)


def _memory(networks: Sequence[NetworkSaving]) -> Table:
    cells = [saving.network.cell for saving in networks]
    twin = networks[0].twin.cell.twin
    named = _identity(cells)
    columns = [
        *named,
        Column("peak", "analytic", "bytes"),
        Column("measured", "measured", "bytes"),
        Column("ratio", "ratio", "ratio"),
        Column("twin_peak", f"{twin} analytic", "bytes"),
        Column("twin_measured", f"{twin} measured", "bytes"),
        Column("twin_ratio", f"{twin} ratio", "ratio"),
    ]
    rows: list[list[Value]] = []
    for saving in networks:
        row: list[Value] = [getattr(saving.network.cell, column.name) for column in named]
        for memory in (saving.memory, saving.twin_memory):
            ratio = None if memory.measured is None else memory.measured / memory.analytic
            row += [memory.analytic, memory.measured, ratio]
        rows.append(row)
    title = f"Peak memory of activations: {shared(cells)}"
    return Table("compare memory", columns, rows, list(about_memory(networks)), title)


def _pairs(pairs: Sequence[PairSaving]) -> Table:
    both, merged = _PAIR_WORDS[str(pairs[0].merged.twin)]
    named = _identity([pair.both for pair in pairs], but=("resolution", "runtime"))
    columns = [
        *named,
        Column("part", "layers"),
        Column("occurrences", "×", "number"),
        Column("kernel", "k", "number"),
        Column("stride", "s", "number"),
        Column("in", "in", "number"),
        Column("out", "out", "number"),
        Column("px", "px", "number"),
        Column("theoretical_ratio", "theory", "ratio"),
        Column("macs_ratio", "MACs ratio", "ratio"),
        Column("time", both, "time", interval=True),
        Column("merged_time", merged, "time", interval=True),
        Column("speedup", "speed-up", "ratio", interval=True),
        Column("efficiency", "efficiency", "share", interval=True),
    ]
    rows: list[list[Value]] = [
        [
            *(getattr(saving.both, column.name) for column in named),
            _where(saving),
            saving.occurrences,
            saving.pair.kernel,
            saving.pair.stride,
            saving.pair.in_channels,
            saving.pair.out_channels,
            saving.both.resolution,
            saving.theoretical_ratio,
            saving.macs_ratio,
            _seconds(saving.time),
            _seconds(saving.merged_time) or saving.why,
            saving.speedup,
            saving.efficiency,
        ]
        for saving in pairs
    ]
    title = f"Layers on {_place(pairs)}: each {both} pair beside its {merged} convolution"
    return Table("compare pairs", columns, rows, list(about_pairs(pairs)), title)


def _roofline(saving: Saving, place: Place, pairs: Sequence[PairSaving]) -> Table:
    named = _identity([pair.both for pair in pairs], but=("resolution", "runtime"))
    columns = [
        *named,
        Column("part", "layer"),
        Column("kind", "kind"),
        Column("macs", "MACs", "count"),
        Column("intensity", "MACs /byte", "ratio"),
        Column("attainable", "attainable", "time"),
        Column("time", "measured", "time", interval=True),
        Column("share", "of ceiling", "share", interval=True),
        Column("bound", "bound"),
    ]
    rows: list[list[Value]] = []
    for pair in pairs:
        for point in pair.points:
            rows.append(
                [
                    *(getattr(point.cell, column.name) for column in named),
                    _where(pair) if point.cell.twin else point.cell.part,
                    point.cell.twin or point.kind,
                    point.cell.call_macs,
                    point.intensity,
                    None if point.attainable is None else point.attainable * _NANO,
                    _seconds(point.time),
                    point.share,
                    point.bound,
                ]
            )
    title = f"Roofline of {_place(pairs)}: the same layers one by one"
    notes = list(about_ceilings(saving.rooflines.get(place), pairs))
    return Table("compare roofline", columns, rows, notes, title)


def _place(pairs: Sequence[PairSaving]) -> str:
    cell = pairs[0].both
    return f"{cell.runtime}, {shared([cell])}"


def _where(saving: PairSaving) -> str:
    """Return the block of a pair, or both its layers if they are of two blocks."""
    blocks = dict.fromkeys(name.rpartition(".")[0] for name in saving.pair.names)
    return " + ".join(blocks)


def _identity(cells: Sequence[Cell], but: Sequence[str] = ()) -> list[Column]:
    """Return the columns that tell cells apart."""
    titles = {
        "arch": Column("arch", "arch"),
        "dialect": Column("dialect", "dialect"),
        "alpha": Column("alpha", "α", "number"),
        "resolution": Column("resolution", "px", "number"),
        "precision": Column("precision", "precision"),
        "batch": Column("batch", "batch", "number"),
        "runtime": Column("runtime", "runtime"),
        "provider": Column("provider", "provider"),
        "threads": Column("threads", "threads", "number"),
    }
    always = () if but else ("arch", "alpha", "resolution", "runtime")
    return [
        column
        for name, column in titles.items()
        if name not in but and (name in always or varies(cells, name))
    ]


def _seconds(interval: Interval | None) -> Interval | None:
    return None if interval is None else interval.scaled(_NANO)
