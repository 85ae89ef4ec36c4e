"""A witness that counts an ONNX model, by its initialisers and the shapes that onnx infers."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from math import prod
from typing import TypeAlias

import onnx

from mncost.witnesses.verify import Reading, gather

__all__ = ["onnx_reading"]

Shapes: TypeAlias = dict[str, list[int]]

_NO_MACS = {
    "Add",
    "AveragePool",
    "BatchNormalization",
    "Clip",
    "Concat",
    "Constant",
    "Dropout",
    "Elu",
    "Expand",
    "Flatten",
    "Gather",
    "Gelu",
    "GlobalAveragePool",
    "HardSigmoid",
    "HardSwish",
    "Identity",
    "LayerNormalization",
    "LeakyRelu",
    "LpNormalization",
    "MaxPool",
    "Mish",
    "Mul",
    "PRelu",
    "ReduceMean",
    "Relu",
    "Reshape",
    "Resize",
    "Shape",
    "Sigmoid",
    "Slice",
    "Softmax",
    "Tanh",
    "Transpose",
}
_STATISTICS = (3, 4)  # which inputs of a batch norm are no parameters


def onnx_reading(model: onnx.ModelProto, layers: Collection[str]) -> Reading:
    """Count a model of one image, from nothing but what stands in it.

    The shapes that the model declares for its inner tensors are not used: they are inferred anew.

    Args:
        model: nodes have the names of our layers, or longer ones that begin with them.
        layers: the names of our layers.

    Raises:
        ValueError: an operator is unknown: it is not counted as zero.
        onnx.shape_inference.InferenceError: the model contradicts itself, and yet has all shapes.
    """
    graph, shapes = _inferred(model)
    macs: dict[str, int] = {}
    constants = {node.output[0] for node in graph.node if node.op_type == "Constant"}
    for node in graph.node:
        # A product with a constant takes averages of windows that are not of one size.
        is_average = node.op_type == "MatMul" and not constants.isdisjoint(node.input)
        number = 0 if is_average else _macs(node, shapes)
        macs[node.name] = macs.get(node.name, 0) + number
    return Reading("onnx", gather(macs, layers), gather(dict(_params(graph)), layers))


def _inferred(model: onnx.ModelProto) -> tuple[onnx.GraphProto, Shapes]:
    """Infer all shapes; where that fails, those up to there: what has none is counted as zero."""
    bare, infer = _bare(model), onnx.shape_inference.infer_shapes
    try:
        graph = infer(bare, check_type=True, strict_mode=True).graph
        return graph, dict(_shapes(graph))
    except onnx.shape_inference.InferenceError:
        graph = infer(bare).graph
        shapes = dict(_shapes(graph))
        if all(name in shapes for node in graph.node for name in node.output):
            raise
        return graph, shapes


def _bare(model: onnx.ModelProto) -> onnx.ModelProto:
    """Copy a model without the shapes that it declares inside, and without its weights' values."""
    bare = onnx.ModelProto(ir_version=model.ir_version, opset_import=model.opset_import)
    bare.graph.name = model.graph.name
    bare.graph.node.extend(model.graph.node)
    bare.graph.input.extend(model.graph.input)
    bare.graph.output.extend(model.graph.output)
    for weight in model.graph.initializer:
        bare.graph.initializer.add(name=weight.name, data_type=weight.data_type, dims=weight.dims)
    return bare


def _shapes(graph: onnx.GraphProto) -> Iterator[tuple[str, list[int]]]:
    for tensor in (*graph.input, *graph.value_info, *graph.output):
        yield tensor.name, [dim.dim_value or 1 for dim in tensor.type.tensor_type.shape.dim]
    for weight in graph.initializer:
        yield weight.name, list(weight.dims)


def _macs(node: onnx.NodeProto, shapes: Shapes) -> int:
    """Return the length of the dot product behind each output element, times their number."""
    if not all(name in shapes for name in (*node.input, *node.output)):
        return 0
    match node.op_type:
        case "Conv":
            return prod(shapes[node.output[0]]) * prod(shapes[node.input[1]][1:])
        case "Gemm":
            columns = next((a.i for a in node.attribute if a.name == "transB"), 0)
            return prod(shapes[node.output[0]]) * shapes[node.input[1]][1 if columns else 0]
        case "MatMul":
            return prod(shapes[node.output[0]]) * shapes[node.input[0]][-1]
        case kind if kind in _NO_MACS:
            return 0
        case kind:
            raise ValueError(f"{node.name}: the ONNX operator {kind} has no price")


def _params(graph: onnx.GraphProto) -> Iterator[tuple[str, int]]:
    """Yield the name and the elements of each initialiser but the statistics of batch norms."""
    statistics = {
        node.input[place]
        for node in graph.node
        if node.op_type == "BatchNormalization"
        for place in _STATISTICS
    }
    for weight in graph.initializer:
        if weight.name not in statistics:
            yield weight.name, prod(weight.dims)
