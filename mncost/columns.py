"""The columns of the tables: for each its name, its title, and where its value comes from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from mncost.errors import InputError
from mncost.report.table import Column, Kind, Value

if TYPE_CHECKING:
    import pandas

__all__ = [
    "GRID_COLUMNS",
    "GROUP_COLUMNS",
    "LAYER_COLUMNS",
    "PAIR_COLUMNS",
    "PUBLISHED_COLUMNS",
    "Source",
    "default_columns",
    "to_frame",
]


class Source(NamedTuple):
    """A column, and the function that takes its value from a network, a layer, ...

    ``extra`` columns are shown only when they are asked for.
    """

    column: Column
    value: Callable[[Any], Value]
    extra: bool = False


def _sources(
    *sources: tuple[str, str, Kind, Callable[[Any], Value]], extra: Iterable[str] = ()
) -> dict[str, Source]:
    return {
        name: Source(Column(name, title, kind), value, name in extra)
        for name, title, kind, value in sources
    }


def default_columns(
    columns: Mapping[str, Source], left_out: Iterable[str] = (), *, flops: bool = False
) -> list[str]:
    """Return the names of the columns that are shown unless others are asked for."""
    return [
        name
        for name, source in columns.items()
        if (flops and name == "flops") or not (source.extra or name in left_out)
    ]


GRID_COLUMNS: Mapping[str, Source] = _sources(
    ("arch", "arch", "text", lambda n: n.arch),
    ("dialect", "dialect", "text", lambda n: n.dialect),
    ("alpha", "α", "number", lambda n: n.alpha),
    ("resolution", "px", "number", lambda n: n.resolution),
    ("rho", "ρ", "ratio", lambda n: n.rho),
    ("classes", "classes", "number", lambda n: n.classes),
    ("macs", "MACs", "count", lambda n: n.macs),
    ("flops", "FLOPs =2×MACs", "count", lambda n: n.flops),
    ("params", "params", "count", lambda n: n.params),
    ("buffers", "buffers", "count", lambda n: n.buffers),
    ("standard_macs", "standard MACs", "count", lambda n: n.standard.macs),
    ("standard_params", "standard params", "count", lambda n: n.standard.params),
    ("macs_ratio", "MACs ratio", "ratio", lambda n: n.standard.macs / n.macs),
    ("params_ratio", "params ratio", "ratio", lambda n: n.standard.params / n.params),
    ("weight_bytes", "weights", "bytes", lambda n: n.weight_bytes),
    ("peak_activation_bytes", "peak act.", "bytes", lambda n: n.peak_activation_bytes),
    ("peak_layer", "peak at", "text", lambda n: n.peak_layer),
    ("precision", "precision", "text", lambda n: n.precision),
    extra=("rho", "classes", "flops", "buffers", "peak_layer", "precision"),
)

LAYER_COLUMNS: Mapping[str, Source] = _sources(
    ("name", "layer", "text", lambda x: x.name),
    ("block", "block", "text", lambda x: x.block),
    ("stage", "stage", "number", lambda x: x.stage),
    ("kind", "kind", "text", lambda x: x.kind),
    ("in_channels", "in", "number", lambda x: x.in_channels),
    ("out_channels", "out", "number", lambda x: x.out_channels),
    ("kernel", "k", "number", lambda x: x.kernel),
    ("stride", "s", "number", lambda x: x.stride),
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


GROUP_COLUMNS: Mapping[str, Source] = _sources(
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

PAIR_COLUMNS: Mapping[str, Source] = _sources(
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
    ("depthwise_intensity", "depthw. MACs /byte", "ratio", lambda p: p.depthwise.intensity),
    ("pointwise_intensity", "pointw. MACs /byte", "ratio", lambda p: p.pointwise.intensity),
    ("standard_intensity", "standard MACs /byte", "ratio", lambda p: p.standard.intensity),
)

PUBLISHED_COLUMNS: Mapping[str, Source] = _sources(
    ("arch", "arch", "text", lambda c: c.network.arch),
    ("dialect", "dialect", "text", lambda c: c.network.dialect),
    ("alpha", "α", "number", lambda c: c.network.alpha),
    ("resolution", "px", "number", lambda c: c.network.resolution),
    ("variant", "variant", "text", lambda c: c.figure.variant),
    ("precision", "precision", "text", lambda c: c.figure.precision),
    ("published_macs_m", "printed MACs M", "number", lambda c: c.figure.macs_m or None),
    ("macs", "our MACs", "count", lambda c: c.network.macs),
    ("macs_why", "MACs differ by", "text", lambda c: c.macs_why),
    ("macs_explained", "MACs explained", "count", lambda c: c.macs_explained),
    ("macs_agrees", "MACs agree", "text", lambda c: c.macs_agrees),
    ("published_params_m", "printed params M", "number", lambda c: c.figure.params_m or None),
    ("params", "our params", "count", lambda c: c.network.params),
    ("params_why", "params differ by", "text", lambda c: c.params_why),
    ("params_explained", "params explained", "count", lambda c: c.params_explained),
    ("params_agrees", "params agree", "text", lambda c: c.params_agrees),
    ("top1", "top-1 %", "number", lambda c: c.figure.top1 or None),
    ("top5", "top-5 %", "number", lambda c: c.figure.top5 or None),
    ("latency_ms", "latency ms", "text", lambda c: c.figure.latency_ms or None),
    ("latency_device", "device", "text", lambda c: c.figure.latency_device or None),
    ("source", "source", "text", lambda c: c.figure.source),
    ("note", "note", "text", lambda c: c.figure.note or None),
)


def to_frame(columns: Mapping[str, Source], things: Iterable[object]) -> pandas.DataFrame:
    """Return a DataFrame with every column, one row for each thing.

    Raises:
        InputError: pandas is not installed.
    """
    try:
        import pandas
    except ModuleNotFoundError:
        raise InputError("needs pandas: pip install 'mncost[frame]'") from None
    rows = [[source.value(thing) for source in columns.values()] for thing in things]
    frame = pandas.DataFrame(rows, columns=list(columns))
    # A kernel that a batch norm does not have must not turn the others into floats.
    whole = [name for name in frame if frame[name].dtype == "float64" and name in _WHOLE]
    return frame.astype(dict.fromkeys(whole, "Int64"))


_WHOLE = ("kernel", "stride", "groups")
