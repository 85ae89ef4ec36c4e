"""Branches that are known: an ``If`` whose condition does not depend on the values of inputs.

Exporters write such conditions about shapes. The branch that is taken becomes part of the graph.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import prod
from typing import NamedTuple

import numpy as np
import onnx
from onnx import GraphProto, NodeProto, TensorProto, helper, numpy_helper

__all__ = ["Branch", "known_branches", "take_branch"]

_LARGEST = 4096  # elements of a tensor that is computed here
_RANDOM = ("RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Bernoulli")


class Branch(NamedTuple):
    """The branch that an ``If`` takes.

    Attributes:
        output: the first result of the ``If``, which names it.
        attribute: ``then_branch`` or ``else_branch``.
    """

    output: str
    attribute: str


def known_branches(
    model: onnx.ModelProto, nodes: Sequence[NodeProto], shapes: Mapping[str, tuple[int, ...]]
) -> list[Branch]:
    """Return the branches that are known of the outermost ``If`` operators.

    Args:
        model: without functions.
        nodes: of its graph, so that each reads what others before it wrote.
        shapes: what is known of its tensors.
    """
    branches = []
    for node in nodes:
        if node.op_type != "If" or node.domain or not node.output or not node.output[0]:
            continue
        value = _value(node.input[0], model, nodes, shapes) if node.input else None
        if value is not None and value.size == 1:
            attribute = "then_branch" if value.reshape(-1)[0] else "else_branch"
            if any(one.name == attribute and one.HasField("g") for one in node.attribute):
                branches.append(Branch(node.output[0], attribute))
    return branches


def take_branch(graph: GraphProto, branch: Branch) -> None:
    """Put the operators of a branch in place of its ``If``."""
    index, node = next(
        (index, node) for index, node in enumerate(graph.node) if branch.output in node.output[:1]
    )
    body = next(one.g for one in node.attribute if one.name == branch.attribute)
    names = _new_names(graph, body, branch.output)
    written = {output for inner in body.node for output in inner.output}
    passed = []
    for inside, outside in zip(body.output, node.output, strict=False):
        if not outside:
            continue
        if inside.name in written:
            written.discard(inside.name)  # a second time it is passed on
            names[inside.name] = outside
        else:
            read = names.get(inside.name, inside.name)
            passed.append(helper.make_node("Identity", [read], [outside]))
    inner_nodes = [_renamed(inner, names) for inner in body.node]
    for tensor in body.initializer:
        copy = graph.initializer.add()
        copy.CopyFrom(tensor)
        copy.name = names.get(tensor.name, tensor.name)
    kept = [*graph.node[:index], *inner_nodes, *passed, *graph.node[index + 1 :]]
    copies = [NodeProto.FromString(one.SerializeToString()) for one in kept]
    del graph.node[:]
    graph.node.extend(copies)


def _new_names(graph: GraphProto, body: GraphProto, output: str) -> dict[str, str]:
    """Return other names for tensors of a body whose names the graph has too."""
    taken = {name for node in graph.node for name in node.output}
    taken |= {tensor.name for tensor in graph.initializer} | {entry.name for entry in graph.input}
    own = [tensor.name for tensor in body.initializer]
    own += [name for node in body.node for name in node.output if name]
    names: dict[str, str] = {}
    for name in own:
        fresh = name
        while fresh in taken:
            fresh = f"{output}/{fresh}"
        if fresh != name:
            names[name] = fresh
    return names


def _renamed(node: NodeProto, names: Mapping[str, str]) -> NodeProto:
    """Return a copy of an operator that reads and writes other names, in its bodies too."""
    copy = NodeProto()
    copy.CopyFrom(node)
    _rename(copy, names)
    return copy


def _rename(node: NodeProto, names: Mapping[str, str]) -> None:
    for tensors in (node.input, node.output):
        for index, name in enumerate(tensors):
            tensors[index] = names.get(name, name)
    for attribute in node.attribute:
        for body in (attribute.g, *attribute.graphs):
            for inner in body.node:
                _rename(inner, names)
            for entry in (*body.output, *body.initializer):
                entry.name = names.get(entry.name, entry.name)


def _value(
    wanted: str,
    model: onnx.ModelProto,
    nodes: Sequence[NodeProto],
    shapes: Mapping[str, tuple[int, ...]],
) -> np.ndarray | None:
    """Compute a small tensor from constants and shapes; ``None`` if it depends on more."""
    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    needed, taken, weights = {wanted}, [], []
    for node in reversed(nodes):
        if not needed & {*node.output}:
            continue
        simple = _simple(node, shapes)
        if simple is None:
            return None
        needed = (needed - {*node.output}) | {*filter(None, simple.input)}
        taken.append(simple)
    for name in needed:
        tensor = stored.get(name)
        if tensor is None or tensor.data_location == TensorProto.EXTERNAL:
            return None
        weights.append(tensor)
    return _run(wanted, taken[::-1], weights, model.opset_import)


def _simple(node: NodeProto, shapes: Mapping[str, tuple[int, ...]]) -> NodeProto | None:
    """Return an operator that can be computed here; those that ask for a shape get the answer."""
    has_body = any(one.HasField("g") or one.graphs for one in node.attribute)
    if node.domain or has_body or node.op_type in _RANDOM:
        return None
    if node.op_type in ("Shape", "Size"):
        shape = shapes.get(node.input[0])
        if shape is None:
            return None
        limits = {one.name: one.i for one in node.attribute}
        part = list(shape)[limits.get("start", 0) : limits.get("end", len(shape))]
        value = np.array(part if node.op_type == "Shape" else prod(shape), np.int64)
        return helper.make_node(
            "Constant", [], [node.output[0]], value=numpy_helper.from_array(value)
        )
    for output in filter(None, node.output):
        if output not in shapes or prod(shapes[output]) > _LARGEST:
            return None
    return node


def _run(
    wanted: str,
    nodes: Sequence[NodeProto],
    weights: Sequence[TensorProto],
    opsets: Iterable[object],
) -> np.ndarray | None:
    from onnx.reference import ReferenceEvaluator

    entry = helper.make_tensor_value_info(wanted, TensorProto.UNDEFINED, None)
    graph = helper.make_graph(nodes, "condition", [], [entry], weights)
    try:
        made = helper.make_model(graph, opset_imports=list(opsets))
        (value,) = ReferenceEvaluator(made).run(None, {})
    except Exception:  # an operator that it does not have, or values that do not fit
        return None
    return np.asarray(value)
