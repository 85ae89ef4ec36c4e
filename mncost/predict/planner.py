"""Which kernels a runtime runs for a graph.

ONNX Runtime fuses, and on x86-64 keeps images in blocks of channels in float32; what cannot be in
blocks is converted before and after, and where there are no blocks nothing is in them. The list is
worked out from our graph, so no session has to be made: ``tests/predict/test_kernels.py`` compares
it with the graphs that ONNX Runtime 1.31 makes. torch runs each operator by itself. Every other
runtime is taken to run our fused steps (:mod:`mncost.cost.memory`).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Literal, TypeAlias

from mncost.cost.memory import schedule
from mncost.graph import ops
from mncost.graph.graph import Graph, Node
from mncost.measure.runtimes.blocked import BLOCK, layout_of
from mncost.predict.kernels import Kernel, Plan

if TYPE_CHECKING:
    from mncost.measure.cell import Place

__all__ = ["Rule", "plan_of", "rule_of"]

Rule: TypeAlias = Literal["blocked", "fused", "operators"]
"""How a runtime turns a graph into kernels."""

_FUSED = ("relu", "relu6", "hardsigmoid", "sigmoid", "leaky_relu", "tanh")
"""Activations that ONNX Runtime computes inside the convolution before them."""
_FUSED_IN_BLOCKS = ("hardswish",)
"""Activations that it computes there in the blocked layout only."""
_EXPONENTIAL = ("silu", "gelu", "elu", "mish", "tanh")
"""Activations that are kinds of their own: they take several times as long as the others.

A sigmoid takes as long, but it stands at the gates of squeeze-excites, which are small."""


def rule_of(place: Place) -> Rule:
    """Return how the runtime of a place turns a graph into kernels."""
    if place.runtime == "torch":
        return "operators"
    is_own = place.runtime == "onnxruntime" and place.has_usual_provider
    return "blocked" if is_own and place.precision == "fp32" else "fused"


def plan_of(
    graph: Graph,
    rule: Rule,
    block: int = BLOCK,
    *,
    starts_in_blocks: bool = False,
    is_last: bool = True,
) -> Plan:
    """Return the kernels of a graph, or of a piece of a network.

    Args:
        graph: the operators.
        rule: of the runtime.
        block: channels of a block: 16 with AVX-512, 8 with AVX, 1 without blocks (on Arm).
        starts_in_blocks: whether the input is in blocks: the result of a piece before it.
        is_last: whether the result is the network's, which is in no blocks.
    """
    planner = _Planner(graph, rule, block, starts_in_blocks=starts_in_blocks)
    results = dict.fromkeys(planner.root[output] for output in graph.outputs)
    if is_last:
        planner.read([*results], in_blocks=False)
    in_blocks = not is_last and planner.blocked.issuperset(results)
    return Plan(graph, tuple(planner.kernels), block if rule == "blocked" else 1, in_blocks)


def _kind(op: ops.Op) -> str:
    """Return the kind of an operator's kernel: what takes several times as long is another one."""
    match op:
        case ops.GlobalPool():
            return "global pool"
        case ops.AdaptivePool():
            return "adaptive pool"
        case ops.Activation() if op.function in _EXPONENTIAL:
            return op.function
        case ops.LayerNorm() if op.dimensions == 2:  # an image is turned over before and after
            return "layer_norm of images"
        case ops.Resize():
            return f"{op.mode} resize"
        case _:
            return op.kind


class _Planner:
    """Walks through a graph once and notes which results are in blocks."""

    def __init__(self, graph: Graph, rule: Rule, block: int, *, starts_in_blocks: bool) -> None:
        self.graph = graph
        self.block = block
        self.rule = rule
        self.has_blocks = rule == "blocked" and block > 1
        self.kernels: list[Kernel] = []
        self.root = list(range(len(graph.nodes)))  # whose memory a result is
        self.channels: list[int] = []  # of each result; 0: not known
        self.blocked: set[int] = {0} if starts_in_blocks else set()
        self.added: set[int] = set()  # results of convolutions that add another one
        self.converted: set[int] = set()
        self.readers = graph.consumers()
        self.writer: dict[int, int] = {}  # the kernel that writes a result
        self.plain = set(layout_of(graph, block).unblocked) if rule == "blocked" else set()
        heads = {step.node for step in schedule(graph)}
        for index, node in enumerate(graph.nodes):
            self.channels.append(self.width(node))
            if not node.inputs:
                continue
            source = self.root[node.inputs[0]]
            if node.op.is_view or self.is_folded(node.op, source):
                self.root[index] = source
            elif rule == "operators" or index in heads:
                self.step(index, node.op)
            elif isinstance(node.op, ops.Activation):
                self.activation(index, node.op, source)
            else:
                self.root[index] = source

    def step(self, index: int, op: ops.Op) -> None:
        """Enter a kernel of an operator of its own."""
        sources = tuple(dict.fromkeys(self.root[one] for one in self.graph.nodes[index].inputs))
        if isinstance(op, ops.Conv):
            self.convolution(index, op, sources[0])
        elif isinstance(op, ops.Linear):
            self.read(sources, in_blocks=False)
            weights = op.in_features * op.out_features
            sizes = op.in_features, op.out_features
            self.enter(
                Kernel("linear", index, sources, weights, float(op.in_features), *sizes), False
            )
        elif isinstance(op, ops.Add) and self.rule == "blocked" and self.joined(index, sources):
            pass
        elif isinstance(op, ops.Activation) and self.absorbs(sources[0]):
            self.fuse(index, op, sources[0])
        elif isinstance(op, ops.Add | ops.Activation) and self.blocked.issuperset(sources):
            self.enter(Kernel(_kind(op), index, sources), True)
        elif isinstance(op, ops.BatchNorm) and self.blocked.issuperset(sources):
            # A batch norm alone becomes a depthwise convolution of one pixel.
            self.enter(Kernel("depthwise", index, sources, op.channels, 1.0, 1, op.channels), True)
        elif isinstance(op, ops.Concat):
            fits = self.blocked.issuperset(sources)
            fits = fits and not any(self.channels[one] % self.block for one in sources)
            self.read(sources, in_blocks=fits)
            self.enter(Kernel(op.kind, index, sources), fits)
        elif isinstance(op, ops.Pool | ops.GlobalPool):
            fits = self.has_blocks and self.channels[sources[0]] % self.block == 0
            fits = fits and (sources[0] in self.blocked or isinstance(op, ops.Pool))
            self.read(sources, in_blocks=fits)
            kind, side = _kind(op), 1
            if isinstance(op, ops.Pool):
                kind += " plain" if self.rule == "blocked" and not fits else ""
                side = max(op.kernel)
            self.enter(Kernel(kind, index, sources, kernel=side), fits)
        else:
            self.read(sources, in_blocks=False)
            is_cheap = op.keeps_channels_apart or isinstance(op, ops.BatchNorm)
            kernel = Kernel(_kind(op), index, sources, macs=0.0 if is_cheap else None)
            depth = self.depth(op, index)
            self.enter(kernel._replace(in_channels=depth), False)

    def depth(self, op: ops.Op, index: int) -> int:
        """Return the features of a head of attention: MACs / them are elements of its softmax."""
        if isinstance(op, ops.Attention):
            return op.key_dim
        before = self.graph.nodes[self.graph.nodes[index].inputs[0]].op
        if isinstance(op, ops.MultiHeadAttention) and isinstance(before, ops.Linear):
            return max(before.out_features // 3 // op.heads, 1)
        return 1

    def convolution(self, index: int, op: ops.Conv, source: int) -> None:
        """Enter a convolution, in blocks if it fits."""
        fits = self.rule == "blocked" and self.graph.nodes[index].name not in self.plain
        reads_plain = op.groups == 1 and op.in_channels < self.block
        self.read((source,), in_blocks=fits and not reads_plain)
        area = prod(op.kernel)
        kind = op.kind if op.groups == 1 or op.is_depthwise else "grouped"
        if fits and reads_plain and kind == "conv":  # in plain images several times as fast
            kind = "first conv"
        suffix = " plain" if self.rule == "blocked" and not fits else ""
        each = op.in_channels // op.groups * area
        self.enter(
            Kernel(
                kind + suffix,
                index,
                (source,),
                op.out_channels * each,
                float(each),
                op.in_channels // op.groups,
                op.out_channels,
                max(op.kernel),
                max(op.stride),
            ),
            fits,
        )

    def joined(self, index: int, sources: Sequence[int]) -> bool:
        """Let the convolution right before an addition add, if it can; say whether it did."""
        if len(sources) != 2:
            return False
        for one, other in (sorted(sources, reverse=True), sorted(sources)):
            place = self.writer.get(one)
            if place is None or self.graph_readers(one) != 1:
                continue
            kernel = self.kernels[place]
            is_conv = isinstance(self.graph.nodes[kernel.node].op, ops.Conv | ops.BatchNorm)
            acts = self.acts_between(kernel.node, index)
            fits = self.blocked.issuperset(sources) or kernel.kind.endswith(" plain")
            if is_conv and fits and not acts and len(kernel.sources) == 1:
                if one not in self.blocked:
                    self.read((other,), in_blocks=False)
                self.kernels[self.writer[one]] = kernel._replace(sources=(*kernel.sources, other))
                self.root[index] = one
                self.added.add(one)
                return True
        return False

    def is_folded(self, op: ops.Op, source: int) -> bool:
        """Whether the convolution before a layer scale takes its factors into the weights."""
        place = self.writer.get(source)
        if self.rule != "blocked" or not isinstance(op, ops.LayerScale) or place is None:
            return False
        is_conv = isinstance(self.graph.nodes[self.kernels[place].node].op, ops.Conv)
        return is_conv and len(self.kernels[place].sources) == 1 and self.graph_readers(source) == 1

    def absorbs(self, source: int) -> bool:
        """Whether the convolution that writes a result computes an activation after it too."""
        op = self.graph.nodes[source].op
        is_alone = isinstance(op, ops.BatchNorm) and source in self.blocked
        return source in self.added or is_alone

    def graph_readers(self, root: int) -> int:
        """Return how many nodes of other steps read a result."""
        own = [i for i, one in enumerate(self.root) if one == root]
        return sum(reader not in own for node in own for reader in self.readers[node])

    def acts_between(self, head: int, add: int) -> bool:
        """Whether an activation stands between a convolution and an addition."""
        node = self.graph.nodes[add]
        for source in node.inputs:
            place = source
            while place != head and self.root[place] == head:
                if isinstance(self.graph.nodes[place].op, ops.Activation):
                    return True
                place = self.graph.nodes[place].inputs[0]
        return False

    def is_fused(self, op: ops.Activation, source: int) -> bool:
        """Whether the convolution or linear layer before an activation computes it."""
        if op.function in _FUSED_IN_BLOCKS:
            return self.rule != "blocked" or source in self.blocked
        return op.function in _FUSED

    def fuse(self, index: int, op: ops.Activation, source: int) -> None:
        """Let the kernel before an activation compute it."""
        self.root[index] = source
        if source in self.writer:
            place = self.writer[source]
            self.kernels[place] = self.kernels[place]._replace(activation=op.function)

    def activation(self, index: int, op: ops.Activation, source: int) -> None:
        """Enter an activation, if no convolution computes it; it keeps the layout."""
        if self.is_fused(op, source):
            self.fuse(index, op, source)
            return
        self.enter(Kernel(_kind(op), index, (source,)), source in self.blocked)
        if op.function in _FUSED_IN_BLOCKS:  # x times the hard sigmoid of x
            self.enter(Kernel("scale", index, (index, source)), False)

    def read(self, sources: Sequence[int], *, in_blocks: bool) -> None:
        """Convert what is read from the other layout."""
        for source in sources if self.rule == "blocked" else ():
            self.convert(source, to_blocks=in_blocks)

    def convert(self, source: int, *, to_blocks: bool) -> None:
        """Enter a conversion of a result, once."""
        if (source in self.blocked) != to_blocks and source not in self.converted:
            self.converted.add(source)
            self.kernels.append(Kernel("reorder", source, (source,)))

    def enter(self, kernel: Kernel, in_blocks: bool) -> None:
        """Take a kernel in."""
        self.writer[kernel.node] = len(self.kernels)
        self.kernels.append(kernel)
        if in_blocks:
            self.blocked.add(kernel.node)

    def width(self, node: Node) -> int:
        """Return the channels of a result; 0 if they are not known."""
        match node.op:
            case ops.Conv():
                return node.op.out_channels
            case ops.Input():
                return (node.op.shape[0] if node.op.shape else 0) or 0
            case ops.Concat():
                return sum(self.channels[one] for one in node.inputs)
            case ops.Slice():
                return node.op.stop - node.op.start
            case _:
                return self.channels[node.inputs[0]]
