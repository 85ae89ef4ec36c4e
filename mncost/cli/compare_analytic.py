"""``mncost compare`` without a measurement: what is saved on paper."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mncost.api import grid
from mncost.cli.options import as_precision
from mncost.cli.output import chosen, emit
from mncost.cli.single import WITHOUT_PAIRS, twin_of
from mncost.columns import Source, default_columns, pair_columns, sources
from mncost.measure.parts import CutPair, cut_pairs
from mncost.network import Network
from mncost.render.table import Table, Value
from mncost.spec.parse import PAPER

__all__ = ["emit_analytic", "networks_with_twin"]

_IDENTITY = ("arch", "dialect", "alpha", "resolution", "precision")


def emit_analytic(
    which: Mapping[str, Any],
    columns: str | None,
    wanted: str,
    output: Path | None,
    *,
    layers: bool,
) -> None:
    """Write each network beside its twin, or with ``layers`` each of their distinct pairs.

    Raises:
        InputError: something cannot be used, or no network has such a twin.
    """
    twin: str = which["twin"]
    networks, notes = networks_with_twin(which)
    things: Sequence[Any]
    if layers:
        things, registry = cut_pairs(networks, twin), _pair_columns(twin)
        notes += list(_about_pairs(things, twin))
    else:
        things, registry = networks, _network_columns(twin)
        notes += list(_about_networks(networks, twin))
    default = default_columns(registry)
    if wanted in ("terminal", "markdown"):
        default = [name for name in default if name not in _unneeded(networks, layers=layers)]
    shown = chosen(registry, columns, default)
    rows = [[source.value(thing) for source in shown] for thing in things]
    title = _title(networks, twin) if wanted in ("terminal", "markdown") else ""
    name = "compare layers" if layers else "compare"
    emit(Table(name, [s.column for s in shown], rows, notes, title), wanted, output)


def networks_with_twin(which: Mapping[str, Any]) -> tuple[list[Network], list[str]]:
    """Return the networks that have the twin, and what is to be said about the others.

    Raises:
        InputError: something cannot be used, or none has it.
    """
    given = {name: value for name, value in which.items() if name not in ("twin", "precision")}
    twin = which["twin"]
    grids = [grid(**given, precision=as_precision(name)) for name in which["precision"]]
    every = [network for found in grids for network in found]
    networks = [network for network in every if network.pairs_of(twin)]
    without = dict.fromkeys(n.arch for n in every if n not in networks)
    if not networks:
        twin_of(every[0], twin)  # says why
    notes = [note for found in grids for note in found.notes]
    notes += [f"left out: {arch} has no {twin} twin: {WITHOUT_PAIRS[twin]}" for arch in without]
    return networks, list(dict.fromkeys(notes))


def _network_columns(twin: str) -> dict[str, Source]:
    """Return the columns of a network beside its twin."""

    def both(name: str) -> Iterator[tuple[str, Callable[[Network], Value]]]:
        yield "", lambda n: getattr(n, name)
        yield "twin_", lambda n: getattr(n.as_twin(twin), name)

    def ratio(name: str) -> Callable[[Network], Value]:
        return lambda n: getattr(n.as_twin(twin), name) / getattr(n, name)

    columns = dict(_identity(lambda n: n))
    columns |= sources(("twin", "twin", "text", lambda n: twin), extra=("twin",))
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
    return columns


def _pair_columns(twin: str) -> dict[str, Source]:
    """Return the columns of a pair: where it stands, how often, and those of any pair."""
    columns = dict(_identity(lambda pair: pair.network))
    columns |= sources(
        ("twin", "twin", "text", lambda pair: twin),
        ("occurrences", "×", "number", lambda pair: len(pair.places)),
        extra=("twin",),
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
        extra=("classes",),
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
        "alpha": f"α {first.alpha:g}",
        "resolution": f"{first.resolution} px",
        "dialect": "" if first.dialect == PAPER else f"dialect {first.dialect}",
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
    yield (
        f"the {twin} twin needs {span} times the multiply-accumulates; --layers says where, and "
        "--bench what that is worth on this machine"
    )


def _about_pairs(pairs: Sequence[CutPair], twin: str) -> Iterator[str]:
    macs = sum(len(pair.places) * pair.cost.macs for pair in pairs)
    merged = sum(len(pair.places) * pair.cost.merged.macs for pair in pairs)
    yield f"the {twin} layers together need {merged / macs:.2f} times the MACs of the pairs"
