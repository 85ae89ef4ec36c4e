"""The shapes of what plain convolutional networks lack: attention, tokens, branches, resizing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias, assert_never

from mncost.errors import SpecError
from mncost.graph import ops
from mncost.graph.graph import Node
from mncost.graph.misfits import as_image, misfit, shape_text, size_text
from mncost.graph.ops import Shape

__all__ = ["Other", "other_shape"]

Other: TypeAlias = (
    ops.Attention
    | ops.Concat
    | ops.Slice
    | ops.Shuffle
    | ops.Resize
    | ops.LayerNorm
    | ops.L2Norm
    | ops.Tokens
    | ops.ClassToken
    | ops.Positions
    | ops.Select
    | ops.MultiHeadAttention
    | ops.Unfold
    | ops.Fold
)


def other_shape(node: Node, op: Other, first: Shape, shapes: Sequence[Shape]) -> Shape:
    """Return the shape of a node's result: see :func:`mncost.graph.shapes.result_shape`."""
    match op:
        case ops.Attention():
            return _attention(node, op, *(shapes[source] for source in node.inputs))
        case ops.Concat():
            return _concatenated(node, [shapes[source] for source in node.inputs])
        case ops.Slice():
            if not 0 <= op.start < op.stop <= first[0]:
                raise SpecError(f"{node.name} takes {op.start} to {op.stop} of {shape_text(first)}")
            return op.stop - op.start, *first[1:]
        case ops.Shuffle():
            if len(first) != 3 or first[0] % op.groups:
                raise SpecError(f"{node.name} has {op.groups} groups, and gets {shape_text(first)}")
            return first
        case ops.Resize():
            return _resized(node, op, first, [shapes[source] for source in node.inputs[1:]])
        case ops.LayerNorm():
            if len(first) != 1 + op.dimensions or as_image(first)[0] != op.channels:
                raise misfit(node, first, 1 + op.dimensions, op.channels)
            return first
        case ops.L2Norm():
            if len(first) != 3:
                raise misfit(node, first, 3)
            return first
        case ops.Tokens():
            if len(first) != 3 or first[0] % op.parts:
                raise misfit(node, first, 3)
            return first[1] * first[2] * op.parts, first[0] // op.parts
        case ops.ClassToken():
            if len(first) != 2 or first[1] != op.features:
                raise misfit(node, first, 2, op.features)
            return first[0] + 1, first[1]
        case ops.Positions():
            if first != (op.tokens, op.features):
                wanted = f"{op.tokens} tokens of {op.features} features"
                raise SpecError(f"{node.name} is for {wanted}, and gets {shape_text(first)}")
            return first
        case ops.Select():
            if len(first) != 2 or not 0 <= op.index < first[0]:
                raise SpecError(f"{node.name} takes token {op.index} of {shape_text(first)}")
            return first[1:]
        case ops.MultiHeadAttention():
            if len(first) != 2 or first[1] % (3 * op.heads) or first[0] % op.sequences:
                wanted = f"{op.heads} heads needs tokens of 3 × {op.heads} × n features"
                raise SpecError(f"{node.name} with {wanted}, and gets {shape_text(first)}")
            return first[0], first[1] // 3
        case ops.Unfold():
            if len(first) != 3 or first[1] % op.patch[0] or first[2] % op.patch[1]:
                wanted = f"an image that {size_text(op.patch)} divides"
                raise SpecError(f"{node.name} needs {wanted}, and gets {shape_text(first)}")
            return first[1] * first[2], first[0]
        case ops.Fold():
            _, height, width = as_image(shapes[node.inputs[1]])
            if len(first) != 2 or first[0] != height * width:
                wanted = f"{height * width} tokens"
                raise SpecError(f"{node.name} needs {wanted}, and gets {shape_text(first)}")
            return first[1], height, width
        case _:
            assert_never(op)


def _concatenated(node: Node, parts: list[Shape]) -> Shape:
    if any(shape[1:] != parts[0][1:] for shape in parts):
        raise SpecError(f"{node.name} concatenates {' and '.join(map(shape_text, parts))}")
    return sum(shape[0] for shape in parts), *parts[0][1:]


def _resized(node: Node, op: ops.Resize, first: Shape, like: list[Shape]) -> Shape:
    if any(len(shape) != 3 for shape in (first, *like)):
        raise misfit(node, next(shape for shape in (first, *like) if len(shape) != 3), 3)
    if op.factor is not None:
        return first[0], first[1] * op.factor, first[2] * op.factor
    if op.multiple is not None:
        height, width = (-(-side // op.multiple) * op.multiple for side in first[1:])
        return first[0], height, width
    return first[0], *like[0][1:]


def _attention(node: Node, op: ops.Attention, queries: Shape, keys: Shape, values: Shape) -> Shape:
    for shape, channels in ((queries, op.heads * op.key_dim), (keys, op.key_dim)):
        if len(shape) != 3 or shape[0] != channels:
            raise misfit(node, shape, 3, channels)
    if keys != values:
        raise SpecError(
            f"{node.name} has keys of {shape_text(keys)}, and values of {shape_text(values)}"
        )
    return queries
