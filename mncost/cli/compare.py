"""``mncost compare``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from mncost.cli.emit import Out, emit_several
from mncost.cli.options import Verbose, refuse
from mncost.cli.params import Only
from mncost.cli.view import check_run_file, status
from mncost.effort import Effort
from mncost.errors import InputError, MeasureError
from mncost.flags import Flag, given
from mncost.measure.where import Where
from mncost.which import Which

if TYPE_CHECKING:
    from mncost.comparison import Comparison
    from mncost.measure.plan import What
    from mncost.measure.records import Run
    from mncost.results.savings import Savings

__all__ = ["compare"]

MAX_TWIN_GMACS = 20.0
_NOT_COMPARED = (
    *("precision", "python", "device"),
    *("training", "train", "sparsity"),
)
_PANEL = "Measure"
_WHICH = Only(
    without=("precision",),
    help={
        "twin": "Compare with this twin: standard (each depthwise-separable pair as one "
        "convolution), fused (expand and depthwise as one, as in MobileNetEdgeTPU and "
        "EfficientNetV2) or separable (each standard convolution as two). Default: standard, or "
        "separable if no network has separable layers."
    },
)
_EFFORT = Only(
    without=("copies", "seed"),
    help={
        "max_time": "Stop after this time in any case: 90, 90s, 5min. Default: 150 s, or 5 s "
        "a network and twin if more."
    },
)


def compare(
    which: Annotated[Which, _WHICH],
    where: Annotated[Where, Only(without=_NOT_COMPARED)],
    effort: Annotated[Effort, _EFFORT],
    out: Out,
    layers: Annotated[
        bool | None,
        Flag(
            "Show each pair of layers beside its convolution; with --bench measure them as small "
            "networks, beside the machine's roofline. Default: yes with --bench of one network.",
            names=("--layers/--no-layers",),
        ),
    ] = None,
    bench: Annotated[
        bool,
        Flag("Measure too, on this machine's CPU.", panel=_PANEL),
    ] = False,
    memory: Annotated[
        bool | None,
        Flag(
            "Measure peak memory too. Default: yes with --bench of one network.",
            names=("--memory/--no-memory",),
            panel=_PANEL,
        ),
    ] = None,
    fp32: Annotated[
        bool,
        Flag("Short for --precision fp32.", panel=_PANEL),
    ] = False,
    int8: Annotated[
        bool,
        Flag("Short for --precision int8; with --fp32: both.", panel=_PANEL),
    ] = False,
    precision: Annotated[
        str | None,
        Flag(
            "fp32, int8 (measured on ONNX Runtime), fp16 (counted only), with commas. Default: "
            "fp32.",
            "NAMES",
            panel=_PANEL,
        ),
    ] = None,
    max_twin_gmacs: Annotated[
        float | None,
        Flag(
            f"Do not measure twins with more GMACs than this. Default: {MAX_TWIN_GMACS:g}.",
            "G",
            panel=_PANEL,
        ),
    ] = None,
    save: Annotated[
        Path | None,
        Flag("Save the run (.json): every sample. mncost bench --resume continues it.", "FILE"),
    ] = None,
    run: Annotated[
        Path | None,
        Flag("Use the measurements of a saved run.", "FILE", panel="Model"),
    ] = None,
    verbose: Verbose = False,
) -> int:
    """Print what depthwise-separable convolutions save: in MACs, and with --bench in time.

    mncost compare v1 --alpha 0.25:1.0 --resolution 128:224
    mncost compare v1 --layers
    mncost compare v1 --bench --runtime onnxruntime,torch
    mncost compare v2 --twin fused --bench
    mncost compare v1 v2 v3-large --bench --fp32 --int8
    mncost compare --run run.json --format csv
    """
    precisions = _precisions(precision, fp32=fp32, int8=int8)
    how: dict[str, Any] = {"memory": memory, "max_twin_gmacs": max_twin_gmacs, "save": save}
    measuring = how | given(where) | given(effort)
    if run is not None:
        others = {"layers": layers, "bench": bench or None, "precision": precisions}
        others |= given(which) | measuring
        refuse(others, "does not go with --run: a saved run has its cells")
        return _saved(run, out, in_full=verbose)
    if which.arch is None:
        raise InputError("missing argument 'ARCH' (or --arch), or '--run' with a run file")
    if bench:
        _check_columns(out)
        if max_twin_gmacs is not None and not max_twin_gmacs > 0:
            raise InputError(f"--max-twin-gmacs {max_twin_gmacs:g}: accepted is more than 0")
        refuse({"in-place": which.in_place}, "does not go with --bench: runtimes decide that")
        where = replace(where, precision=tuple(precisions or ["fp32"]))
        comparison = _comparison(which, ["fp32"])
        how |= {"layers": layers, "in_full": verbose}
        return _measured(which, comparison, where, effort, how, out)
    measuring["verbose"] = verbose or None
    refuse(measuring, "needs --bench: without it nothing is measured")
    comparison = _comparison(which, precisions or ["fp32"])
    out.emit(comparison.table(layers=bool(layers), columns=out.columns))
    return 0


def _precisions(names: str | None, *, fp32: bool, int8: bool) -> list[str]:
    """Return the precisions that were asked for, in any of the ways."""
    from mncost.cost.memory import as_precision

    every = [name.strip() for name in names.split(",")] if names is not None else []
    every += ["fp32"] * fp32 + ["int8"] * int8
    return list(dict.fromkeys(as_precision(name) for name in every))


def _comparison(which: Which, precisions: list[str]) -> Comparison:
    """Return the networks that have the twin, at each of the precisions."""
    from mncost.comparison import with_twin
    from mncost.grids import Grid

    grids = [replace(which, precision=name).grid() for name in precisions]
    notes = dict.fromkeys(note for grid in grids for note in grid.notes)
    every = Grid([network for grid in grids for network in grid], list(notes))
    return with_twin(every, which.twin)


def _measured(
    which: Which,
    comparison: Comparison,
    where: Where,
    effort: Effort,
    how: dict[str, Any],
    out: Out,
) -> int:
    """Measure networks beside their twins, and write what that says."""
    from mncost.cli.progress import tell, watching
    from mncost.measure.saving import saving
    from mncost.render.write import check_writable
    from mncost.results.bench import measure
    from mncost.runs.begin import SECONDS_TO_COMPARE, begin

    save: Path | None = how["save"]
    check_run_file("--save", save)
    if out.output is not None and str(out.output) != "-":
        check_writable(out.output)
    asked = {name: str(value) for name, value in given(which).items()}
    what = _what(comparison, how)
    networks = comparison.networks
    with saving(save) as saver:
        run = begin(networks, where, effort, what, least_time=SECONDS_TO_COMPARE, asked=asked)
        with watching(run.options.target_error) as watch:
            results = measure(run, save=saver, watch=watch, tell=tell)
        _emit(results.savings, out, in_full=how["in_full"])
        saver.check()
    return status(run)


def _what(comparison: Comparison, how: dict[str, Any]) -> What:
    """Return what is measured: of one network also its layers and its memory."""
    from mncost.measure.plan import What

    alone = len(comparison.networks) == 1
    return What(
        twin=comparison.twin,
        twins_only=True,
        max_twin_gmacs=how["max_twin_gmacs"] or MAX_TWIN_GMACS,
        pairs=alone if how["layers"] is None else how["layers"],
        memory=alone if how["memory"] is None else how["memory"],
    )


def _saved(path: Path, out: Out, *, in_full: bool) -> int:
    """Write what a saved run says about networks and their twins."""
    from mncost.extras import require
    from mncost.results.results import Results

    require("results")
    _check_columns(out)
    results = Results.read(path)
    run: Run = results.run
    if not any(cell.subject.twin for cell in run.cells):
        raise MeasureError(f"{path}: a run without twins: measure with mncost compare --bench")
    _emit(results.savings, out, in_full=in_full)
    return status(run)


def _check_columns(out: Out) -> None:
    """Find an unknown column before anything is measured."""
    from mncost.render.sheet import named
    from mncost.tables.savings import SAVINGS_COLUMNS

    if out.columns is not None:
        named(out.columns, SAVINGS_COLUMNS)


def _emit(savings: Savings, out: Out, *, in_full: bool) -> None:
    from mncost.tables.savings import savings_tables

    if out.for_people and out.columns is None:
        tables = savings_tables(savings)
        tables = [table.in_full() for table in tables] if in_full else tables
        emit_several(tables, out.kind, out.output)
    else:
        out.emit(savings.table(columns=out.columns), in_full=in_full)
