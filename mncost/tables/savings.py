"""What separable convolutions save: networks, their memory, their pairs of layers, single layers.

Each has its table. :func:`savings_table` is all of them in one: people see the first, programs get
the columns and rows of all, with the column ``level``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from mncost.interval import Interval
from mncost.measure.cell import Cell, Place
from mncost.render.column import Value
from mncost.render.sources import Source, sources, tabulate
from mncost.render.stacked import stacked
from mncost.render.table import Table
from mncost.results.roofline import LayerPoint, Roofline
from mncost.results.savings import NetworkSaving, PairSaving, Savings
from mncost.tables.cells import cell_columns, constant, shared
from mncost.tables.savings_words import about_layers, about_memory, about_networks, about_pairs
from mncost.tables.warnings import measured

__all__ = ["SAVINGS_COLUMNS", "savings_table", "savings_tables"]

_MERGED = {
    "standard": ("separable", "standard"),
    "fused": ("unfused", "fused"),
    "separable": ("separable", "standard"),
}


def savings_table(savings: Savings, *, columns: str | Sequence[str] | None = None) -> Table:
    """Return all tables in one; programs get every row.

    Args:
        savings: what a run says.
        columns: names of columns, with commas; by default each column says who sees it.

    Raises:
        UnknownNameError: there is no such column.
    """
    levels = {"network": [_networks(savings, savings.networks)]}
    levels["pair"] = [_pairs(pairs) for pairs in _by_place(savings.pairs).values()]
    levels["layer"] = [_layers(savings, pairs) for pairs in _by_place(savings.pairs).values()]
    table = stacked("savings", "level", levels)
    table = measured(table, savings.results)
    return table if columns is None else table.select(columns)


def savings_tables(savings: Savings) -> list[Table]:
    """Return the tables for people: networks, memory, and for each place the pairs and the layers.

    The last one says how it was measured.
    """
    tables = [_networks(savings, savings.networks)] if savings.networks else []
    if savings.results.run.memory:
        tables.append(_memory(savings.networks))
    for pairs in _by_place(savings.pairs).values():
        tables += [_pairs(pairs), _layers(savings, pairs)]
    *first, last = tables
    return [*first, measured(last, savings.results)]


def _by_place(pairs: Sequence[PairSaving]) -> dict[Place, list[PairSaving]]:
    groups: dict[Place, list[PairSaving]] = {}
    for pair in pairs:
        groups.setdefault(pair.both.place, []).append(pair)
    return groups


# -------------------------------------------------------------------------------------- networks


def _networks(savings: Savings, networks: Sequence[NetworkSaving]) -> Table:
    cells = [saving.network.cell for saving in networks]
    twin = _twin(networks)
    return tabulate(
        "savings of networks",
        _network_columns(twin),
        networks,
        hide=_hidden(cells),
        legend=list(about_networks(networks)),
        title=f"Networks and their {twin} twins: {shared(cells)}",
    )


def _network_columns(twin: str) -> Mapping[str, Source]:
    """Return the columns of a :class:`mncost.results.savings.NetworkSaving`."""
    sums: Mapping[str, Source] = sources(
        ("pairs_macs", "pairs' MACs", "count", lambda s: s.sums and s.sums.macs),
        (
            "pairs_twin_macs",
            f"pairs' {twin} MACs",
            "count",
            lambda s: s.sums and s.sums.merged_macs,
        ),
        ("pairs_speedup", "pairs' speed-up", "ratio", lambda s: s.sums and s.sums.speedup),
        ("depthwise_macs_share", "dw MACs", "share", lambda s: s.sums and s.sums.depthwise_macs),
        ("depthwise_time_share", "dw time", "share", lambda s: s.sums and s.sums.depthwise_time),
        intervals=("pairs_speedup", "depthwise_time_share"),
        extra=_SUMS,
    )
    return {
        **_cells(lambda s: s.network.cell, lambda s: s.twin.cell),
        **sources(
            ("macs_ratio", "MACs ratio", "ratio", lambda s: s.macs_ratio),
            ("params_ratio", "params ratio", "ratio", lambda s: s.params_ratio),
            ("latency", "latency", "time", lambda s: s.network.latency),
            ("twin_latency", twin, "time", lambda s: s.twin.latency),
            ("speedup", "speed-up", "ratio", lambda s: s.speedup),
            ("efficiency", "efficiency", "share", lambda s: s.efficiency),
            ("clock", "clock", "text", lambda s: s.network.clock if s.network.latency else None),
            intervals=("latency", "twin_latency", "speedup", "efficiency"),
            narrow=("params_ratio", "efficiency", "twin_latency"),
            extra=("clock",),
        ),
        **_programs(_memory_columns(twin)),
        **sums,
        **_WHY,
    }


_SUMS = (
    "pairs_macs",
    "pairs_twin_macs",
    "pairs_speedup",
    "depthwise_macs_share",
    "depthwise_time_share",
)


def _memory(networks: Sequence[NetworkSaving]) -> Table:
    cells = [saving.network.cell for saving in networks]
    columns = {**cell_columns(lambda s: s.network.cell), **_memory_columns(_twin(networks))}
    return tabulate(
        "savings of memory",
        columns,
        networks,
        hide=_hidden(cells),
        legend=list(about_memory(networks)),
        title=f"Peak memory of activations: {shared(cells)}",
    )


def _memory_columns(twin: str) -> dict[str, Source]:
    """Return the columns of memory: as counted, as measured, for the network and for its twin."""
    columns: dict[str, Source] = {}
    for prefix, word, field in (("", "", "memory"), ("twin_", f"{twin} ", "twin_memory")):
        columns |= sources(
            (f"{prefix}peak_activation_bytes", f"{word}analytic", "bytes", _of(field, "analytic")),
            (f"{prefix}measured_peak_bytes", f"{word}measured", "bytes", _of(field, "measured")),
            (f"{prefix}peak_ratio", f"{word}ratio", "ratio", _of(field, "ratio")),
            narrow=("twin_peak_activation_bytes", "twin_measured_peak_bytes", "twin_peak_ratio"),
        )
    return columns


def _of(field: str, name: str) -> Callable[[Any], Value]:
    return lambda saving: getattr(getattr(saving, field), name)


# ----------------------------------------------------------------------------------------- pairs


def _pairs(pairs: Sequence[PairSaving]) -> Table:
    first = pairs[0]
    both, merged = _MERGED[str(first.merged.subject.twin)]
    return tabulate(
        "savings of pairs",
        _pair_columns(both, merged),
        pairs,
        hide=_hidden([pair.both for pair in pairs], but=()) | {"resolution"},
        legend=list(about_pairs(pairs)),
        title=f"Layers on {first.both.place.words()}: each {both} pair beside its {merged} "
        "convolution",
    )


def _pair_columns(both: str, merged: str) -> Mapping[str, Source]:
    """Return the columns of a :class:`mncost.results.savings.PairSaving`."""
    return {
        **_cells(lambda s: s.both, lambda s: s.merged),
        **sources(
            ("layers", "layers", "text", _blocks),
            ("occurrences", "×", "number", lambda s: s.occurrences),
            ("kernel", "k", "number", lambda s: s.pair.kernel),
            ("stride", "s", "number", lambda s: s.pair.stride),
            ("in_channels", "in", "number", lambda s: s.pair.in_channels),
            ("out_channels", "out", "number", lambda s: s.pair.out_channels),
            ("px", "px", "number", lambda s: s.both.fact("resolution")),
            ("theoretical_macs_ratio", "theory", "ratio", lambda s: s.theoretical_macs_ratio),
            ("macs_ratio", "MACs ratio", "ratio", lambda s: s.macs_ratio),
            ("time", both, "time", lambda s: s.time),
            ("twin_time", merged, "time", lambda s: s.merged_time),
            ("speedup", "speed-up", "ratio", lambda s: s.speedup),
            ("efficiency", "efficiency", "share", lambda s: s.efficiency),
            intervals=("time", "twin_time", "speedup", "efficiency"),
            people=("layers", "px"),
            narrow=("macs_ratio", "twin_time", "time", "theoretical_macs_ratio", "px", "stride"),
        ),
        **_WHY,
    }


def _blocks(saving: PairSaving) -> str:
    """Return the block of a pair, or both its layers if they are of two blocks."""
    blocks = dict.fromkeys(name.rpartition(".")[0] for name in saving.pair.names)
    return " + ".join(blocks)


# ---------------------------------------------------------------------------------- single layers


class _Layer(NamedTuple):
    """One layer of a pair under the roofline, or the convolution that replaces the pair."""

    pair: PairSaving
    point: LayerPoint
    roofline: Roofline | None

    @property
    def cell(self) -> Cell:
        """Where it was measured by itself."""
        return self.point.cell


def _layers(savings: Savings, pairs: Sequence[PairSaving]) -> Table:
    place = pairs[0].both.place
    roofline = savings.rooflines.get(place)
    return tabulate(
        "savings of layers",
        _LAYER_COLUMNS,
        [_Layer(pair, point, roofline) for pair in pairs for point in pair.points],
        hide=_hidden([pair.both for pair in pairs], but=()) | {"resolution"},
        legend=list(about_layers(roofline, pairs)),
        title=f"Roofline of {place.words()}: the same layers one by one",
    )


def _name(layer: _Layer) -> str:
    return _blocks(layer.pair) if layer.cell.subject.twin else str(layer.cell.subject.part)


_LAYER_COLUMNS: Mapping[str, Source] = {
    **cell_columns(lambda x: x.cell),
    **sources(
        ("layers", "layer", "text", _name),
        ("occurrences", "×", "number", lambda x: x.pair.occurrences),
        ("kind", "kind", "text", lambda x: x.cell.subject.twin or x.point.kind),
        ("macs", "MACs", "count", lambda x: x.cell.macs),
        ("params", "params", "count", lambda x: x.cell.params),
        ("weight_bytes", "weights", "bytes", lambda x: x.cell.weight_bytes),
        ("bytes_moved", "moved", "bytes", lambda x: x.cell.call_bytes),
        ("intensity", "MACs /byte", "ratio", lambda x: x.point.intensity),
        ("attainable", "attainable", "time", lambda x: x.point.attainable),
        ("time", "measured", "time", lambda x: x.point.time),
        ("ceiling_share", "of ceiling", "share", lambda x: x.point.ceiling_share),
        ("bound", "bound", "text", lambda x: x.point.bound),
        ("ceiling_macs_per_second", "ceiling MAC/s", "rate", lambda x: _ceiling(x, "macs")),
        ("ceiling_bytes_per_second", "ceiling B/s", "rate", lambda x: _ceiling(x, "bytes")),
        intervals=(
            *("time", "ceiling_share"),
            *("ceiling_macs_per_second", "ceiling_bytes_per_second"),
        ),
        extra=(
            *("occurrences", "params", "weight_bytes", "bytes_moved"),
            *("ceiling_macs_per_second", "ceiling_bytes_per_second"),
        ),
        people=("layers",),
        narrow=("macs", "intensity", "kind"),
    ),
}


def _ceiling(layer: _Layer, what: str) -> Interval | None:
    ceiling: Interval | None = getattr(layer.roofline, f"{what}_per_second", None)
    return ceiling


# ----------------------------------------------------------------------------------------- shared


def _cells(cell: Callable[[Any], Cell], twin: Callable[[Any], Cell]) -> dict[str, Source]:
    """Return the columns of two cells: which they are, and what was counted of both."""

    def count(of: Callable[[Any], Cell], name: str) -> Callable[[Any], Value]:
        return lambda row: getattr(of(row), name)

    columns = cell_columns(cell)
    columns["twin"] = columns["twin"]._replace(value=lambda row: twin(row).subject.twin)
    for prefix, word, of in (("", "", cell), ("twin_", "twin ", twin)):
        columns |= sources(
            (f"{prefix}macs", f"{word}MACs", "count", count(of, "macs")),
            (f"{prefix}params", f"{word}params", "count", count(of, "params")),
            (f"{prefix}weight_bytes", f"{word}weights", "bytes", count(of, "weight_bytes")),
            extra=(f"{prefix}params", f"{prefix}weight_bytes", "twin_macs"),
        )
    return columns


_WHY = sources(("why", "why", "text", lambda s: s.why), extra=("why",))


def _programs(columns: Mapping[str, Source]) -> dict[str, Source]:
    """Return columns that people do not see."""
    return {
        name: source._replace(column=source.column._replace(show="programs"))
        for name, source in columns.items()
    }


def _hidden(cells: Sequence[Cell], but: Sequence[str] | None = None) -> set[str]:
    """Return the columns of cells that people do not see."""
    same = constant(cells) if but is None else constant(cells, but)
    return same | {"part", "twin", "classes", "copy", "arm"}


def _twin(networks: Sequence[NetworkSaving]) -> str:
    return str(networks[0].twin.cell.subject.twin) if networks else "twin"


SAVINGS_COLUMNS = list(
    dict.fromkeys(["level", *_network_columns(""), *_pair_columns("", ""), *_LAYER_COLUMNS])
)
"""The names of the columns of :func:`savings_table`."""
