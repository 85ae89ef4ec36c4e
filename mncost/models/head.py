"""The end of a network that shall run: another number of classes, logits or features as vectors."""

from __future__ import annotations

from msgspec.structs import replace

from mncost.errors import InputError
from mncost.graph.graph import Graph, Node
from mncost.graph.ops import (
    Activation,
    BatchNorm,
    Conv,
    Dropout,
    Flatten,
    GlobalPool,
    Linear,
    Op,
    PReLU,
)
from mncost.spec.emitter import is_pooled

__all__ = ["features", "logits", "with_classes"]


def with_classes(graph: Graph, classes: int | None, wanted: int) -> Graph:
    """Return a graph whose classifier has another number of outputs.

    Args:
        graph: the layers behind its classifier must have no weights.
        classes: outputs that its classifier has; ``None`` if it has no classifier.
        wanted: outputs that it shall have.

    Raises:
        InputError: there is no classifier, or a layer behind it has weights.
    """
    if wanted < 1:
        raise InputError(f"num_classes {wanted}: at least 1 is accepted")
    at = _classifier(graph, classes)
    changed = [replace(graph.nodes[at], op=_with_outputs(graph.nodes[at].op, wanted))]
    for node in graph.nodes[at + 1 :]:
        match node.op:
            case BatchNorm() | PReLU() as norm:
                changed.append(replace(node, op=replace(norm, channels=wanted)))
            case Activation() | Dropout() | Flatten() | GlobalPool():
                changed.append(node)
            case _:
                name = graph.nodes[at].name
                raise InputError(f"{node.name} follows the classifier {name}: load with classes=")
    return Graph((*graph.nodes[:at], *changed), graph.outputs)


def logits(graph: Graph, classes: int | None) -> Graph:
    """Return a graph with logits that are a vector: some dialects' classifiers convolve."""
    if classes is None:
        return graph
    (output,) = graph.outputs
    return _flattened(graph, graph.nodes[output].block) if is_pooled(graph.nodes, output) else graph


def features(graph: Graph, classes: int | None) -> Graph:
    """Return a graph up to its classifier, with a vector for an output.

    Raises:
        InputError: there is no classifier to leave out.
    """
    at = _classifier(graph, classes)
    start = next(i for i, node in enumerate(graph.nodes) if node.block == graph.nodes[at].block)
    output = graph.nodes[start].inputs[0]
    cut = Graph(graph.nodes[:start], (output,))
    if not is_pooled(cut.nodes, output):
        cut = _appended(cut, "features.pool", GlobalPool())
    return _flattened(cut, "features")


def _classifier(graph: Graph, classes: int | None) -> int:
    """Return the index of the last layer with so many outputs."""
    for index in reversed(range(len(graph.nodes))):
        match graph.nodes[index].op:
            case Conv(out_channels=outputs) | Linear(out_features=outputs) if outputs == classes:
                return index
    raise InputError('the network has no classifier: no row has out = "classes"')


def _with_outputs(op: Op, wanted: int) -> Op:
    match op:
        case Conv():
            return replace(op, out_channels=wanted)
        case Linear():
            return replace(op, out_features=wanted)
        case _:
            raise AssertionError(f"{op} is no classifier")


def _flattened(graph: Graph, block: str) -> Graph:
    (index,) = graph.outputs
    while (inputs := graph.nodes[index].inputs) and isinstance(
        graph.nodes[index].op, Activation | Dropout
    ):
        index = inputs[0]
    if isinstance(graph.nodes[index].op, Flatten | Linear):
        return graph
    return _appended(graph, f"{block}.flatten", Flatten())


def _appended(graph: Graph, name: str, op: Op) -> Graph:
    node = Node(name, name.rpartition(".")[0], op, graph.outputs)
    return Graph((*graph.nodes, node), (len(graph.nodes),))
