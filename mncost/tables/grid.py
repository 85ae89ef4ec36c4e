"""The α × resolution grid: one row a network, or a matrix of one column."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mncost.comparison import fitting_twin
from mncost.errors import InputError
from mncost.grids import Grid, input_words
from mncost.network import Network
from mncost.render.column import Column, Value
from mncost.render.sources import Source, chosen, sources, tabulate
from mncost.render.table import Table
from mncost.spec.axis import Resolution, size_of_image
from mncost.spec.parse import PAPER
from mncost.tables.partial import counted, partial_notes, partial_words

if TYPE_CHECKING:
    from mncost.cost.conventions import Convention
    from mncost.predict.predictions import Predictions

__all__ = ["GRID_COLUMNS", "grid_table", "pivot_table"]

_STANDARD = ("standard_macs", "standard_params", "macs_ratio", "params_ratio")
_FITTING = ("twin", "twin_macs", "twin_params", "twin_macs_ratio", "twin_params_ratio")


def _of_twin(value: Callable[[Network], int]) -> Callable[[Network], int | None]:
    """Return a value of the twin that fits a network; ``None`` if none does."""

    def of(network: Network) -> int | None:
        twin = fitting_twin(network)
        return None if twin is None else value(network.as_twin(twin))

    return of


def _twin_ratio(value: Callable[[Network], int]) -> Callable[[Network], float | None]:
    """Return a value of the twin that fits a network, in units of the network's."""

    def ratio(network: Network) -> float | None:
        twin, own = _of_twin(value)(network), value(network)
        return None if twin is None or not own else twin / own

    return ratio


GRID_COLUMNS: Mapping[str, Source] = sources(
    ("arch", "arch", "text", lambda n: n.arch),
    ("dialect", "dialect", "text", lambda n: n.dialect),
    ("alpha", "α", "number", lambda n: n.alpha),
    ("resolution", "px", "number", lambda n: n.resolution),
    ("rho", "ρ", "ratio", lambda n: n.rho),
    ("classes", "classes", "number", lambda n: n.classes),
    ("macs", "MACs", "count", lambda n: counted(n, n.macs)),
    ("flops", "FLOPs =2×MACs", "count", lambda n: counted(n, n.flops)),
    ("params", "params", "count", lambda n: n.params),
    ("buffers", "buffers", "count", lambda n: n.buffers),
    ("standard_macs", "standard MACs", "count", lambda n: counted(n, n.standard.macs)),
    ("standard_params", "standard params", "count", lambda n: n.standard.params),
    ("macs_ratio", "MACs ratio", "ratio", lambda n: n.macs_ratio),
    ("params_ratio", "params ratio", "ratio", lambda n: n.params_ratio),
    ("twin", "twin", "text", fitting_twin),
    ("twin_macs", "twin MACs", "count", _of_twin(lambda n: n.macs)),
    ("twin_params", "twin params", "count", _of_twin(lambda n: n.params)),
    ("twin_macs_ratio", "MACs ratio", "ratio", _twin_ratio(lambda n: n.macs)),
    ("twin_params_ratio", "params ratio", "ratio", _twin_ratio(lambda n: n.params)),
    ("weight_bytes", "weights", "bytes", lambda n: n.weight_bytes),
    ("peak_activation_bytes", "peak act.", "bytes", lambda n: n.peak_activation_bytes),
    ("peak_layer", "peak at", "text", lambda n: n.peak_layer),
    ("precision", "precision", "text", lambda n: n.precision),
    # `layers` says where the peak is; a terminal has no room for it here.
    extra=("peak_layer",),
    narrow=(
        *("twin_params", "twin_params_ratio", "twin_macs", "twin_macs_ratio"),
        *("standard_params", "params_ratio", "standard_macs", "dialect", "macs_ratio"),
    ),
    asked=("rho", "classes", "flops", "buffers", "precision", *_FITTING),
)


# Beside networks of architectures, and only where there is a model.
_OF_MODELS: Mapping[str, Source] = sources(
    ("input", "input", "text", input_words),
    ("complete", "complete", "text", lambda n: n.is_complete),
    ("unknown_operators", "not counted", "text", partial_words),
    extra=("complete", "unknown_operators"),
)
_ONLY_ARCHITECTURES = ("dialect", "alpha", "resolution")


def _convention_columns(convention: Convention) -> Mapping[str, Source]:
    """Return the columns of the grid with one tool's number wherever MACs would stand."""

    def number(n: Any) -> int:
        return convention.total(n.seen)

    def ratio(n: Any) -> float | None:
        return number(n.standard) / number(n) if number(n) else None

    name, title = convention.name, f"{convention.name} {convention.unit}"
    counted = sources(
        ("macs", title, "count", number),
        ("convention", "convention", "text", lambda n: name),
        ("standard_macs", f"standard {title}", "count", lambda n: number(n.standard)),
        ("macs_ratio", f"{title} ratio", "ratio", ratio),
        ("twin_macs", f"twin {title}", "count", _of_twin(number)),
        ("twin_macs_ratio", f"{title} ratio", "ratio", _twin_ratio(number)),
        extra=("convention",),
        asked=("twin_macs", "twin_macs_ratio"),
    )
    columns = {name: counted.get(name, source) for name, source in GRID_COLUMNS.items()}
    del columns["flops"]  # 2 × whatever a tool counts means nothing
    return {**columns, "convention": counted["convention"]}


def grid_table(
    networks: Grid,
    *,
    columns: str | Sequence[str] | None = None,
    flops: bool = False,
    convention: str | None = None,
    pareto: str | None = None,
    predictions: Predictions | None = None,
) -> Table:
    """Return one row for each network of a grid.

    Args:
        networks: the grid.
        columns: names of columns, with commas; by default those that fit.
        flops: show the column ``flops``, 2 × MACs, to people too.
        convention: count as this tool does, e.g. ``"thop"``.
        pareto: keep only networks that no other one beats in these metrics, e.g. ``"top1,macs"``.
        predictions: latencies of the same networks, as a column.

    Raises:
        InputError: an option cannot be used.
    """
    registry = _registry(convention, flops=flops)
    legend = []
    if predictions is not None:
        from mncost.tables.predictions import basis_words

        registry = _with_latency(registry, predictions)
        legend = [basis_words(predictions)]
    if pareto is not None or (columns is not None and "top1" in columns):
        registry = _with_accuracy(registry)
    if pareto is not None:
        networks = _front(networks, pareto)
    # Room for the others: a single dialect of the paper goes without saying.
    hide = ["dialect"] if {network.dialect for network in networks} == {PAPER} else []
    if any(network.source is not None for network in networks):
        registry = _with_models(registry)
        if all(network.source is not None for network in networks):
            hide = [*_ONLY_ARCHITECTURES]
    show = ["flops"] if flops else []
    # Where the standard twin says nothing of some networks, each stands beside the one that does.
    twins = {fitting_twin(network) for network in networks} if columns is None else {"standard"}
    if twins != {"standard"}:
        hide, show = [*hide, *_STANDARD], [*show, *(_FITTING if any(twins) else ())]
    return tabulate(
        "table",
        registry,
        networks,
        names=columns,
        hide=hide,
        show=show,
        notes=[*networks.notes, *partial_notes(networks)],
        legend=legend,
    )


def _with_latency(registry: Mapping[str, Source], predictions: Predictions) -> Mapping[str, Source]:
    """Return the columns with that of predicted latencies."""
    by_network = {id(one.network): one for one in predictions}
    column = sources(
        ("latency", "latency", "time", lambda n: by_network[id(n)].latency),
        ("latency_basis", "basis", "text", lambda n: by_network[id(n)].basis),
        extra=("latency_basis",),
        intervals=("latency",),
    )
    after = list(registry).index("macs") + 1
    names = [*list(registry)[:after], *column, *list(registry)[after:]]
    return {name: {**registry, **column}[name] for name in names}


def pivot_table(networks: Grid, column: str, *, convention: str | None = None) -> Table:
    """Return one row for each architecture and α, one column for each resolution.

    Raises:
        InputError: there is no such column or convention.
    """
    (source,) = chosen(_registry(convention), column)
    sizes = list(dict.fromkeys(network.resolution for network in networks))
    sizes.sort(key=lambda size: size_of_image(size or 0))
    cells: dict[tuple[Value, ...], dict[Resolution | None, Network]] = {}
    for network in networks:
        key = (network.arch, network.dialect, network.alpha)
        cells.setdefault(key, {})[network.resolution] = network
    rows = [
        [*key, *(source.value(by_size[size]) if size in by_size else None for size in sizes)]
        for key, by_size in cells.items()
    ]
    head = [GRID_COLUMNS[name].column for name in ("arch", "dialect", "alpha")]
    body = [Column(str(size), str(size), source.column.kind) for size in sizes]
    title = f"{source.column.title} by α and resolution"
    return Table(f"pivot {source.column.name}", [*head, *body], rows, networks.notes, title)


def _registry(convention: str | None, *, flops: bool = False) -> Mapping[str, Source]:
    if convention is None:
        return GRID_COLUMNS
    if flops:
        raise InputError("--convention and --flops do not go together")
    from mncost.cost.conventions import find_convention

    return _convention_columns(find_convention(convention))


def _with_models(registry: Mapping[str, Source]) -> Mapping[str, Source]:
    """Return the columns with those that models have."""
    after = list(registry).index("resolution") + 1
    names = [*list(registry)[:after], "input", *list(registry)[after:], *list(_OF_MODELS)[1:]]
    return {name: {**_OF_MODELS, **registry}[name] for name in names}


def _with_accuracy(registry: Mapping[str, Source]) -> Mapping[str, Source]:
    """Return the columns with those of the published accuracy."""
    from mncost.choose.columns import ACCURACY_COLUMNS

    after = list(registry).index("resolution") + 1
    names = [*list(registry)[:after], "top1", *list(registry)[after:], "top1_source"]
    return {name: {**registry, **ACCURACY_COLUMNS}[name] for name in names}


def _front(networks: Grid, metrics: str) -> Grid:
    from mncost.choose.columns import pareto_front

    kept, lacking = pareto_front(networks[:], [name.strip() for name in metrics.split(",")])
    notes = [*networks.notes, f"{len(kept)} of {len(networks)} networks are on the Pareto front"]
    if lacking:
        notes.append(f"left out: {lacking} of which no accuracy is published")
    return Grid(kept, notes)
