"""``mncost table``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from mncost.cli.emit import Out
from mncost.cli.options import Convention, Flops, refuse
from mncost.cli.params import Only
from mncost.errors import InputError, one_of
from mncost.flags import Flag
from mncost.training.choices import Training
from mncost.which import Which

if TYPE_CHECKING:
    from mncost.grids import Grid
    from mncost.predict.predictions import Predictions

__all__ = ["table"]


def table(
    which: Annotated[Which, Only(without=("twin",))],
    training: Training,
    out: Out,
    pivot: Annotated[
        str | None,
        Flag("Print this column as a matrix of α and resolution.", "COLUMN"),
    ] = None,
    published: Annotated[
        bool,
        Flag("Show our counts beside published figures, and why they differ."),
    ] = False,
    pareto: Annotated[
        str | None,
        Flag(
            "Only the Pareto front of two or three metrics: top1 (as published), macs, params, "
            "weight_bytes, peak_activation_bytes.",
            "METRICS",
        ),
    ] = None,
    hints: Annotated[
        bool,
        Flag("List widths that are slow on ONNX Runtime, and nearby α without them."),
    ] = False,
    latency: Annotated[
        str | None,
        Flag(
            "predicted: a column of latencies by this machine's profile, which mncost calibrate "
            "makes: ONNX Runtime, 1 thread.",
            "WHAT",
        ),
    ] = None,
    convention: Convention = None,
    flops: Flops = False,
) -> None:
    """Print the α × resolution grid: each network beside its standard-convolution twin.

    mncost table v2 --alpha 0.35:1.0
    mncost table v1 v2 v3 --alpha 0.5:1.0 --format csv -o grid.csv
    mncost table v2 --alpha 0.35:1.4 --resolution 96:224 --pivot macs
    mncost table v2 --published
    mncost table v1 v2 --alpha 0.25:1.4 --pareto top1,macs
    mncost table v2 --alpha 0.35:1.0 --latency predicted
    mncost table v2 --training --train head --batch 16

    Bytes are for deployed weights and the activations of one image, at --precision. They assume
    that batch norm is folded into the convolution before it, that convolution and activation are
    fused, that nothing is computed in place, and that int8 has int32 biases.
    """
    others: dict[str, object]
    if training.training:
        others = {"pivot": pivot, "published": published or None, "pareto": pareto}
        others |= {"hints": hints or None, "convention": convention, "flops": flops or None}
        others |= {"latency": latency}
        others |= {"precision": which.precision, "in-place": which.in_place}
        refuse(others, "does not go with --training: a step is counted in float32")
        from mncost.in_hand import teacher_of
        from mncost.tables.training import training_table

        networks = which.grid()
        options = training.options()
        steps = [
            one.training(**options, teacher=teacher_of(one, training.teacher)) for one in networks
        ]
        out.emit(training_table(steps, columns=out.columns, notes=networks.notes))
        return
    if published:
        others = {"pivot": pivot, "pareto": pareto, "columns": out.columns}
        others |= {"flops": flops or None, "classes": which.classes, "convention": convention}
        others |= {"precision": which.precision, "in-channels": which.in_channels}
        others |= {"input": which.input, "strict": which.strict, "hints": hints or None}
        others |= {"latency": latency}
        others |= {"output-stride": which.output_stride, "in-place": which.in_place}
        refuse(others, "does not go with --published")
        from mncost.published.bases import reproduce
        from mncost.tables.published import published_table

        shown = reproduce(
            which.arch or "", which.alpha, which.resolution, rho=which.rho, dialect=which.dialect
        )
        out.emit(published_table(shown))
        return
    if latency is not None:
        refuse({"pivot": pivot}, "does not go with --latency")
        one_of("--latency", latency, ["predicted"])
    if pivot is not None:
        if out.columns is not None or flops or pareto is not None or hints:
            raise InputError(
                "--pivot shows one column of a whole grid: --columns, --flops, --hints and "
                "--pareto do not go with it"
            )
        from mncost.tables.pivot import pivot_table

        out.emit(pivot_table(which.grid(), pivot, convention=convention))
        return
    from mncost.tables.grid import grid_table

    grid = which.grid()
    made = grid_table(
        grid,
        columns=out.columns,
        flops=flops,
        convention=convention,
        pareto=pareto,
        predictions=_predicted(grid, which) if latency else None,
    )
    if hints:
        from mncost.tables.hints import hints as hints_of

        made = made._replace(notes=[*made.notes, *hints_of(which)])
    out.emit(made)


def _predicted(grid: Grid, which: Which) -> Predictions:
    from mncost.predict.profile import predictor_of

    return predictor_of(precision=which.precision or "fp32").predict(grid)
