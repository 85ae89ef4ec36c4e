"""The graph as a ``.tflite`` model, operator by operator, for LiteRT (TensorFlow Lite).

Batch norms are folded into the convolution or linear layer before them, and so are the activations
that the format can fuse (ReLU, ReLU6, hard tanh).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, assert_never

import numpy as np

from mncost.errors import InputError
from mncost.graph import ops
from mncost.graph.foreign_op import not_ours
from mncost.graph.graph import Graph, Node
from mncost.graph.ops import Shape
from mncost.graph.shapes import conv_pads
from mncost.models.tflite_steps import Steps, outer
from mncost.models.tflite_tokens import (
    adaptive_pool,
    attention,
    class_token,
    fold,
    heads,
    layer_norm,
    resize,
    select,
    unfold,
)
from mncost.models.tflite_writer import KINDS, options

if TYPE_CHECKING:
    from mncost.graph.ops import ActivationName
    from mncost.models.weights import Weights

__all__ = ["tflite_model"]

_FUSED: dict[ActivationName, int] = {
    "relu": KINDS.RELU,
    "relu6": KINDS.RELU6,
    "hardtanh": KINDS.RELU_N1_TO_1,
}
_PLAIN: dict[ActivationName, tuple[str, Any]] = {
    "relu": ("RELU", None),
    "relu6": ("RELU6", None),
    "hardtanh": ("RELU_N1_TO_1", None),
    "hardswish": ("HARD_SWISH", options("HardSwish")),
    "sigmoid": ("LOGISTIC", None),
    "tanh": ("TANH", None),
    "elu": ("ELU", None),
    "gelu": ("GELU", options("Gelu", approximate=False)),
    "leaky_relu": ("LEAKY_RELU", options("LeakyRelu", alpha=0.01)),
}
_POSITIVE = ("relu", "relu6", "sigmoid", "hardsigmoid")
_SAME, _VALID = 0, 1  # of the schema's Padding


def tflite_model(
    graph: Graph,
    shapes: Sequence[Shape],
    weights: Weights,
    metadata: Mapping[str, str] = MappingProxyType({}),
) -> bytes:
    """Return a float32 ``.tflite`` file that computes a graph for inputs of one shape.

    Args:
        graph: the operators; images are ``(1, height, width, channels)`` in the file.
        shapes: those of the graph's tensors, without the batch.
        weights: by name, as :func:`mncost.models.weights.random_weights` returns them.
        metadata: what the file says of itself, by name.

    Raises:
        InputError: the format has no form of an operator.
    """
    emitter = _Emitter(graph, shapes, weights)
    for index, node in enumerate(graph.nodes):
        if index not in emitter.at:
            emitter.at[index] = emitter.emit(index, node)
    inputs = {graph.nodes[index].name: emitter.at[index] for index in graph.inputs}
    outputs = [emitter.at[index] for index in graph.outputs]
    return emitter.finish(inputs, dict(zip(graph.output_names, outputs, strict=True)), metadata)


class _After(NamedTuple):
    """What is fused into an operator: a factor and a shift a channel, and an activation."""

    last: int
    scale: Any
    shift: Any
    activation: int


class _Emitter(Steps):
    """Walks down a graph; ``at`` has the tensor of each node that is written."""

    def __init__(self, graph: Graph, shapes: Sequence[Shape], weights: Weights) -> None:
        super().__init__(weights)
        self.graph, self.shapes = graph, shapes
        self.readers = graph.consumers()
        self.at: dict[int, int] = {}

    def emit(self, index: int, node: Node) -> int:
        """Write one operator; return its tensor."""
        name, shape = node.name, self.shapes[index]
        inputs = [self.at[source] for source in node.inputs]
        before = [self.shapes[source] for source in node.inputs]
        match node.op:
            case ops.Input():
                return self.tensor(name, *outer(shape))
            case ops.Conv() as op:
                return self._conv(op, index, inputs[0], before[0])
            case ops.Linear() as op:
                return self._linear(op, index, inputs[0])
            case ops.BatchNorm() as op:
                scale, shift = self._batch_norm(name, op)
                return self.affine(name, inputs[0], scale, shift)
            case ops.Activation() as op:
                return self._activation(op.function, name, inputs[0])
            case ops.PReLU() as op:
                ones = (1,) * (len(shape) - 1)
                slope = self.constant(f"{name}.weight", self.weight(name).reshape(*ones, -1))
                return self.same("PRELU", name, [inputs[0], slope])
            case ops.Pool() as op:
                return self._pool(op, index, inputs[0], before[0])
            case ops.AdaptivePool() as op:
                return adaptive_pool(self, op, name, inputs[0], shape)
            case ops.GlobalPool():
                axes = [1, 2] if len(before[0]) == 3 else [1]
                return self.mean(name, inputs[0], axes, outer(shape), keep=len(before[0]) == 3)
            case ops.Flatten():
                return self._flatten(name, inputs[0], before[0])
            case ops.Add():
                return self.same("ADD", name, inputs, options("Add"))
            case ops.Scale():
                return self.same("MUL", name, inputs, options("Mul"))
            case ops.LayerScale():
                gamma = self.constant(f"{name}.gamma", self.weight(name, "gamma"))
                return self.same("MUL", name, [*inputs, gamma], options("Mul"))
            case ops.Dropout():
                return inputs[0]
            case ops.Concat():
                axis = 3 if len(shape) == 3 else 1
                how = options("Concatenation", axis=axis)
                return self.operator("CONCATENATION", inputs, self.like(name, shape), how)
            case ops.Slice() as op:
                return self._slice(op, name, inputs[0], shape)
            case ops.Shuffle() as op:
                channels, height, width = shape
                cut = height, width, op.groups, channels // op.groups
                grouped = self.reshape(f"{name}.groups", inputs[0], *cut)
                swapped = self.transpose(f"{name}.swapped", grouped, 0, 1, 2, 4, 3)
                return self.reshape(name, swapped, height, width, channels)
            case ops.Resize() as op:
                return resize(self, op, name, inputs[0], shape)
            case ops.LayerNorm() as op:
                return layer_norm(self, op, name, inputs[0])
            case ops.L2Norm():
                return self.same("L2_NORMALIZATION", name, inputs, options("L2Norm"))
            case ops.Attention() as op:
                return attention(self, op, name, inputs, before, shape)
            case ops.MultiHeadAttention() as op:
                return heads(self, op, name, inputs[0], before[0])
            case ops.Tokens() as op:
                return self.reshape(name, inputs[0], *shape)
            case ops.ClassToken() as op:
                return class_token(self, op, name, inputs[0], shape)
            case ops.Positions():
                places = self.constant(f"{name}.positions", self.weight(name, "positions")[None])
                return self.same("ADD", name, [*inputs, places], options("Add"))
            case ops.Select() as op:
                return select(self, op, name, inputs[0], shape)
            case ops.Unfold() as op:
                channels, height, width = before[0]
                return unfold(self, op, name, inputs[0], height, width, channels)
            case ops.Fold() as op:
                return fold(self, op, name, inputs[0], shape)
            case ops.Foreign() as op:
                raise not_ours(op)
            case _:
                assert_never(node.op)

    def _conv(self, op: ops.Conv, index: int, source: int, before: Shape) -> int:
        name, after = self.graph.nodes[index].name, self._after(index, op.out_channels)
        kernel = self.weight(name) * after.scale.reshape(-1, 1, 1, 1)
        bias = self.weight(name, "bias") if op.bias else np.zeros(op.out_channels, "float32")
        source, padding = self._padded(name, source, op, before)
        out = self.like(self.graph.nodes[after.last].name, self.shapes[index])
        shared = {
            "padding": padding,
            "strideH": op.stride[0],
            "strideW": op.stride[1],
            "dilationHFactor": op.dilation[0],
            "dilationWFactor": op.dilation[1],
            "fusedActivationFunction": after.activation,
        }
        if op.is_depthwise:
            filters = self.constant(f"{name}.weight", kernel[:, 0].transpose(1, 2, 0)[None])
            multiplier = op.out_channels // op.in_channels
            code, how = (
                "DEPTHWISE_CONV_2D",
                options("DepthwiseConv2D", depthMultiplier=multiplier, **shared),
            )
        else:
            filters = self.constant(f"{name}.weight", kernel.transpose(0, 2, 3, 1))
            code, how = "CONV_2D", options("Conv2D", **shared)
        shift = self.constant(f"{name}.bias", bias * after.scale + after.shift)
        return self._fused(index, after, self.operator(code, [source, filters, shift], out, how))

    def _linear(self, op: ops.Linear, index: int, source: int) -> int:
        name, after = self.graph.nodes[index].name, self._after(index, op.out_features)
        matrix = self.constant(f"{name}.weight", self.weight(name) * after.scale[:, None])
        bias = self.weight(name, "bias") if op.bias else np.zeros(op.out_features, "float32")
        shift = self.constant(f"{name}.bias", bias * after.scale + after.shift)
        how = options("FullyConnected", keepNumDims=True, fusedActivationFunction=after.activation)
        out = self.like(self.graph.nodes[after.last].name, self.shapes[index])
        done = self.operator("FULLY_CONNECTED", [source, matrix, shift], out, how)
        return self._fused(index, after, done)

    def _after(self, index: int, channels: int) -> _After:
        """Follow what nobody else reads: a batch norm, then an activation."""
        last, activation = index, KINDS.NONE
        scale, shift = np.ones(channels, "float32"), np.zeros(channels, "float32")
        for kind in (ops.BatchNorm, ops.Activation):
            if len(self.readers[last]) != 1 or last in self.graph.outputs:
                break
            node = self.graph.nodes[self.readers[last][0]]
            if isinstance(node.op, ops.BatchNorm) and kind is ops.BatchNorm:
                scale, shift = self._batch_norm(node.name, node.op)
            elif isinstance(node.op, ops.Activation) and node.op.function in _FUSED:
                if kind is ops.BatchNorm:
                    continue
                activation = _FUSED[node.op.function]
            else:
                continue
            last = self.readers[last][0]
        return _After(last, scale, shift, activation)

    def _fused(self, index: int, after: _After, tensor: int) -> int:
        """Let all nodes from one to the last that is fused into it have one tensor."""
        while index != after.last:
            index = self.readers[index][0]
            self.at[index] = tensor
        return tensor

    def _padded(self, name: str, source: int, op: ops.Conv, before: Shape) -> tuple[int, int]:
        """Return what a convolution reads, and how the format calls its padding."""
        top, bottom, left, right = conv_pads(op, (before[1], before[2]))
        same = []
        for axis in (0, 1):
            size, stride = before[axis + 1], op.stride[axis]
            reach = (op.kernel[axis] - 1) * op.dilation[axis] + 1
            lack = max((-(-size // stride) - 1) * stride + reach - size, 0)
            same += [lack // 2, lack - lack // 2]
        if not any((top, bottom, left, right)):
            return source, _VALID
        if same == [top, bottom, left, right]:
            return source, _SAME
        return self.pad(name, source, (top, bottom, left, right), 0.0), _VALID

    def _batch_norm(self, name: str, op: ops.BatchNorm) -> tuple[Any, Any]:
        """Return the factor and the shift of each channel."""
        scale = self.weight(name) / np.sqrt(self.weight(name, "running_var") + op.eps)
        shift = self.weight(name, "bias") - self.weight(name, "running_mean") * scale
        return scale.astype("float32"), shift.astype("float32")

    def _activation(self, function: ActivationName, name: str, source: int) -> int:
        if function in _PLAIN:
            code, how = _PLAIN[function]
            return self.same(code, name, [source], how)
        if function == "hardsigmoid":  # relu6(x + 3) / 6
            three, sixth = self.constant("3", 3.0), self.constant("1/6", 1 / 6)
            how = options("Add", fusedActivationFunction=KINDS.RELU6)
            moved = self.same("ADD", f"{name}.moved", [source, three], how)
            return self.same("MUL", name, [moved, sixth], options("Mul"))
        if function == "silu":
            gate = self.same("LOGISTIC", f"{name}.sigmoid", [source])
        else:  # mish: x · tanh(log(1 + eˣ))
            grown = self.same("EXP", f"{name}.exp", [source], options("Exp"))
            one = self.constant("1", 1.0)
            grown = self.same("ADD", f"{name}.more", [grown, one], options("Add"))
            gate = self.same("TANH", f"{name}.tanh", [self.same("LOG", f"{name}.log", [grown])])
        return self.same("MUL", name, [source, gate], options("Mul"))

    def _pool(self, op: ops.Pool, index: int, source: int, before: Shape) -> int:
        name, (top, bottom, left, right) = self.graph.nodes[index].name, op.pads
        low, high = (top, left), [bottom, right]
        for axis, (size, count) in enumerate(zip(before[1:], self.shapes[index][1:], strict=True)):
            reach = (count - 1) * op.stride[axis] + op.kernel[axis]
            high[axis] = max(high[axis], reach - size - low[axis])
        if op.function == "average" and high != [bottom, right]:
            raise InputError(
                f"{name}: an average whose last window reaches beyond the image cannot be written "
                "to a .tflite file; without `ceil` it can"
            )
        lowest = 0.0 if self._is_positive(index) else float(np.finfo("float32").min)
        value = 0.0 if op.function == "average" else lowest
        pads = low[0], high[0], low[1], high[1]
        source = self.pad(name, source, pads, value) if any(pads) else source
        how = options(
            "Pool2D",
            padding=_VALID,
            strideH=op.stride[0],
            strideW=op.stride[1],
            filterHeight=op.kernel[0],
            filterWidth=op.kernel[1],
        )
        code = "MAX_POOL_2D" if op.function == "max" else "AVERAGE_POOL_2D"
        return self.operator(code, [source], self.like(name, self.shapes[index]), how)

    def _is_positive(self, index: int) -> bool:
        """Whether what a node reads has no number below 0: then zeros change no maximum.

        Only such a padding can be quantised, and only that XNNPACK takes.
        """
        before = self.graph.nodes[self.graph.nodes[index].inputs[0]].op
        return isinstance(before, ops.Activation) and before.function in _POSITIVE

    def _flatten(self, name: str, source: int, before: Shape) -> int:
        if len(before) == 3 and before[1:] != (1, 1):  # channels first, as the weights expect
            source = self.transpose(f"{name}.channels", source, 0, 3, 1, 2)
        return self.reshape(name, source, math.prod(before))

    def _slice(self, op: ops.Slice, name: str, source: int, shape: Shape) -> int:
        return self.cut(name, source, 3 if len(shape) == 3 else 1, op.start, op.stop)
