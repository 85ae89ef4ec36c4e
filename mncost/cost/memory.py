"""Bytes: of the weights as deployed, of the activations at their peak, and moved by each layer.

Assumptions, stated here once:

* One image (batch 1), one element of an activation takes 4 bytes at fp32, 2 at fp16
  and bf16, 1 at int8.
* Batch norm is folded into the convolution or linear layer before it, which gains a bias; a batch
  norm that follows neither (at the start of Mobile MQA) keeps a scale and a shift a channel.
* At int8 a weight takes 1 byte, a bias and any other vector of parameters 4 (int32, as ONNX Runtime
  and TFLite store it); scales and zero points of the quantisation are left out.
* A convolution or linear layer, its batch norm and its activation are one step: only its result is
  materialised. Flatten and dropout are free. No step works in place; with the rule ``depthwise`` a
  depthwise convolution writes over its input, channel by channel, where nothing reads that later,
  as the runtimes of microcontrollers do (MCUNet, arXiv:2007.10319, Section 3.2).
* Steps run in the order of the graph. A tensor lives from the step that writes it to the last one
  that reads it; the image counts. Attention also holds its scores (heads × queries × keys).
* A step reads its inputs and its weights once and writes its result once: the least traffic that is
  possible, as if every cache were perfect within the step and empty between steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Literal, TypeAlias, assert_never, get_args

from msgspec import Struct

from mncost.cost.work import attention_scores, token_scores
from mncost.errors import one_of
from mncost.graph import ops
from mncost.graph.graph import Graph, Node
from mncost.graph.ops import Op, Shape, parameters

__all__ = [
    "ELEMENT_BYTES",
    "IN_PLACE",
    "PRECISIONS",
    "QAT",
    "InPlace",
    "Peak",
    "Precision",
    "Schedule",
    "Step",
    "as_in_place",
    "as_precision",
    "peak",
    "schedule",
    "stored_as",
    "traffic",
    "weight_bytes",
]

Precision: TypeAlias = Literal["fp32", "fp16", "bf16", "int8"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
QAT = "int8-qat"
"""A precision that is only measured: int8 from quantisation-aware training, as many bytes."""
InPlace: TypeAlias = Literal["none", "depthwise"]
IN_PLACE: tuple[InPlace, ...] = get_args(InPlace)
"""What is computed in place: nothing, or depthwise convolutions."""


def as_precision(name: str | None) -> Precision:
    """Check the name of a precision; ``None`` is fp32.

    Raises:
        UnknownNameError: there is no such precision.
    """
    return one_of("precision", name or "fp32", PRECISIONS)


def stored_as(name: str) -> Precision:
    """Return the precision that says how many bytes a measured precision takes."""
    return as_precision("int8" if name == QAT else name)


def as_in_place(name: str | None) -> InPlace:
    """Check the name of what is computed in place; ``None`` is nothing.

    Raises:
        UnknownNameError: there is no such rule.
    """
    return one_of("rule of what is in place", name or "none", IN_PLACE)


ELEMENT_BYTES: dict[Precision, int] = {"fp32": 4, "fp16": 2, "bf16": 2, "int8": 1}
_VECTOR_BYTES: dict[Precision, int] = {"fp32": 4, "fp16": 2, "bf16": 2, "int8": 4}


class Step(Struct, frozen=True):
    """What runs as one kernel: a node and those fused into it.

    Attributes:
        node: index of the convolution, pooling, ... itself, which stands for the step's result.
        inputs: the steps (or the image, 0) whose results it reads.
        weights, vectors: how many elements of each it holds as deployed.
        frees: the results that nobody reads after it.
        reads_part: it reads only those elements of its input that it writes.
    """

    node: int
    inputs: tuple[int, ...]
    weights: int
    vectors: int
    frees: tuple[int, ...]
    reads_part: bool = False

    def parameter_bytes(self, precision: Precision) -> int:
        """Bytes of the step's deployed weights, biases and other vectors."""
        return self.weights * ELEMENT_BYTES[precision] + self.vectors * _VECTOR_BYTES[precision]


Schedule: TypeAlias = tuple[Step, ...]
"""The steps of a graph in execution order; it holds for every resolution."""


class Peak(Struct, frozen=True):
    """The most bytes of activations alive at once, and the node at which they are."""

    bytes: int
    node: int


def schedule(graph: Graph) -> Schedule:
    """Fuse a graph into steps and find out how long each result lives."""
    root, steps = _fused(graph)
    last_read = {step[0]: step[0] for step in steps}  # what nobody reads goes at once
    for head, *_ in steps:
        for source in _contents(graph.nodes[head]):
            last_read[root[source]] = head
    for output in graph.outputs:
        last_read.pop(root[output], None)
    frees: dict[int, list[int]] = {}
    for result, reader in last_read.items():
        frees.setdefault(reader, []).append(result)
    return tuple(
        Step(
            nodes[0],
            tuple(root[source] for source in _contents(graph.nodes[nodes[0]])),
            *_deployed([graph.nodes[index].op for index in nodes]),
            tuple(frees.get(nodes[0], ())),
            isinstance(graph.nodes[nodes[0]].op, ops.Slice | ops.Select),
        )
        for nodes in steps
    )


def _contents(node: Node) -> tuple[int, ...]:
    """Return the inputs whose elements are read, and not only their size, which is known."""
    return node.inputs[:1] if isinstance(node.op, ops.Resize | ops.Fold) else node.inputs


def _fused(graph: Graph) -> tuple[list[int], list[list[int]]]:
    """Return the step (or input) that holds each node's result, and the nodes of each step."""
    readers = graph.consumers()
    outputs = frozenset(graph.outputs)
    root = list(range(len(graph.nodes)))
    steps: dict[int, list[int]] = {}  # by the first node

    def continues(op: Op, source: int) -> bool:
        """Whether a node runs in the step whose last node alone it reads."""
        step = steps.get(root[source])
        return (
            op.fuses_into_previous
            and step is not None
            and step[-1] == source
            and len(readers[source]) == 1
            and source not in outputs
            and isinstance(graph.nodes[step[0]].op, (ops.Conv, ops.Linear))
            and not isinstance(graph.nodes[source].op, (ops.Activation, ops.PReLU))
        )

    for index, node in enumerate(graph.nodes):
        if not node.inputs:
            continue
        source = node.inputs[0]
        if node.op.is_view:
            root[index] = root[source]
        elif continues(node.op, source):
            root[index] = root[source]
            steps[root[index]].append(index)
        else:
            steps[index] = [index]
    return root, list(steps.values())


def _deployed(fused: Sequence[Op]) -> tuple[int, int]:
    """Return how many weights and how many vector elements a step holds once deployed."""
    kept = dict(parameters(fused[0]))
    for op in fused[1:]:
        own = parameters(op)
        if isinstance(op, ops.BatchNorm):  # folded, it leaves a bias where there is none
            kept.setdefault("bias", own["bias"])
        else:
            kept |= {f"{op.kind}.{leaf}": param for leaf, param in own.items()}
    sizes = {"weight": 0, "vector": 0, "statistic": 0}
    for shape, role in kept.values():
        sizes[role] += prod(shape)
    return sizes["weight"], sizes["vector"]


def weight_bytes(plan: Schedule, precision: Precision) -> int:
    """Return the bytes of all deployed parameters."""
    return sum(step.parameter_bytes(precision) for step in plan)


def peak(
    graph: Graph,
    plan: Schedule,
    shapes: Sequence[Shape],
    precision: Precision,
    in_place: InPlace = "none",
) -> Peak:
    """Return the most bytes of activations that are alive at once, by liveness."""
    where, *_ = inputs = graph.inputs
    sizes = {index: prod(shapes[index]) for index in inputs}
    live = most = sum(sizes.values())
    for step in plan:
        op = graph.nodes[step.node].op
        sizes[step.node] = size = prod(shapes[step.node])
        live += size
        if in_place == "depthwise" and _writes_over(op, step):
            shared = min(size, sizes[step.inputs[0]])
            live -= shared
            sizes[step.inputs[0]] -= shared
        needed = live + _workspace(op, shapes, step.inputs)
        if needed > most:
            most, where = needed, step.node
        for result in step.frees:
            live -= sizes[result]
    return Peak(most * ELEMENT_BYTES[precision], where)


def _writes_over(op: Op, step: Step) -> bool:
    """Whether a step is a depthwise convolution that alone still needs its input."""
    return isinstance(op, ops.Conv) and op.is_depthwise and step.inputs[0] in step.frees


def _workspace(op: Op, shapes: Sequence[Shape], inputs: Sequence[int]) -> int:
    """Return how many elements an operator holds beside its inputs and its result."""
    match op:
        case (
            (
                ops.Conv()
                | ops.Linear()
                | ops.BatchNorm()
                | ops.Activation()
                | ops.PReLU()
                | ops.Add()
                | ops.Scale()
            )
            | (
                ops.LayerScale()
                | ops.Pool()
                | ops.AdaptivePool()
                | ops.GlobalPool()
                | ops.Flatten()
                | ops.Dropout()
                | ops.Input()
            )
            | (
                ops.Concat()
                | ops.Slice()
                | ops.Shuffle()
                | ops.Resize()
                | ops.LayerNorm()
                | ops.L2Norm()
                | ops.Tokens()
                | ops.ClassToken()
            )
            | (ops.Positions() | ops.Select() | ops.Unfold() | ops.Fold() | ops.Foreign())
        ):
            return 0
        case ops.Attention():
            return attention_scores(op, shapes[inputs[0]], shapes[inputs[1]])
        case ops.MultiHeadAttention():
            return token_scores(op, shapes[inputs[0]])
        case _:
            assert_never(op)


def traffic(step: Step, shapes: Sequence[Shape], precision: Precision) -> tuple[int, int]:
    """Return the bytes that a step reads (inputs and parameters) and writes."""
    element = ELEMENT_BYTES[precision]
    written = prod(shapes[step.node])
    read = written if step.reads_part else sum(prod(shapes[source]) for source in step.inputs)
    return read * element + step.parameter_bytes(precision), written * element
