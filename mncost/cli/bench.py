"""``mncost bench``."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from mncost.cli import streams
from mncost.cli.emit import Out, emit_text, is_standard_output, say
from mncost.cli.options import refuse
from mncost.cli.params import Only
from mncost.cli.view import View, check_run_file, status
from mncost.cluster.address import Scheduler, check_alone
from mncost.effort import Effort
from mncost.errors import InputError
from mncost.flags import Flag, given
from mncost.measure.where import Where
from mncost.which import Which

if TYPE_CHECKING:
    from mncost.cluster.fleet import Fleet
    from mncost.grids import Grid
    from mncost.measure.plan import What
    from mncost.measure.records import Run
    from mncost.measure.saving import Saver
    from mncost.results.results import Results

__all__ = ["bench"]

_RESUMED = (
    "a resumed run has its cells; accepted: --max-time, --target-error, --clock, --hosts, --python "
    "(an interpreter that it was measured in) and how to show it"
)
_WHICH = Only(
    without=("precision", "twin", "in_place"),
    help={
        "arch": "Architectures, groups, files or checkpoints, with commas or as plain words. "
        "Default: v1,v2,v3-large."
    },
)
_OUT = Only(
    help={
        "output": "Write the table to this file. NAME.json writes the run file, as --save does, "
        "unless --format is json."
    }
)


def bench(
    which: Annotated[Which, _WHICH],
    where: Where,
    effort: Effort,
    scheduler: Scheduler,
    view: View,
    out: Annotated[Out, _OUT],
    twin: Annotated[
        bool | None,
        Flag(
            "Measure the standard-convolution twin of each network too. Default: yes, except with "
            "--by layer or --training.",
            names=("--twin/--no-twin",),
            panel="Model",
        ),
    ] = None,
    weights: Annotated[
        Path | None,
        Flag(
            "Trained weights of the network: a checkpoint of torchvision's, timm's or our model. "
            "Default: random weights. Twins have random ones.",
            "FILE",
            panel="Model",
        ),
    ] = None,
    weights_key: Annotated[
        str | None,
        Flag(
            "Which state dict of a checkpoint that holds several: model, model_ema ...",
            "KEY",
            panel="Model",
        ),
    ] = None,
    teacher: Annotated[
        str | None,
        Flag(
            "With --training: a network to distil from; its inference is measured beside the "
            "steps.",
            "ARCH",
            panel="Measure",
        ),
    ] = None,
    save: Annotated[
        Path | None,
        Flag(
            "Save the run (.json, or - for standard output instead of the table): every sample, "
            "the machine, the versions. mncost show prints it again. Default: in your own state "
            "directory, which keeps the last 20 runs.",
            "FILE",
        ),
    ] = None,
    resume: Annotated[
        Path | None,
        Flag("Continue a saved run for another --max-time.", "FILE", panel="Measure"),
    ] = None,
) -> int:
    """Measure latency on this CPU: networks interleaved, in several processes, with intervals.

    mncost bench
    mncost bench v2 --alpha 0.35:1.0 --runtime onnxruntime --save run.json
    mncost bench v2 --precision fp32,int8 --batch 1,8 --percentiles 50,90,99
    mncost bench v2 --by layer
    mncost bench v2 --training --train head,all --batch 16
    mncost bench v2 --sparsity 0,0.5,0.9 --runtime all
    mncost bench --resume run.json --max-time 5min
    mncost bench v2 --cluster tls://scheduler:8786

    Without options: V1, V2, V3 and their twins, on ONNX Runtime and torch, in less than a minute.
    """
    save, out = _run_file(save, out)
    view.check(out.columns)
    named = save or resume
    if view.export is not None and (named is None or str(named) == "-"):
        raise InputError(f"--export {view.export} needs --save: its file is written beside that")
    check_run_file("--save", save)
    asked = given(which) | {"twin": twin, "by": view.by}
    asked |= {"weights": weights, "weights_key": weights_key, "teacher": teacher}
    if teacher is not None and not where.training:
        raise InputError("--teacher needs --training: the steps that it teaches")
    if weights_key is not None and weights is None:
        raise InputError("--weights-key needs --weights: the file that it chooses in")
    if resume is not None:
        _refuse_cells(asked | given(where) | given(effort) | given(scheduler))
    check_alone(scheduler)
    from mncost.grids import Grid
    from mncost.measure.kept import new_file
    from mncost.measure.saving import saving
    from mncost.runs.begin import ARCHITECTURES
    from mncost.runs.resume import resumed

    run_file = new_file() if named is None else named
    with saving(None if str(run_file) == "-" else run_file) as saver, _fleet(scheduler) as fleet:
        if resume is None:
            which = replace(which, arch=which.arch or ARCHITECTURES)
            grid = which.grid()
            if weights is not None:
                network = grid.single().with_weights(weights, weights_key)
                grid = Grid([network], [*grid.notes, *network.notes])
            what = _what(grid, where, twin=twin, by=view.by, teacher=teacher)
            run = _begun(grid, given(which), where, effort, what, fleet)
        else:
            run = resumed(resume, effort, where.python, where.hosts)
        _measure_and_show(run, run_file, saver, view, out, fleet, is_named=named is not None)
        if named is not None:
            saver.check()
    return status(run)


def _run_file(save: Path | None, out: Out) -> tuple[Path | None, Out]:
    """Return the run file and the rest of the output.

    Before there was ``--save``, ``-o run.json`` was the run file. It still is, unless the table is
    to be JSON.
    """
    is_run_file = (
        save is None
        and out.format != "json"
        and out.output is not None
        and out.output.suffix.lower() == ".json"
    )
    return (out.output, replace(out, output=None)) if is_run_file else (save, out)


@contextmanager
def _fleet(scheduler: Scheduler) -> Iterator[Fleet | None]:
    """Yield the machines of a cluster, if one is asked for."""
    if scheduler.cluster is None:
        yield None
        return
    from mncost.cluster.client import connected
    from mncost.cluster.fleet import Fleet

    with connected(scheduler) as client:
        yield Fleet(client)


def _what(
    grid: Grid, where: Where, *, twin: bool | None, by: str | None, teacher: str | None
) -> What:
    """Return what is measured of each network."""
    from mncost.in_hand import teacher_of
    from mncost.measure.plan import What

    is_twin = twin or (twin is None and by is None and not where.training)
    return What(
        twin="standard" if is_twin else None,
        by_layer=by is not None,
        teacher=teacher_of(grid[0], teacher),
    )


def _begun(
    grid: Grid,
    asked: dict[str, object],
    where: Where,
    effort: Effort,
    what: What,
    fleet: Fleet | None,
) -> Run:
    """Return a new run of networks, here or on a cluster."""
    words = {name: str(value) for name, value in asked.items()}
    if fleet is None:
        from mncost.runs.begin import begin

        run = begin(grid, where, effort, what, asked=words)
    else:
        from mncost.cluster import bench as on_cluster

        run = on_cluster.begin(fleet, grid, where, effort, what, words)
    run.notes += grid.notes
    return run


def _say(lines: Sequence[str], out: Out) -> None:
    """Write sentences below the table."""
    from mncost.render.table import Table

    if lines and out.kind == "markdown":
        out.emit(Table("findings", (), (), lines))
    elif out.kind == "terminal":
        for line in lines:
            say(line)


def _refuse_cells(asked: dict[str, object]) -> None:
    """Refuse the options that choose cells: a resumed run has its own."""
    kept = ("python", "hosts", "target_error", "max_time", "clock")
    others = {name: value for name, value in asked.items() if name not in kept}
    refuse(others, f"does not go with --resume: {_RESUMED}")


def _measure_and_show(
    run: Run,
    run_file: Path | None,
    saver: Saver,
    view: View,
    out: Out,
    fleet: Fleet | None,
    *,
    is_named: bool,
) -> None:
    """Measure, then write the table, or the run file where that goes to standard output."""
    from mncost.cli.progress import tell, watching
    from mncost.measure.run_file import encode
    from mncost.render.escape import json_text
    from mncost.render.write import check_writable
    from mncost.results.bench import measure
    from mncost.tables.findings import findings

    file = None if str(run_file) == "-" else run_file
    pyperf = file.with_suffix(".pyperf.json") if file and view.export else None
    for path in (pyperf, out.output):
        if path is not None and str(path) != "-":
            check_writable(path)
    with watching(run.options.target_error) as watch:
        if fleet is None:
            results = measure(run, save=saver, watch=watch, tell=tell)
        else:
            from mncost.cluster import bench as on_cluster

            results = on_cluster.measure(fleet, run, save=saver, watch=watch)
    if run_file != file:
        emit_text(json_text(encode(run).decode()), None)
        if is_standard_output(out.output):
            return
    view.emit(results, out)
    if out.for_people and out.output is None and view.by is None:
        _say(findings(results), out)
    if pyperf is not None:
        view.export_to(results, pyperf)
    if file is not None and saver.problem is None and (out.for_people or not is_named):
        following = _next(results, file, can_resume=fleet is None)
        streams.tell(f"mncost: saved: {_typed(file)}; next: {following}")


def _typed(file: Path) -> str:
    """Return a file as one types it in a shell."""
    if (home := Path.home()) in file.parents:
        return f"~/{shlex.quote(str(file.relative_to(home)))}"
    return shlex.quote(str(file))


def _next(results: Results, file: Path, *, can_resume: bool) -> str:
    """Return the next useful command: measure longer if that was too short, else a report."""
    from mncost.measure.kept import runs
    from mncost.tables.warnings import longer

    time = longer(results)
    if time and (results.run.imports_python or not can_resume):
        return f"the same with --max-time {time}"
    if time:
        return f"mncost bench --resume {_typed(file)} --max-time {time}"
    which = "" if file in runs()[:1] else f" {_typed(file)}"
    return f"mncost report{which} -o report.html"
