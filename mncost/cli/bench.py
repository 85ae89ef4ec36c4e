"""``mncost bench``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from mncost.cli import measure_options, options
from mncost.cli.emit import emit_text, format_for
from mncost.cli.measured import check_columns, emit_run, status
from mncost.cli.params import Only
from mncost.cli.progress import watching
from mncost.errors import InputError
from mncost.flags import given
from mncost.measure.plan import What
from mncost.measure.run_file import encode
from mncost.measure.runs import ARCHITECTURES, begin, resumed
from mncost.measure.saving import saving
from mncost.measure.where import Effort, Where
from mncost.render.write import check_writable
from mncost.results.bench import measure
from mncost.which import Which

__all__ = ["bench"]

_RESUMED = (
    "a resumed run has its cells; accepted: --max-time, --target-error, --python (an interpreter "
    "that it was measured in) and how to show it"
)
_WHICH = Only(
    without=("precision", "twin"),
    help={
        "arch": "Architectures, groups, files or checkpoints, with commas. Default: v1,v2,v3-large."
    },
)


def bench(
    which: Annotated[Which, _WHICH],
    where: Where,
    effort: Effort,
    twin: Annotated[
        bool | None,
        typer.Option(
            "--twin/--no-twin",
            help="Measure the standard-convolution twin of each network too. Default: yes, but not "
            "with --by layer.",
        ),
    ] = None,
    by: measure_options.By = None,
    percentiles: measure_options.Percentiles = None,
    columns: options.ColumnNames = None,
    format_name: measure_options.TableFormat = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="The run file (.json; - for standard output, without the table): every sample, "
            "the machine, the versions. Written as it goes; mncost show makes tables of it.",
        ),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            "--resume", metavar="FILE", help="Go on with a saved run, for another --max-time."
        ),
    ] = None,
    export: measure_options.Export = None,
) -> int:
    """Measure latency on the CPU: every model interleaved, in several processes, with intervals.

    Without options: V1, V2, V3 and their twins, ONNX Runtime and torch, in less than a minute.

    mncost bench
    mncost bench --arch v2 --alpha 0.35:1.0 --resolution 128:224 --runtime onnxruntime -o run.json
    mncost bench --arch v2 --precision fp32,int8 --batch 1,8 --percentiles 50,90,99
    mncost bench --arch v2 --by layer
    mncost bench --resume run.json --max-time 5min
    """
    view = measure_options.view(by, percentiles, columns, export, format_for(format_name, None))
    check_columns(view)
    if resume is not None:
        asked = given(which) | given(where) | given(effort) | {"twin": twin, "by": by}
        kept = ("python", "target_error", "max_time")
        options.refuse(
            {name: value for name, value in asked.items() if name not in kept},
            f"does not go with --resume: {_RESUMED}",
        )
    run_file = output or resume
    _check_output(run_file, view.export)
    with saving(run_file) as save:
        if resume is not None:
            run = resumed(resume, effort, where.python)
        else:
            which = replace(which, arch=which.arch or ARCHITECTURES)
            is_twin = twin or (twin is None and by is None)
            what = What(twin="standard" if is_twin else None, by_layer=by is not None)
            words = {name: str(value) for name, value in given(which).items()}
            grid = which.grid()
            run = begin(grid, where, effort, what, asked=words)
            run.notes += grid.notes
        with watching(run.options.target_error) as watch:
            results = measure(run, save=save, watch=watch)
        if output is not None and str(output) == "-":
            emit_text(encode(run).decode(), None)
        else:
            emit_run(results, view._replace(export=None), None)
        if view.export is not None and run_file is not None:
            emit_run(results, view, _export_path(run_file))
        save.check()
    return status(run)


def _check_output(output: Path | None, export: str | None) -> None:
    """Find out before measuring what is wrong with the files to write.

    Raises:
        InputError: one of them cannot be written.
    """
    if export is not None and (output is None or str(output) == "-"):
        raise InputError(f"--export {export} needs --output: its file is written beside that")
    if output is None or str(output) == "-":
        return
    if output.suffix.lower() != ".json":
        raise InputError(
            f"--output {output}: a run file is JSON, and its name ends in .json; a table: "
            "--format, or mncost show"
        )
    if export is not None:
        check_writable(_export_path(output))


def _export_path(run_file: Path) -> Path:
    return run_file.with_suffix(".pyperf.json")
