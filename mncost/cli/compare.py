"""``mncost compare``."""

from __future__ import annotations

from typing import Annotated, Any

from mncost.cli import compare_options
from mncost.cli.compare_options import grids
from mncost.cli.emit import Out
from mncost.cli.options import refuse
from mncost.cli.params import Only
from mncost.errors import InputError
from mncost.flags import given
from mncost.measure.where import Effort, Where
from mncost.which import Which

__all__ = ["compare"]

_WHICH = Only(
    without=("precision",),
    help={
        "twin": "Compare with this twin: standard (each depthwise-separable pair as one "
        "convolution) or fused (expand and depthwise as one, as in MobileNetEdgeTPU and "
        "EfficientNetV2). Default: standard."
    },
)
_EFFORT = Only(
    without=("copies", "seed"),
    help={
        "max_time": "Stop after it in any case: 90, 90s, 5min. Default: 150 s, or 3 s a network "
        "and twin if more."
    },
)


def compare(
    which: Annotated[Which, _WHICH],
    where: Annotated[Where, Only(without=("precision", "python", "device"))],
    effort: Annotated[Effort, _EFFORT],
    out: Out,
    layers: compare_options.Layers = None,
    bench: compare_options.Bench = False,
    memory: compare_options.Memory = None,
    fp32: compare_options.Fp32 = False,
    int8: compare_options.Int8 = False,
    precision: compare_options.Precision = None,
    max_twin_gmacs: compare_options.MaxTwinGmacs = None,
    save: compare_options.Save = None,
    run: compare_options.Run = None,
) -> int:
    """Print what depthwise-separable convolutions save: in MACs, and with --bench in time.

    mncost compare v1 --alpha 0.25:1.0 --resolution 128:224
    mncost compare v1 --layers
    mncost compare v1 --bench --runtime onnxruntime,torch
    mncost compare v2 --twin fused --bench
    mncost compare v1 v2 v3-large --bench --fp32 --int8
    mncost compare --run run.json --format csv
    """
    asked = given(which)
    how: dict[str, Any] = {"memory": memory, "max_twin_gmacs": max_twin_gmacs, "save": save}
    measuring = how | given(where) | given(effort)
    precisions = compare_options.precisions(precision, fp32=fp32, int8=int8)
    if run is not None:
        others = {"layers": layers, "bench": bench or None, "precision": precisions}
        refuse(asked | others | measuring, "does not go with --run: a saved run has its cells")
        from mncost.cli.compare_measured import View, emit_saved

        return emit_saved(run, View(out.kind, out.columns, out.output))
    if which.arch is None:
        raise InputError("missing argument 'ARCH' (or --arch), or '--run' with a run file")
    asked |= {"twin": which.twin or "standard", "precision": precisions or ["fp32"]}
    if bench:
        from mncost.cli.compare_measured import View, measure_and_emit

        view = View(out.kind, out.columns, out.output)
        return measure_and_emit(asked, where, effort, how | {"layers": layers}, view)
    refuse(measuring, "needs --bench: without it nothing is measured")
    from mncost.api import with_twin
    from mncost.tables.compare import compare_table

    comparison = with_twin(grids(asked), asked["twin"])
    out.emit(compare_table(comparison, layers=bool(layers), columns=out.columns))
    return 0
