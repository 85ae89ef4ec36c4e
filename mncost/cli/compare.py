"""``mncost compare``."""

from __future__ import annotations

from typing import Any

from mncost.cli import compare_options, measure_options, options
from mncost.cli.compare_options import grids
from mncost.cli.emit import FOR_PEOPLE, emit, format_for
from mncost.errors import InputError

__all__ = ["compare"]


def compare(
    arch: compare_options.Arch = None,
    alpha: options.Alpha = None,
    resolution: options.Resolution = None,
    rho: options.Rho = None,
    dialect: options.Dialect = None,
    classes: options.Classes = None,
    twin: compare_options.Twin = None,
    layers: compare_options.Layers = None,
    bench: compare_options.Bench = False,
    memory: compare_options.Memory = None,
    fp32: compare_options.Fp32 = False,
    int8: compare_options.Int8 = False,
    precision: compare_options.Precision = None,
    runtime: measure_options.Runtime = None,
    provider: measure_options.Provider = None,
    threads: measure_options.Threads = None,
    batch: measure_options.Batch = None,
    max_twin_gmacs: compare_options.MaxTwinGmacs = None,
    target_error: measure_options.TargetError = None,
    max_time: compare_options.MaxTime = None,
    processes: measure_options.Processes = None,
    save: compare_options.Save = None,
    run: compare_options.Run = None,
    columns: options.ColumnNames = None,
    format_name: options.Format = None,
    output: options.Output = None,
) -> int:
    """What separable convolutions save: on paper, and with --bench on this machine.

    mncost compare --arch v1 --alpha 0.25:1.0 --resolution 128:224
    mncost compare --arch v1 --layers
    mncost compare --arch v1 --bench --runtime onnxruntime,torch
    mncost compare --arch v2 --twin fused --bench
    mncost compare --arch v1,v2,v3-large --bench --fp32 --int8
    mncost compare --run run.json --format csv
    """
    wanted = format_for(format_name, output)
    which: dict[str, Any] = {
        "alpha": alpha,
        "resolution": resolution,
        "rho": rho,
        "dialect": dialect,
        "classes": classes,
    }
    how: dict[str, Any] = {
        "memory": memory,
        "runtime": runtime,
        "provider": provider,
        "threads": threads,
        "batch": batch,
        "max_twin_gmacs": max_twin_gmacs,
        "target_error": target_error,
        "max_time": max_time,
        "processes": processes,
        "save": save,
    }
    precisions = compare_options.precisions(precision, fp32=fp32, int8=int8)
    if run is not None:
        asked = {"arch": arch, "twin": twin, "layers": layers, "bench": bench or None}
        asked |= {"precision": precisions} | which | how
        options.refuse(asked, "does not go with --run: a saved run has its cells")
        from mncost.cli.compare_measured import View, emit_saved

        return emit_saved(run, View(wanted, columns, output))
    if not arch:
        raise InputError("missing option '--arch', or '--run' with a run file")
    which |= {"arch": ",".join(arch), "twin": compare_options.twin_name(twin)}
    which |= {"precision": precisions or ["fp32"]}
    if bench:
        from mncost.cli.compare_measured import View, measure_and_emit

        return measure_and_emit(which, how, layers, View(wanted, columns, output))
    options.refuse(how, "needs --bench: without it nothing is measured")
    from mncost.api import with_twin
    from mncost.tables.compare import compare_table

    comparison = with_twin(grids(which), which["twin"])
    table = compare_table(
        comparison,
        layers=bool(layers),
        columns=columns,
        for_people=wanted in FOR_PEOPLE,
    )
    emit(table, wanted, output)
    return 0
