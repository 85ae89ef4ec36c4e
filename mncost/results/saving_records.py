"""What is saved, for programs: one flat record a network, a pair of layers, a layer.

All three have the same columns; ``level`` says which it is. A measured number has its bounds in
columns of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

from mncost.interval import Interval
from mncost.measure.records import IDENTITY, Cell
from mncost.render.table import Value
from mncost.results.roofline import LayerPoint
from mncost.results.saving import Memory, NetworkSaving, PairSaving, Saving

__all__ = ["COLUMNS", "Record", "records"]

Record: TypeAlias = dict[str, Value]

_US, _GIGA = 1e-3, 1e-9


def _bounded(*names: str) -> list[str]:
    """Return the columns of measured numbers: each with its bounds."""
    return [name + suffix for name in names for suffix in ("", "_lo", "_hi")]


_IDENTITY = [name for name in IDENTITY if name != "copy"]
_COUNTS = ["macs", "params", "weight_bytes"]
_MEMORY = ["peak_activation_bytes", "measured_peak_bytes"]

COLUMNS: Sequence[str] = [
    *("level", *_IDENTITY, "occurrences"),
    *("kind", "kernel", "stride", "in_channels", "out_channels"),
    *_COUNTS,
    *("twin_" + name for name in _COUNTS),
    *("macs_ratio", "params_ratio", "theoretical_ratio"),
    *_bounded("time_us", "twin_time_us", "speedup", "efficiency"),
    *_MEMORY,
    *("twin_" + name for name in _MEMORY),
    *("pairs_macs", "pairs_twin_macs"),
    *_bounded("pairs_speedup"),
    "depthwise_macs_share",
    *_bounded("depthwise_time_share"),
    *("bytes_moved", "intensity", "attainable_us"),
    *_bounded("ceiling_share"),
    "bound",
    *_bounded("ceiling_gmacs_per_second", "ceiling_gbytes_per_second"),
    "why",
]
"""The columns of every record, in order."""


def records(saving: Saving) -> list[Record]:
    """Return every number of a comparison: networks, then pairs, then single layers."""
    found = [
        *map(_network, saving.networks),
        *map(_pair, saving.pairs),
        *(_layer(saving, pair, point) for pair in saving.pairs for point in pair.points),
    ]
    return [{name: record.get(name) for name in COLUMNS} for record in found]


def _network(saving: NetworkSaving) -> Record:
    record = {"level": "network", **_identity(saving.network.cell, saving.twin.cell)}
    record |= _counts("", saving.network.cell) | _counts("twin_", saving.twin.cell)
    record |= {"macs_ratio": saving.macs_ratio, "params_ratio": saving.params_ratio}
    record |= _summary("time_us", saving.network.median, _US)
    record |= _summary("twin_time_us", saving.twin.median, _US)
    record |= _summary("speedup", saving.speedup) | _summary("efficiency", saving.efficiency)
    record |= _memory("", saving.memory) | _memory("twin_", saving.twin_memory)
    if sums := saving.sums:
        record |= {"pairs_macs": sums.macs, "pairs_twin_macs": sums.merged_macs}
        record |= _summary("pairs_speedup", sums.speedup)
        record |= {"depthwise_macs_share": sums.depthwise_macs}
        record |= _summary("depthwise_time_share", sums.depthwise_time)
    return record | {"why": saving.why}


def _pair(saving: PairSaving) -> Record:
    pair = saving.pair
    record = {
        "level": "pair",
        **_identity(saving.both, saving.merged),
        "occurrences": saving.occurrences,
    }
    record |= {"kernel": pair.kernel, "stride": pair.stride}
    record |= {"in_channels": pair.in_channels, "out_channels": pair.out_channels}
    record |= _counts("", saving.both) | _counts("twin_", saving.merged)
    record |= {"macs_ratio": saving.macs_ratio, "theoretical_ratio": saving.theoretical_ratio}
    record |= {"params_ratio": saving.merged.params / saving.both.params}
    record |= _summary("time_us", saving.time, _US)
    record |= _summary("twin_time_us", saving.merged_time, _US)
    record |= _summary("speedup", saving.speedup) | _summary("efficiency", saving.efficiency)
    return record | {"why": saving.why}


def _layer(saving: Saving, pair: PairSaving, point: LayerPoint) -> Record:
    record = {"level": "layer", **_identity(point.cell, None), "occurrences": pair.occurrences}
    record |= _counts("", point.cell) | {"kind": point.kind}
    record |= _summary("time_us", point.time, _US)
    record |= {
        "bytes_moved": point.cell.call_bytes,
        "intensity": point.intensity,
        "attainable_us": None if point.attainable is None else point.attainable * _US,
    }
    record |= _summary("ceiling_share", point.share) | {"bound": point.bound}
    if roofline := saving.rooflines.get(point.cell.place):
        record |= _summary("ceiling_gmacs_per_second", roofline.macs_per_second, _GIGA)
        record |= _summary("ceiling_gbytes_per_second", roofline.bytes_per_second, _GIGA)
    return record


def _identity(cell: Cell, twin: Cell | None) -> Record:
    record = {name: getattr(cell, name) for name in _IDENTITY}
    return record | ({} if twin is None else {"twin": twin.twin})


def _counts(prefix: str, cell: Cell) -> Record:
    return {prefix + name: getattr(cell, name) for name in _COUNTS}


def _memory(prefix: str, memory: Memory) -> Record:
    return {
        f"{prefix}peak_activation_bytes": memory.analytic,
        f"{prefix}measured_peak_bytes": memory.measured,
    }


def _summary(name: str, summary: Interval | None, unit: float = 1.0) -> Record:
    names: Iterator[str] = (name + suffix for suffix in ("", "_lo", "_hi"))
    if summary is None:
        return dict.fromkeys(names)
    scaled = summary.scaled(unit)
    return dict(zip(names, scaled[:3], strict=True))
