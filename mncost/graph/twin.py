"""The standard-convolution twin of a graph: what it would be without separable convolutions."""

from __future__ import annotations

from typing import NamedTuple

from mncost.graph.graph import Graph, Node
from mncost.graph.ops import Activation, BatchNorm, Conv, GlobalPool, Op, Scale

__all__ = ["Pair", "Twin", "standard"]


class Pair(NamedTuple):
    """The names of a depthwise convolution and of the pointwise that follows it.

    In the twin, the convolution that replaces both has the name of the pointwise.
    """

    depthwise: str
    pointwise: str


class Twin(NamedTuple):
    """A rewritten graph, and the pairs that were rewritten."""

    graph: Graph
    pairs: tuple[Pair, ...]


class _Match(NamedTuple):
    """Where a pair stands in the graph: node indices."""

    depthwise: int
    pointwise: int
    dropped: frozenset[int]  # batch norms and activations between the two
    moved: tuple[int, ...]  # a squeeze-excite between the two, in order


def standard(graph: Graph) -> Twin:
    """Replace every depthwise convolution and the pointwise that follows it by one convolution.

    The new convolution has the depthwise's input channels, kernel and stride and the pointwise's
    output channels and name. Batch norm and activation between the two go; a squeeze-excite between
    them moves in front. A depthwise convolution that no pointwise follows stays.
    """
    matches = _matches(graph)
    pairs = tuple(
        Pair(graph.nodes[match.depthwise].name, graph.nodes[match.pointwise].name)
        for match in matches.values()
    )
    return Twin(_rewrite(graph, matches), pairs)


def _merged(depthwise: Op, pointwise: Op) -> Conv:
    assert isinstance(depthwise, Conv)
    assert isinstance(pointwise, Conv)
    return Conv(
        depthwise.in_channels,
        pointwise.out_channels,
        depthwise.kernel,
        depthwise.stride,
        groups=1,
        bias=pointwise.bias,
        padding=depthwise.padding,
    )


def _matches(graph: Graph) -> dict[int, _Match]:
    """Return the pairs of a graph, by the index of their depthwise convolution."""
    readers = graph.consumers()
    found = (
        _follow(graph, readers, index)
        for index, node in enumerate(graph.nodes)
        if isinstance(node.op, Conv) and node.op.is_depthwise
    )
    return {match.depthwise: match for match in found if match}


def _follow(graph: Graph, readers: list[list[int]], start: int) -> _Match | None:
    """Walk from a depthwise convolution to the pointwise that reads its result, if one does."""
    dropped: set[int] = set()
    moved: list[int] = []
    current = start
    while True:
        match [(index, graph.nodes[index].op) for index in readers[current]]:
            case [(index, Conv() as op)] if op.is_pointwise and op.stride == 1:
                return _Match(start, index, frozenset(dropped), tuple(moved))
            case [(index, BatchNorm() | Activation())] if not moved:
                dropped.add(index)
                current = index
            case [(pool, GlobalPool()), (scale, Scale())] if not moved and _same_width(
                graph, start
            ):
                moved = list(range(pool, scale + 1))
                current = scale
            case _:
                return None


def _same_width(graph: Graph, index: int) -> bool:
    op = graph.nodes[index].op
    return isinstance(op, Conv) and op.in_channels == op.out_channels


def _rewrite(graph: Graph, matches: dict[int, _Match]) -> Graph:
    gone = {index for m in matches.values() for index in (m.pointwise, *m.dropped, *m.moved)}
    copy = _Copy(graph)
    for index in range(len(graph.nodes)):
        if match := matches.get(index):
            copy.pair(match)
        elif index not in gone:
            copy.node(index)
    return Graph(tuple(copy.nodes))


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
        (source,) = self.old[match.depthwise].inputs
        features = self.place[source]
        # Whatever the squeeze-excite read from the depthwise's side it now reads from in front.
        for index in (match.depthwise, *match.dropped):
            self.place[index] = features
        for index in match.moved:
            self.node(index)
        reads = self.place[match.moved[-1]] if match.moved else features
        pointwise = self.old[match.pointwise]
        merged = _merged(self.old[match.depthwise].op, pointwise.op)
        self.place[match.pointwise] = len(self.nodes)
        self.nodes.append(Node(pointwise.name, pointwise.block, merged, (reads,)))
