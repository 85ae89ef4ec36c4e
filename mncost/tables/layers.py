"""One network layer by layer, or its layers summed by block, stage or kind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from mncost.cost.groups import GROUPINGS, group
from mncost.cost.layers import Layer, side
from mncost.errors import InputError, UnknownNameError
from mncost.network import Network
from mncost.render.column import AtLeast, Show, Value
from mncost.render.sources import Source, sources, tabulate
from mncost.render.table import Table
from mncost.tables.partial import counted, partial_notes
from mncost.titles import title
from mncost.twins import twin_of

__all__ = ["BY", "LAYER_COLUMNS", "layers_table"]

_BATCH_NORM = "batch_norm"
BY = ("layer", *GROUPINGS, "pair")

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
    ("macs", "MACs", "count", lambda x: x.macs if x.is_known else AtLeast(x.macs)),
    ("flops", "FLOPs =2×MACs", "count", lambda x: 2 * x.macs),
    ("bytes_read", "read", "bytes", lambda x: x.bytes_read),
    ("bytes_written", "written", "bytes", lambda x: x.bytes_written),
    ("intensity", "MACs /byte", "ratio", lambda x: x.intensity),
    # A terminal has no room: the block stands in the layer's name, images are mostly square.
    extra=("block", "groups", "out_width", "bias"),
    narrow=("bytes_written", "bytes_read", "stride", "in_channels", "kernel", "out_height"),
    asked=("stage", "in_height", "in_width", "buffers", "flops"),
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
    extra=("out_width",),
    asked=("buffers", "flops"),
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
) -> Table:
    """Return one row for each layer of a network, or for each group of them.

    Args:
        network: which.
        by: ``"layer"``, ``"block"``, ``"stage"``, ``"kind"`` or ``"pair"``: each pair of layers
            beside the convolution that replaces it in a twin.
        twin: of the pairs, ``"standard"``, ``"fused"`` or ``"separable"``.
        every: also the operators without MACs and parameters.
        columns: names of columns, with commas; by default those that fit.
        flops: add the column ``flops``, 2 × MACs.
        notes: what stands below.

    Raises:
        InputError: an option cannot be used, or the network has no such twin.
    """
    if by not in BY:
        raise UnknownNameError("--by", by, BY)
    if every and by != "layer":
        raise InputError("--all goes with --by layer: the sums hold every operator anyway")
    if flops and by == "pair":
        raise InputError("--flops does not go with --by pair")
    things = _things(network, by, twin, every=every)
    registry = _registry(by, twin)
    show = ["flops"] if flops else []
    line = _line(network)
    notes = [*notes, *partial_notes([network])]
    table = tabulate(
        f"layers by {by}", registry, things, names=columns, show=show, notes=notes, title=line
    )
    if by == "pair":
        return table
    if by == "layer" and not every:
        table = _folded(table, registry, network.layers)
    return _with_total(table, network)


def _registry(by: str, twin: str) -> Mapping[str, Source]:
    if by == "pair":
        from mncost.tables.pairs import pair_columns  # layers alone need none

        return pair_columns(twin)
    return LAYER_COLUMNS if by == "layer" else GROUP_COLUMNS


def _things(network: Network, by: str, twin: str, *, every: bool) -> Iterable[object]:
    if by == "pair":
        twin_of(network, twin)  # says why there is none
        return network.pairs_of(twin)
    if by == "layer":
        return network.all_layers if every else network.layers
    return group(network.all_layers, by)


def _folded(table: Table, registry: Mapping[str, Source], layers: Sequence[Layer]) -> Table:
    """Return the table with two views: people see a batch norm in the convolution before it.

    Deployed weights hold it there. Its parameters are counted with the convolution's, so that the
    column adds up.
    """
    rows: list[Sequence[Value]] = []
    rows_for: list[Show] = []
    values = [registry[column.name].value for column in table.columns]
    for layer, row, after in zip(layers, table.rows, [*layers, None][1:], strict=True):
        if layer.kind == _BATCH_NORM and layer.bytes_written == 0:
            rows.append(row)
            rows_for.append("programs")
            continue
        is_last = after is None or after.kind != _BATCH_NORM or after.bytes_written != 0
        rows.append(row)
        rows_for.append("all" if is_last else "programs")
        if not is_last and after is not None:
            params, buffers = layer.params + after.params, layer.buffers + after.buffers
            both = replace(layer, params=params, buffers=buffers)
            rows.append([value(both) for value in values])
            rows_for.append("people")
    return table._replace(rows=rows, rows_for=rows_for)


def _with_total(table: Table, network: Network) -> Table:
    """Return the table with a last row for people: the sums."""
    total: dict[str, Value] = {
        "name": "total",
        "params": network.params,
        "params_share": 1.0,
        "buffers": network.buffers,
        "macs": counted(network, network.macs),
        "macs_share": 1.0,
        "flops": counted(network, network.flops),
        "bytes_read": (read := sum(layer.bytes_read for layer in network.all_layers)),
        "bytes_written": (written := sum(layer.bytes_written for layer in network.all_layers)),
        "intensity": network.macs / (read + written) if read + written else None,
    }
    row = [total.get(column.name, "") for column in table.columns]
    rows_for: list[Show] = list(table.rows_for) or ["all"] * len(table.rows)
    return table._replace(rows=[*table.rows, row], rows_for=[*rows_for, "people"])


def _line(network: Network) -> str:
    """Return a line with a network's name and totals."""
    least = "" if network.is_complete else "≥"
    return (
        f"{title(network)}: {least}{network.macs:,} MACs, {network.params:,} parameters, "
        f"{network.peak_activation_bytes:,} bytes of activations at most, at {network.peak_layer}"
    )
