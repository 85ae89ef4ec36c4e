"""Multiply-accumulates, parameters and the other terms of each operator: the price list.

``macs`` are the multiply-accumulates of convolutions, linear layers and attention products, as in
the papers. Everything else is counted too, each under its own term, so that another tool's number
is a choice of terms. All counts are for one image and are exact integers.
"""

from __future__ import annotations

from typing import assert_never

from msgspec import Struct

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

__all__ = ["OpCost", "Terms", "cost_of", "count"]


class Terms(Struct, frozen=True):
    """What an operator does for one image, each kind of work under its own name.

    Attributes:
        conv: multiply-accumulates of convolutions.
        linear: multiply-accumulates of fully connected layers.
        attention: multiply-accumulates of the two attention products.
        bias: output elements that a bias is added to.
        batch_norm: elements that a batch norm or layer scale passes over.
        activation: elements that an activation is applied to (softmax scores among them).
        pool: input elements that a pooling averages.
        add: elements that a residual sum writes.
        scale: elements that a squeeze-excite multiplies.
    """

    conv: int = 0
    linear: int = 0
    attention: int = 0
    bias: int = 0
    batch_norm: int = 0
    activation: int = 0
    pool: int = 0
    add: int = 0
    scale: int = 0

    @property
    def macs(self) -> int:
        """Multiply-accumulates: conv + linear + attention."""
        return self.conv + self.linear + self.attention


class OpCost(Struct, frozen=True):
    """The cost of one operator: trainable parameters, buffers (running statistics), terms."""

    params: int = 0
    buffers: int = 0
    terms: Terms = Terms()


_FREE = OpCost()


def count(graph: Graph, shapes: list[Shape]) -> list[OpCost]:
    """Return the cost of every node of a graph whose shapes are known."""
    return [
        cost_of(node.op, [shapes[source] for source in node.inputs], shape)
        for node, shape in zip(graph.nodes, shapes, strict=True)
    ]


def cost_of(op: Op, inputs: list[Shape], out: Shape) -> OpCost:
    """Return the cost of one operator: a pure function of its shapes."""
    match op:
        case Conv():
            weights = op.out_channels * (op.in_channels // op.groups) * op.kernel**2
            macs = weights * out.height * out.width
            if not op.bias:
                return OpCost(weights, 0, Terms(macs))
            return OpCost(weights + op.out_channels, 0, Terms(macs, bias=out.size))
        case BatchNorm():
            return OpCost(2 * op.channels, 2 * op.channels, Terms(batch_norm=out.size))
        case Activation():
            return OpCost(terms=Terms(activation=out.size))
        case Add():
            return OpCost(terms=Terms(add=out.size))
        case Linear():
            weights = op.in_features * op.out_features
            return OpCost(
                params=weights + op.bias * op.out_features,
                terms=Terms(linear=weights, bias=op.bias * op.out_features),
            )
        case GlobalPool():
            return OpCost(terms=Terms(pool=inputs[0].size))
        case Scale():
            return OpCost(terms=Terms(scale=out.size))
        case LayerScale():
            return OpCost(params=op.channels, terms=Terms(batch_norm=out.size))
        case Attention():
            scores = attention_scores(op, inputs)
            return OpCost(terms=Terms(attention=2 * scores * op.key_dim, activation=scores))
        case Input() | Flatten() | Dropout():
            return _FREE
        case _:
            assert_never(op)


def attention_scores(op: Attention, inputs: list[Shape]) -> int:
    """Return the elements of QKᵀ: heads × query pixels × key pixels."""
    queries, keys = inputs[0], inputs[1]
    return op.heads * queries.height * queries.width * keys.height * keys.width
