"""The α × resolution grid as a matrix of one column."""

from __future__ import annotations

from mncost.grids import Grid
from mncost.network import Network
from mncost.render.column import Column, Value
from mncost.render.sources import chosen
from mncost.render.table import Table
from mncost.spec.axis import Resolution, size_of_image
from mncost.tables.grid import GRID_COLUMNS

__all__ = ["pivot_table"]


def pivot_table(networks: Grid, column: str, *, convention: str | None = None) -> Table:
    """Return one row for each architecture and α, one column for each resolution.

    Raises:
        InputError: there is no such column or convention.
    """
    columns = GRID_COLUMNS
    if convention is not None:
        from mncost.tables.grid_options import with_convention

        columns = with_convention(columns, convention)
    (source,) = chosen(columns, [column])  # one name: no commas, and not all
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
