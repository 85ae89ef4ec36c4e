"""``mncost layers``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated

import typer

from mncost.api import grid
from mncost.cli import options
from mncost.cli.materialised import materialised_table
from mncost.cli.output import chosen, emit, format_for
from mncost.cli.single import single, title, twin_of
from mncost.columns import LAYER_COLUMNS, Source, default_columns, pair_columns, sources
from mncost.cost.groups import GROUPINGS, group
from mncost.errors import InputError, UnknownNameError
from mncost.network import Network
from mncost.render.table import Table

__all__ = ["layers"]

_BY = ("layer", *GROUPINGS, "pair")
# A terminal has no room for these: the block stands in the layer's name, images are mostly square.
_NOT_ON_TERMINAL = ("block", "groups", "out_width", "bias", "second")

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


def layers(
    arch: options.Arch,
    alpha: options.Alpha = None,
    resolution: options.Resolution = None,
    rho: options.Rho = None,
    dialect: options.Dialect = None,
    classes: options.Classes = None,
    precision: options.PrecisionName = None,
    by: Annotated[
        str,
        typer.Option(
            "--by",
            metavar="WHAT",
            help="layer, block, stage, kind, or pair: each pair of layers beside the convolution "
            "that replaces it in the twin (--twin; default: standard).",
        ),
    ] = "layer",
    every: Annotated[
        bool,
        typer.Option("--all", help="Also the operators without MACs and parameters."),
    ] = False,
    memory: Annotated[
        bool,
        typer.Option("--memory", help="Instead: the largest tensor at each spatial resolution."),
    ] = False,
    twin: options.Twin = None,
    flops: options.Flops = False,
    columns: options.ColumnNames = None,
    format_name: options.Format = None,
    output: options.Output = None,
) -> None:
    """Print one network layer by layer: shapes, parameters, MACs, bytes, MACs per byte.

    mncost layers --arch v3-large --alpha 0.75 --dialect torchvision
    mncost layers --arch v2 --by kind
    mncost layers --arch v2 --by pair --twin fused --format csv
    mncost layers --arch v2 --memory --precision fp16
    """
    wanted = format_for(format_name, output)
    if by not in _BY:
        raise UnknownNameError("--by", by, _BY)
    if every and by != "layer":
        raise InputError("--all goes with --by layer: the sums hold every operator anyway")
    if memory and (by != "layer" or every or flops):
        raise InputError(
            "--memory goes without --by, --all and --flops: its rows are sizes, not layers"
        )
    whose = twin or "standard"  # the twin whose pairs --by pair shows
    if not memory:
        shown = _shown(by, whose, columns, flops=flops, terminal=wanted == "terminal")
    networks = grid(
        ",".join(arch),
        alpha,
        resolution,
        rho=rho,
        dialect=dialect,
        classes=classes,
        precision=options.as_precision(precision),
    )
    network = single(networks, "layers")
    its_twin = twin_of(network, whose if by == "pair" else twin)
    if by != "pair":
        network = its_twin
    if memory:
        emit(materialised_table(network, columns, networks.notes), wanted, output)
        return
    records = _records(network, by, whose, every=every)
    rows = [[source.value(record) for source in shown] for record in records]
    head = (
        f"{title(network)}: {network.macs:,} MACs, {network.params:,} parameters, "
        f"{network.peak_activation_bytes:,} bytes of activations at most, at {network.peak_layer}"
    )
    table = Table(f"layers by {by}", [s.column for s in shown], rows, networks.notes, head)
    emit(table, wanted, output)


def _shown(
    by: str, whose: str, columns: str | None, *, flops: bool, terminal: bool
) -> list[Source]:
    registry = _registry(by, whose)
    if flops and "flops" not in registry:
        raise InputError(f"--flops does not go with --by {by}")
    left_out = _NOT_ON_TERMINAL if terminal else ()
    return chosen(registry, columns, default_columns(registry, left_out, flops=flops))


def _registry(by: str, whose: str) -> Mapping[str, Source]:
    match by:
        case "layer":
            return LAYER_COLUMNS
        case "pair":
            return pair_columns(whose)
        case _:
            return GROUP_COLUMNS


def _records(network: Network, by: str, whose: str, *, every: bool) -> Iterable[object]:
    match by:
        case "layer":
            return network.all_layers if every else network.layers
        case "pair":
            return network.pairs_of(whose)
        case _:
            return group(network.all_layers, by)
