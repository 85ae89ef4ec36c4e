"""The columns of the tables: for each its name, its title, and where its value comes from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from mncost.errors import InputError, UnknownNameError
from mncost.render.table import Column, Kind, Value

if TYPE_CHECKING:
    import pandas

    from mncost.cost.conventions import Convention

__all__ = [
    "GRID_COLUMNS",
    "LAYER_COLUMNS",
    "Source",
    "convention_columns",
    "default_columns",
    "need_pandas",
    "pair_columns",
    "sources",
    "to_frame",
]


class Source(NamedTuple):
    """A column, and the function that takes its value from a network, a layer, ...

    ``extra`` columns are shown only when they are asked for.
    """

    column: Column
    value: Callable[[Any], Value]
    extra: bool = False


def sources(
    *columns: tuple[str, str, Kind, Callable[[Any], Value]], extra: Iterable[str] = ()
) -> dict[str, Source]:
    """Return columns by name, each given as name, title, kind and the function of its value."""
    return {
        name: Source(Column(name, title, kind), value, name in extra)
        for name, title, kind, value in columns
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


GRID_COLUMNS: Mapping[str, Source] = sources(
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
    ("macs_ratio", "MACs ratio", "ratio", lambda n: n.macs_ratio),
    ("params_ratio", "params ratio", "ratio", lambda n: n.params_ratio),
    ("weight_bytes", "weights", "bytes", lambda n: n.weight_bytes),
    ("peak_activation_bytes", "peak act.", "bytes", lambda n: n.peak_activation_bytes),
    ("peak_layer", "peak at", "text", lambda n: n.peak_layer),
    ("precision", "precision", "text", lambda n: n.precision),
    extra=("rho", "classes", "flops", "buffers", "precision"),
)


def convention_columns(convention: Convention) -> Mapping[str, Source]:
    """Return the columns of the grid with one tool's number wherever MACs would stand."""
    from mncost.cost.work import tally

    def number(n: Any) -> int:
        return convention.total(tally(n.graph, n.shapes, n.costs).work)

    name, title = convention.name, f"{convention.name} {convention.unit}"
    counted = sources(
        ("macs", title, "count", number),
        ("convention", "convention", "text", lambda n: name),
        ("standard_macs", f"standard {title}", "count", lambda n: number(n.standard)),
        ("macs_ratio", f"{title} ratio", "ratio", lambda n: number(n.standard) / number(n)),
    )
    columns = {name: counted.get(name, source) for name, source in GRID_COLUMNS.items()}
    del columns["flops"]  # 2 × whatever a tool counts means nothing
    return {**columns, "convention": counted["convention"]}


LAYER_COLUMNS: Mapping[str, Source] = sources(
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


class _PairTitles(NamedTuple):
    """What differs between the twins in the titles of :func:`pair_columns`."""

    first: str
    second: str
    in_channels: str
    out_channels: str
    macs: tuple[str, str]  # of the pair, of the one in its place
    theory: str
    short: tuple[str, str, str]  # the first, the second, the one in their place


_PAIR_TITLES: Mapping[str, _PairTitles] = {
    "standard": _PairTitles(
        first="depthwise",
        second="pointwise",
        in_channels="in",
        out_channels="out (N)",
        macs=("separable", "standard"),
        theory="1/N +1/k²",
        short=("dw", "pw", "std"),
    ),
    "fused": _PairTitles(
        first="expand",
        second="depthwise",
        in_channels="in (C)",
        out_channels="out",
        macs=("unfused", "fused"),
        theory="1/C +s²/k²",
        short=("exp", "dw", "fused"),
    ),
}


def pair_columns(twin: str) -> Mapping[str, Source]:
    """Return the columns of the pairs that a twin replaces, each a :class:`PairCost`.

    Raises:
        UnknownNameError: there is no such twin.
    """
    if twin not in _PAIR_TITLES:
        raise UnknownNameError("twin", twin, _PAIR_TITLES)
    of = _PAIR_TITLES[twin]
    first, second, merged = (f"{words} MACs /byte" for words in of.short)
    return sources(
        ("first", of.first, "text", lambda p: p.first.name),
        ("second", of.second, "text", lambda p: p.second.name),
        ("kernel", "k", "number", lambda p: p.merged.kernel),
        ("stride", "s", "number", lambda p: p.merged.stride),
        ("in_channels", of.in_channels, "number", lambda p: p.merged.in_channels),
        ("out_channels", of.out_channels, "number", lambda p: p.merged.out_channels),
        ("pair_macs", f"{of.macs[0]} MACs", "count", lambda p: p.macs),
        ("merged_macs", f"{of.macs[1]} MACs", "count", lambda p: p.merged.macs),
        ("exact_ratio", "exact ratio", "fraction", lambda p: float(p.exact_ratio)),
        ("theoretical_ratio", of.theory, "fraction", lambda p: float(p.theoretical_ratio)),
        ("first_intensity", first, "ratio", lambda p: p.first.intensity),
        ("second_intensity", second, "ratio", lambda p: p.second.intensity),
        ("merged_intensity", merged, "ratio", lambda p: p.merged.intensity),
    )


def to_frame(columns: Mapping[str, Source], things: Iterable[object]) -> pandas.DataFrame:
    """Return a DataFrame with every column, one row for each thing.

    Raises:
        InputError: pandas is not installed.
    """
    rows = [[source.value(thing) for source in columns.values()] for thing in things]
    frame: pandas.DataFrame = need_pandas().DataFrame(rows, columns=list(columns))
    # A kernel that a batch norm does not have must not turn the others into floats.
    return frame.astype({name: "Int64" for name in _WHOLE if name in columns})


def need_pandas() -> Any:
    """Return the module.

    Raises:
        InputError: it is not installed.
    """
    try:
        import pandas
    except ModuleNotFoundError:
        raise InputError("needs pandas: pip install 'mncost[frame]'") from None
    return pandas


_WHOLE = ("kernel", "stride", "groups")
