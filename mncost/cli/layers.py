"""``mncost layers``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated

import typer

from mncost.api import grid
from mncost.cli import options
from mncost.cli.output import chosen, emit, format_for
from mncost.cli.single import single, title, twin_of
from mncost.columns import LAYER_COLUMNS, Source, default_columns, sources
from mncost.cost.groups import GROUPINGS, group
from mncost.errors import InputError, UnknownNameError
from mncost.network import Network
from mncost.report.table import Table

__all__ = ["layers"]

_BY = ("layer", *GROUPINGS, "pair")
# A terminal has no room for these: the block stands in the layer's name, images are mostly square.
_NOT_ON_TERMINAL = ("block", "groups", "out_width", "bias", "pointwise")

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

PAIR_COLUMNS: Mapping[str, Source] = sources(
    ("depthwise", "depthwise", "text", lambda p: p.depthwise.name),
    ("pointwise", "pointwise", "text", lambda p: p.pointwise.name),
    ("kernel", "k", "number", lambda p: p.standard.kernel),
    ("stride", "s", "number", lambda p: p.standard.stride),
    ("in_channels", "in", "number", lambda p: p.standard.in_channels),
    ("out_channels", "out (N)", "number", lambda p: p.standard.out_channels),
    ("separable_macs", "separable MACs", "count", lambda p: p.separable_macs),
    ("standard_macs", "standard MACs", "count", lambda p: p.standard.macs),
    ("exact_ratio", "exact ratio", "fraction", lambda p: float(p.exact_ratio)),
    ("theoretical_ratio", "1/N +1/k²", "fraction", lambda p: float(p.theoretical_ratio)),
    ("depthwise_intensity", "dw MACs /byte", "ratio", lambda p: p.depthwise.intensity),
    ("pointwise_intensity", "pw MACs /byte", "ratio", lambda p: p.pointwise.intensity),
    ("standard_intensity", "std MACs /byte", "ratio", lambda p: p.standard.intensity),
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
            help="layer, block, stage, kind, or pair: each separable pair beside its standard "
            "convolution.",
        ),
    ] = "layer",
    every: Annotated[
        bool,
        typer.Option("--all", help="Also the operators without MACs and parameters."),
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
    mncost layers --arch v1 --by pair --format csv
    """
    wanted = format_for(format_name, output)
    if by not in _BY:
        raise UnknownNameError("--by", by, _BY)
    if every and by != "layer":
        raise InputError("--all goes with --by layer: the sums hold every operator anyway")
    if twin and by == "pair":
        raise InputError("--twin has no pairs: --by pair already shows both")
    shown = _shown(by, columns, flops=flops, terminal=wanted == "terminal")
    networks = grid(
        ",".join(arch),
        alpha,
        resolution,
        rho=rho,
        dialect=dialect,
        classes=classes,
        precision=options.as_precision(precision),
    )
    network = twin_of(single(networks, "layers"), twin)
    records = _records(network, by, every=every)
    rows = [[source.value(record) for source in shown] for record in records]
    head = (
        f"{title(network)}: {network.macs:,} MACs, {network.params:,} parameters, "
        f"{network.peak_activation_bytes:,} bytes of activations at most, at {network.peak_layer}"
    )
    table = Table(f"layers by {by}", [s.column for s in shown], rows, networks.notes, head)
    emit(table, wanted, output)


def _shown(by: str, columns: str | None, *, flops: bool, terminal: bool) -> list[Source]:
    registry = {"layer": LAYER_COLUMNS, "pair": PAIR_COLUMNS}.get(by, GROUP_COLUMNS)
    if flops and "flops" not in registry:
        raise InputError(f"--flops does not go with --by {by}")
    left_out = _NOT_ON_TERMINAL if terminal else ()
    return chosen(registry, columns, default_columns(registry, left_out, flops=flops))


def _records(network: Network, by: str, *, every: bool) -> Iterable[object]:
    match by:
        case "layer":
            return network.all_layers if every else network.layers
        case "pair":
            return network.pairs
        case _:
            return group(network.all_layers, by)
