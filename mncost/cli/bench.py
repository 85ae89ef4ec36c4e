"""``mncost bench``."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from mncost.cli import measure_options, options
from mncost.cli.emit import emit_text, format_for
from mncost.cli.measure_options import names, numbers
from mncost.cli.measured import check_columns, emit_run, status
from mncost.cli.progress import watching
from mncost.errors import InputError
from mncost.measure.records import Request, Run
from mncost.measure.run_file import encode, write_run
from mncost.measure.runs import ARCHITECTURES, begin, carry_out, resumed
from mncost.render.write import check_writable
from mncost.results.results import Results
from mncost.units import seconds, share

__all__ = ["bench"]

_RESUMED = "a resumed run has its cells; accepted: --max-time, --target-error and how to show it"


def bench(
    arch: measure_options.Arch = None,
    alpha: options.Alpha = None,
    resolution: options.Resolution = None,
    rho: options.Rho = None,
    dialect: options.Dialect = None,
    classes: options.Classes = None,
    twin: Annotated[
        bool | None,
        typer.Option(
            "--twin/--no-twin",
            help="Measure the standard-convolution twin of each network too. Default: yes, but not "
            "with --by layer.",
        ),
    ] = None,
    copies: Annotated[
        int | None,
        typer.Option("--copies", metavar="N", help="Enter each model N times: A/A. Default: 1."),
    ] = None,
    device: Annotated[
        str,
        typer.Option(
            "--device", metavar="NAME", show_default=False, help="Where to run: cpu. Default: cpu."
        ),
    ] = "cpu",
    runtime: measure_options.Runtime = None,
    provider: measure_options.Provider = None,
    threads: measure_options.Threads = None,
    precision: measure_options.MeasuredPrecision = None,
    batch: measure_options.Batch = None,
    python: measure_options.Python = None,
    target_error: measure_options.TargetError = None,
    max_time: measure_options.MaxTime = None,
    processes: measure_options.Processes = None,
    seed: Annotated[
        int | None,
        typer.Option(
            "--seed", metavar="N", min=0, help="Of weights, images and order. Default: 0."
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
    """Measure latency on the CPU: every model by turns, in several processes, with intervals.

    Without options: V1, V2, V3 and their twins, ONNX Runtime and torch, in less than a minute.

    mncost bench
    mncost bench --arch v2 --alpha 0.35:1.0 --resolution 128:224 --runtime onnxruntime -o run.json
    mncost bench --arch v2 --precision fp32,int8 --batch 1,8 --percentiles 50,90,99
    mncost bench --arch v2 --by layer
    mncost bench --resume run.json --max-time 5min
    """
    view = measure_options.view(by, percentiles, columns, export, format_for(format_name, None))
    check_columns(view)
    time_limit = None if max_time is None else seconds("--max-time", max_time)
    error = None if target_error is None else share("--target-error", target_error)
    if resume is not None:
        asked = {
            "arch": arch, "alpha": alpha, "resolution": resolution, "rho": rho,
            "dialect": dialect, "classes": classes, "twin": twin, "copies": copies,
            "runtime": runtime, "provider": provider, "threads": threads,
            "precision": precision, "batch": batch, "python": python, "by": by, "seed": seed,
            "processes": processes,
        }  # fmt: skip
        options.refuse(asked, f"does not go with --resume: {_RESUMED}")
        run = resumed(resume, target_error=error, max_time=time_limit)
    else:
        request = Request(
            arch=",".join(arch) if arch else ARCHITECTURES,
            alpha=alpha,
            resolution=resolution,
            rho=rho,
            dialect=dialect,
            classes=classes,
            twin="standard" if twin or (twin is None and by is None) else None,
            copies=copies or 1,
            precision=names(precision, ["fp32"]),
            batch=numbers("--batch", batch),
            runtime=names(runtime, []),
            provider=names(provider, []),
            threads=numbers("--threads", threads),
            python=names(python, []),
            by_layer=by is not None,
        )
        run = begin(
            request,
            device=device,
            target_error=error,
            max_time=time_limit,
            processes=processes,
            seed=seed,
        )
    run_file = output or resume
    save = _saver(run_file, view.export)
    with watching(run.options.target_error) as watch:
        carry_out(run, save=save, watch=watch)
    if output is not None and str(output) == "-":
        emit_text(encode(run).decode(), None)
    else:
        emit_run(Results(run), view._replace(export=None), None)
    if view.export is not None and run_file is not None:
        emit_run(Results(run), view, _export_path(run_file))
    return status(run)


def _saver(output: Path | None, export: str | None) -> Callable[[Run], None]:
    """Return what saves the run as it goes; a file that cannot be written is found now."""
    if export is not None and (output is None or str(output) == "-"):
        raise InputError(f"--export {export} needs --output: its file is written beside that")
    if output is None or str(output) == "-":
        return lambda run: None
    if output.suffix.lower() != ".json":
        raise InputError(
            f"--output {output}: a run file is JSON, and its name ends in .json; a table: "
            "--format, or mncost show"
        )
    for path in (output, _export_path(output)) if export else (output,):
        check_writable(path)
    return partial(write_run, path=output)


def _export_path(run_file: Path) -> Path:
    return run_file.with_suffix(".pyperf.json")
