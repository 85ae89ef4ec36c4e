"""Small ONNX models, and what they compute by brute force."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

__all__ = ["floats", "model", "node", "one_operator", "saved", "shapes_of_a_run"]


def floats(name: str, *shape: int, dtype: str = "float32") -> TensorProto:
    """Return an initialiser of ones."""
    return numpy_helper.from_array(np.ones(shape, dtype), name)


def node(kind: str, inputs: str, outputs: str, **more: Any) -> onnx.NodeProto:
    """Return an operator; names of tensors stand in texts with blanks, ``_`` for none."""
    names = [["" if one == "_" else one for one in text.split()] for text in (inputs, outputs)]
    inputs_of, outputs_of = names
    return helper.make_node(kind, inputs_of, outputs_of, **more)


def model(
    nodes: Sequence[onnx.NodeProto],
    inputs: dict[str, Sequence[int | str | None]],
    outputs: Sequence[str],
    weights: Sequence[TensorProto] = (),
    *,
    types: Mapping[str, int] | None = None,
    opset: int = 20,
    functions: Sequence[onnx.FunctionProto] = (),
) -> onnx.ModelProto:
    """Return a model; the shapes of its outputs are not said."""
    kinds = {name: (types or {}).get(name, TensorProto.FLOAT) for name in inputs}
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info(name, kinds[name], inputs[name]) for name in inputs],
        [
            helper.make_tensor_value_info(name, (types or {}).get(name, TensorProto.FLOAT), None)
            for name in outputs
        ],
        initializer=weights,
    )
    domains = {one.domain for one in nodes} - {""} | {one.domain for one in functions}
    opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(one, 1) for one in domains)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9, functions=functions)


def one_operator(
    kind: str, shapes: dict[str, Sequence[int]], weights: Sequence[TensorProto] = (), **more: Any
) -> onnx.ModelProto:
    """Return a model of one operator, which reads all inputs and then all weights."""
    names = " ".join([*shapes, *(tensor.name for tensor in weights)])
    return model([node(kind, names, "y", name="it", **more)], dict(shapes), ["y"], weights)


def saved(made: onnx.ModelProto, folder: Path, name: str = "net.onnx") -> str:
    """Write a model; return its path."""
    path = folder / name
    path.write_bytes(made.SerializeToString())
    return str(path)


def shapes_of_a_run(made: onnx.ModelProto, feed: dict[str, np.ndarray]) -> list[tuple[int, ...]]:
    """Return the shapes that ONNX Runtime writes."""
    import onnxruntime

    session = onnxruntime.InferenceSession(
        made.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return [value.shape for value in session.run(None, feed)]
