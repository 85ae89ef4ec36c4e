"""A graph without what no output needs."""

from __future__ import annotations

from msgspec.structs import replace

from mncost.graph.graph import Graph

__all__ = ["pruned"]


def pruned(graph: Graph) -> Graph:
    """Return a graph without the operators that no output needs; inputs stay."""
    needed = set(graph.outputs)
    for index in reversed(range(len(graph.nodes))):
        if index in needed:
            needed.update(graph.nodes[index].inputs)
    kept = [i for i, node in enumerate(graph.nodes) if i in needed or not node.inputs]
    place = {old: new for new, old in enumerate(kept)}
    nodes = (
        replace(node, inputs=tuple(place[source] for source in node.inputs))
        for node in (graph.nodes[index] for index in kept)
    )
    return Graph(tuple(nodes), tuple(place[index] for index in graph.outputs))
