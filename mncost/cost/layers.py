"""The layers of a network, as a table shows them: one record for each operator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from msgspec import Struct

from mncost.cost.count import OpCost
from mncost.cost.memory import Precision, Schedule, traffic
from mncost.graph.graph import Graph
from mncost.graph.ops import (
    Activation,
    Add,
    Attention,
    BatchNorm,
    Conv,
    Dropout,
    Flatten,
    GlobalPool,
    Input,
    LayerScale,
    Linear,
    Op,
    Scale,
)
from mncost.graph.shapes import Shape

__all__ = ["Layer", "kind_of", "layers"]


class Layer(Struct, frozen=True, kw_only=True):
    """One operator of a network, with its cost.

    Attributes:
        name: where it stands, e.g. ``row3.2.expand.conv``.
        block: the block it belongs to, e.g. ``row3.2``.
        stage: number of the run of blocks whose output has the same size, from 1.
        kind: ``conv``, ``depthwise``, ``pointwise``, ``linear``, ``attention``, ``batch_norm``, ...
        kernel, stride, groups: of a convolution, else ``None``.
        bias: whether a convolution or linear layer has one.
        params: trainable parameters. ``buffers``: running statistics.
        macs: multiply-accumulates for one image.
        bytes_read, bytes_written: least traffic as deployed; 0 for what is fused into the layer
            before it (see :mod:`mncost.cost.memory`).
    """

    name: str
    block: str
    stage: int
    kind: str
    in_channels: int
    out_channels: int
    kernel: int | None
    stride: int | None
    groups: int | None
    in_height: int
    in_width: int
    out_height: int
    out_width: int
    bias: bool
    params: int
    buffers: int
    macs: int
    bytes_read: int
    bytes_written: int

    @property
    def intensity(self) -> float | None:
        """Arithmetic intensity: multiply-accumulates a byte moved; ``None`` if no byte is."""
        moved = self.bytes_read + self.bytes_written
        return self.macs / moved if moved else None


def layers(
    graph: Graph,
    shapes: Sequence[Shape],
    costs: Sequence[OpCost],
    plan: Schedule,
    precision: Precision,
) -> tuple[Layer, ...]:
    """Return one record for each operator of a graph but the image, in execution order."""
    moved = {step.node: traffic(step, shapes, precision) for step in plan}
    stages = _stages(graph, shapes)
    return tuple(
        _layer(graph, shapes, index, costs[index], moved.get(index, (0, 0)), stages[node.block])
        for index, node in enumerate(graph.nodes)
        if node.inputs
    )


def kind_of(op: Op) -> str:
    """Return the word for an operator that tables use."""
    match op:
        case Conv():
            if op.is_depthwise:
                return "depthwise"
            return "pointwise" if op.is_pointwise else "conv"
        case Linear():
            return "linear"
        case Attention():
            return "attention"
        case BatchNorm():
            return "batch_norm"
        case LayerScale():
            return "layer_scale"
        case Activation():
            return "activation"
        case GlobalPool():
            return "pool"
        case Add():
            return "add"
        case Scale():
            return "scale"
        case Flatten():
            return "flatten"
        case Dropout():
            return "dropout"
        case Input():
            return "input"
        case _:
            assert_never(op)


def _layer(
    graph: Graph,
    shapes: Sequence[Shape],
    index: int,
    cost: OpCost,
    moved: tuple[int, int],
    stage: int,
) -> Layer:
    node = graph.nodes[index]
    source, out, op = shapes[node.inputs[0]], shapes[index], node.op
    conv = op if isinstance(op, Conv) else None
    return Layer(
        name=node.name,
        block=node.block,
        stage=stage,
        kind=kind_of(op),
        in_channels=source.channels,
        out_channels=out.channels,
        kernel=conv.kernel if conv else None,
        stride=conv.stride if conv else None,
        groups=conv.groups if conv else None,
        in_height=source.height,
        in_width=source.width,
        out_height=out.height,
        out_width=out.width,
        bias=isinstance(op, Conv | Linear) and op.bias,
        params=cost.params,
        buffers=cost.buffers,
        macs=cost.terms.macs,
        bytes_read=moved[0],
        bytes_written=moved[1],
    )


def _stages(graph: Graph, shapes: Sequence[Shape]) -> dict[str, int]:
    """Number the runs of blocks whose output has the same height and width."""
    sizes = {node.block: shapes[index][1:] for index, node in enumerate(graph.nodes) if node.inputs}
    stages: dict[str, int] = {}
    number, previous = 0, None
    for block, size in sizes.items():
        if size != previous:
            number, previous = number + 1, size
        stages[block] = number
    return stages
