"""``mncost table``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import typer

from mncost.api import Grid, grid
from mncost.cli import options
from mncost.cli.output import chosen, emit, format_for
from mncost.columns import GRID_COLUMNS, Source, default_columns
from mncost.errors import InputError
from mncost.network import Network
from mncost.render.marks import Marks
from mncost.render.table import Column, Table, Value
from mncost.spec.parse import PAPER

__all__ = ["table"]


def table(
    arch: options.Arch,
    alpha: options.Alpha = None,
    resolution: options.Resolution = None,
    rho: options.Rho = None,
    dialect: options.Dialect = None,
    classes: options.Classes = None,
    precision: options.PrecisionName = None,
    pivot: Annotated[
        str | None,
        typer.Option("--pivot", metavar="COLUMN", help="An α × resolution matrix of this column."),
    ] = None,
    published: Annotated[
        bool,
        typer.Option("--published", help="Ours beside the published figures, and why they differ."),
    ] = False,
    pareto: Annotated[
        str | None,
        typer.Option(
            "--pareto",
            metavar="METRICS",
            help="Only networks that no other one of the grid beats in two or three of: top1 (as "
            "published), macs, params, weight_bytes, peak_activation_bytes.",
        ),
    ] = None,
    convention: options.ConventionName = None,
    flops: options.Flops = False,
    columns: options.ColumnNames = None,
    format_name: options.Format = None,
    output: options.Output = None,
) -> None:
    """Print the α × resolution grid: each network beside its standard-convolution twin.

    mncost table --arch v2 --alpha 0.35:1.0 --resolution 96:224
    mncost table --arch v1,v2,v3 --alpha 0.5:1.0 --format csv -o grid.csv
    mncost table --arch v2 --alpha 0.35:1.4 --resolution 96:224 --pivot macs
    mncost table --arch v2 --published
    mncost table --arch v1,v2 --alpha 0.25:1.4 --pareto top1,macs
    """
    wanted = format_for(format_name, output)
    for_people = wanted in ("terminal", "markdown")
    if published:
        _no_others(
            pivot=pivot,
            pareto=pareto,
            columns=columns,
            flops=flops or None,
            classes=classes,
            convention=convention,
            precision=precision,
        )
        from mncost.cli.published import published_table
        from mncost.published.bases import reproduce

        found = reproduce(",".join(arch), alpha, resolution, rho=rho, dialect=dialect)
        emit(published_table(found, for_people=for_people), wanted, output)
        return
    registry = _registry(convention, flops=flops)
    # The titles say which convention; `layers` says where the peak is.
    left_out = ("convention", "peak_layer") if for_people else ()
    if pivot is not None and (columns is not None or flops or pareto is not None):
        raise InputError(
            "--pivot shows one column of a whole grid: --columns, --flops and --pareto do not go "
            "with it"
        )
    usual = default_columns(registry, left_out, flops=flops)
    if pareto is not None or (columns is not None and "top1" in columns):
        registry, usual = _with_accuracy(registry, usual)
    sources = chosen(registry, columns, usual)
    matrix = chosen(registry, pivot, ())
    networks = grid(
        ",".join(arch),
        alpha,
        resolution,
        rho=rho,
        dialect=dialect,
        classes=classes,
        precision=options.as_precision(precision),
    )
    if pareto is not None:
        networks = _front(networks, pareto)
    if matrix:
        emit(_matrix(networks, matrix[0]), wanted, output)
        return
    if wanted == "terminal" and columns is None and {n.dialect for n in networks} == {PAPER}:
        sources.remove(registry["dialect"])  # room for the others
    emit(_rows(networks, sources, Marks() if for_people else None), wanted, output)


def _no_others(**others: object) -> None:
    """Refuse the options that have no meaning with ``--published``."""
    for name, value in others.items():
        if value is not None:
            raise InputError(f"--published and --{name} do not go together")


def _registry(convention: str | None, *, flops: bool) -> Mapping[str, Source]:
    if convention is None:
        return GRID_COLUMNS
    if flops:
        raise InputError("--convention and --flops do not go together")
    from mncost.columns import convention_columns
    from mncost.cost.conventions import find_convention

    return convention_columns(find_convention(convention))


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
