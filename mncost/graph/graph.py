"""A graph: operators in execution order, each with the indices of its inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from msgspec import Struct

from mncost.graph.ops import (
    Activation,
    BatchNorm,
    Dropout,
    Flatten,
    Input,
    Linear,
    Op,
    PReLU,
    Shape,
)

__all__ = ["Builder", "Graph", "Node", "Shapes"]

Shapes: TypeAlias = Mapping[str, Shape]
"""The shapes of a graph's inputs, by their names."""


class Node(Struct, frozen=True):
    """One operator: its name (``row3.2.expand.conv``), its block (``row3.2``), its inputs."""

    name: str
    block: str
    op: Op
    inputs: tuple[int, ...]


class Graph(Struct, frozen=True):
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


class Builder:
    """Collects nodes. ``last`` is the node that the next one reads unless told otherwise."""

    def __init__(self, channels: int) -> None:
        """Start a graph with an image of so many channels, whose size is open."""
        self.nodes: list[Node] = [Node("input", "input", Input((channels, None, None)), ())]
        self.block = "input"

    @property
    def last(self) -> int:
        """The index of the newest node."""
        return len(self.nodes) - 1

    @property
    def is_vector(self) -> bool:
        """Whether the newest result has no height and width any more."""
        index = self.last
        while isinstance(self.nodes[index].op, Activation | PReLU | BatchNorm | Dropout):
            (index,) = self.nodes[index].inputs
        return isinstance(self.nodes[index].op, Flatten | Linear)

    def add(self, role: str, op: Op, *inputs: int) -> int:
        """Append an operator, named after the block and its role there; return its index."""
        sources = inputs or (len(self.nodes) - 1,)
        self.nodes.append(Node(f"{self.block}.{role}", self.block, op, sources))
        return len(self.nodes) - 1

    def finish(self) -> Graph:
        """Return the graph, with the newest node for its output."""
        return Graph(tuple(self.nodes), (self.last,))
