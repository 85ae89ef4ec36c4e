"""The twins of a graph: what it would be if two convolutions that follow each other were one.

The other direction stands in :mod:`mncost.graph.separable`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from msgspec import Struct

from mncost.graph.graph import Graph, Node
from mncost.graph.ops import Activation, BatchNorm, Conv, Foreign, GlobalPool, Op, PReLU, Scale
from mncost.graph.pairs import Pair, Twin

__all__ = ["SPLITTING", "TWINS", "fused", "standard"]


def standard(graph: Graph) -> Twin:
    """Replace every depthwise convolution and the pointwise that follows it by one convolution.

    The new convolution has the depthwise's input channels, kernel and stride and the pointwise's
    output channels and name. Batch norm and activation between the two go; a squeeze-excite between
    them moves in front. A depthwise convolution that no pointwise follows stays.

    Source: the "standard convolution" of the V1 paper (arXiv:1704.04861), Section 3.1.
    """
    return _twin(graph, _is_separable)


def fused(graph: Graph) -> Twin:
    """Replace the 1×1 that expands and the depthwise that follows it in its block by one.

    The new convolution has the 1×1's input channels and the depthwise's output channels, kernel,
    stride and name. Batch norm and activation between the two go; what follows the depthwise, a
    squeeze-excite and the projection, stays.

    Source: the fused inverted residual of MobileNetEdgeTPU and of EfficientNetV2
    (arXiv:2104.00298, Figure 2).
    """
    return _twin(graph, _is_expanded)


def _separable(graph: Graph) -> Twin:
    from mncost.graph.separable import separable  # only where it is asked for

    return separable(graph)


TWINS: Mapping[str, Callable[[Graph], Twin]] = {
    "standard": standard,
    "fused": fused,
    "separable": _separable,
}
"""The twins, by name."""

SPLITTING = frozenset({"separable"})
"""The twins that have two convolutions for one: their pairs stand in the twin."""

_Rule: TypeAlias = Callable[[Node, Node], bool]
"""Whether two convolutions, of which the second reads the first, become one."""


def _is_separable(first: Node, second: Node) -> bool:
    return _is_depthwise(first.op) and _is_pointwise(second.op)


def _is_expanded(first: Node, second: Node) -> bool:
    same_block = first.block == second.block
    return same_block and _is_pointwise(first.op) and _is_depthwise(second.op)


def _is_depthwise(op: Op) -> bool:
    return isinstance(op, Conv) and op.is_depthwise


def _is_pointwise(op: Op) -> bool:
    if not isinstance(op, Conv) or not op.is_pointwise or op.stride != (1, 1):
        return False
    return isinstance(op.padding, str) or not any(op.padding)


class _Match(Struct, frozen=True):
    """Where a pair stands in the graph: node indices."""

    first: int
    second: int
    dropped: frozenset[int]  # batch norms and activations between the two
    moved: tuple[int, ...]  # a squeeze-excite between the two, in order


def _twin(graph: Graph, rule: _Rule) -> Twin:
    matches = _matches(graph, rule)
    pairs = tuple(
        Pair(graph.nodes[match.first].name, graph.nodes[match.second].name)
        for match in matches.values()
    )
    return Twin(_rewrite(graph, matches), pairs)


def _merged(first: Op, second: Op) -> Conv:
    assert isinstance(first, Conv)
    assert isinstance(second, Conv)
    depthwise = first if first.is_depthwise else second  # the other one is a 1×1 of stride 1
    return Conv(
        first.in_channels,
        second.out_channels,
        depthwise.kernel,
        depthwise.stride,
        depthwise.dilation,
        bias=second.bias,
        padding=depthwise.padding,
    )


def _matches(graph: Graph, rule: _Rule) -> dict[int, _Match]:
    """Return the pairs of a graph, by the index of their first convolution.

    No convolution is in two: of each pair one is depthwise, the other is not, and their order is
    the same in all.
    """
    readers = graph.consumers()
    matches = (
        _follow(graph, readers, index, rule)
        for index, node in enumerate(graph.nodes)
        if isinstance(node.op, Conv)
    )
    return {match.first: match for match in matches if match}


def _follow(graph: Graph, readers: list[list[int]], start: int, rule: _Rule) -> _Match | None:
    """Walk from a convolution to the one that alone reads its result, if they are a pair."""
    first = graph.nodes[start]
    dropped: set[int] = set()
    moved: list[int] = []
    current = start
    while current not in graph.outputs:  # an output has to be there whole
        match [(index, graph.nodes[index].op) for index in readers[current]]:
            case [(index, Conv())] if rule(first, graph.nodes[index]):
                return _Match(start, index, frozenset(dropped), tuple(moved))
            case [(index, BatchNorm() | Activation() | PReLU() | Foreign(fuses=True))] if not moved:
                dropped.add(index)
                current = index
            case [(pool, GlobalPool()), (scale, Scale())] if (
                not moved and _keeps_channels(first) and _is_gate(graph, current, pool, scale)
            ):
                moved = list(range(pool, scale + 1))
                current = scale
            case _:
                break
    return None


def _keeps_channels(node: Node) -> bool:
    """Whether a gate of its output channels fits its input channels, one by one."""
    op = node.op
    return isinstance(op, Conv) and op.is_depthwise and op.in_channels == op.out_channels


def _is_gate(graph: Graph, source: int, pool: int, scale: int) -> bool:
    """Whether what stands from a pooling to a product reads nothing but what is pooled."""
    inside = range(pool, scale + 1)
    return all(
        read == source or read in inside for index in inside for read in graph.nodes[index].inputs
    )


def _rewrite(graph: Graph, matches: dict[int, _Match]) -> Graph:
    gone = {index for m in matches.values() for index in (m.second, *m.dropped, *m.moved)}
    copy = _Copy(graph)
    for index in range(len(graph.nodes)):
        if match := matches.get(index):
            copy.pair(match)
        elif index not in gone:
            copy.node(index)
    return Graph(tuple(copy.nodes), tuple(copy.place[index] for index in graph.outputs))


class _Copy:
    """A graph that is copied node by node into a new one."""

    def __init__(self, graph: Graph) -> None:
        self.old = graph.nodes
        self.nodes: list[Node] = []
        self.place: dict[int, int] = {}  # index in the old graph -> index in the new one

    def node(self, index: int) -> None:
        node = self.old[index]
        inputs = tuple(self.place[source] for source in node.inputs)
        self.place[index] = len(self.nodes)
        self.nodes.append(Node(node.name, node.block, node.op, inputs))

    def pair(self, match: _Match) -> None:
        """Put a squeeze-excite first, then the convolution that replaces the pair."""
        (source,) = self.old[match.first].inputs
        features = self.place[source]
        # Whatever the squeeze-excite read from the first's side it now reads from in front.
        for index in (match.first, *match.dropped):
            self.place[index] = features
        for index in match.moved:
            self.node(index)
        reads = self.place[match.moved[-1]] if match.moved else features
        second = self.old[match.second]
        merged = _merged(self.old[match.first].op, second.op)
        self.place[match.second] = len(self.nodes)
        self.nodes.append(Node(second.name, second.block, merged, (reads,)))
