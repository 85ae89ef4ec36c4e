"""Bytes: of the weights as deployed, of the activations at their peak, and moved by each layer.

Assumptions, stated here once:

* One image (batch 1), one element of an activation takes 4 bytes at fp32, 2 at fp16, 1 at int8.
* Batch norm is folded into the convolution or linear layer before it, which gains a bias; a batch
  norm that follows neither (at the start of Mobile MQA) keeps a scale and a shift a channel.
* At int8 a weight takes 1 byte, a bias and any other vector of parameters 4 (int32, as ONNX Runtime
  and TFLite store it); scales and zero points of the quantisation are left out.
* A convolution or linear layer, its batch norm and its activation are one step: only its result is
  materialised. Flatten and dropout are free. No step works in place.
* Steps run in the order of the graph. A tensor lives from the step that writes it to the last one
  that reads it; the image counts. Attention also holds its scores (heads × queries × keys).
* A step reads its inputs and its weights once and writes its result once: the least traffic that is
  possible, as if every cache were perfect within the step and empty between steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias, get_args

from mncost.cost.count import attention_scores
from mncost.graph.graph import Graph
from mncost.graph.ops import (
    Activation,
    Attention,
    BatchNorm,
    Conv,
    Dropout,
    Flatten,
    LayerScale,
    Linear,
    Op,
)
from mncost.graph.shapes import Shape

__all__ = [
    "PRECISIONS",
    "Peak",
    "Precision",
    "Schedule",
    "Step",
    "peak",
    "schedule",
    "traffic",
    "weight_bytes",
]

Precision: TypeAlias = Literal["fp32", "fp16", "int8"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)

_ELEMENT_BYTES: dict[Precision, int] = {"fp32": 4, "fp16": 2, "int8": 1}
_VECTOR_BYTES: dict[Precision, int] = {"fp32": 4, "fp16": 2, "int8": 4}


class Step(NamedTuple):
    """What runs as one kernel: a node and those fused into it.

    Attributes:
        node: index of the convolution, pooling, ... itself, which stands for the step's result.
        inputs: the steps (or the image, 0) whose results it reads.
        weights, vectors: how many elements of each it holds as deployed.
        frees: the results that nobody reads after it.
    """

    node: int
    inputs: tuple[int, ...]
    weights: int
    vectors: int
    frees: tuple[int, ...]

    def parameter_bytes(self, precision: Precision) -> int:
        """Bytes of the step's deployed weights, biases and other vectors."""
        return self.weights * _ELEMENT_BYTES[precision] + self.vectors * _VECTOR_BYTES[precision]


Schedule: TypeAlias = tuple[Step, ...]
"""The steps of a graph in execution order; it holds for every resolution."""


class Peak(NamedTuple):
    """The most bytes of activations alive at once, and the node at which they are."""

    bytes: int
    node: int


def schedule(graph: Graph) -> Schedule:
    """Fuse a graph into steps and find out how long each result lives."""
    readers = graph.consumers()
    root = list(range(len(graph.nodes)))  # the step result that a node's result is
    heads: dict[int, list[int]] = {}  # first node of a step -> its nodes
    for index, node in enumerate(graph.nodes):
        source = root[node.inputs[0]] if node.inputs else index
        if isinstance(node.op, Flatten | Dropout):
            root[index] = source
        elif _fuses(graph, node.op, source, heads, readers, node.inputs):
            heads[source].append(index)
            root[index] = source
        elif node.inputs:
            heads[index] = [index]
    last_read = {
        root[source]: head
        for head, nodes in heads.items()
        for source in graph.nodes[nodes[0]].inputs
    }
    freed_by: dict[int, list[int]] = {}
    for result, head in last_read.items():
        freed_by.setdefault(head, []).append(result)
    steps = []
    for head, nodes in heads.items():
        inputs = tuple(root[source] for source in graph.nodes[head].inputs)
        weights, vectors = _deployed([graph.nodes[index].op for index in nodes])
        frees = tuple(freed_by.get(head, ()))
        steps.append(Step(head, inputs, weights, vectors, frees))
    return tuple(steps)


def _fuses(
    graph: Graph,
    op: Op,
    source: int,
    heads: dict[int, list[int]],
    readers: list[list[int]],
    inputs: tuple[int, ...],
) -> bool:
    """Whether a node continues the step that ends at its input."""
    if not isinstance(op, BatchNorm | Activation) or source not in heads:
        return False
    first, last = graph.nodes[heads[source][0]].op, heads[source][-1]
    return (
        isinstance(first, Conv | Linear)
        and last == inputs[0]
        and len(readers[last]) == 1
        and not isinstance(graph.nodes[last].op, Activation)
    )


def _deployed(ops: list[Op]) -> tuple[int, int]:
    """Return how many weights and how many vector elements a step holds once deployed."""
    folded = any(isinstance(op, BatchNorm) for op in ops[1:])
    match ops[0]:
        case Conv() as op:
            weights = op.out_channels * (op.in_channels // op.groups) * op.kernel**2
            return weights, op.out_channels if op.bias or folded else 0
        case Linear() as op:
            return op.in_features * op.out_features, op.out_features if op.bias or folded else 0
        case BatchNorm() as op:
            return 0, 2 * op.channels
        case LayerScale() as op:
            return 0, op.channels
        case _:
            return 0, 0


def weight_bytes(plan: Schedule, precision: Precision) -> int:
    """Return the bytes of all deployed parameters."""
    return sum(step.parameter_bytes(precision) for step in plan)


def peak(graph: Graph, plan: Schedule, shapes: Sequence[Shape], precision: Precision) -> Peak:
    """Return the most bytes of activations that are alive at once, by liveness."""
    live = most = shapes[0].size
    where = 0
    for step in plan:
        live += shapes[step.node].size
        op = graph.nodes[step.node].op
        workspace = 0
        if isinstance(op, Attention):
            workspace = attention_scores(op, [shapes[source] for source in step.inputs])
        if live + workspace > most:
            most, where = live + workspace, step.node
        live -= sum(shapes[result].size for result in step.frees)
    return Peak(most * _ELEMENT_BYTES[precision], where)


def traffic(step: Step, shapes: Sequence[Shape], precision: Precision) -> tuple[int, int]:
    """Return the bytes that a step reads (inputs and parameters) and writes."""
    element = _ELEMENT_BYTES[precision]
    read = sum(shapes[source].size for source in step.inputs) * element
    return read + step.parameter_bytes(precision), shapes[step.node].size * element
