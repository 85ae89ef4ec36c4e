"""The layers of a network, as a table shows them: one record for each operator."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TypeAlias

from msgspec import Struct

from mncost.cost.memory import Precision, Schedule, traffic
from mncost.cost.work import OpCost
from mncost.graph.graph import Graph, Node
from mncost.graph.misfits import as_image
from mncost.graph.ops import Conv, Foreign, Linear, Shape, Size

__all__ = ["Layer", "layers", "side"]

_Image: TypeAlias = tuple[int, int, int]
"""Channels, height and width."""
_CONVOLUTIONS = ("conv", "depthwise", "pointwise")


class Layer(Struct, frozen=True, kw_only=True):
    """One operator of a network, with its cost.

    Attributes:
        name: where it stands, e.g. ``row3.2.expand.conv``.
        block: the block it belongs to, e.g. ``row3.2``.
        stage: number of the run of blocks whose output has the same size, from 1.
        kind: ``conv``, ``depthwise``, ``pointwise``, ``linear``, ``attention``, ``batch_norm``, ...
        in_height, in_width, out_height, out_width: pixels; 1 of a vector.
        kernel, stride, groups: of a convolution (height and width), else ``None``.
        bias: whether a convolution or linear layer has one.
        params: trainable parameters. ``buffers``: running statistics.
        macs: multiply-accumulates for one image.
        bytes_read, bytes_written: least traffic as deployed; 0 for what is fused into the layer
            before it (see :mod:`mncost.cost.memory`).
        is_known: whether anybody knows its multiply-accumulates; else ``macs`` is 0.
    """

    name: str
    block: str
    stage: int
    kind: str
    in_channels: int
    out_channels: int
    kernel: Size | None
    stride: Size | None
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
    is_known: bool = True

    @property
    def intensity(self) -> float | None:
        """Arithmetic intensity: multiply-accumulates a byte moved; ``None`` if no byte is."""
        moved = self.bytes_read + self.bytes_written
        return self.macs / moved if moved else None


def side(size: Size | None) -> int | str | None:
    """Return one number for a square kernel, or a stride; else e.g. ``10x4``."""
    if size is None:
        return None
    height, width = size
    return height if height == width else f"{height}x{width}"


def layers(
    graph: Graph,
    shapes: Sequence[Shape],
    costs: Sequence[OpCost],
    plan: Schedule,
    precision: Precision,
) -> tuple[Layer, ...]:
    """Return one record for each operator of a graph but the image, in execution order."""
    moved = {step.node: traffic(step, shapes, precision) for step in plan}
    images = [as_image(shape) for shape in shapes]
    stages = _stages(graph, images)
    return tuple(
        _layer(
            node,
            _as_channels_first(node, index, shapes) or (images[node.inputs[0]], images[index]),
            costs[index],
            moved.get(index, (0, 0)),
            stages[node.block],
        )
        for index, node in enumerate(graph.nodes)
        if node.inputs
    )


def _layer(
    node: Node, images: tuple[_Image, _Image], cost: OpCost, moved: tuple[int, int], stage: int
) -> Layer:
    op = node.op
    (in_channels, in_height, in_width), (out_channels, out_height, out_width) = images
    conv = op if isinstance(op, Conv) else None
    return Layer(
        name=node.name,
        block=node.block,
        stage=stage,
        kind=op.kind,
        in_channels=in_channels,
        out_channels=out_channels,
        kernel=conv.kernel if conv else None,
        stride=conv.stride if conv else None,
        groups=conv.groups if conv else None,
        in_height=in_height,
        in_width=in_width,
        out_height=out_height,
        out_width=out_width,
        bias=isinstance(op, Conv | Linear) and op.bias,
        params=cost.params,
        buffers=cost.buffers,
        macs=cost.macs,
        bytes_read=moved[0],
        bytes_written=moved[1],
        is_known=not isinstance(op, Foreign) or op.work is not None,
    )


def _as_channels_first(
    node: Node, index: int, shapes: Sequence[Shape]
) -> tuple[_Image, _Image] | None:
    """Return input and result of a convolution of another model, whose channels come first."""
    if not isinstance(node.op, Foreign) or node.op.kind not in _CONVOLUTIONS:
        return None
    return _channels_first(shapes[node.inputs[0]]), _channels_first(shapes[index])


def _channels_first(shape: Shape) -> _Image:
    if len(shape) == 3:
        return as_image(shape)
    return shape[0] if shape else 1, prod(shape[1:]), 1


def _stages(graph: Graph, images: Sequence[_Image]) -> dict[str, int]:
    """Number the runs of blocks whose output has the same height and width."""
    sizes = {node.block: images[index][1:] for index, node in enumerate(graph.nodes) if node.inputs}
    stages: dict[str, int] = {}
    number, previous = 0, None
    for block, size in sizes.items():
        if size != previous:
            number, previous = number + 1, size
        stages[block] = number
    return stages
