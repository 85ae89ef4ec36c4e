"""The graph as an ONNX model: standard operators under our names, the weights inside.

Every initialiser is a weight or a statistic; what else an operator needs is a ``Constant`` node.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, assert_never

import numpy as np
import onnx
from onnx import TensorProto, helper

from mncost.errors import InputError
from mncost.graph import ops
from mncost.graph.foreign_op import not_ours
from mncost.graph.graph import Graph, Node
from mncost.graph.ops import Shape, parameters
from mncost.graph.shapes import conv_pads
from mncost.models.onnx_tokens import (
    adaptive_pool,
    class_token,
    fold,
    heads,
    layer_norm,
    resize,
    shuffle,
    slice_,
    tokens,
    unfold,
)
from mncost.models.onnx_writer import Writer

if TYPE_CHECKING:
    from mncost.graph.ops import ActivationName
    from mncost.models.weights import Weights

__all__ = ["OPSET", "onnx_model"]

# The oldest that has all operators (Gelu came last): runtimes of the last two years read it.
OPSET, IR_VERSION = 20, 9
MAX_BYTES = 2**31 - 2**20  # protobuf's limit for one message, less room for all but the weights

_ACTIVATIONS: dict[ActivationName, tuple[str, dict[str, float]]] = {
    "relu": ("Relu", {}),
    "hardswish": ("HardSwish", {}),
    "hardsigmoid": ("HardSigmoid", {"alpha": 1 / 6, "beta": 0.5}),
    "sigmoid": ("Sigmoid", {}),
    "gelu": ("Gelu", {}),
    "elu": ("Elu", {}),
    "mish": ("Mish", {}),
    "tanh": ("Tanh", {}),
    "leaky_relu": ("LeakyRelu", {"alpha": 0.01}),
}


_LIMITS: dict[ActivationName, tuple[float, float]] = {"relu6": (0, 6), "hardtanh": (-1, 1)}


def onnx_model(
    graph: Graph,
    shapes: Sequence[Shape],
    weights: Weights,
    *,
    dynamic_batch: bool = False,
    batch: int = 1,
    metadata: Mapping[str, str] | None = None,
    portable: bool = False,
) -> onnx.ModelProto:
    """Return an ONNX model that computes a graph for inputs of one shape.

    Args:
        graph: the operators; each node keeps its name, and so does the tensor that it writes. The
            outputs are called as :attr:`Graph.output_names` says.
        shapes: those of the graph's tensors, for these inputs.
        weights: by name, as :func:`mncost.models.weights.random_weights` returns them.
        dynamic_batch: leave the number of inputs in a batch open.
        batch: inputs in a batch, if that is not open.
        metadata: for ``metadata_props``.
        portable: write hard-swish as a product, which ONNX Runtime makes of it at this opset, under
            names of its own.

    Raises:
        InputError: the model is larger than an ONNX file can be.
    """
    size = sum(values.nbytes for values in weights.values())
    if size > MAX_BYTES:
        raise InputError(f"the weights have {size:,} bytes: an ONNX file holds at most 2 GiB")
    images = "batch" if dynamic_batch else batch
    emitter = _Emitter(graph, shapes, weights, batch=images, products=portable)
    for index, node in enumerate(graph.nodes):
        emitter.emit(index, node)
    model = helper.make_model(
        emitter.finish(),
        producer_name="mncost",
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )
    helper.set_model_props(model, dict(metadata or {}))
    return model


class _Emitter(Writer):
    """Walks down a graph and writes it operator by operator."""

    def __init__(
        self,
        graph: Graph,
        shapes: Sequence[Shape],
        weights: Weights,
        *,
        batch: str | int,
        products: bool,
    ) -> None:
        super().__init__(graph, shapes, weights, batch)
        self.gated = {"silu", "hardswish"} if products else {"silu"}

    def emit(self, index: int, node: Node) -> None:  # noqa: PLR0915  one case for each operator
        """Emit one operator of the graph."""
        self.describe(self.tensors[index], *self.shapes[index])
        name, out = node.name, self.tensors[index]
        inputs = [self.tensors[source] for source in node.inputs]
        match node.op:
            case ops.Input():
                pass
            case ops.Conv() as op:
                self._conv(op, node, inputs, out)
            case ops.BatchNorm() as op:
                inputs += self._parameters(node)
                self.node("BatchNormalization", name, inputs, out, epsilon=op.eps)
            case ops.Activation() as op:
                self._activation(op.function, name, inputs, out)
            case ops.PReLU() as op:
                shape = (op.channels, *(1,) * (len(self.shapes[index]) - 1))
                self.node("PRelu", name, [*inputs, self.weight(f"{name}.weight", shape)], out)
            case ops.Pool() as op:
                self._pool(op, index, inputs, out)
            case ops.AdaptivePool() as op:
                adaptive_pool(self, op, node, inputs, out)
            case ops.GlobalPool() if len(self.shapes[index]) == 1:
                axes = self.constant(f"{name}.axes", np.array([1]))
                self.node("ReduceMean", name, [*inputs, axes], out, keepdims=0)
            case ops.GlobalPool():
                self.node("GlobalAveragePool", name, inputs, out)
            case ops.Flatten():
                self.node("Flatten", name, inputs, out)
            case ops.Linear():
                self._linear(node, inputs, out, self.shapes[index])
            case ops.Add():
                self.node("Add", name, inputs, out)
            case ops.Scale():
                self.node("Mul", name, inputs, out)
            case ops.LayerScale() as op:
                ones = (1,) * (len(self.shapes[index]) == 3) * 2
                factors = self.weight(f"{name}.gamma", (op.channels, *ones))
                self.node("Mul", name, [*inputs, factors], out)
            case ops.Attention() as op:
                self._attention(op, node, inputs, out)
            case ops.Dropout() as op:
                ratio = self.constant(f"{name}.ratio", np.float32(op.rate))
                self.node("Dropout", name, [*inputs, ratio], out)
            case ops.Concat():
                self.node("Concat", name, inputs, out, axis=1)
            case ops.Slice() as op:
                slice_(self, op, name, inputs, out)
            case ops.Shuffle() as op:
                shuffle(self, op, node, inputs, out)
            case ops.Resize() as op:
                resize(self, op, node, inputs, out, self.shapes[index])
            case ops.LayerNorm() as op:
                layer_norm(self, op, node, inputs, out)
            case ops.L2Norm():
                self.node("LpNormalization", name, inputs, out, axis=1, p=2)
            case ops.MultiHeadAttention() as op:
                heads(self, op, node, inputs, out)
            case ops.Tokens() as op:
                tokens(self, op, node, inputs, out)
            case ops.ClassToken() as op:
                class_token(self, op, name, inputs, out)
            case ops.Positions():
                self.node("Add", name, [*inputs, self.weight(f"{name}.positions")], out)
            case ops.Select() as op:
                place = self.constant(f"{name}.index", np.array(op.index))
                self.node("Gather", name, [*inputs, place], out, axis=1)
            case ops.Unfold() as op:
                unfold(self, op, node, inputs, out)
            case ops.Fold() as op:
                fold(self, op, node, inputs, out, self.shapes[index])
            case ops.Foreign() as op:
                raise not_ours(op)
            case _:
                assert_never(node.op)

    def _parameters(self, node: Node) -> list[str]:
        """Append an initialiser for each tensor that a node holds; return their names."""
        return [self.weight(f"{node.name}.{leaf}") for leaf in parameters(node.op)]

    def _linear(self, node: Node, inputs: list[str], out: str, shape: Shape) -> None:
        """Emit a product; of tokens, with all images' tokens as rows of one matrix."""
        name, held = node.name, self._parameters(node)
        if len(shape) == 1:
            self.node("Gemm", name, [*inputs, *held], out, transB=1)
            return
        count, features = self.shapes[node.inputs[0]]
        rows = self.batch if isinstance(self.batch, str) else self.batch * count
        flat, product = f"{name}.rows", f"{name}.product"
        for tensor, width in ((flat, features), (product, shape[1])):
            dims = (f"{rows}.rows" if isinstance(rows, str) else rows, width)
            self.values[tensor] = helper.make_tensor_value_info(tensor, TensorProto.FLOAT, dims)
        wanted = self.constant(f"{flat}.shape", np.array([-1, features]))
        self.node("Reshape", flat, [*inputs, wanted], flat)
        self.node("Gemm", product, [flat, *held], product, transB=1)
        wanted = self.constant(f"{name}.shape", np.array([-1, *shape]))
        self.node("Reshape", name, [product, wanted], out)

    def _conv(self, op: ops.Conv, node: Node, inputs: list[str], out: str) -> None:
        _, height, width = self.shapes[node.inputs[0]]
        top, bottom, left, right = conv_pads(op, (height, width))
        dilations = {"dilations": op.dilation} if op.dilation != (1, 1) else {}
        self.node(
            "Conv",
            node.name,
            [*inputs, *self._parameters(node)],
            out,
            kernel_shape=op.kernel,
            strides=op.stride,
            pads=[top, left, bottom, right],
            group=op.groups,
            **dilations,
        )

    def _pool(self, op: ops.Pool, index: int, inputs: list[str], out: str) -> None:
        """Emit a pooling without ONNX's ``ceil_mode``, whose last windows runtimes disagree on.

        What lies beyond the image is padded: for the largest of a window it makes no difference.
        """
        node, (top, bottom, left, right) = self.graph.nodes[index], op.pads
        before, after = (top, left), [bottom, right]
        sizes = self.shapes[node.inputs[0]][1:], self.shapes[index][1:]
        for axis, (size, count) in enumerate(zip(*sizes, strict=True)):
            reach = (count - 1) * op.stride[axis] + op.kernel[axis]
            after[axis] = max(after[axis], reach - size - before[axis])
        options: dict[str, Any] = {"kernel_shape": op.kernel, "strides": op.stride}
        options["pads"] = (*before, *after)
        if op.function == "max":
            self.node("MaxPool", node.name, inputs, out, **options)
        elif (*after,) == (bottom, right):
            self.node("AveragePool", node.name, inputs, out, count_include_pad=1, **options)
        else:
            raise InputError(
                f"{node.name}: an average whose last window reaches beyond the image cannot be "
                "written to ONNX; without `ceil` it can"
            )

    def _activation(self, function: ActivationName, name: str, inputs: list[str], out: str) -> None:
        if function in _LIMITS:
            limits = [
                self.constant(f"{function}.{end}", np.float32(value))
                for end, value in zip(("min", "max"), _LIMITS[function], strict=True)
            ]
            self.node("Clip", name, [*inputs, *limits], out)
        elif function in self.gated:
            shape = [dim.dim_value for dim in self.values[out].type.tensor_type.shape.dim]
            gate_function: ActivationName = "sigmoid" if function == "silu" else "hardsigmoid"
            gate = self.describe(f"{name}.{gate_function}", *shape[1:])
            self._activation(gate_function, gate, inputs, gate)
            self.node("Mul", name, [*inputs, gate], out)
        else:
            kind, options = _ACTIVATIONS[function]
            self.node(kind, name, inputs, out, **options)

    def _attention(self, op: ops.Attention, node: Node, inputs: list[str], out: str) -> None:
        """All heads are rows of one matrix, since they share keys and values."""
        name, (query, key, value) = node.name, inputs
        _, height, width = self.shapes[node.inputs[0]]
        pixels = height * width
        _, key_height, key_width = self.shapes[node.inputs[1]]
        keys, heads, depth = key_height * key_width, op.heads, op.key_dim
        rows = heads * pixels

        query = self.reshape(f"{name}.query", query, heads, depth, pixels)
        query = self.swap(f"{name}.query.pixels", query, heads, pixels, depth)
        query = self.reshape(f"{name}.query.rows", query, rows, depth)
        scale = self.constant(f"{name}.factor", np.float32(1 / math.sqrt(depth)))
        query = self.step("Mul", f"{name}.query.scaled", [query, scale], rows, depth)
        key = self.reshape(f"{name}.key", key, depth, keys)
        scores = self.step("MatMul", f"{name}.scores", [query, key], rows, keys)
        shares = self.step("Softmax", f"{name}.softmax", [scores], rows, keys, axis=-1)
        value = self.reshape(f"{name}.value", value, depth, keys)
        value = self.swap(f"{name}.value.rows", value, keys, depth)
        mixed = self.step("MatMul", f"{name}.mixed", [shares, value], rows, depth)
        mixed = self.reshape(f"{name}.mixed.heads", mixed, heads, pixels, depth)
        mixed = self.swap(f"{name}.mixed.channels", mixed, heads, depth, pixels)
        shape = self.constant(f"{name}.shape", np.array([0, heads * depth, height, width]))
        self.node("Reshape", name, [mixed, shape], out)
