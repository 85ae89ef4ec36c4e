"""What is known about the tensors of a model: shapes, types, and the values of small constants."""

from __future__ import annotations

from typing import NamedTuple

import onnx

__all__ = ["Known", "infer"]


class Known(NamedTuple):
    """The shapes and element types (of ONNX) of tensors, by name, as far as they are known."""

    shapes: dict[str, tuple[int, ...]]
    types: dict[str, int]


def infer(model: onnx.ModelProto) -> Known:
    """Return what follows from the shapes of the inputs, by onnx's inference.

    What the file itself says about tensors inside may have been written for other inputs, so it is
    not used; but where an operator is of another domain, nothing else is there.
    """
    said = list(model.graph.value_info)
    del model.graph.value_info[:]
    _open_outputs(model)
    standard = all(node.domain in ("", "ai.onnx", "ai.onnx.ml") for node in model.graph.node)
    if not standard:
        model.graph.value_info.extend(said)
    try:
        inferred = onnx.shape_inference.infer_shapes(model, data_prop=True)
    except Exception:  # of a model that does not fit together: as far as it goes
        inferred = model
    known = Known({}, {})
    graph = inferred.graph
    for entry in (*graph.input, *graph.value_info, *graph.output):
        _take(entry, known)
    for tensor in graph.initializer:
        known.shapes[tensor.name] = tuple(tensor.dims)
        known.types[tensor.name] = tensor.data_type
    return known


def _open_outputs(model: onnx.ModelProto) -> None:
    for entry in model.graph.output:
        if entry.type.HasField("tensor_type"):
            entry.type.tensor_type.ClearField("shape")


def _take(entry: onnx.ValueInfoProto, known: Known) -> None:
    if not entry.type.HasField("tensor_type"):
        return
    tensor = entry.type.tensor_type
    known.types[entry.name] = tensor.elem_type
    if not tensor.HasField("shape"):
        return
    dims = tensor.shape.dim
    if all(dim.HasField("dim_value") and dim.dim_value >= 0 for dim in dims):
        known.shapes[entry.name] = tuple(dim.dim_value for dim in dims)
