"""What an ONNX graph is collected in: nodes, initialisers, constants, the shapes of tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from mncost.graph.graph import Graph
from mncost.graph.ops import Shape

if TYPE_CHECKING:
    from mncost.models.weights import Weights

__all__ = ["Writer"]


class Writer:
    """Collects the parts of an ONNX graph. Shapes are without the batch."""

    def __init__(
        self, graph: Graph, shapes: Sequence[Shape], weights: Weights, batch: str | int
    ) -> None:
        """Start with nothing but the names of the graph's tensors."""
        self.graph, self.shapes, self.weights, self.batch = graph, shapes, weights, batch
        self.tensors = [node.name for node in graph.nodes]
        for index, name in zip(graph.outputs, graph.output_names, strict=True):
            if index not in graph.inputs:
                self.tensors[index] = name
        self.constants: set[str] = set()
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[TensorProto] = []
        self.values: dict[str, onnx.ValueInfoProto] = {}

    def finish(self) -> onnx.GraphProto:
        """Return the ONNX graph."""
        for index, name in zip(self.graph.outputs, self.graph.output_names, strict=True):
            if index in self.graph.inputs:  # it has a name already
                self.step("Identity", name, [self.tensors[index]], *self.shapes[index])
        names = [self.tensors[index] for index in self.graph.inputs]
        inputs = [self.values.pop(name) for name in names]
        outputs = [self.values.pop(name) for name in self.graph.output_names]
        return helper.make_graph(
            self.nodes,
            "mncost",
            inputs,
            outputs,
            initializer=self.initializers,
            value_info=list(self.values.values()),
        )

    def node(self, kind: str, name: str, inputs: Sequence[str], output: str, **options: Any) -> str:
        """Append an ONNX node; return the tensor that it writes."""
        self.nodes.append(helper.make_node(kind, inputs, [output], name, **options))
        return output

    def weight(self, name: str, shape: tuple[int, ...] | None = None) -> str:
        """Append an initialiser; return its name."""
        values = np.ascontiguousarray(self.weights[name], dtype="<f4")
        self.initializers.append(
            TensorProto(
                name=name,
                data_type=TensorProto.FLOAT,
                dims=shape or values.shape,
                raw_data=values.tobytes(),
            )
        )
        return name

    def constant(self, name: str, value: Any) -> str:
        """Append a constant, unless there is one of this name; return its name."""
        if name not in self.constants:
            self.constants.add(name)
            array = np.asarray(value)
            self.node("Constant", name, [], name, value=onnx.numpy_helper.from_array(array))
            kind = helper.np_dtype_to_tensor_dtype(array.dtype)
            self.values[name] = helper.make_tensor_value_info(name, kind, array.shape)
        return name

    def describe(self, tensor: str, *shape: int) -> str:
        """Say which shape a tensor has beyond its batch; return its name."""
        dims = (self.batch, *shape)
        self.values[tensor] = helper.make_tensor_value_info(tensor, TensorProto.FLOAT, dims)
        return tensor

    def step(self, kind: str, name: str, inputs: Sequence[str], *shape: int, **options: Any) -> str:
        """Append a node inside an operator, which writes a tensor of its own name."""
        self.describe(name, *shape)
        return self.node(kind, name, inputs, name, **options)

    def reshape(self, name: str, tensor: str, *shape: int, out: str = "") -> str:
        """Reshape all but the batch; ``out`` is the tensor, if it is not called as the node."""
        wanted = self.constant(f"{name}.shape", np.array([0, *shape]))  # 0: as many images
        if out:
            return self.node("Reshape", name, [tensor, wanted], out)
        return self.step("Reshape", name, [tensor, wanted], *shape)

    def swap(self, name: str, tensor: str, *shape: int) -> str:
        """Swap the last two dimensions; ``shape`` is the one after that."""
        order = [*range(len(shape) - 1), len(shape), len(shape) - 1]
        return self.step("Transpose", name, [tensor], *shape, perm=order)

    def permute(
        self, name: str, tensor: str, shape: Sequence[int], order: Sequence[int]
    ) -> tuple[str, list[int]]:
        """Bring dimensions into another order; return the tensor and the shape that it then has.

        ``order`` counts without the batch, from 0; ``shape`` is the one before.
        """
        after = [shape[axis] for axis in order]
        perm = [0, *(axis + 1 for axis in order)]
        return self.step("Transpose", name, [tensor], *after, perm=perm), after
