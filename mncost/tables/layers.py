"""One network layer by layer, or its layers summed by block, stage or kind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from mncost.api import title, twin_of
from mncost.cost.groups import GROUPINGS, group
from mncost.cost.layers import side
from mncost.errors import InputError, UnknownNameError
from mncost.network import Network
from mncost.render.table import Source, Table, chosen, default_columns, sources
from mncost.tables.pairs import pair_columns

__all__ = ["BY", "LAYER_COLUMNS", "layers_table"]

BY = ("layer", *GROUPINGS, "pair")
# A terminal has no room for these: the block stands in the layer's name, images are mostly square.
_NOT_FOR_PEOPLE = ("block", "groups", "out_width", "bias", "second")

LAYER_COLUMNS: Mapping[str, Source] = sources(
    ("name", "layer", "text", lambda x: x.name),
    ("block", "block", "text", lambda x: x.block),
    ("stage", "stage", "number", lambda x: x.stage),
    ("kind", "kind", "text", lambda x: x.kind),
    ("in_channels", "in", "number", lambda x: x.in_channels),
    ("out_channels", "out", "number", lambda x: x.out_channels),
    ("kernel", "k", "number", lambda x: side(x.kernel)),
    ("stride", "s", "number", lambda x: side(x.stride)),
    ("groups", "groups", "number", lambda x: x.groups),
    ("in_height", "in h", "number", lambda x: x.in_height),
    ("in_width", "in w", "number", lambda x: x.in_width),
    ("out_height", "out h", "number", lambda x: x.out_height),
    ("out_width", "out w", "number", lambda x: x.out_width),
    ("bias", "bias", "text", lambda x: x.bias),
    ("params", "params", "count", lambda x: x.params),
    ("buffers", "buffers", "count", lambda x: x.buffers),
    ("macs", "MACs", "count", lambda x: x.macs),
    ("flops", "FLOPs =2×MACs", "count", lambda x: 2 * x.macs),
    ("bytes_read", "read", "bytes", lambda x: x.bytes_read),
    ("bytes_written", "written", "bytes", lambda x: x.bytes_written),
    ("intensity", "MACs /byte", "ratio", lambda x: x.intensity),
    extra=("stage", "in_height", "in_width", "buffers", "flops"),
)


GROUP_COLUMNS: Mapping[str, Source] = sources(
    ("name", "name", "text", lambda g: g.name),
    ("layers", "layers", "number", lambda g: g.layers),
    ("out_channels", "out", "number", lambda g: g.out_channels),
    ("out_height", "out h", "number", lambda g: g.out_height),
    ("out_width", "out w", "number", lambda g: g.out_width),
    ("params", "params", "count", lambda g: g.params),
    ("params_share", "params", "share", lambda g: g.params_share),
    ("buffers", "buffers", "count", lambda g: g.buffers),
    ("macs", "MACs", "count", lambda g: g.macs),
    ("macs_share", "MACs", "share", lambda g: g.macs_share),
    ("flops", "FLOPs =2×MACs", "count", lambda g: 2 * g.macs),
    ("bytes_read", "read", "bytes", lambda g: g.bytes_read),
    ("bytes_written", "written", "bytes", lambda g: g.bytes_written),
    ("intensity", "MACs /byte", "ratio", lambda g: g.intensity),
    extra=("buffers", "flops"),
)


def layers_table(
    network: Network,
    *,
    by: str = "layer",
    twin: str = "standard",
    every: bool = False,
    columns: str | Sequence[str] | None = None,
    flops: bool = False,
    notes: Sequence[str] = (),
    for_people: bool = True,
) -> Table:
    """Return one row for each layer of a network, or for each group of them.

    Args:
        network: which.
        by: ``"layer"``, ``"block"``, ``"stage"``, ``"kind"`` or ``"pair"``: each pair of layers
            beside the convolution that replaces it in a twin.
        twin: of the pairs, ``"standard"`` or ``"fused"``.
        every: also the operators without MACs and parameters.
        columns: names of columns, with commas; by default those that fit.
        flops: add the column ``flops``, 2 × MACs.
        notes: what stands below.
        for_people: leave out what a terminal has no room for.

    Raises:
        InputError: an option cannot be used, or the network has no such twin.
    """
    if by not in BY:
        raise UnknownNameError("--by", by, BY)
    if every and by != "layer":
        raise InputError("--all goes with --by layer: the sums hold every operator anyway")
    if flops and by == "pair":
        raise InputError("--flops does not go with --by pair")
    registry = _registry(by, twin)
    left_out = _NOT_FOR_PEOPLE if for_people else ()
    shown = chosen(registry, columns, default_columns(registry, left_out, flops=flops))
    things = _things(network, by, twin, every=every)
    rows = [[source.value(thing) for source in shown] for thing in things]
    line = _line(network)
    return Table(f"layers by {by}", [source.column for source in shown], rows, notes, line)


def _registry(by: str, twin: str) -> Mapping[str, Source]:
    if by == "pair":
        return pair_columns(twin)
    return LAYER_COLUMNS if by == "layer" else GROUP_COLUMNS


def _things(network: Network, by: str, twin: str, *, every: bool) -> Iterable[object]:
    if by == "pair":
        twin_of(network, twin)  # says why there is none
        return network.pairs_of(twin)
    if by == "layer":
        return network.all_layers if every else network.layers
    return group(network.all_layers, by)


def _line(network: Network) -> str:
    """Return a line with a network's name and totals."""
    return (
        f"{title(network)}: {network.macs:,} MACs, {network.params:,} parameters, "
        f"{network.peak_activation_bytes:,} bytes of activations at most, at {network.peak_layer}"
    )
