"""The separable twin of a graph: each ordinary convolution as a depthwise and a pointwise one."""

from __future__ import annotations

from msgspec.structs import replace

from mncost.graph.graph import Graph, Node
from mncost.graph.ops import Activation, BatchNorm, Conv, Op, PReLU
from mncost.graph.pairs import Pair, Twin

__all__ = ["separable"]


def separable(graph: Graph) -> Twin:
    """Replace every k×k convolution (k > 1, one group) by a depthwise and a pointwise one.

    The depthwise convolution has the input channels, kernel, stride and padding; the pointwise one
    the output channels, bias and name. Between the two stand a batch norm and an activation like
    those that follow the convolution. So the standard twin of the result is the graph again.

    Source: depthwise separable convolution, V1 paper (arXiv:1704.04861), Section 3.1.
    """
    readers = graph.consumers()
    nodes: list[Node] = []
    pairs: list[Pair] = []
    place: dict[int, int] = {}  # index in the graph -> index in its twin
    for index, node in enumerate(graph.nodes):
        sources = tuple(place[source] for source in node.inputs)
        if _is_ordinary(node.op):
            assert isinstance(node.op, Conv)
            role = f"{node.name.removesuffix('.conv')}.depthwise"
            following = _following(graph, readers, index)
            between = _between(role, node.op.in_channels, following)
            for name, op in [(f"{role}.conv", _depthwise(node.op)), *between]:
                nodes.append(Node(name, node.block, op, sources))
                sources = (len(nodes) - 1,)
            pairs.append(Pair(f"{role}.conv", node.name))
        place[index] = len(nodes)
        op = _pointwise(node.op) if _is_ordinary(node.op) else node.op
        nodes.append(Node(node.name, node.block, op, sources))
    return Twin(Graph(tuple(nodes), tuple(place[index] for index in graph.outputs)), tuple(pairs))


def _is_ordinary(op: Op) -> bool:
    return isinstance(op, Conv) and op.groups == 1 < op.in_channels and op.kernel != (1, 1)


def _depthwise(op: Conv) -> Conv:
    return replace(op, out_channels=op.in_channels, groups=op.in_channels, bias=False)


def _pointwise(op: Op) -> Conv:
    assert isinstance(op, Conv)
    return Conv(op.in_channels, op.out_channels, (1, 1), bias=op.bias)


def _following(graph: Graph, readers: list[list[int]], index: int) -> list[Op]:
    """Return the batch norm and the activation that alone read a convolution's result."""
    between: list[Op] = []
    for kinds in ((BatchNorm,), (Activation, PReLU)):
        after = readers[index]
        if index in graph.outputs or len(after) != 1:
            break
        op = graph.nodes[after[0]].op
        if isinstance(op, kinds):
            between.append(op)
            (index,) = after
    return between


def _between(role: str, channels: int, following: list[Op]) -> list[tuple[str, Op]]:
    """Return what stands between the two convolutions, with names."""
    return [
        (
            f"{role}.{'bn' if isinstance(op, BatchNorm) else 'act'}",
            replace(op, channels=channels) if isinstance(op, BatchNorm | PReLU) else op,
        )
        for op in following
    ]
