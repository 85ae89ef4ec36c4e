"""A graph: operators in execution order, each with the indices of its inputs."""

from __future__ import annotations

from msgspec import Struct

from mncost.graph.ops import Input, Op

__all__ = ["Builder", "Graph", "Node"]


class Node(Struct, frozen=True):
    """One operator: its name (``row3.2.expand.conv``), its block (``row3.2``), its inputs."""

    name: str
    block: str
    op: Op
    inputs: tuple[int, ...]


class Graph(Struct, frozen=True):
    """Operators in execution order; the last one is the output, the first the input.

    It holds no shapes: those follow from a resolution, and one graph serves many.
    """

    nodes: tuple[Node, ...]

    def consumers(self) -> list[list[int]]:
        """Return, for each node, the indices of the nodes that read it, in order."""
        readers: list[list[int]] = [[] for _ in self.nodes]
        for index, node in enumerate(self.nodes):
            for source in node.inputs:
                readers[source].append(index)
        return readers


class Builder:
    """Collects nodes. ``last`` is the node that the next one reads unless told otherwise."""

    def __init__(self, channels: int) -> None:
        """Start a graph with an image of so many channels."""
        self.nodes: list[Node] = [Node("input", "input", Input(channels), ())]
        self.block = "input"

    @property
    def last(self) -> int:
        """The index of the newest node."""
        return len(self.nodes) - 1

    def add(self, role: str, op: Op, *inputs: int) -> int:
        """Append an operator, named after the block and its role there; return its index."""
        sources = inputs or (len(self.nodes) - 1,)
        self.nodes.append(Node(f"{self.block}.{role}", self.block, op, sources))
        return len(self.nodes) - 1

    def finish(self) -> Graph:
        """Return the graph."""
        return Graph(tuple(self.nodes))
