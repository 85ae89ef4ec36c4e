"""How branches, tokens and attention are written to a ``.tflite`` model."""

from __future__ import annotations

import math

from mncost.graph import ops
from mncost.graph.ops import Shape
from mncost.models.tflite_steps import Steps, outer
from mncost.models.tflite_writer import options
from mncost.models.windows import shares

__all__ = [
    "adaptive_pool",
    "attention",
    "class_token",
    "fold",
    "heads",
    "layer_norm",
    "resize",
    "select",
    "unfold",
]


def adaptive_pool(to: Steps, op: ops.AdaptivePool, name: str, source: int, shape: Shape) -> int:
    """Write averages of windows: two products with matrices of their shares."""
    _, height, width, channels = to.shape(source)
    if (height, width) == op.size:
        return source
    down, across = op.size
    rows = to.reshape(f"{name}.rows", source, height, width * channels)
    windows = to.constant(f"{name}.down", shares(height, down)[None])
    rows = to.operator(
        "BATCH_MATMUL",
        [windows, rows],
        to.tensor(f"{name}.averaged", 1, down, width * channels),
        options("BatchMatMul"),
    )
    columns = to.reshape(f"{name}.columns", rows, width, channels, fold=down)
    windows = to.constant(f"{name}.across", shares(width, across)[None])
    columns = to.operator(
        "BATCH_MATMUL",
        [windows, columns],
        to.tensor(f"{name}.both", down, across, channels),
        options("BatchMatMul"),
    )
    return to.reshape(name, columns, *outer(shape)[1:])


def layer_norm(to: Steps, op: ops.LayerNorm, name: str, source: int) -> int:
    """Write a layer norm over the channels, which come last."""
    shape = to.shape(source)
    last, ones = [len(shape) - 1], (*shape[:-1], 1)
    mean = to.mean(f"{name}.mean", source, last, ones, keep=True)
    moved = to.same("SUB", f"{name}.moved", [source, mean], options("Sub"))
    square = to.same("MUL", f"{name}.square", [moved, moved], options("Mul"))
    spread = to.mean(f"{name}.variance", square, last, ones, keep=True)
    eps = to.constant(f"{name}.eps", op.eps)
    spread = to.same("ADD", f"{name}.variance.eps", [spread, eps], options("Add"))
    factor = to.same("RSQRT", f"{name}.factor", [spread])
    normed = to.same("MUL", f"{name}.normed", [moved, factor], options("Mul"))
    return to.affine(name, normed, to.weight(name), to.weight(name, "bias"))


def resize(to: Steps, op: ops.Resize, name: str, source: int, shape: Shape) -> int:
    """Write a change of size; nothing where the size is right already."""
    if to.shape(source) == outer(shape):
        return source
    size = to.constant(f"{name}.size", shape[1:], "int32")
    if op.mode == "bilinear":
        code, how = "RESIZE_BILINEAR", options("ResizeBilinear", halfPixelCenters=True)
    else:
        code, how = "RESIZE_NEAREST_NEIGHBOR", options("ResizeNearestNeighbor")
    return to.operator(code, [source, size], to.like(name, shape), how)


def unfold(
    to: Steps, op: ops.Unfold, name: str, source: int, height: int, width: int, channels: int
) -> int:
    """Write an image as the pixels of its patches."""
    down, right = op.patch
    cut = height // down, down, width // right, right * channels
    patches = to.reshape(f"{name}.patches", source, *cut)
    rows = to.transpose(f"{name}.rows", patches, 0, 2, 1, 3, 4)
    apart = down, height // down * (width // right), right, channels
    rows = to.reshape(f"{name}.pixels", rows, *apart)
    return to.reshape(
        name, to.transpose(f"{name}.tokens", rows, 0, 1, 3, 2, 4), height * width, channels
    )


def fold(to: Steps, op: ops.Fold, name: str, source: int, shape: Shape) -> int:
    """Write the pixels of patches as an image."""
    channels, height, width = shape
    down, right = op.patch
    apart = down, right, height // down * (width // right), channels
    pixels = to.reshape(f"{name}.pixels", source, *apart)
    rows = to.transpose(f"{name}.rows", pixels, 0, 1, 3, 2, 4)
    cut = down, height // down, width // right, right * channels
    patches = to.reshape(f"{name}.patches", rows, *cut)
    image = to.transpose(f"{name}.image", patches, 0, 2, 1, 3, 4)
    return to.reshape(name, image, height, width, channels)


def class_token(to: Steps, op: ops.ClassToken, name: str, source: int, shape: Shape) -> int:
    """Write the token once for each image: the first token, emptied, plus it."""
    first = to.cut(f"{name}.first", source, 1, 0, 1)
    none = to.same("SUB", f"{name}.none", [first, first], options("Sub"))
    token = to.constant(f"{name}.token", to.weight(name, "token").reshape(1, 1, -1))
    each = to.same("ADD", f"{name}.each", [none, token], options("Add"))
    how = options("Concatenation", axis=1)
    return to.operator("CONCATENATION", [each, source], to.like(name, shape), how)


def select(to: Steps, op: ops.Select, name: str, source: int, shape: Shape) -> int:
    """Write one token as a vector."""
    token = to.cut(f"{name}.token", source, 1, op.index, op.index + 1)
    return to.reshape(name, token, *shape)


def attention(
    to: Steps, op: ops.Attention, name: str, inputs: list[int], before: list[Shape], shape: Shape
) -> int:
    """All heads are rows of one matrix, since they share keys and values."""
    _, height, width = shape
    keys, depth = before[1][1] * before[1][2], op.key_dim
    rows = height * width * op.heads  # channels-last: each pixel's heads are together
    query = to.reshape(f"{name}.query", inputs[0], rows, depth)
    key = to.reshape(f"{name}.key", inputs[1], keys, depth)
    value = to.reshape(f"{name}.value", inputs[2], keys, depth)
    mixed = _weighted(to, name, query, key, value, depth=depth)
    return to.reshape(name, mixed, height, width, op.heads * depth)


def heads(to: Steps, op: ops.MultiHeadAttention, name: str, source: int, before: Shape) -> int:
    """Write attention with many heads, of tokens that hold query, key and value."""
    tokens, features = before
    length, depth = tokens // op.sequences, features // 3 // op.heads
    apart = to.reshape(f"{name}.sequences", source, length, features, fold=op.sequences)
    parts: list[int] = []
    for place, part in enumerate(("query", "key", "value")):
        width = features // 3
        cut = to.cut(f"{name}.{part}", apart, 2, place * width, (place + 1) * width)
        cut = to.reshape(f"{name}.{part}.heads", cut, length, op.heads, depth, fold=op.sequences)
        parts.append(to.transpose(f"{name}.{part}.rows", cut, 0, 2, 1, 3))
    mixed = _weighted(to, name, *parts, depth=depth)
    mixed = to.transpose(f"{name}.mixed.tokens", mixed, 0, 2, 1, 3)
    return to.reshape(name, mixed, tokens, op.heads * depth)


def _weighted(to: Steps, name: str, query: int, key: int, value: int, *, depth: int) -> int:
    """Write softmax(QKᵀ/√d)·V over the last two dimensions."""
    factor = to.constant(f"{name}.factor", 1 / math.sqrt(depth))
    query = to.same("MUL", f"{name}.query.scaled", [query, factor], options("Mul"))
    *outer, rows, _ = to.shape(query)
    scores = to.tensor(f"{name}.scores", *outer, rows, to.shape(key)[-2])
    how = options("BatchMatMul", adjY=True)
    to.operator("BATCH_MATMUL", [query, key], scores, how)
    shares = to.same("SOFTMAX", f"{name}.softmax", [scores], options("Softmax", beta=1.0))
    mixed = to.tensor(f"{name}.mixed", *outer, rows, depth)
    return to.operator("BATCH_MATMUL", [shares, value], mixed, options("BatchMatMul"))
