"""The end of a network that shall run: another number of classes, logits or features as vectors."""

from __future__ import annotations

from msgspec.structs import replace

from mncost.errors import InputError
from mncost.graph import ops
from mncost.graph.graph import Graph, Node
from mncost.graph.ops import Op
from mncost.graph.pruned import pruned
from mncost.spec.emitter import is_pooled

__all__ = ["classifier", "features", "logits", "with_classes"]


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
    at = classifier(graph, classes)
    nodes = list(graph.nodes)
    nodes[at] = replace(nodes[at], op=_with_outputs(nodes[at].op, wanted))
    behind = {at}
    for index, node in enumerate(graph.nodes):
        if behind.isdisjoint(node.inputs):
            continue
        behind.add(index)
        match node.op:
            case ops.BatchNorm() | ops.PReLU() as norm:
                nodes[index] = replace(node, op=replace(norm, channels=wanted))
            case ops.Activation() | ops.Dropout() | ops.Flatten() | ops.GlobalPool() | ops.Resize():
                pass
            case _:
                name = graph.nodes[at].name
                raise InputError(f"{node.name} follows the classifier {name}: load with classes=")
    return Graph(tuple(nodes), graph.outputs)


def logits(graph: Graph, classes: int | None) -> Graph:
    """Return a graph with logits that are a vector: some dialects' classifiers convolve."""
    if classes is None or len(graph.outputs) > 1:
        return graph
    (output,) = graph.outputs
    return _flattened(graph, graph.nodes[output].block) if is_pooled(graph.nodes, output) else graph


def features(graph: Graph, classes: int | None) -> Graph:
    """Return a graph up to its classifier, with a vector for an output.

    Raises:
        InputError: there is no classifier to leave out.
    """
    at = classifier(graph, classes)
    start = next(i for i, node in enumerate(graph.nodes) if node.block == graph.nodes[at].block)
    output = graph.nodes[start].inputs[0]
    cut = pruned(Graph(graph.nodes[:start], (output,)))
    (output,) = cut.outputs
    if not is_pooled(cut.nodes, output):
        cut = _appended(cut, "features.pool", ops.GlobalPool())
    return _flattened(cut, "features")


def classifier(graph: Graph, classes: int | None) -> int:
    """Return the index of the last layer with this many outputs."""
    for index in reversed(range(len(graph.nodes))):
        match graph.nodes[index].op:
            case ops.Conv(out_channels=outputs) | ops.Linear(out_features=outputs) if (
                outputs == classes
            ):
                return index
    if classes is not None:
        raise InputError(
            f"no layer alone has the {classes:,} outputs of the classes: load the network with "
            "classes= (--classes), 0 for none"
        )
    raise InputError('the network has no classifier: no row has out = "classes"')


def _with_outputs(op: Op, wanted: int) -> Op:
    match op:
        case ops.Conv():
            return replace(op, out_channels=wanted)
        case ops.Linear():
            return replace(op, out_features=wanted)
        case _:
            raise AssertionError(f"{op} is no classifier")


def _flattened(graph: Graph, block: str) -> Graph:
    (index,) = graph.outputs
    while (inputs := graph.nodes[index].inputs) and isinstance(
        graph.nodes[index].op, ops.Activation | ops.Dropout
    ):
        index = inputs[0]
    if isinstance(graph.nodes[index].op, ops.Flatten | ops.Linear | ops.Select):
        return graph
    return _appended(graph, f"{block}.flatten", ops.Flatten())


def _appended(graph: Graph, name: str, op: Op) -> Graph:
    node = Node(name, name.rpartition(".")[0], op, graph.outputs)
    return Graph((*graph.nodes, node), (len(graph.nodes),))
