"""The shape of every tensor in a graph at a given resolution."""

from __future__ import annotations

from typing import NamedTuple, assert_never

from mncost.errors import GridError, SpecError
from mncost.graph.graph import Graph, Node
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
    Scale,
)
from mncost.spec.schema import Padding

__all__ = ["Shape", "conv_size", "infer_shapes"]


class Shape(NamedTuple):
    """The shape of one image's tensor; a vector is ``(features, 1, 1)``."""

    channels: int
    height: int
    width: int

    @property
    def size(self) -> int:
        """Number of elements."""
        return self[0] * self[1] * self[2]


def infer_shapes(graph: Graph, height: int, width: int | None = None) -> list[Shape]:
    """Return the output shape of every node, for an image of ``height`` × ``width`` pixels.

    Raises:
        GridError: the image is too small: a layer would have no output.
        SpecError: a linear layer does not fit what it gets.
    """
    image = (height, width if width is not None else height)
    shapes: list[Shape] = []
    for node in graph.nodes:
        shapes.append(_shape(node, shapes, image))
    return shapes


def conv_size(size: int, kernel: int, stride: int, padding: Padding) -> int:
    """Return the output side of a convolution over an input of side ``size``.

    ``symmetric`` pads (k - 1) / 2 on each side, as torch does; ``same`` is TensorFlow's SAME. For
    odd kernels both give ceil(size / stride). ``end`` pads (k - 1) / 2 right and below where the
    stride is above 1 (Keras' MobileNetV1): odd sizes round down. ``valid`` pads nothing.
    """
    if padding == "valid":
        return (size - kernel) // stride + 1
    if padding == "end" and stride > 1:
        return (size + (kernel - 1) // 2 - kernel) // stride + 1
    return -(-size // stride)


def _shape(node: Node, shapes: list[Shape], image: tuple[int, int]) -> Shape:
    op = node.op
    match op:
        case Conv():
            _, height, width = shapes[node.inputs[0]]
            if op.kernel == op.stride == 1:
                return Shape(op.out_channels, height, width)
            rule = (op.kernel, op.stride, op.padding)
            out = Shape(op.out_channels, conv_size(height, *rule), conv_size(width, *rule))
            if out.height < 1 or out.width < 1:
                raise GridError(
                    f"resolution {image[0]} is too small: {node.name} ({op.kernel}×{op.kernel}, "
                    f"stride {op.stride}) gets {height}×{width} pixels"
                )
            return out
        case BatchNorm() | Activation() | Add() | Scale() | LayerScale() | Dropout():
            return shapes[node.inputs[0]]
        case GlobalPool():
            return Shape(shapes[node.inputs[0]].channels, 1, 1)
        case Flatten():
            return Shape(shapes[node.inputs[0]].size, 1, 1)
        case Linear():
            source = shapes[node.inputs[0]]
            if source.size != op.in_features:
                raise SpecError(
                    f"{node.name} has weights for {op.in_features} features and gets "
                    f"{source.size}; a pool before it is accepted"
                )
            return Shape(op.out_features, 1, 1)
        case Attention():
            return shapes[node.inputs[0]]
        case Input():
            return Shape(op.channels, *image)
        case _:
            assert_never(op)
