"""One network layer by layer: MACs, time and bytes as bars."""

from __future__ import annotations

from functools import partial

from msgspec.structs import replace

from mncost.measure.cell import Cell
from mncost.measure.runtimes import runtime_class
from mncost.network import Network
from mncost.pictures.bars import PAGE, layer_bars
from mncost.pictures.layer_rows import Row, layer_rows, network_of, said
from mncost.pictures.picture import Picture
from mncost.results.results import Results
from mncost.titles import title as title_of

__all__ = ["caption", "layers_of_cell", "layers_of_network", "profiled_cells"]


def layers_of_network(network: Network, by: str = "layer") -> Picture:
    """Return what each layer of a network costs in MACs and bytes.

    Args:
        network: or a twin.
        by: one of :data:`mncost.pictures.layer_rows.BY`.

    Raises:
        UnknownNameError: there is no such ``by``.
    """
    return _picture(network, title_of(network), by, network.precision)


def layers_of_cell(results: Results, cell: Cell, by: str = "layer") -> Picture:
    """Return what each layer of a measured network costs in MACs, time and bytes.

    Args:
        results: of a run with times of layers.
        cell: which of its cells.
        by: one of :data:`mncost.pictures.layer_rows.BY`.

    Raises:
        UnknownNameError: there is no such ``by``.
    """
    network = network_of(results.run, cell)
    return _picture(network, cell.subject.words(), by, caption(results, cell), results, cell.id)


def profiled_cells(results: Results) -> list[Cell]:
    """Return the cells of whole networks that have times of layers."""
    profiled = {profile.cell for profile in results.run.profiles}
    return [one for one in results.run.cells if one.id in profiled and one.subject.part is None]


def caption(results: Results, *cells: Cell) -> str:
    """Say where and with what cells were measured: at one place, or with several runtimes."""
    by_runtime = {cell.place.runtime: cell for cell in cells}
    runtimes = [" ".join([name, *_versions(results, one)]) for name, one in by_runtime.items()]
    first, *_ = by_runtime.values()
    place = first.place if len(by_runtime) == 1 else replace(first.place, provider=None)
    others = place.words().partition(", ")[2]
    return f"{', '.join(runtimes)}, {others}; {results.run.machine_of(first.place.host).cpu}"


def _versions(results: Results, cell: Cell) -> list[str]:
    """Return the versions of a cell's runtime."""
    module = runtime_class(cell.place.runtime).modules[:1]
    processes = [one for one in results.run.processes if one.worker == cell.worker]
    seen = {process.versions.get(name) for process in processes for name in module}
    return sorted(version.partition("-")[0] for version in seen if version)


def _picture(
    network: Network,
    name: str,
    by: str,
    caption: str,
    results: Results | None = None,
    cell: int | None = None,
) -> Picture:
    rows = layer_rows(network, by, results, cell)
    finding = said(layer_rows(network, "kind", results, cell))
    title = f"{name}: cost by {by}"
    notes = []
    if len(rows) > PAGE and by == "layer":
        notes.append(f"{len(rows)} rows are more than a page holds: --by block")
    return Picture(partial(_drawn, rows, title, finding, caption), title, finding, notes)


def _drawn(rows: list[Row], title: str, finding: str, caption: str, format: str) -> bytes:
    """Draw with the format last, as :class:`Picture` has it."""
    return layer_bars(rows, title=title, finding=finding, caption=caption, format=format)
