"""The end of a network that shall run: another number of classes, logits or features as vectors."""

from __future__ import annotations

from typing import Protocol

import msgspec

from mncost.errors import InputError
from mncost.graph.blocks import build
from mncost.graph.graph import Graph, Node
from mncost.graph.ops import BatchNorm, Conv, Flatten, GlobalPool, Linear, Op
from mncost.graph.twin import TWINS
from mncost.spec import schema
from mncost.spec.resolve import Architecture, Block

__all__ = ["Counted", "check_vectors", "features", "logits", "with_classes"]


class Counted(Protocol):
    """What a model is made of; a :class:`mncost.Network` is one."""

    @property
    def architecture(self) -> Architecture: ...  # noqa: D102
    @property
    def graph(self) -> Graph: ...  # noqa: D102
    @property
    def resolution(self) -> int: ...  # noqa: D102
    @property
    def twin(self) -> str | None: ...  # noqa: D102


def _classifier(architecture: Architecture) -> Block | None:
    """Return the block that writes the logits, if there is one."""
    found = (b for b in reversed(architecture.blocks) if getattr(b.row, "out", None) == "classes")
    return next(found, None)


def with_classes(network: Counted, classes: int | None) -> Graph:
    """Return the graph of a network with another number of classes."""
    architecture = network.architecture
    if classes is None or classes == architecture.classes:
        return network.graph
    if classes < 1:
        raise InputError(f"num_classes {classes}: at least 1 is accepted")
    classifier = _classifier(architecture)
    if classifier is None:
        raise InputError(f'{architecture.name} has no classifier: no row has out = "classes"')
    at = architecture.blocks.index(classifier)
    after = architecture.blocks[at + 1 :]
    if not all(isinstance(block.row, schema.Pool | schema.Dropout) for block in after):
        raise InputError(f"{architecture.name}: rows follow the classifier; load it with classes=")
    changed = (
        msgspec.structs.replace(classifier, out_channels=classes),
        *(msgspec.structs.replace(b, in_channels=classes, out_channels=classes) for b in after),
    )
    blocks = architecture.blocks[:at] + changed
    graph = build(msgspec.structs.replace(architecture, blocks=blocks, classes=classes))
    return TWINS[network.twin](graph).graph if network.twin else graph


def logits(network: Counted, graph: Graph) -> Graph:
    """Return the graph with logits that are a vector: some dialects' classifiers convolve."""
    architecture = network.architecture
    if _classifier(architecture) is None or not _is_pooled(architecture.blocks):
        return graph
    return _flattened(graph, graph.nodes[-1].block)


def features(architecture: Architecture, graph: Graph) -> Graph:
    """Return the graph up to its classifier, with a vector for an output."""
    classifier = _classifier(architecture)
    if classifier is None:
        raise InputError(
            f'{architecture.name} has no classifier to leave out: no row has out = "classes"'
        )
    end = next(i for i, node in enumerate(graph.nodes) if node.block == classifier.name)
    cut = Graph(graph.nodes[:end])
    if not _is_pooled(architecture.blocks[: architecture.blocks.index(classifier)]):
        cut = _appended(cut, "features.pool", GlobalPool())
    return _flattened(cut, "features")


def _is_pooled(blocks: tuple[Block, ...]) -> bool:
    """Whether one number a channel is left of the image, whatever its resolution."""
    return any(isinstance(block.row, schema.Pool | schema.Linear) for block in blocks)


def _flattened(graph: Graph, block: str) -> Graph:
    if len(graph.nodes) - 1 in _vectors(graph):
        return graph
    return _appended(graph, f"{block}.flatten", Flatten())


def _appended(graph: Graph, name: str, op: Op) -> Graph:
    node = Node(name, name.rpartition(".")[0], op, (len(graph.nodes) - 1,))
    return Graph((*graph.nodes, node))


def _vectors(graph: Graph) -> set[int]:
    """Return the nodes whose tensors have no height and width any more."""
    found: set[int] = set()
    for index, node in enumerate(graph.nodes):
        made = isinstance(node.op, Flatten | Linear)
        if made or any(source in found for source in node.inputs):
            found.add(index)
    return found


def check_vectors(graph: Graph) -> None:
    """Refuse rows that can be counted but not run: they need height and width, and there are none.

    Raises:
        InputError: there is such a row.
    """
    vectors = _vectors(graph)
    for node in graph.nodes:
        if isinstance(node.op, Conv | BatchNorm | GlobalPool) and node.inputs[0] in vectors:
            raise InputError(
                f"{node.name} cannot run: after a linear layer there is no height and width"
            )
