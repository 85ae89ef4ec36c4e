"""The α × resolution grid: one row a network, or a matrix of one column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mncost.api import Grid
from mncost.errors import InputError
from mncost.network import Network
from mncost.render.marks import Marks
from mncost.render.table import Column, Source, Table, Value, chosen, default_columns, sources
from mncost.spec.parse import PAPER

if TYPE_CHECKING:
    from mncost.cost.conventions import Convention

__all__ = ["GRID_COLUMNS", "grid_table", "pivot_table"]

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


def _convention_columns(convention: Convention) -> Mapping[str, Source]:
    """Return the columns of the grid with one tool's number wherever MACs would stand."""

    def number(n: Any) -> int:
        return convention.total(n.work)

    def ratio(n: Any) -> float | None:
        return number(n.standard) / number(n) if number(n) else None

    name, title = convention.name, f"{convention.name} {convention.unit}"
    counted = sources(
        ("macs", title, "count", number),
        ("convention", "convention", "text", lambda n: name),
        ("standard_macs", f"standard {title}", "count", lambda n: number(n.standard)),
        ("macs_ratio", f"{title} ratio", "ratio", ratio),
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
    for_people: bool = True,
) -> Table:
    """Return one row for each network of a grid.

    Args:
        networks: the grid.
        columns: names of columns, with commas; by default those that fit.
        flops: add the column ``flops``, 2 × MACs.
        convention: count as this tool does, e.g. ``"thop"``.
        pareto: keep only networks that no other one beats in these metrics, e.g. ``"top1,macs"``.
        for_people: leave out what a terminal has no room for.

    Raises:
        InputError: an option cannot be used.
    """
    registry = _registry(convention, flops=flops)
    # The titles say which convention; `layers` says where the peak is.
    left_out = ("convention", "peak_layer") if for_people else ()
    usual = default_columns(registry, left_out, flops=flops)
    if pareto is not None or (columns is not None and "top1" in columns):
        registry, usual = _with_accuracy(registry, usual)
    shown = chosen(registry, columns, usual)
    if pareto is not None:
        networks = _front(networks, pareto)
    if for_people and columns is None and {n.dialect for n in networks} == {PAPER}:
        shown.remove(registry["dialect"])  # room for the others
    return _rows(networks, shown, Marks() if for_people else None)


def pivot_table(networks: Grid, column: str, *, convention: str | None = None) -> Table:
    """Return one row for each architecture and α, one column for each resolution.

    Raises:
        InputError: there is no such column or convention.
    """
    (source,) = chosen(_registry(convention), column, ())
    return _matrix(networks, source)


def _registry(convention: str | None, *, flops: bool = False) -> Mapping[str, Source]:
    if convention is None:
        return GRID_COLUMNS
    if flops:
        raise InputError("--convention and --flops do not go together")
    from mncost.cost.conventions import find_convention

    return _convention_columns(find_convention(convention))


def _with_accuracy(
    registry: Mapping[str, Source], usual: list[str]
) -> tuple[Mapping[str, Source], list[str]]:
    """Return the columns with those of the published accuracy, and which are shown."""
    from mncost.choose.columns import ACCURACY_COLUMNS

    after = usual.index("resolution") + 1
    return (
        {**registry, **ACCURACY_COLUMNS},
        [*usual[:after], "top1", *usual[after:], "top1_source"],
    )


def _front(networks: Grid, metrics: str) -> Grid:
    from mncost.choose.columns import pareto_front

    kept, lacking = pareto_front(networks[:], [name.strip() for name in metrics.split(",")])
    notes = [*networks.notes, f"{len(kept)} of {len(networks)} networks are on the Pareto front"]
    if lacking:
        notes.append(f"left out: {lacking} of which no accuracy is published")
    return Grid(kept, notes)


def _rows(networks: Grid, sources: list[Source], mark: Marks | None) -> Table:
    """Return a row for each network; for people, where an accuracy is printed stands below."""
    rows = [[source.value(network) for source in sources] for network in networks]
    columns = [source.column for source in sources]
    notes = list(networks.notes)
    if mark is not None:
        for index, column in enumerate(columns):
            if column.name == "top1_source":
                for row in rows:
                    row[index] = mark(row[index])
        notes += mark.notes()
    return Table("table", columns, rows, notes)


def _matrix(networks: Grid, source: Source) -> Table:
    """Return one row for each architecture and α, one column for each resolution."""
    sizes = sorted({network.resolution for network in networks})
    cells: dict[tuple[Value, ...], dict[int, Network]] = {}
    for network in networks:
        key = (network.arch, network.dialect, network.alpha)
        cells.setdefault(key, {})[network.resolution] = network
    rows = [
        [*key, *(source.value(found[size]) if size in found else None for size in sizes)]
        for key, found in cells.items()
    ]
    head = [GRID_COLUMNS[name].column for name in ("arch", "dialect", "alpha")]
    body = [Column(str(size), str(size), source.column.kind) for size in sizes]
    title = f"{source.column.title} by α and resolution"
    return Table(f"pivot {source.column.name}", [*head, *body], rows, networks.notes, title)
