"""A pair of convolutions and the one that replaces it, each cut out as a graph of its own."""

from __future__ import annotations

from typing import NamedTuple

from mncost.graph.graph import Builder, Graph
from mncost.graph.ops import Activation, BatchNorm, Conv, Op, PReLU
from mncost.graph.pairs import Pair

__all__ = ["Pieces", "pieces"]


class Pieces(NamedTuple):
    """Four small graphs: a pair, each of its convolutions alone, and what replaces the pair.

    Each starts with an input, and holds its convolutions with their batch norms and activations.
    """

    both: Graph
    first: Graph
    second: Graph
    merged: Graph


def pieces(graph: Graph, twin: Graph, pair: Pair) -> Pieces:
    """Cut a pair out of its graph, and the convolution that replaces it out of the twin.

    A convolution keeps the batch norm and then the activation that alone read what stands before
    them. All else is left out, a squeeze-excite between or behind the two as well. Names say a
    place in the pair (``first.conv``, ``merged.bn``), not in the network, so that the same
    computation is the same graph wherever it was cut out.

    Args:
        graph: the graph that has the pair.
        twin: the graph of the twin that has one convolution in its place.
        pair: one of :attr:`mncost.graph.twin.Twin.pairs`.

    Returns:
        The pieces. Like every graph they hold no shapes: ``both``, ``first`` and ``merged`` read
        what the pair's first convolution reads, ``second`` what its second one does.
    """
    first, second = _step(graph, pair.first), _step(graph, pair.second)
    return Pieces(
        both=_chain(first=first, second=second),
        first=_chain(first=first),
        second=_chain(second=second),
        merged=_chain(merged=_step(twin, pair.second)),
    )


class _Step(NamedTuple):
    """A convolution, and the batch norm and the activation behind it."""

    conv: Conv
    rest: list[Op]


def _step(graph: Graph, name: str) -> _Step:
    index = next(i for i, node in enumerate(graph.nodes) if node.name == name)
    conv = graph.nodes[index].op
    assert isinstance(conv, Conv), name
    readers = graph.consumers()
    rest: list[Op] = []
    for kinds in ((BatchNorm,), (Activation, PReLU)):
        match readers[index]:
            case [reader] if isinstance(op := graph.nodes[reader].op, kinds):
                if index in graph.outputs:
                    break
                rest.append(op)
                index = reader
    return _Step(conv, rest)


def _chain(**steps: _Step) -> Graph:
    """Return a graph of steps, one after the other; each is a block with its own name."""
    builder = Builder(next(iter(steps.values())).conv.in_channels)
    for block, step in steps.items():
        builder.block = block
        builder.add("conv", step.conv)
        for op in step.rest:
            builder.add("bn" if isinstance(op, BatchNorm) else "act", op)
    return builder.finish()
