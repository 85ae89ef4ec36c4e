"""What each operator keeps from the forward pass for the backward pass.

The formulas are those of torch's autograd without compilation, in training mode and float32. What
autograd keeps although no formula needs it is marked: the input of a convolution whose weights are
not trained, the input of a pooling.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from math import prod
from typing import NamedTuple, assert_never

from mncost.cost.work import attention_scores, token_scores
from mncost.graph import ops
from mncost.graph.graph import Node
from mncost.graph.shapes import conv_pads

__all__ = ["ELEMENT", "RESULT", "Keeps", "Needs", "is_alias", "keeps"]

ELEMENT = 4
"""Bytes of an element: a step is counted in float32."""
_INDEX = 8  # bytes of the place of a maximum
RESULT = -1
"""Instead of the place of an input: the operator's result."""
_BY_RESULT = frozenset({"relu", "sigmoid", "tanh"})  # their gradients are functions of the result


class Needs(NamedTuple):
    """Which gradients an operator has to work out.

    Attributes:
        inputs: whether each of its inputs needs one.
        weights: the names of its parameters that need one.
    """

    inputs: Sequence[bool]
    weights: Collection[str]


class Keeps(NamedTuple):
    """A tensor that is kept.

    Attributes:
        of: which of the operator's inputs it is, :data:`RESULT`, or ``None``: one of its own.
        bytes: of one of its own.
        is_needed: whether a formula needs it; torch keeps it anyway.
    """

    of: int | None
    bytes: int = 0
    is_needed: bool = True


def is_alias(node: Node, shapes: Sequence[ops.Shape], out: ops.Shape) -> bool:
    """Whether a result is the memory of the first input, or a part of it."""
    match node.op:
        case ops.Flatten() | ops.Slice() | ops.Select():
            return True
        case ops.Tokens(parts=parts):
            return parts == 1
        case ops.Dropout(rate=rate):
            return rate == 0
        case ops.Resize():
            return out == shapes[node.inputs[0]]
        case _:
            return False


def keeps(
    node: Node, shapes: Sequence[ops.Shape], out: ops.Shape, batch: int, needs: Needs
) -> list[Keeps]:
    """Return what an operator keeps that has some gradient to work out.

    Args:
        node: the operator.
        shapes: those of the results of all nodes, by index.
        out: that of its own.
        batch: images in a step.
        needs: the gradients.
    """
    op, first = node.op, shapes[node.inputs[0]]
    match op:
        case ops.Conv():
            return [_read_by_conv(op, first, batch, is_needed="weight" in needs.weights)]
        case ops.Linear():
            return [Keeps(0)] if "weight" in needs.weights else []
        case ops.BatchNorm():
            is_needed = needs.inputs[0] or "weight" in needs.weights
            return [Keeps(0, is_needed=is_needed), Keeps(None, 2 * op.channels * ELEMENT)]
        case ops.LayerNorm():
            is_needed = needs.inputs[0] or "weight" in needs.weights
            vectors = batch * prod(first) // op.channels
            return [Keeps(0, is_needed=is_needed), Keeps(None, 2 * vectors * ELEMENT)]
        case ops.L2Norm():  # its input, the lengths, and the lengths that are kept from 0
            return [Keeps(0), Keeps(None, 2 * batch * prod(first[1:]) * ELEMENT)]
        case ops.Activation():
            return [Keeps(RESULT if op.function in _BY_RESULT else 0)]
        case ops.PReLU():
            return [Keeps(0)]
        case ops.Pool(function="max"):
            return [Keeps(0, is_needed=False), Keeps(None, batch * prod(out) * _INDEX)]
        case ops.Pool():
            return [Keeps(0, is_needed=False)]
        case ops.AdaptivePool():
            return [] if op.size == (1, 1) else [Keeps(0, is_needed=False)]
        case ops.Scale():
            x, gate = needs.inputs
            return [Keeps(0)] * gate + [Keeps(1)] * x
        case ops.LayerScale():
            return [Keeps(0)] if needs.weights else []
        case ops.Attention():
            return _attention(op, [shapes[source] for source in node.inputs], batch, needs)
        case ops.MultiHeadAttention():
            return _token_attention(op, first, batch)
        case ops.Dropout():
            return [Keeps(None, batch * prod(first) * ELEMENT)] if op.rate else []
        case (
            ops.Input()
            | ops.Add()
            | ops.GlobalPool()
            | ops.Flatten()
            | ops.Concat()
            | ops.Slice()
            | ops.Shuffle()
        ) | (
            ops.Resize()
            | ops.Tokens()
            | ops.ClassToken()
            | ops.Positions()
            | ops.Select()
            | ops.Unfold()
            | ops.Fold()
        ):
            return []
        case ops.Foreign():
            raise AssertionError(f"{op.operator}: its gradients are not known")
        case _:
            assert_never(op)


def _read_by_conv(op: ops.Conv, image: ops.Shape, batch: int, *, is_needed: bool) -> Keeps:
    """Return what a convolution reads: its input, or that with the padding torch needs itself."""
    top, bottom, left, right = conv_pads(op, (image[1], image[2]))
    is_ruled = op.padding == "same" and op.stride != (1, 1)
    if not is_ruled and (top, left) == (bottom, right):
        return Keeps(0, is_needed=is_needed)
    padded = image[0] * (image[1] + top + bottom) * (image[2] + left + right)
    return Keeps(None, batch * padded * ELEMENT, is_needed)


def _attention(
    op: ops.Attention, shapes: Sequence[ops.Shape], batch: int, needs: Needs
) -> list[Keeps]:
    query, key, _value = needs.inputs
    queries, keys, _ = shapes
    rows = batch * prod(queries) * ELEMENT  # divided by √d
    scores = batch * attention_scores(op, queries, keys) * ELEMENT
    return [
        *[Keeps(None, rows)] * key,
        *[Keeps(1)] * query,
        Keeps(None, scores),  # after the softmax
        *[Keeps(2)] * (query or key),
    ]


def _token_attention(op: ops.MultiHeadAttention, tokens: ops.Shape, batch: int) -> list[Keeps]:
    """Return what attention keeps; heads are copied apart unless they lie so already."""
    whole = batch * prod(tokens) * ELEMENT
    scores = batch * token_scores(op, tokens) * ELEMENT
    is_view = op.heads == 1 or batch * op.sequences == 1
    return [Keeps(0) if is_view else Keeps(None, whole), Keeps(None, whole // 3 + scores)]
