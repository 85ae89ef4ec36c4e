"""``mncost compare --bench``: what is saved by the clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from mncost.api import with_twin
from mncost.cli.compare_options import MAX_TWIN_GMACS, grids
from mncost.cli.emit import FOR_PEOPLE, emit, emit_several
from mncost.cli.measured import status
from mncost.cli.progress import watching
from mncost.errors import InputError, MeasureError
from mncost.extras import require
from mncost.measure.plan import What
from mncost.measure.records import Run
from mncost.measure.run_file import read_run
from mncost.measure.runs import SECONDS_TO_COMPARE, begin
from mncost.measure.saving import saving
from mncost.measure.where import Effort, Where
from mncost.render.table import named
from mncost.render.write import check_writable
from mncost.results.bench import measure
from mncost.results.results import Results
from mncost.tables.savings import SAVINGS_COLUMNS, savings_table, savings_tables

__all__ = ["View", "emit_saved", "measure_and_emit"]


class View(NamedTuple):
    """How and where a comparison is to be written."""

    format: str
    columns: str | None
    output: Path | None


def measure_and_emit(
    which: Mapping[str, Any], where: Where, effort: Effort, how: Mapping[str, Any], view: View
) -> int:
    """Measure networks beside their twins, and write what that says.

    Args:
        which: the networks and the twin.
        where: runtimes, threads, batches.
        effort: how long and how often.
        how: the other options of ``mncost compare``, as they were given. ``layers``: measure the
            pairs of layers too; ``None``: if there is one network.
        view: how to write it.

    Raises:
        InputError: something cannot be used.
    """
    if view.columns is not None:
        named(view.columns, SAVINGS_COLUMNS)  # before measuring
    twin, precisions = which["twin"], which["precision"]
    networks = with_twin(grids({**which, "precision": precisions[:1]}), twin).networks
    alone = len(networks) == 1
    layers = how["layers"]
    limit = how["max_twin_gmacs"]
    if limit is not None and not limit > 0:
        raise InputError(f"--max-twin-gmacs {limit:g}: accepted is more than 0")
    what = What(
        twin=twin,
        twins_only=True,
        max_twin_gmacs=MAX_TWIN_GMACS if limit is None else limit,
        pairs=alone if layers is None else layers,
        memory=alone if how["memory"] is None else how["memory"],
    )
    save = how["save"]
    if save is not None and save.suffix.lower() != ".json":
        raise InputError(f"--save {save}: a run file is JSON, and its name ends in .json")
    for path in (save, view.output):
        if path is not None and str(path) != "-":
            check_writable(path)
    asked = {name: str(value) for name, value in which.items() if name != "precision"}
    where = replace(where, precision=tuple(precisions))
    with saving(save) as keep:
        run = begin(networks, where, effort, what, least_time=SECONDS_TO_COMPARE, asked=asked)
        with watching(run.options.target_error) as watch:
            measure(run, save=keep, watch=watch)
        _emit(run, view)
        keep.check()
    return status(run)


def emit_saved(path: Path, view: View) -> int:
    """Write what a saved run says about networks and their twins.

    Raises:
        InputError: it cannot be read, or has no twins.
    """
    require("results")
    if view.columns is not None:
        named(view.columns, SAVINGS_COLUMNS)  # before measuring
    run = read_run(path)
    if not any(cell.twin for cell in run.cells):
        raise MeasureError(f"{path}: a run without twins: measure with mncost compare --bench")
    _emit(run, view)
    return status(run)


def _emit(run: Run, view: View) -> None:
    savings = Results(run).savings
    if view.format in FOR_PEOPLE and view.columns is None:
        emit_several(savings_tables(savings), view.format, view.output)
    else:
        emit(savings_table(savings, columns=view.columns), view.format, view.output)
