"""Networks, or their pairs of layers, beside what replaces them in a twin: the exact counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from mncost.comparison import Comparison
from mncost.graph.twin import SPLITTING
from mncost.measure.parts import CutPair, cut_pairs
from mncost.network import Network
from mncost.render.column import Value
from mncost.render.sources import Source, ranked, sources, tabulate
from mncost.render.table import Table
from mncost.spec.parse import PAPER
from mncost.tables.pairs import pair_columns

__all__ = ["compare_table"]

_IDENTITY = ("arch", "dialect", "alpha", "resolution", "precision")


def compare_table(
    comparison: Comparison,
    *,
    layers: bool = False,
    columns: str | Sequence[str] | None = None,
) -> Table:
    """Return each network beside its twin, or each of their distinct pairs of layers.

    Args:
        comparison: from :func:`mncost.compare`.
        layers: one row for each distinct pair of layers that the twin replaces.
        columns: names of columns, with commas; by default those that fit.

    Raises:
        UnknownNameError: there is no such column.
    """
    networks, twin = comparison.networks, comparison.twin
    things: Sequence[Any]
    notes = list(comparison.notes)
    if layers:
        things, registry = cut_pairs(networks, twin), _pair_columns(twin)
        notes += _about_pairs(things, twin)
    else:
        things, registry = networks, _network_columns(twin)
        notes += _about_networks(networks, twin)
    return tabulate(
        "compare layers" if layers else "compare",
        registry,
        things,
        names=columns,
        hide=_unneeded(networks, layers=layers),
        notes=notes,
        title=_title(networks, twin),
    )


def _network_columns(twin: str) -> dict[str, Source]:
    """Return the columns of a network beside its twin."""

    def both(name: str) -> Iterator[tuple[str, Callable[[Network], Value]]]:
        yield "", lambda n: getattr(n, name)
        yield "twin_", lambda n: getattr(n.as_twin(twin), name)

    def ratio(name: str) -> Callable[[Network], Value]:
        return lambda n: getattr(n.as_twin(twin), name) / getattr(n, name)

    columns = dict(_identity(lambda n: n))
    columns |= sources(("twin", "twin", "text", lambda n: twin), asked=("twin",))
    for name, title, kind, about in (
        ("macs", "MACs", "count", "MACs ratio"),
        ("params", "params", "count", "params ratio"),
        ("peak_activation_bytes", "peak act.", "bytes", "peak ratio"),
    ):
        for prefix, value in both(name):
            said = f"{twin} {title}" if prefix else title
            columns |= sources((prefix + name, said, kind, value))  # type: ignore[arg-type]
        short = name.removesuffix("_activation_bytes")
        columns |= sources((f"{short}_ratio", about, "ratio", ratio(name)))
    for prefix, value in both("weight_bytes"):
        said = f"{twin} weights" if prefix else "weights"
        columns |= sources((f"{prefix}weight_bytes", said, "bytes", value))
    return ranked(columns, _NARROW)


_NARROW = (
    *("peak_activation_bytes", "twin_peak_activation_bytes", "params", "twin_params"),
    *("params_ratio", "dialect", "precision"),
)
"""What a terminal that is too narrow leaves out, the first one first."""


def _pair_columns(twin: str) -> dict[str, Source]:
    """Return the columns of a pair: where it stands, how often, and those of any pair."""
    columns = dict(_identity(lambda pair: pair.network))
    columns |= sources(
        ("twin", "twin", "text", lambda pair: twin),
        ("occurrences", "×", "number", lambda pair: len(pair.places)),
        asked=("twin",),
    )
    for name, source in pair_columns(twin).items():
        columns[name] = source._replace(value=_of_cost(source.value))
    columns["first"] = columns["first"]._replace(value=lambda pair: pair.names[0])
    columns["second"] = columns["second"]._replace(value=lambda pair: pair.names[1])
    return columns


def _of_cost(value: Callable[[Any], Value]) -> Callable[[CutPair], Value]:
    return lambda pair: value(pair.cost)


def _identity(network: Callable[[Any], Network]) -> Mapping[str, Source]:
    return sources(
        ("arch", "arch", "text", lambda x: network(x).arch),
        ("dialect", "dialect", "text", lambda x: network(x).dialect),
        ("alpha", "α", "number", lambda x: network(x).alpha),
        ("resolution", "px", "number", lambda x: network(x).resolution),
        ("classes", "classes", "number", lambda x: network(x).classes),
        ("precision", "precision", "text", lambda x: network(x).precision),
        asked=("classes",),
    )


def _unneeded(networks: Sequence[Network], *, layers: bool) -> set[str]:
    """Return the columns that a terminal has no room for: what is the same everywhere, mostly."""
    same = {name for name in _IDENTITY if len({getattr(n, name) for n in networks}) == 1}
    if layers:
        return same | {"second"}
    return same - {"arch", "alpha", "resolution"} | {"weight_bytes", "twin_weight_bytes"}


def _title(networks: Sequence[Network], twin: str) -> str:
    """Say what all rows have in common."""
    first = networks[0]
    common = {
        "arch": first.arch,
        "alpha": "" if first.alpha is None else f"α {first.alpha:g}",
        "resolution": "" if first.resolution is None else f"{first.resolution} px",
        "dialect": "" if first.dialect in (None, PAPER) else f"dialect {first.dialect}",
        "precision": first.precision,
    }
    words = [
        word
        for name, word in common.items()
        if word and len({getattr(n, name) for n in networks}) == 1
    ]
    return ", ".join([*words, f"beside the {twin} twin"])


def _about_networks(networks: Sequence[Network], twin: str) -> Iterator[str]:
    ratios = [network.as_twin(twin).macs / network.macs for network in networks]
    low, high = min(ratios), max(ratios)
    span = f"{low:.2f}" if f"{low:.2f}" == f"{high:.2f}" else f"{low:.2f} to {high:.2f}"
    if twin in SPLITTING:
        low, high = 1 / high, 1 / low
        span = f"{low:.2f}" if f"{low:.2f}" == f"{high:.2f}" else f"{low:.2f} to {high:.2f}"
        yield (
            f"the {twin} twin needs {span} times fewer multiply-accumulates; --layers says where, "
            "and --bench what that is worth on this machine"
        )
        return
    yield (
        f"the {twin} twin needs {span} times the multiply-accumulates; --layers says where, and "
        "--bench what that is worth on this machine"
    )


def _about_pairs(pairs: Sequence[CutPair], twin: str) -> Iterator[str]:
    macs = sum(len(pair.places) * pair.cost.macs for pair in pairs)
    merged = sum(len(pair.places) * pair.cost.merged.macs for pair in pairs)
    twin = "ordinary" if twin in SPLITTING else twin
    yield f"the {twin} layers together need {merged / macs:.2f} times the MACs of the pairs"
