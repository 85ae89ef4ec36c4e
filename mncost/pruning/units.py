"""Which channels of a network can only be removed together.

Every channel of every result belongs to a unit. A convolution makes new units; batch norms,
activations, poolings and depthwise convolutions pass them on; a sum, and the factors of a
squeeze-excite, make the units of both sides one; a concatenation puts them one behind the other.
What mixes or orders channels in another way (groups, shuffles, slices, tokens, attention, layer
norm) fixes the units that it reads and makes: they stay.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import NamedTuple

from mncost.graph import ops
from mncost.graph.graph import Graph, Node

__all__ = ["Units", "channels_of", "makes_units", "units_of"]

_PASSING = (
    ops.Activation,
    ops.BatchNorm,
    ops.PReLU,
    ops.Pool,
    ops.AdaptivePool,
    ops.GlobalPool,
    ops.Dropout,
    ops.LayerScale,
)


class Units(NamedTuple):
    """The units of a network.

    Attributes:
        of: the unit of each channel of each node's result.
        fixed: the units that stay, each with the name of the layer that says so.
    """

    of: Sequence[Sequence[int]]
    fixed: dict[int, str]


def channels_of(shape: ops.Shape) -> int:
    """Return the channels of a result: the features of tokens."""
    return shape[1] if len(shape) == 2 else shape[0]


def makes_units(node: Node) -> bool:
    """Whether a node's filters decide which of its channels matter."""
    return isinstance(node.op, ops.Linear) or (
        isinstance(node.op, ops.Conv) and node.op.groups == 1
    )


def units_of(graph: Graph, shapes: Sequence[ops.Shape]) -> Units:
    """Return the units of a graph whose shapes are known."""
    finding = _Finding()
    for index, node in enumerate(graph.nodes):
        finding.add(node, shapes, channels_of(shapes[index]))
    for output in graph.outputs:
        finding.fix(finding.of[output], graph.nodes[output].name)
    fixed = {finding.root(unit): name for unit, name in finding.fixed.items()}
    return Units([[finding.root(unit) for unit in own] for own in finding.of], fixed)


class _Finding:
    """Walks down a graph; units are numbers that point to others of the same unit."""

    def __init__(self) -> None:
        self.parents: list[int] = []
        self.of: list[list[int]] = []
        self.fixed: dict[int, str] = {}

    def root(self, unit: int) -> int:
        while self.parents[unit] != unit:
            self.parents[unit] = self.parents[self.parents[unit]]
            unit = self.parents[unit]
        return unit

    def new(self, count: int) -> list[int]:
        start = len(self.parents)
        self.parents.extend(range(start, start + count))
        return [*range(start, start + count)]

    def join(self, one: Sequence[int], other: Sequence[int]) -> list[int]:
        for a, b in zip(one, other, strict=True):
            self.parents[self.root(b)] = self.root(a)
        return [*one]

    def fix(self, units: Sequence[int], name: str) -> None:
        for unit in units:
            self.fixed.setdefault(unit, name)

    def add(self, node: Node, shapes: Sequence[ops.Shape], channels: int) -> None:
        self.of.append(self._made(node, shapes, [self.of[i] for i in node.inputs], channels))

    def _made(
        self, node: Node, shapes: Sequence[ops.Shape], read: Sequence[list[int]], channels: int
    ) -> list[int]:
        op = node.op
        match op:
            case ops.Conv() if op.is_depthwise:
                each = op.out_channels // op.in_channels
                return [unit for unit in read[0] for _ in range(each)]
            case _ if makes_units(node) and len(shapes[node.inputs[0]]) != 2:
                return self.new(channels)
            case ops.Add() | ops.Scale():
                if len(read[0]) == len(read[1]) and len(shapes[node.inputs[0]]) != 2:
                    return self.join(*read)
            case ops.Concat():
                if len(shapes[node.inputs[0]]) != 2:
                    return [unit for own in read for unit in own]
            case ops.Flatten():
                pixels = prod(shapes[node.inputs[0]][1:])
                return [unit for unit in read[0] for _ in range(pixels)]
            case ops.Resize():
                return read[0]
            case _ if isinstance(op, _PASSING) and len(shapes[node.inputs[0]]) != 2:
                return read[0]
            case _:
                pass
        for own in read:
            self.fix(own, node.name)
        made = self.new(channels)
        self.fix(made, node.name)
        return made
