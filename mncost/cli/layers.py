"""``mncost layers``."""

from __future__ import annotations

from typing import Annotated

from mncost.cli.emit import Out
from mncost.cli.options import Flops, refuse
from mncost.cli.params import Only
from mncost.errors import InputError
from mncost.flags import Flag
from mncost.training.choices import Training
from mncost.which import Which

__all__ = ["layers"]


def layers(
    which: Which,
    training: Annotated[Training, Only(without=("teacher",))],
    out: Out,
    by: Annotated[
        str,
        Flag(
            "layer, block, stage, kind or pair (each pair of layers beside the convolution that "
            "replaces it in the twin: --twin). Default: layer.",
            "WHAT",
        ),
    ] = "layer",
    every: Annotated[
        bool,
        Flag("Show operators without MACs and parameters too.", names=("--all",)),
    ] = False,
    memory: Annotated[
        bool,
        Flag("Show the largest tensor at each spatial resolution instead."),
    ] = False,
    flops: Flops = False,
) -> None:
    """Print one network layer by layer: shapes, parameters, MACs, bytes, MACs per byte.

    mncost layers v3-large --alpha 0.75 --dialect torchvision
    mncost layers v2 --by kind
    mncost layers v2 --by pair --twin fused --format csv
    mncost layers v2 --memory --precision fp16
    mncost layers v2 --training --train bias
    """
    from mncost.twins import twin_of

    if memory and (by != "layer" or every or flops):
        raise InputError(
            "--memory goes without --by, --all and --flops: its rows are sizes, not layers"
        )
    if training.training:
        others: dict[str, object] = {"memory": memory or None, "flops": flops or None}
        others |= {"by": None if by == "layer" else by}
        others |= {"precision": which.precision, "in-place": which.in_place}
        refuse(others, "does not go with --training: a step is counted by layer, in float32")
    networks = which.grid()
    network = twin_of(networks.single(), None if by == "pair" else which.twin)
    if training.training:
        from mncost.tables.training import training_layers

        step = network.training(**training.options())
        out.emit(training_layers(step, every=every, columns=out.columns, notes=networks.notes))
        return
    if memory:
        from mncost.tables.memory import memory_table

        out.emit(memory_table(network, columns=out.columns, notes=networks.notes))
        return
    from mncost.tables.layers import layers_table

    table = layers_table(
        network,
        by=by,
        twin=which.twin or "standard",
        every=every,
        columns=out.columns,
        flops=flops,
        notes=networks.notes,
    )
    out.emit(table)
