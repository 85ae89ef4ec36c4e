"""The shape of every tensor in a graph, for given shapes of its inputs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import prod
from typing import assert_never

from mncost.errors import GridError, SpecError
from mncost.graph import ops
from mncost.graph.graph import Graph, Node, Shapes
from mncost.graph.misfits import as_image, misfit, shape_text, size_text
from mncost.graph.ops import PaddingRule, Shape, Size

__all__ = [
    "conv_pads",
    "conv_size",
    "infer_shapes",
    "pads",
    "pool_size",
    "result_shape",
]


_ONE = (1, 1)


def infer_shapes(graph: Graph, inputs: Shapes) -> list[Shape]:
    """Return the shape of every node's result.

    Args:
        graph: the operators.
        inputs: the shapes of the graph's inputs by name, e.g. :meth:`Graph.images`.

    Raises:
        GridError: an image is too small: a convolution would have no output.
        SpecError: an operator does not fit what it reads, or an input is missing or does not fit.
    """
    shapes: list[Shape] = []
    for node in graph.nodes:
        read = node.inputs
        shapes.append(result_shape(node, shapes[read[0]], shapes) if read else _given(node, inputs))
    return shapes


def pads(size: int, kernel: int, stride: int, dilation: int, rule: PaddingRule) -> Size:
    """Return by how many pixels a rule pads an image of a height (or width) before and after it.

    With e = dilation·(k - 1): ``symmetric`` pads e/2 before and after, rounded down, as torch does.
    ``same`` is TensorFlow's SAME: so that ceil(size / stride) are left, with the odd pixel after.
    ``end`` pads e/2 after, and nothing before, where the stride is above 1 (Keras' MobileNetV1),
    and else like ``symmetric``. ``valid`` pads nothing.
    """
    extent = dilation * (kernel - 1)
    match rule:
        case "symmetric":
            return extent // 2, extent // 2
        case "same":
            total = max(extent + 1 - (size % stride or stride), 0)
            return total // 2, total - total // 2
        case "end":
            return (0, extent // 2) if stride > 1 else (extent // 2, extent // 2)
        case "valid":
            return 0, 0
        case _:
            assert_never(rule)


def _given(node: Node, inputs: Shapes) -> Shape:
    name, op = node.name, node.op
    assert isinstance(op, ops.Input), name
    if name not in inputs:
        raise SpecError(f"the shape of the input {name} is not given")
    shape = inputs[name]
    fits = len(shape) == len(op.shape) and all(
        side >= 1 and side == (side if wanted is None else wanted)
        for side, wanted in zip(shape, op.shape, strict=True)
    )
    if not fits:
        wanted = "×".join("?" if side is None else str(side) for side in op.shape)
        raise SpecError(f"{name} takes {wanted}, and not {shape_text(shape)}")
    return shape


def result_shape(node: Node, first: Shape, shapes: Sequence[Shape]) -> Shape:
    """Return the shape of a node that reads ``first`` and, by index, other shapes.

    Raises:
        GridError: an image is too small.
        SpecError: the operator does not fit what it reads.
    """
    op = node.op
    match op:
        case ops.Conv():
            if len(first) != 3 or first[0] != op.in_channels:
                raise misfit(node, first, 3, op.in_channels)
            if op.kernel == _ONE == op.stride and isinstance(op.padding, str):
                return op.out_channels, first[1], first[2]
            return _image(node, op, first, conv_size(op, first[1:]), op.out_channels)
        case ops.BatchNorm():
            if first[0] != op.channels or len(first) != 1 + op.dimensions:
                raise misfit(node, first, 1 + op.dimensions, op.channels)
            return first
        case ops.Activation() | ops.Dropout():
            return first
        case ops.Add():
            if first != (second := shapes[node.inputs[1]]):
                raise SpecError(f"{node.name} adds {shape_text(first)} and {shape_text(second)}")
            return first
        case ops.Scale():
            gate = shapes[node.inputs[1]]
            if gate != (first[0], *(1,) * (len(first) - 1)):
                raise SpecError(f"{node.name} scales {shape_text(first)} by {shape_text(gate)}")
            return first
        case ops.LayerScale():
            if len(first) == 1 or as_image(first)[0] != op.channels:
                raise misfit(node, first, 3, op.channels)
            return first
        case ops.PReLU():
            if first[0] != op.channels or len(first) == 2:
                raise misfit(node, first, 1 if len(first) == 1 else 3, op.channels)
            return first
        case ops.Pool():
            if len(first) != 3:
                raise misfit(node, first, 3)
            return _image(node, op, first, pool_size(op, first[1:]), first[0])
        case ops.AdaptivePool():
            if len(first) != 3:
                raise misfit(node, first, 3)
            return first[0], *op.size
        case ops.GlobalPool():
            if len(first) == 2:
                return first[1:]
            if len(first) != 3:
                raise misfit(node, first, 3)
            return first[0], 1, 1
        case ops.Flatten():
            return (prod(first),)
        case ops.Linear():
            if first[-1] != op.in_features or len(first) == 3:
                raise SpecError(
                    f"{node.name} has weights for {op.in_features} features and gets "
                    f"{shape_text(first)}; a pool before it is accepted"
                )
            return *first[:-1], op.out_features
        case (
            (ops.Attention() | ops.Concat() | ops.Slice() | ops.Shuffle() | ops.Resize())
            | (ops.LayerNorm() | ops.L2Norm() | ops.Tokens() | ops.ClassToken() | ops.Positions())
            | (ops.Select() | ops.MultiHeadAttention() | ops.Unfold() | ops.Fold())
        ):
            from mncost.graph.other_shapes import other_shape  # plain networks have none

            return other_shape(node, op, first, shapes)
        case ops.Foreign():
            return op.shape
        case ops.Input():
            raise AssertionError(f"{node.name} is given, not computed")
        case _:
            assert_never(op)


def conv_size(op: ops.Conv, size: Size) -> Size:
    """Return height and width of a convolution's result; below 1 if the image is too small."""
    padding = op.padding
    pixels = (padding[:2], padding[2:]) if isinstance(padding, tuple) else (padding, padding)
    height = _side(size[0], op.kernel[0], op.stride[0], op.dilation[0], pixels[0])
    return height, _side(size[1], op.kernel[1], op.stride[1], op.dilation[1], pixels[1])


def pool_size(op: ops.Pool, size: Size) -> Size:
    """Return height and width of a pooling's result; below 1 if the image is too small."""
    sides = []
    for axis in (0, 1):
        before, after = op.pads[2 * axis : 2 * axis + 2]
        stride, beyond = op.stride[axis], size[axis] + before + after - op.kernel[axis]
        count = (-(-beyond // stride) if op.ceil else beyond // stride) + 1
        if op.ceil and (count - 1) * stride >= size[axis] + before:
            count -= 1  # a window that begins behind the image
        sides.append(count)
    return sides[0], sides[1]


def _image(node: Node, op: ops.Conv | ops.Pool, first: Shape, size: Size, channels: int) -> Shape:
    """Return the shape of an image that is left, if anything is."""
    if size[0] < 1 or size[1] < 1:
        raise GridError(
            f"the image is too small: {node.name} ({size_text(op.kernel)}, stride "
            f"{_pair_text(op.stride)}) gets {shape_text(first[1:])} pixels"
        )
    return channels, *size


@lru_cache(maxsize=10_000)
def _side(size: int, kernel: int, stride: int, dilation: int, padding: PaddingRule | Size) -> int:
    if isinstance(padding, str):
        padding = pads(size, kernel, stride, dilation, padding)
    return (size + sum(padding) - dilation * (kernel - 1) - 1) // stride + 1


def conv_pads(op: ops.Conv, size: Size) -> tuple[int, int, int, int]:
    """Return the pixels around an image that a convolution pads: top, bottom, left, right."""
    if not isinstance(op.padding, str):
        return op.padding
    top, bottom = pads(size[0], op.kernel[0], op.stride[0], op.dilation[0], op.padding)
    return top, bottom, *pads(size[1], op.kernel[1], op.stride[1], op.dilation[1], op.padding)


def _pair_text(pair: Size) -> str:
    return str(pair[0]) if pair[0] == pair[1] else size_text(pair)
