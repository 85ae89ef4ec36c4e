"""A graph: operators in execution order, each with the indices of its inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from msgspec import Struct

from mncost.graph.ops import (
    Flatten,
    Fold,
    GlobalPool,
    Input,
    Op,
    Select,
    Shape,
    Tokens,
    Unfold,
)

__all__ = ["Builder", "Graph", "Node", "Shapes"]

Shapes: TypeAlias = Mapping[str, Shape]
"""The shapes of a graph's inputs, by their names."""


class Node(Struct, frozen=True, gc=False):
    """One operator: its name (``row3.2.expand.conv``), its block (``row3.2``), its inputs."""

    name: str
    block: str
    op: Op
    inputs: tuple[int, ...]


class Graph(Struct, frozen=True, gc=False):
    """Operators in execution order, and the indices of those whose results are the outputs.

    A graph holds no shapes: those follow from the shapes of its inputs, and one graph serves many
    resolutions.
    """

    nodes: tuple[Node, ...]
    outputs: tuple[int, ...]

    @property
    def inputs(self) -> tuple[int, ...]:
        """The indices of the inputs."""
        return tuple([i for i, node in enumerate(self.nodes) if not node.inputs])

    @property
    def output_names(self) -> tuple[str, ...]:
        """The names of the outputs: ``output`` if there is one, else those of the nodes."""
        if len(self.outputs) == 1:
            return ("output",)
        return tuple(self.nodes[index].name for index in self.outputs)

    def images(self, height: int, width: int | None = None) -> dict[str, Shape]:
        """Return the shapes of the inputs for images of ``height`` × ``width`` pixels.

        Args:
            height: of every input that is an image whose size is open.
            width: likewise; by default the height.
        """
        size = (height, height if width is None else width)
        shapes = {}
        for index in self.inputs:
            node = self.nodes[index]
            assert isinstance(node.op, Input)
            open_ones = iter(size)
            shapes[node.name] = tuple(
                next(open_ones) if side is None else side for side in node.op.shape
            )
        return shapes

    def consumers(self) -> list[list[int]]:
        """Return, for each node, the indices of the nodes that read it, in order."""
        readers: list[list[int]] = [[] for _ in self.nodes]
        for index, node in enumerate(self.nodes):
            for source in node.inputs:
                readers[source].append(index)
        return readers


_RANKS: Mapping[type[Op], tuple[int, ...]] = {
    Flatten: (1, 1, 1, 1),
    Select: (1, 1, 1, 1),
    GlobalPool: (0, 1, 1, 3),  # of tokens their average
    Tokens: (2, 2, 2, 2),
    Unfold: (2, 2, 2, 2),
    Fold: (3, 3, 3, 3),
}
"""The operators whose result has another rank than what they read, by the latter."""


class Builder:
    """Collects nodes.

    Attributes:
        nodes: those so far.
        ranks: the number of dimensions of each one's result: 1 of a vector, 2 of tokens, 3 of an
            image.
        block: what the next nodes belong to.
        last: the node that the next one reads unless told otherwise: the newest, or one that was
            set.
    """

    def __init__(self, channels: int) -> None:
        """Start a graph with an image of this many channels, whose size is open."""
        self.nodes: list[Node] = [Node("input", "input", Input((channels, None, None)), ())]
        self.ranks = [3]
        self.block = "input"
        self.last = 0

    @property
    def rank(self) -> int:
        """How many dimensions the result has that the next node reads."""
        return self.ranks[self.last]

    @property
    def is_vector(self) -> bool:
        """Whether that result is a vector."""
        return self.ranks[self.last] == 1

    def add(self, role: str, op: Op, *inputs: int) -> int:
        """Append an operator, named after the block and its role there; return its index."""
        nodes, ranks, block = self.nodes, self.ranks, self.block
        sources = inputs or (self.last,)
        nodes.append(Node(f"{block}.{role}", block, op, sources))
        rank = ranks[sources[0]]
        self.last = last = len(ranks)
        ranks.append(_RANKS[kind][rank] if (kind := type(op)) in _RANKS else rank)
        return last

    def finish(self, outputs: tuple[int, ...] = ()) -> Graph:
        """Return the graph; its output is the last node, unless others are given."""
        return Graph(tuple(self.nodes), outputs or (self.last,))
