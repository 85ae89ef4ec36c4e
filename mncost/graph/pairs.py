"""What a twin is: a graph, and the pairs of convolutions in which it differs."""

from __future__ import annotations

from typing import NamedTuple

from mncost.graph.graph import Graph

__all__ = ["Pair", "Twin"]


class Pair(NamedTuple):
    """The names of two convolutions that become one.

    In the twin, the convolution that replaces both has the name of the second.
    """

    first: str
    second: str


class Twin(NamedTuple):
    """A rewritten graph, and the pairs that were rewritten, or that it has now."""

    graph: Graph
    pairs: tuple[Pair, ...]
