"""``mncost verify``."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from mncost.api import grid
from mncost.cli import options
from mncost.cli.output import emit, format_for
from mncost.cli.single import title
from mncost.errors import InputError
from mncost.network import Network
from mncost.render.table import Column, Table, Value
from mncost.witnesses.verify import QUANTITIES, Difference, Reading, differences, our_reading

if TYPE_CHECKING:
    from rich.progress import Progress

__all__ = ["verify"]

DIFFERENT = 1
_NEEDED = ("numpy", "onnx", "torch", "fvcore")


class _Cell(NamedTuple):
    """One network, our counts of it, and those of the witnesses."""

    network: Network
    ours: Reading
    others: tuple[Reading, ...]

    @property
    def differences(self) -> list[Difference]:
        """What each witness counts differently."""
        return [found for other in self.others for found in differences(self.ours, other)]


def verify(
    arch: options.Arch,
    alpha: options.Alpha = None,
    resolution: options.Resolution = None,
    rho: options.Rho = None,
    dialect: options.Dialect = None,
    classes: options.Classes = None,
    twin: options.Twin = None,
    layers: Annotated[
        bool, typer.Option("--layers", help="One line for each layer, not for each network.")
    ] = False,
    format_name: options.Format = None,
    output: options.Output = None,
) -> int:
    """Hold our counts against torch, fvcore and the ONNX file; exit status 1 if any differs.

    mncost verify --arch v2 --alpha 0.35:1.4
    mncost verify --arch all --dialect timm --twin standard
    mncost verify --arch v4-hybrid-m --layers --format csv -o layers.csv
    """
    wanted = format_for(format_name, output)
    networks = grid(",".join(arch), alpha, resolution, rho=rho, dialect=dialect, classes=classes)
    if missing := [name for name in _NEEDED if find_spec(name) is None]:
        raise InputError(f"verify needs {', '.join(missing)}: pip install 'mncost[verify]'")
    # Of many networks some may have no such pairs: their twins are verified as they are.
    chosen = [network.as_twin(twin) if twin else network for network in networks]
    cells = list(_with_progress(chosen))
    for_people = wanted in ("terminal", "markdown")
    table = _layer_table if layers else _cell_table
    emit(table(cells, networks.notes, for_people=for_people), wanted, output)
    wrong = [(cell, found) for cell in cells for found in cell.differences]
    for cell, found in wrong:
        print(f"mncost: {title(cell.network)}: {found}", file=sys.stderr)
    return DIFFERENT if wrong else 0


def _with_progress(networks: Sequence[Network]) -> Iterator[_Cell]:
    """Yield the cells; on a terminal, a bar on standard error shows how far it is."""
    if len(networks) == 1 or not sys.stderr.isatty():
        yield from _cells(networks)
        return
    with _progress() as progress:
        yield from progress.track(_cells(networks), total=len(networks), description="verify")


def _progress() -> Progress:
    from rich.console import Console
    from rich.progress import Progress

    return Progress(console=Console(stderr=True), transient=True)


def _cells(networks: Sequence[Network]) -> Iterator[_Cell]:
    """Ask every witness about every network; models are shared along the resolutions."""
    from mncost.models.onnx_model import onnx_model
    from mncost.models.weights import random_weights
    from mncost.witnesses.verify_onnx import onnx_reading
    from mncost.witnesses.verify_torch import (
        fvcore_reading,
        materialised,
        meta_module,
        torch_reading,
    )

    graph = None
    for network in networks:
        if network.graph is not graph:
            graph = network.graph
            names = [node.name for node in graph.nodes]
            shapeless, module = meta_module(graph), materialised(meta_module(graph))
            weights = random_weights(graph)
        image = network.shapes[0]
        yield _Cell(
            network,
            our_reading(graph, network.costs),
            (
                torch_reading(shapeless, image, names),
                fvcore_reading(module, image, names),
                onnx_reading(onnx_model(graph, network.shapes, weights), names),
            ),
        )


def _cell_table(cells: Sequence[_Cell], notes: Sequence[str], *, for_people: bool) -> Table:
    with_twin = not for_people or cells[0].network.twin is not None
    rows: list[list[Value]] = []
    for cell in cells:
        network = cell.network
        totals = [
            [reading.total(quantity) for reading in (cell.ours, *cell.others)]
            for quantity in QUANTITIES
        ]
        rows.append(
            [
                network.arch,
                network.dialect,
                network.alpha,
                network.resolution,
                *([network.twin] if with_twin else []),
                *(n for found in totals for n in _shown(found, for_people=for_people)),
                not cell.differences,
            ]
        )
    head = [
        Column("arch", "arch"),
        Column("dialect", "dialect"),
        Column("alpha", "α", "number"),
        Column("resolution", "px", "number"),
        *([Column("twin", "twin")] if with_twin else []),
        *_counted(cells[0]),
    ]
    return Table("verify", head, rows, notes)


def _layer_table(cells: Sequence[_Cell], notes: Sequence[str], *, for_people: bool) -> Table:
    rows: list[list[Value]] = []
    for cell in cells:
        readings = (cell.ours, *cell.others)
        names = dict.fromkeys(name for r in readings for q in QUANTITIES for name in r.of(q))
        for name in names:
            counts = [[r.of(q).get(name, 0) for r in readings] for q in QUANTITIES]
            if not any(map(any, counts)):
                continue  # dropout and the like
            rows.append(
                [
                    title(cell.network),
                    name,
                    *(n for found in counts for n in _shown(found, for_people=for_people)),
                    all(len(set(found)) == 1 for found in counts),
                ]
            )
    head = [Column("network", "network"), Column("name", "layer"), *_counted(cells[0])]
    if for_people and len(cells) == 1:
        return Table(
            "verify layers", head[1:], [row[1:] for row in rows], notes, title(cells[0].network)
        )
    return Table("verify layers", head, rows, notes)


def _counted(cell: _Cell) -> list[Column]:
    """Return the columns of the counts: ours under their own name, then each witness'."""
    columns = []
    for quantity, words in (("macs", "MACs"), ("params", "params")):
        columns.append(Column(quantity, f"our {words}", "number"))
        columns += [
            Column(f"{other.witness}_{quantity}", f"{other.witness} {words}", "number")
            for other in cell.others
        ]
    return [*columns, Column("ok", "ok")]


def _shown(counts: Sequence[int], *, for_people: bool) -> Sequence[Value]:
    """Return our count and the witnesses'; people see at once which of these are the same."""
    if not for_people:
        return counts
    ours, *others = counts
    return [f"{ours:,}", *("=" if other == ours else f"{other:,}" for other in others)]
