"""How branches and tokens are written to ONNX: by a :class:`~mncost.models.onnx_writer.Writer`."""

from __future__ import annotations

import math

import numpy as np
from onnx import TensorProto, helper

from mncost.graph import ops
from mncost.graph.graph import Node
from mncost.models.onnx_writer import Writer
from mncost.models.windows import shares

__all__ = [
    "adaptive_pool",
    "class_token",
    "fold",
    "heads",
    "layer_norm",
    "resize",
    "shuffle",
    "slice_",
    "tokens",
    "unfold",
]


def adaptive_pool(
    to: Writer, op: ops.AdaptivePool, node: Node, inputs: list[str], out: str
) -> None:
    """Write averages of windows: of equal ones, or two products with matrices of their shares."""
    _, *sides = to.shapes[node.inputs[0]]
    if tuple(sides) == op.size:
        to.node("Identity", node.name, inputs, out)
        return
    if not any(side % n for side, n in zip(sides, op.size, strict=True)):
        window = [side // n for side, n in zip(sides, op.size, strict=True)]
        to.node("AveragePool", node.name, inputs, out, kernel_shape=window, strides=window)
        return
    down, across = (shares(side, n) for side, n in zip(sides, op.size, strict=True))
    rows = f"{node.name}.rows"
    after = (to.shapes[node.inputs[0]][0], op.size[0], sides[1])
    to.step("MatMul", rows, [to.constant(f"{node.name}.down", down), *inputs], *after)
    to.node("MatMul", node.name, [rows, to.constant(f"{node.name}.across", across.T)], out)


def slice_(to: Writer, op: ops.Slice, name: str, inputs: list[str], out: str) -> None:
    """Write some channels, or tokens."""
    ends = {"start": op.start, "stop": op.stop, "axis": 1}
    bounds = [to.constant(f"{name}.{end}", np.array([value])) for end, value in ends.items()]
    to.node("Slice", name, [*inputs, *bounds], out)


def shuffle(to: Writer, op: ops.Shuffle, node: Node, inputs: list[str], out: str) -> None:
    """Write a channel shuffle."""
    name, (channels, height, width) = node.name, to.shapes[node.inputs[0]]
    shape = op.groups, channels // op.groups, height, width
    grouped = to.reshape(f"{name}.groups", inputs[0], *shape)
    swapped, _ = to.permute(f"{name}.swapped", grouped, shape, (1, 0, 2, 3))
    to.reshape(name, swapped, channels, height, width, out=out)


def resize(
    to: Writer, op: ops.Resize, node: Node, inputs: list[str], out: str, shape: ops.Shape
) -> None:
    """Write a change of size; nothing where the size is right already."""
    before, name = to.shapes[node.inputs[0]], node.name
    if before == shape:
        to.node("Identity", name, inputs[:1], out)
        return
    # All four sides: ONNX Runtime mistakes `axes` where it turns quantised images around.
    size = _with_images(to, f"{name}.size", inputs[0], *shape)
    options = (
        {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
        if op.mode == "bilinear"
        else {
            "mode": "nearest",
            "coordinate_transformation_mode": "asymmetric",
            "nearest_mode": "floor",
        }
    )
    to.node("Resize", name, [inputs[0], "", "", size], out, **options)


def layer_norm(to: Writer, op: ops.LayerNorm, node: Node, inputs: list[str], out: str) -> None:
    """Write a layer norm; of an image, with the channels brought to the end and back."""
    name, shape = node.name, to.shapes[node.inputs[0]]
    held = [to.weight(f"{name}.{leaf}") for leaf in ops.parameters(op)]
    if op.dimensions < 2:
        to.node("LayerNormalization", name, [*inputs, *held], out, axis=-1, epsilon=op.eps)
        return
    last, after = to.permute(f"{name}.pixels", inputs[0], shape, (1, 2, 0))
    normed = f"{name}.normed"
    to.step("LayerNormalization", normed, [last, *held], *after, axis=-1, epsilon=op.eps)
    to.node("Transpose", name, [normed], out, perm=(0, 3, 1, 2))


def heads(to: Writer, op: ops.MultiHeadAttention, node: Node, inputs: list[str], out: str) -> None:
    """Write attention with many heads, of tokens that hold query, key and value."""
    name, (count, features) = node.name, to.shapes[node.inputs[0]]
    length, depth = count // op.sequences, features // 3 // op.heads
    groups = op.sequences * op.heads
    shape = op.sequences, length, 3, op.heads, depth
    split = to.reshape(f"{name}.heads", inputs[0], *shape)
    split, _ = to.permute(f"{name}.parts", split, shape, (2, 0, 3, 1, 4))
    split = to.reshape(f"{name}.rows", split, 3, groups, length, depth)
    query, key, value = (
        to.step(
            "Gather",
            f"{name}.{part}",
            [split, to.constant(f"{name}.{part}.index", np.array(place))],
            *(groups, length, depth),
            axis=1,
        )
        for place, part in enumerate(("query", "key", "value"))
    )
    factor = to.constant(f"{name}.factor", np.float32(1 / math.sqrt(depth)))
    query = to.step("Mul", f"{name}.query.scaled", [query, factor], groups, length, depth)
    key = to.swap(f"{name}.key.columns", key, groups, depth, length)
    scores = to.step("MatMul", f"{name}.scores", [query, key], groups, length, length)
    shares = to.step("Softmax", f"{name}.softmax", [scores], groups, length, length, axis=-1)
    mixed = to.step("MatMul", f"{name}.mixed", [shares, value], groups, length, depth)
    apart = op.sequences, op.heads, length, depth
    mixed = to.reshape(f"{name}.mixed.heads", mixed, *apart)
    mixed, _ = to.permute(f"{name}.mixed.tokens", mixed, apart, (0, 2, 1, 3))
    to.reshape(name, mixed, count, op.heads * depth, out=out)


def tokens(to: Writer, op: ops.Tokens, node: Node, inputs: list[str], out: str) -> None:
    """Write an image as tokens."""
    name, (channels, height, width) = node.name, to.shapes[node.inputs[0]]
    last, _ = to.permute(f"{name}.pixels", inputs[0], (channels, height, width), (1, 2, 0))
    to.reshape(name, last, height * width * op.parts, channels // op.parts, out=out)


def class_token(to: Writer, op: ops.ClassToken, name: str, inputs: list[str], out: str) -> None:
    """Write a learned token before all others: once for each image."""
    token = to.weight(f"{name}.token", (1, 1, op.features))
    if to.batch != 1:
        shape = _with_images(to, f"{name}.shape", inputs[0], 1, op.features)
        token = to.step("Expand", f"{name}.each", [token, shape], 1, op.features)
    to.node("Concat", name, [token, *inputs], out, axis=1)


def _with_images(to: Writer, name: str, tensor: str, *shape: int) -> str:
    """Write a shape, after as many images as a tensor has."""
    if to.batch == 1:
        return to.constant(name, np.array([1, *shape]))
    images = f"{name}.images"
    to.values[images] = helper.make_tensor_value_info(images, TensorProto.INT64, (1,))
    to.node("Shape", images, [tensor], images, start=0, end=1)
    rest = to.constant(f"{name}.rest", np.array(shape))
    to.values[name] = helper.make_tensor_value_info(name, TensorProto.INT64, (1 + len(shape),))
    return to.node("Concat", name, [images, rest], name, axis=0)


def unfold(to: Writer, op: ops.Unfold, node: Node, inputs: list[str], out: str) -> None:
    """Write an image as the pixels of its patches."""
    name, (channels, height, width) = node.name, to.shapes[node.inputs[0]]
    down, right = op.patch
    shape = channels, height // down, down, width // right, right
    cut = to.reshape(f"{name}.patches", inputs[0], *shape)
    cut, _ = to.permute(f"{name}.pixels", cut, shape, (2, 4, 1, 3, 0))
    to.reshape(name, cut, height * width, channels, out=out)


def fold(
    to: Writer, op: ops.Fold, node: Node, inputs: list[str], out: str, shape: ops.Shape
) -> None:
    """Write the pixels of patches as an image."""
    name, (channels, height, width) = node.name, shape
    down, right = op.patch
    cut = down, right, height // down, width // right, channels
    pixels = to.reshape(f"{name}.patches", inputs[0], *cut)
    pixels, _ = to.permute(f"{name}.channels", pixels, cut, (4, 2, 0, 3, 1))
    to.reshape(name, pixels, channels, height, width, out=out)
