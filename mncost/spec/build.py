"""From a resolved architecture to its graph."""

from __future__ import annotations

from collections.abc import Sequence

from mncost.errors import SpecError
from mncost.graph.graph import Graph, Node
from mncost.graph.ops import AdaptivePool, Flatten, Positions, Size
from mncost.spec.axis import size_of_image
from mncost.spec.emitter import Emitter, is_pooled
from mncost.spec.resolve import Architecture
from mncost.spec.rows import Block

__all__ = ["build", "emit", "is_sized"]


def build(architecture: Architecture, size: Size | None = None) -> Graph:
    """Emit the graph of an architecture.

    Args:
        architecture: a resolved one.
        size: height and width of the image: decides the weights of a linear layer that reads more
            than one pixel. By default the native one.
    """
    size = size or size_of_image(architecture.native_resolution)
    emitter = Emitter(architecture.in_channels, architecture.rules, size)
    return emit(emitter, architecture.name, architecture.blocks, architecture.outputs)


def emit(emitter: Emitter, origin: str, blocks: Sequence[Block], outputs: Sequence[str]) -> Graph:
    """Emit blocks; return the graph.

    Args:
        emitter: what they are emitted with.
        origin: what messages call the network.
        blocks: in order; each reads blocks before it, or what ``emitter.ends`` names.
        outputs: the names of the results that the graph gives.

    Raises:
        SpecError: a block cannot be emitted.
    """
    for block in blocks:
        emitter.begin(block.name, block.sources)
        try:
            block.row.emit(emitter, block)
        except ValueError as error:
            where = f"{origin}: row {block.number} ({block.name})"
            raise SpecError(f"{where}: {error}") from None
        emitter.ends[block.name] = emitter.last
    ends = {name: emitter.ends[name] for name in outputs}
    if len(set(ends.values())) < len(ends):
        same = " and ".join(name for name in ends if [*ends.values()].count(ends[name]) > 1)
        raise SpecError(f"{origin}: outputs: {same} are one result")
    if len(ends) > 1 and 0 in ends.values():
        same = next(name for name, index in ends.items() if index == 0)
        raise SpecError(f"{origin}: outputs: {same} is the image as it is")
    graph = emitter.finish(tuple(ends.values()))
    if all(block.row.whole for block in blocks):
        return graph
    from mncost.graph.pruned import pruned  # few networks have rows of which parts are read

    return pruned(graph)


def is_sized(graph: Graph) -> bool:
    """Whether a graph fits one size of images only.

    A linear layer reads more than one pixel, or each place has a learned vector.
    """
    return any(
        isinstance(node.op, Positions)
        or (isinstance(node.op, Flatten) and not _is_fixed(graph.nodes, node.inputs[0]))
        for node in graph.nodes
    )


def _is_fixed(nodes: Sequence[Node], index: int) -> bool:
    """Whether a result has one size for images of every size."""
    return isinstance(nodes[index].op, AdaptivePool) or is_pooled(nodes, index)
