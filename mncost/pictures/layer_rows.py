"""What each layer of a network costs, or several together: the rows of a picture of layers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from mncost.cost.groups import GROUPINGS
from mncost.cost.layers import Layer
from mncost.cost.memory import stored_as
from mncost.errors import UnknownNameError
from mncost.interval import Interval
from mncost.measure.cell import Cell
from mncost.measure.records import Run
from mncost.network import Network
from mncost.pictures.points import percent
from mncost.results.layer_times import GroupTime
from mncost.results.results import Results

__all__ = ["BY", "KINDS", "OTHER", "OUTSIDE", "Row", "check_by", "layer_rows", "network_of", "said"]

BY = ("layer", *GROUPINGS)
KINDS: Mapping[str, str] = {
    "conv": "convolution",
    "depthwise": "depthwise",
    "pointwise": "pointwise",
    "linear": "linear",
    "attention": "attention",
}
"""The kinds of layers that have multiply-accumulates, and the words for them."""
OTHER = "other"  # layers that have none
OUTSIDE = "no layer"  # what a runtime does besides


class Row(NamedTuple):
    """One layer, or several together. What it has none of is ``None``.

    Attributes:
        name: of the layer, the block, the stage or the kind; in brackets, what is no layer.
        kind: one of :data:`KINDS`, :data:`OTHER`, :data:`OUTSIDE`; "" for several kinds together.
        macs: multiply-accumulates for one image.
        bytes: least traffic for one image: read and written.
        time: of one call, in seconds, with its interval.
        share: of the time of a whole call.
    """

    name: str
    kind: str
    macs: int | None = None
    bytes: int | None = None
    time: Interval | None = None
    share: float | None = None


def layer_rows(
    network: Network, by: str = "layer", results: Results | None = None, cell: int | None = None
) -> list[Row]:
    """Return a row for each layer of a network that computes or moves anything, in its order.

    Args:
        network: or a twin.
        by: one of :data:`BY`: layers together; the interval of their time is that of its sum.
        results: of a run with profiles of the network, for times.
        cell: of the network in it, by its id.

    Raises:
        UnknownNameError: there is no such ``by``.
    """
    check_by(by)
    layers = [x for x in network.all_layers if x.macs or _moved(x)]
    groups = {layer.name: _group(layer, by) for layer in layers}
    times: dict[str, GroupTime] = {}
    if results is not None and cell is not None:
        times = results.layer_groups(
            cell, lambda part: groups.get(part.layer, _outside(part.layer))
        )
    members: dict[str, list[Layer]] = {}
    for layer in layers:
        members.setdefault(groups[layer.name], []).append(layer)
    rows = [_row(name, group, by, times.pop(name, None)) for name, group in members.items()]
    return [*rows, *(_timed(Row(name, OUTSIDE), time) for name, time in times.items())]


def check_by(by: str) -> None:
    """Check the name of a grouping.

    Raises:
        UnknownNameError: there is no such ``by``.
    """
    if by not in BY:
        raise UnknownNameError("--by", by, BY)


def network_of(run: Run, cell: Cell) -> Network:
    """Return the network or twin that a cell of a run is, from the graph that the run holds."""
    model = run.models[cell.digest]
    return Network(cell.label, model.graph, model.inputs, stored_as(cell.place.precision))


def said(kinds: Sequence[Row]) -> str:
    """Say in one sentence which kind of layers costs more than its multiply-accumulates suggest.

    That is the one whose share of the time (or of the bytes, if no time was measured) is the most
    above its share of the multiply-accumulates.

    Args:
        kinds: the rows of a network by kind.
    """
    computing = [row for row in kinds if row.macs]
    if not computing:
        return "no layer has multiply-accumulates"
    macs, moved = _sum(row.macs for row in kinds), _sum(row.bytes for row in kinds)

    def excess(row: Row) -> float:
        share = _share(row.bytes, moved) if row.share is None else row.share
        return share - _share(row.macs, macs)

    most = max(computing, key=excess)
    words = [f"{percent(_share(most.macs, macs))} of the MACs"]
    if most.share is not None:
        words.append(f"{percent(most.share)} of the time")
    words.append(f"{percent(_share(most.bytes, moved))} of the bytes")
    return f"{KINDS.get(most.kind, most.name)}: {', '.join(words)}"


def _group(layer: Layer, by: str) -> str:
    if by == "layer":
        return layer.name
    name = GROUPINGS[by](layer)
    return f"stage {name}" if by == "stage" else name


def _row(name: str, layers: Sequence[Layer], by: str, time: GroupTime | None) -> Row:
    kinds = {layer.kind if layer.kind in KINDS else OTHER for layer in layers}
    kind = kinds.pop() if by in ("layer", "kind") else ""
    macs = sum(layer.macs for layer in layers)
    return _timed(Row(name, kind, macs, sum(map(_moved, layers))), time)


def _timed(row: Row, time: GroupTime | None) -> Row:
    return row if time is None else row._replace(time=time.time, share=time.share.center)


def _moved(layer: Layer) -> int:
    return layer.bytes_read + layer.bytes_written


def _outside(layer: str) -> str:
    """Return a part of a profile that is no layer, in brackets: the image may be among them."""
    return layer if layer.startswith("(") else f"({layer})"


def _sum(values: Iterable[int | None]) -> int:
    return sum(value or 0 for value in values)


def _share(value: int | None, whole: int) -> float:
    return (value or 0) / whole
