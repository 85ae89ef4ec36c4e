"""``mncost plot --kind layers``: MACs, time and bytes of each layer of one network."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from mncost.api import Selection, title, twin_of
from mncost.cli import plot_options
from mncost.cli.plot_options import Asked, Picture
from mncost.errors import InputError, MeasureError, UnknownNameError
from mncost.pictures.bars import PAGE, layer_bars
from mncost.pictures.layer_rows import BY, Row, layer_rows, network_of, said
from mncost.results.results import Results
from mncost.spec.catalog import find
from mncost.spec.parse import PAPER

if TYPE_CHECKING:
    from mncost.measure.records import Cell, Run
    from mncost.network import Network

__all__ = ["layers"]

_LISTED = 4  # cells, in an error


def layers(asked: Asked, by: str, twin: str | None, *, has_time: bool) -> Picture:
    """Return the picture of the layers of one network.

    Raises:
        InputError: something cannot be used, or measured.
    """
    if by not in BY:
        raise UnknownNameError("--by", by, BY)
    if asked.run_file is not None:
        if not has_time:
            raise InputError("--no-time does not go with a run file: its times are drawn")
        run = plot_options.read(asked.run_file)
        with plot_options.about(asked.run_file):
            cell = _chosen(asked, run, twin)
        network = network_of(run, cell)
        return _picture(network, by, run, cell)
    if asked.arch is None:
        raise InputError("missing option '--arch': one network, or a run file of mncost bench")
    network = twin_of(asked.networks().single(), twin)
    if not has_time:
        plot_options.refuse(asked, "does not go with --no-time: nothing is measured")
        return _picture(network, by)
    where = plot_options.place(asked, by_layer=True)
    run = plot_options.measured(asked, [network], where, by_layer=True)
    if not run.profiles:
        raise MeasureError("no time was left for the layers: a longer --max-time")
    return plot_options.with_notes(_picture(network, by, run, run.cells[0]), asked, run)


def _picture(
    network: Network, by: str, run: Run | None = None, cell: Cell | None = None
) -> Picture:
    measured = None if cell is None else cell.id
    results = None if run is None else Results(run)
    rows = layer_rows(network, by, results, measured)
    words = said(layer_rows(network, "kind", results, measured))
    caption = f"{title(network)}, {network.precision}"
    if run is not None and cell is not None:
        caption = f"{title(network)}; {plot_options.caption(run, cell)}"
    notes = []
    if len(rows) > PAGE and by == "layer":
        notes.append(f"{len(rows)} rows are more than a page holds: --by block")
    return Picture(partial(_drawn, rows, words, caption), words, notes)


def _drawn(rows: list[Row], title: str, caption: str, format: str) -> bytes:
    """Draw with the format last, as :class:`Picture` has it."""
    return layer_bars(rows, title=title, caption=caption, format=format)


def _chosen(asked: Asked, run: Run, twin: str | None) -> Cell:
    """Return the cell with times of layers that is meant.

    Raises:
        MeasureError: there is none, or there are several.
    """
    from mncost.choose.latency import Place, cells_at
    from mncost.measure.cells import title as title_of

    profiled = {profile.cell for profile in run.profiles}
    if not profiled:
        raise MeasureError("the run has no times of layers: mncost bench --by layer has")
    cells = cells_at(run, asked.precision, Place(asked.runtime, asked.threads))
    every = [cell for cell in cells if cell.id in profiled]
    meant = [cell for cell in every if twin in (None, cell.twin) and _is_meant(cell, asked)]
    if len(meant) > 1 and twin is None:
        meant = [cell for cell in meant if cell.twin is None] or meant
    if len(meant) == 1:
        return meant[0]
    listed = "; ".join(title_of(cell) for cell in (meant or every)[:_LISTED])
    if not meant:
        raise MeasureError(f"the run has no times of layers of that network; it has: {listed}")
    more = " ..." if len(meant) > _LISTED else ""
    raise MeasureError(
        f"the run has times of layers of {len(meant)} networks: {listed}{more}; --arch, --alpha, "
        "--resolution and --twin choose one"
    )


def _is_meant(cell: Cell, asked: Asked) -> bool:
    """Whether a cell is among the networks that the options name; without any, all are."""
    numbers = dict(asked.grid)
    dialect = numbers.pop("dialect")
    if asked.arch is None and not any(asked.grid.values()):
        return True
    for choice in find(asked.names(cell.arch)):
        reading = choice.dialect if dialect is None and choice.dialect != PAPER else dialect
        if (
            choice.spec.name == cell.arch
            and reading in (None, cell.dialect)
            and Selection.of(choice, **numbers).holds(cell.alpha, cell.resolution)
        ):
            return True
    return False
