"""The kinds of work that counting tools tell apart: the terms of a network, split further."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeAlias

from mncost.cost.count import OpCost
from mncost.graph.graph import Graph
from mncost.graph.ops import (
    Activation,
    Attention,
    BatchNorm,
    GlobalPool,
    LayerScale,
    Op,
)
from mncost.graph.shapes import Shape

__all__ = ["KINDS", "SECOND", "Tally", "Work", "tally", "work_of"]

Work: TypeAlias = dict[str, int]
"""Amounts by kind of work, for one image:

- ``conv``, ``linear``, ``attention``: multiply-accumulates.
- ``bias``: output elements that a bias is added to.
- ``batch_norm``, ``layer_scale``, ``scale``, ``add``, ``softmax``, ``relu``, ...: elements.
- ``batch_norm_params``: scale and shift. ``query_scale``: the queries that are divided by √d.
- ``pool``: elements read. ``pool_output``: elements written.
"""

_ACTIVATIONS = ("relu", "relu6", "hardswish", "hardsigmoid", "sigmoid", "silu", "gelu")
KINDS = (
    "conv",
    "linear",
    "attention",
    "bias",
    "batch_norm",
    "batch_norm_params",
    *_ACTIVATIONS,
    "softmax",
    "pool",
    "pool_output",
    "add",
    "scale",
    "layer_scale",
    "query_scale",
)
"""Every kind of work, in the order in which tables show them."""

# Kinds that measure an operator a second way.
SECOND = {"batch_norm_params": "batch_norm", "pool_output": "pool"}


class Tally(NamedTuple):
    """The work of a whole network, and how many operators each kind of it comes from."""

    work: Work
    operators: dict[str, int]


def tally(graph: Graph, shapes: Sequence[Shape], costs: Sequence[OpCost]) -> Tally:
    """Add up the work of every operator of a graph."""
    counted = Tally({}, {})
    for index, node in enumerate(graph.nodes):
        inputs = [shapes[source] for source in node.inputs]
        for kind, amount in work_of(node.op, inputs, costs[index]):
            counted.work[kind] = counted.work.get(kind, 0) + amount
            counted.operators[kind] = counted.operators.get(kind, 0) + 1
    return counted


def work_of(op: Op, inputs: Sequence[Shape], cost: OpCost) -> Iterator[tuple[str, int]]:
    """Split the terms of one operator into the kinds of work that the tools tell apart."""
    match op:
        case BatchNorm():
            yield "batch_norm", cost.terms.batch_norm
            yield "batch_norm_params", cost.params
        case LayerScale():
            yield "layer_scale", cost.terms.batch_norm
        case Activation():
            yield op.function, cost.terms.activation
        case GlobalPool():
            yield "pool", cost.terms.pool
            yield "pool_output", inputs[0].channels
        case Attention():
            yield "attention", cost.terms.attention
            yield "softmax", cost.terms.activation
            yield "query_scale", inputs[0].size
        case _:
            for kind in ("conv", "linear", "bias", "add", "scale"):
                if amount := getattr(cost.terms, kind):
                    yield kind, amount
