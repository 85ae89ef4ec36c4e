"""What each operator does: the price list, by kinds of work.

Multiply-accumulates are those of convolutions, linear layers and attention products, as in the
papers. Everything else is counted too, each under a kind of its own, so that another tool's number
is a choice of kinds (:mod:`mncost.cost.conventions`). Counts are for one image and exact integers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from math import prod
from typing import NamedTuple, TypeAlias, assert_never

from msgspec import Struct

from mncost.graph import ops
from mncost.graph.graph import Graph, Node
from mncost.graph.ops import ACTIVATIONS, Op, Shape, parameters

__all__ = [
    "KINDS",
    "MACS",
    "SECOND",
    "OpCost",
    "Tally",
    "Work",
    "attention_scores",
    "count",
    "held",
    "macs_of",
    "macs_of_nodes",
    "tally",
    "token_scores",
    "work_of",
]

Work: TypeAlias = dict[str, int]
"""Amounts by kind of work, for one image:

- ``conv``, ``linear``, ``attention``, ``matmul`` (of two activations), ``recurrent`` (LSTM,
  GRU): multiply-accumulates.
- ``bias``: output elements that a bias is added to.
- ``batch_norm``, ``layer_scale``, ``scale``, ``add``, ``softmax``, ``relu``, ...: elements.
- ``batch_norm_params``, ``layer_norm_params``: scale and shift. ``query_scale``: the queries that
  are divided by √d. ``positions``: elements that a learned position is added to.
- ``resize_nearest``, ``resize_bilinear``: elements written, where that changes the size.
- ``prelu_params``: its factors. ``layer_norm_vectors``: how many vectors are normalised.
- ``softmax_vectors``: how many vectors a softmax runs over, of modules that were read.
- ``max_pool_windows``, ``average_pool_windows``: elements of all windows.
- ``max_pool``, ``average_pool``, ``pool`` (over the whole image): elements of the input;
  ``average_pool_output``, ``pool_output``: elements written.
- ``elementwise``, ``reduction``: of other people's operators that no other kind fits: elements
  written, and elements read by a sum, a mean or a norm.
"""

MACS = ("conv", "linear", "attention", "matmul", "recurrent")
"""The kinds that are multiply-accumulates."""
_MACS = frozenset(MACS)
_NO_MACS = frozenset({ops.BatchNorm, ops.Activation, ops.Add})
"""Operators that multiply nothing: two thirds of a network, whose work is not looked through."""

KINDS = (
    *MACS,
    "bias",
    "batch_norm",
    "batch_norm_params",
    *ACTIVATIONS,
    "prelu",
    "prelu_params",
    "layer_norm",
    "layer_norm_params",
    "layer_norm_vectors",
    "softmax",
    "softmax_vectors",
    "max_pool",
    "max_pool_windows",
    "average_pool",
    "average_pool_output",
    "average_pool_windows",
    "pool",
    "pool_output",
    "add",
    "positions",
    "scale",
    "layer_scale",
    "query_scale",
    "resize_nearest",
    "resize_bilinear",
    "elementwise",
    "reduction",
)
"""Every kind of work, in the order in which tables show them."""

SECOND = {
    "batch_norm_params": "batch_norm",
    "prelu_params": "prelu",
    "layer_norm_params": "layer_norm",
    "layer_norm_vectors": "layer_norm",
    "softmax_vectors": "softmax",
    "max_pool_windows": "max_pool",
    "average_pool_windows": "average_pool",
    "average_pool_output": "average_pool",
    "pool_output": "pool",
}
"""Kinds that measure an operator a second way."""


def work_of(node: Node, shapes: Sequence[Shape], out: Shape) -> Work:
    """Return the work of one operator: a pure function of its shapes.

    Args:
        node: the operator.
        shapes: those of the graph's nodes, of which it reads some.
        out: the shape of its result.
    """
    op = node.op
    match op:
        case ops.Conv():
            size, window = prod(out), op.in_channels // op.groups * op.kernel[0] * op.kernel[1]
            return {"conv": size * window, "bias": size} if op.bias else {"conv": size * window}
        case ops.BatchNorm():
            return {"batch_norm": prod(out), "batch_norm_params": 2 * op.channels}
        case ops.Activation():
            return {op.function: prod(out)}
        case ops.Add():
            return {"add": prod(out)}
        case ops.Linear():
            macs = prod(out) * op.in_features
            return {"linear": macs, "bias": prod(out)} if op.bias else {"linear": macs}
        case ops.PReLU():
            return {"prelu": prod(out), "prelu_params": op.channels}
        case ops.Pool():
            read = prod(shapes[node.inputs[0]])
            windows = prod(out) * prod(op.kernel)
            if op.function == "max":
                return {"max_pool": read, "max_pool_windows": windows}
            return {
                "average_pool": read,
                "average_pool_output": prod(out),
                "average_pool_windows": windows,
            }
        case ops.AdaptivePool():
            return _adaptive(op, shapes[node.inputs[0]])
        case ops.GlobalPool():
            return {"pool": prod(shapes[node.inputs[0]]), "pool_output": prod(out)}
        case ops.Scale():
            return {"scale": prod(out)}
        case ops.LayerScale():
            return {"layer_scale": prod(out)}
        case ops.Attention():
            queries, keys, _ = (shapes[source] for source in node.inputs)
            scores = attention_scores(op, queries, keys)
            return {
                "attention": 2 * scores * op.key_dim,
                "softmax": scores,
                "query_scale": prod(queries),
            }
        case ops.LayerNorm():
            return {
                "layer_norm": prod(out),
                "layer_norm_params": 2 * op.channels,
                "layer_norm_vectors": prod(out) // op.channels,
            }
        case ops.L2Norm():
            return {"reduction": prod(out), "elementwise": prod(out)}
        case ops.MultiHeadAttention():
            scores = token_scores(op, out)
            products = 2 * scores * (out[1] // op.heads)
            return {"attention": products, "softmax": scores, "query_scale": prod(out)}
        case ops.Resize():
            return {f"resize_{op.mode}": prod(out)} if out != shapes[node.inputs[0]] else {}
        case ops.Positions():
            return {"positions": prod(out)}
        case ops.Foreign():
            return dict(op.work or ())
        case (
            ops.Input()
            | ops.Flatten()
            | ops.Dropout()
            | ops.Concat()
            | ops.Slice()
            | ops.Shuffle()
            | ops.Tokens()
        ) | (ops.ClassToken() | ops.Select() | ops.Unfold() | ops.Fold()):
            return {}
        case _:
            assert_never(op)


def _adaptive(op: ops.AdaptivePool, read: Shape) -> Work:
    """Return the work of an adaptive pooling, which runs where the size is right already too."""
    return {"average_pool": prod(read), "average_pool_output": read[0] * prod(op.size)}


def attention_scores(op: ops.Attention, queries: Shape, keys: Shape) -> int:
    """Return the elements of QKᵀ: heads × query pixels × key pixels."""
    return op.heads * prod(queries[1:]) * prod(keys[1:])


def token_scores(op: ops.MultiHeadAttention, tokens: Shape) -> int:
    """Return the elements of QKᵀ: heads × tokens × tokens of the same sequence."""
    return op.heads * tokens[0] * (tokens[0] // op.sequences)


class OpCost(Struct, frozen=True, gc=False):
    """The cost of one operator: its work, and what it holds.

    Attributes:
        op: the operator.
        work: for one image.
        macs: the multiply-accumulates among it.
        params: trainable parameters.
        buffers: running statistics.
    """

    op: Op
    work: Work
    macs: int
    params: int
    buffers: int


def count(graph: Graph, shapes: Sequence[Shape]) -> list[OpCost]:
    """Return the cost of every node of a graph whose shapes are known."""
    costs = []
    for node, out in zip(graph.nodes, shapes, strict=True):
        op, work = node.op, work_of(node, shapes, out)
        macs = 0 if type(op) in _NO_MACS else macs_of(work)
        params, buffers = held(op)
        costs.append(OpCost(op, work, macs, params, buffers))
    return costs


def macs_of_nodes(graph: Graph, shapes: Sequence[Shape]) -> list[int]:
    """Return the multiply-accumulates of every node of a graph whose shapes are known."""
    return [
        0 if type(node.op) in _NO_MACS else macs_of(work_of(node, shapes, out))
        for node, out in zip(graph.nodes, shapes, strict=True)
    ]


@lru_cache(maxsize=10_000)
def held(op: Op) -> tuple[int, int]:
    """Return how many trainable parameters and buffers an operator holds."""
    trained = buffers = 0
    for param in parameters(op).values():
        if param.role == "statistic":
            buffers += prod(param.shape)
        else:
            trained += prod(param.shape)
    return trained, buffers


def macs_of(work: Work) -> int:
    """Return the multiply-accumulates among an operator's work."""
    total = 0  # a loop: the quickest way, and every count goes through here
    for kind, amount in work.items():
        if kind in _MACS:
            total += amount
    return total


class Tally(NamedTuple):
    """The work of a whole network, and how many operators each kind of it comes from."""

    work: Counter[str]
    operators: Counter[str]


def tally(costs: Iterable[OpCost]) -> Tally:
    """Add up the work of every operator of a graph."""
    total = Tally(Counter(), Counter())
    for cost in costs:
        total.work.update(cost.work)
        total.operators.update(cost.work.keys())
    return total
