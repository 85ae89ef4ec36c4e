"""The graph as a ``.tflite`` model, operator by operator, for LiteRT (TensorFlow Lite).

Batch norms are folded into the convolution or linear layer before them, and so are the activations
that the format can fuse (ReLU, ReLU6, hard tanh).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, assert_never

import numpy as np

from mncost.errors import InputError
from mncost.graph.foreign_op import not_ours
from mncost.graph.graph import Graph, Node
from mncost.graph.ops import (
    Activation,
    AdaptivePool,
    Add,
    Attention,
    BatchNorm,
    ClassToken,
    Concat,
    Conv,
    Dropout,
    Flatten,
    Fold,
    Foreign,
    GlobalPool,
    Input,
    LayerNorm,
    LayerScale,
    Linear,
    MultiHeadAttention,
    Pool,
    Positions,
    PReLU,
    Resize,
    Scale,
    Select,
    Shape,
    Shuffle,
    Slice,
    Tokens,
    Unfold,
)
from mncost.graph.shapes import conv_pads
from mncost.models.tflite_writer import KINDS, Writer, options
from mncost.models.windows import shares

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
_SAME, _VALID = 0, 1  # of the schema's Padding


def tflite_model(graph: Graph, shapes: Sequence[Shape], weights: Weights) -> bytes:
    """Return a float32 ``.tflite`` file that computes a graph for inputs of one shape.

    Args:
        graph: the operators; images are ``(1, height, width, channels)`` in the file.
        shapes: those of the graph's tensors, without the batch.
        weights: by name, as :func:`mncost.models.weights.random_weights` returns them.

    Raises:
        InputError: the format has no form of an operator.
    """
    emitter = _Emitter(graph, shapes, weights)
    for index, node in enumerate(graph.nodes):
        if index not in emitter.at:
            emitter.at[index] = emitter.emit(index, node)
    inputs = {graph.nodes[index].name: emitter.at[index] for index in graph.inputs}
    outputs = [emitter.at[index] for index in graph.outputs]
    return emitter.finish(inputs, dict(zip(graph.output_names, outputs, strict=True)))


class _After(NamedTuple):
    """What is fused into an operator: a factor and a shift a channel, and an activation."""

    last: int
    scale: Any
    shift: Any
    activation: int


class _Emitter(Writer):
    """Walks down a graph; ``at`` has the tensor of each node that is written."""

    def __init__(self, graph: Graph, shapes: Sequence[Shape], weights: Weights) -> None:
        super().__init__()
        self.graph, self.shapes, self.weights = graph, shapes, weights
        self.readers = graph.consumers()
        self.at: dict[int, int] = {}

    def emit(self, index: int, node: Node) -> int:
        """Write one operator; return its tensor."""
        name, shape = node.name, self.shapes[index]
        inputs = [self.at[source] for source in node.inputs]
        before = [self.shapes[source] for source in node.inputs]
        match node.op:
            case Input():
                return self.tensor(name, *_outer(shape))
            case Conv() as op:
                return self._conv(op, index, inputs[0], before[0])
            case Linear() as op:
                return self._linear(op, index, inputs[0])
            case BatchNorm() as op:
                scale, shift = self._batch_norm(name, op)
                return self._affine(name, inputs[0], scale, shift)
            case Activation() as op:
                return self._activation(op.function, name, inputs[0])
            case PReLU() as op:
                ones = (1,) * (len(shape) - 1)
                slope = self.constant(f"{name}.weight", self._weight(name).reshape(*ones, -1))
                return self._same("PRELU", name, [inputs[0], slope])
            case Pool() as op:
                return self._pool(op, index, inputs[0], before[0])
            case AdaptivePool() as op:
                return self._adaptive_pool(op, name, inputs[0], shape)
            case GlobalPool():
                axes = [1, 2] if len(before[0]) == 3 else [1]
                return self._mean(name, inputs[0], axes, _outer(shape), keep=len(before[0]) == 3)
            case Flatten():
                return self._flatten(name, inputs[0], before[0])
            case Add():
                return self._same("ADD", name, inputs, options("Add"))
            case Scale():
                return self._same("MUL", name, inputs, options("Mul"))
            case LayerScale():
                gamma = self.constant(f"{name}.gamma", self._weight(name, "gamma"))
                return self._same("MUL", name, [*inputs, gamma], options("Mul"))
            case Dropout():
                return inputs[0]
            case Concat():
                axis = 3 if len(shape) == 3 else 1
                how = options("Concatenation", axis=axis)
                return self.operator("CONCATENATION", inputs, self._like(name, shape), how)
            case Slice() as op:
                return self._slice(op, name, inputs[0], shape)
            case Shuffle() as op:
                channels, height, width = shape
                cut = height, width, op.groups, channels // op.groups
                grouped = self._reshape(f"{name}.groups", inputs[0], *cut)
                swapped = self._transpose(f"{name}.swapped", grouped, 0, 1, 2, 4, 3)
                return self._reshape(name, swapped, height, width, channels)
            case Resize() as op:
                return self._resize(op, name, inputs[0], shape)
            case LayerNorm() as op:
                return self._layer_norm(op, name, inputs[0])
            case Attention() as op:
                return self._attention(op, name, inputs, before, shape)
            case MultiHeadAttention() as op:
                return self._heads(op, name, inputs[0], before[0])
            case Tokens() as op:
                return self._reshape(name, inputs[0], *shape)
            case ClassToken() as op:
                return self._class_token(op, name, inputs[0], shape)
            case Positions():
                places = self.constant(f"{name}.positions", self._weight(name, "positions")[None])
                return self._same("ADD", name, [*inputs, places], options("Add"))
            case Select() as op:
                return self._select(op, name, inputs[0], shape)
            case Unfold() as op:
                channels, height, width = before[0]
                return self._unfold(op, name, inputs[0], height, width, channels)
            case Fold() as op:
                return self._fold(op, name, inputs[0], shape)
            case Foreign() as op:
                raise not_ours(op)
            case _:
                assert_never(node.op)

    # -------------------------------------------------------------------- convolution and linear

    def _conv(self, op: Conv, index: int, source: int, before: Shape) -> int:
        name, after = self.graph.nodes[index].name, self._after(index, op.out_channels)
        kernel = self._weight(name) * after.scale.reshape(-1, 1, 1, 1)
        bias = self._weight(name, "bias") if op.bias else np.zeros(op.out_channels, "float32")
        source, padding = self._padded(name, source, op, before)
        out = self._like(self.graph.nodes[after.last].name, self.shapes[index])
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

    def _linear(self, op: Linear, index: int, source: int) -> int:
        name, after = self.graph.nodes[index].name, self._after(index, op.out_features)
        matrix = self.constant(f"{name}.weight", self._weight(name) * after.scale[:, None])
        bias = self._weight(name, "bias") if op.bias else np.zeros(op.out_features, "float32")
        shift = self.constant(f"{name}.bias", bias * after.scale + after.shift)
        how = options("FullyConnected", keepNumDims=True, fusedActivationFunction=after.activation)
        out = self._like(self.graph.nodes[after.last].name, self.shapes[index])
        done = self.operator("FULLY_CONNECTED", [source, matrix, shift], out, how)
        return self._fused(index, after, done)

    def _after(self, index: int, channels: int) -> _After:
        """Follow what nobody else reads: a batch norm, then an activation."""
        last, activation = index, KINDS.NONE
        scale, shift = np.ones(channels, "float32"), np.zeros(channels, "float32")
        for kind in (BatchNorm, Activation):
            if len(self.readers[last]) != 1 or last in self.graph.outputs:
                break
            node = self.graph.nodes[self.readers[last][0]]
            if isinstance(node.op, BatchNorm) and kind is BatchNorm:
                scale, shift = self._batch_norm(node.name, node.op)
            elif isinstance(node.op, Activation) and node.op.function in _FUSED:
                if kind is BatchNorm:
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

    def _padded(self, name: str, source: int, op: Conv, before: Shape) -> tuple[int, int]:
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
        return self._pad(name, source, (top, bottom, left, right), 0.0), _VALID

    def _pad(self, name: str, source: int, pads: Sequence[int], value: float) -> int:
        top, bottom, left, right = pads
        _, height, width, channels = self.shape(source)
        if min(pads) < 0:
            raise InputError(f"{name}: a padding below 0 has no form in a .tflite file")
        amounts = [[0, 0], [top, bottom], [left, right], [0, 0]]
        out = self.tensor(
            f"{name}.padded", 1, height + top + bottom, width + left + right, channels
        )
        inputs = [source, self.constant(f"{name}.pads", amounts, "int32")]
        if not value:
            return self.operator("PAD", inputs, out, options("Pad"))
        inputs.append(self.constant(f"{name}.pads.value", value))
        return self.operator("PADV2", inputs, out, options("PadV2"))

    def _batch_norm(self, name: str, op: BatchNorm) -> tuple[Any, Any]:
        """Return the factor and the shift of each channel."""
        scale = self._weight(name) / np.sqrt(self._weight(name, "running_var") + op.eps)
        shift = self._weight(name, "bias") - self._weight(name, "running_mean") * scale
        return scale.astype("float32"), shift.astype("float32")

    def _affine(self, name: str, source: int, scale: Any, shift: Any) -> int:
        factor, term = self.constant(f"{name}.scale", scale), self.constant(f"{name}.shift", shift)
        product = self._same("MUL", f"{name}.scaled", [source, factor], options("Mul"))
        return self._same("ADD", name, [product, term], options("Add"))

    # -------------------------------------------------------------------- elementwise, pooling

    def _activation(self, function: ActivationName, name: str, source: int) -> int:
        if function in _PLAIN:
            code, how = _PLAIN[function]
            return self._same(code, name, [source], how)
        if function == "hardsigmoid":  # relu6(x + 3) / 6
            three, sixth = self.constant("3", 3.0), self.constant("1/6", 1 / 6)
            how = options("Add", fusedActivationFunction=KINDS.RELU6)
            moved = self._same("ADD", f"{name}.moved", [source, three], how)
            return self._same("MUL", name, [moved, sixth], options("Mul"))
        if function == "silu":
            gate = self._same("LOGISTIC", f"{name}.sigmoid", [source])
        else:  # mish: x · tanh(log(1 + eˣ))
            grown = self._same("EXP", f"{name}.exp", [source], options("Exp"))
            one = self.constant("1", 1.0)
            grown = self._same("ADD", f"{name}.more", [grown, one], options("Add"))
            gate = self._same("TANH", f"{name}.tanh", [self._same("LOG", f"{name}.log", [grown])])
        return self._same("MUL", name, [source, gate], options("Mul"))

    def _pool(self, op: Pool, index: int, source: int, before: Shape) -> int:
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
        value = 0.0 if op.function == "average" else float(np.finfo("float32").min)
        pads = low[0], high[0], low[1], high[1]
        source = self._pad(name, source, pads, value) if any(pads) else source
        how = options(
            "Pool2D",
            padding=_VALID,
            strideH=op.stride[0],
            strideW=op.stride[1],
            filterHeight=op.kernel[0],
            filterWidth=op.kernel[1],
        )
        code = "MAX_POOL_2D" if op.function == "max" else "AVERAGE_POOL_2D"
        return self.operator(code, [source], self._like(name, self.shapes[index]), how)

    def _adaptive_pool(self, op: AdaptivePool, name: str, source: int, shape: Shape) -> int:
        """Write averages of windows: two products with matrices of their shares."""
        _, height, width, channels = self.shape(source)
        if (height, width) == op.size:
            return source
        down, across = op.size
        rows = self._reshape(f"{name}.rows", source, height, width * channels)
        windows = self.constant(f"{name}.down", shares(height, down)[None])
        rows = self.operator(
            "BATCH_MATMUL",
            [windows, rows],
            self.tensor(f"{name}.averaged", 1, down, width * channels),
            options("BatchMatMul"),
        )
        columns = self._reshape(f"{name}.columns", rows, width, channels, fold=down)
        windows = self.constant(f"{name}.across", shares(width, across)[None])
        columns = self.operator(
            "BATCH_MATMUL",
            [windows, columns],
            self.tensor(f"{name}.both", down, across, channels),
            options("BatchMatMul"),
        )
        return self._reshape(name, columns, *_outer(shape)[1:])

    def _mean(
        self, name: str, source: int, axes: Sequence[int], outer: Sequence[int], *, keep: bool
    ) -> int:
        inputs = [source, self.constant(f"{name}.axes", axes, "int32")]
        how = options("Reducer", keepDims=keep)
        return self.operator("MEAN", inputs, self.tensor(name, *outer), how)

    def _layer_norm(self, op: LayerNorm, name: str, source: int) -> int:
        shape = self.shape(source)
        last, ones = [len(shape) - 1], (*shape[:-1], 1)
        mean = self._mean(f"{name}.mean", source, last, ones, keep=True)
        moved = self._same("SUB", f"{name}.moved", [source, mean], options("Sub"))
        square = self._same("MUL", f"{name}.square", [moved, moved], options("Mul"))
        spread = self._mean(f"{name}.variance", square, last, ones, keep=True)
        eps = self.constant(f"{name}.eps", op.eps)
        spread = self._same("ADD", f"{name}.variance.eps", [spread, eps], options("Add"))
        factor = self._same("RSQRT", f"{name}.factor", [spread])
        normed = self._same("MUL", f"{name}.normed", [moved, factor], options("Mul"))
        return self._affine(name, normed, self._weight(name), self._weight(name, "bias"))

    # -------------------------------------------------------------------- shapes and branches

    def _flatten(self, name: str, source: int, before: Shape) -> int:
        if len(before) == 3 and before[1:] != (1, 1):  # channels first, as the weights expect
            source = self._transpose(f"{name}.channels", source, 0, 3, 1, 2)
        return self._reshape(name, source, math.prod(before))

    def _slice(self, op: Slice, name: str, source: int, shape: Shape) -> int:
        return self._cut(name, source, 3 if len(shape) == 3 else 1, op.start, op.stop)

    def _cut(self, name: str, source: int, axis: int, start: int, stop: int) -> int:
        """Append a slice along one axis; the others are whole, whatever the batch is."""
        rank, whole = len(self.shape(source)), ~(1 << axis)
        ends = [[end * (one == axis) for one in range(rank)] for end in (start, stop)]
        bounds = [self.constant(f"{name}.bounds", end, "int32") for end in (*ends, [1] * rank)]
        shape = [*self.shape(source)]
        shape[axis] = stop - start
        mask = whole & ((1 << rank) - 1)
        how = options("StridedSlice", beginMask=mask, endMask=mask)
        return self.operator("STRIDED_SLICE", [source, *bounds], self.tensor(name, *shape), how)

    def _resize(self, op: Resize, name: str, source: int, shape: Shape) -> int:
        if self.shape(source) == _outer(shape):
            return source
        size = self.constant(f"{name}.size", shape[1:], "int32")
        if op.mode == "bilinear":
            code, how = "RESIZE_BILINEAR", options("ResizeBilinear", halfPixelCenters=True)
        else:
            code, how = "RESIZE_NEAREST_NEIGHBOR", options("ResizeNearestNeighbor")
        return self.operator(code, [source, size], self._like(name, shape), how)

    def _unfold(
        self, op: Unfold, name: str, source: int, height: int, width: int, channels: int
    ) -> int:
        down, right = op.patch
        cut = height // down, down, width // right, right * channels
        patches = self._reshape(f"{name}.patches", source, *cut)
        rows = self._transpose(f"{name}.rows", patches, 0, 2, 1, 3, 4)
        apart = down, height // down * (width // right), right, channels
        rows = self._reshape(f"{name}.pixels", rows, *apart)
        return self._reshape(
            name, self._transpose(f"{name}.tokens", rows, 0, 1, 3, 2, 4), height * width, channels
        )

    def _fold(self, op: Fold, name: str, source: int, shape: Shape) -> int:
        channels, height, width = shape
        down, right = op.patch
        apart = down, right, height // down * (width // right), channels
        pixels = self._reshape(f"{name}.pixels", source, *apart)
        rows = self._transpose(f"{name}.rows", pixels, 0, 1, 3, 2, 4)
        cut = down, height // down, width // right, right * channels
        patches = self._reshape(f"{name}.patches", rows, *cut)
        image = self._transpose(f"{name}.image", patches, 0, 2, 1, 3, 4)
        return self._reshape(name, image, height, width, channels)

    def _class_token(self, op: ClassToken, name: str, source: int, shape: Shape) -> int:
        """Write the token once for each image: the first token's place, times 0, plus it."""
        first = self._cut(f"{name}.first", source, 1, 0, 1)
        none = self._same("SUB", f"{name}.none", [first, first], options("Sub"))
        token = self.constant(f"{name}.token", self._weight(name, "token").reshape(1, 1, -1))
        each = self._same("ADD", f"{name}.each", [none, token], options("Add"))
        how = options("Concatenation", axis=1)
        return self.operator("CONCATENATION", [each, source], self._like(name, shape), how)

    def _select(self, op: Select, name: str, source: int, shape: Shape) -> int:
        token = self._cut(f"{name}.token", source, 1, op.index, op.index + 1)
        return self._reshape(name, token, *shape)

    # -------------------------------------------------------------------- attention

    def _attention(
        self, op: Attention, name: str, inputs: list[int], before: list[Shape], shape: Shape
    ) -> int:
        """All heads are rows of one matrix, since they share keys and values."""
        _, height, width = shape
        keys, depth = before[1][1] * before[1][2], op.key_dim
        rows = height * width * op.heads  # channels-last: each pixel's heads are together
        query = self._reshape(f"{name}.query", inputs[0], rows, depth)
        key = self._reshape(f"{name}.key", inputs[1], keys, depth)
        value = self._reshape(f"{name}.value", inputs[2], keys, depth)
        mixed = self._weighted(name, query, key, value, depth=depth)
        return self._reshape(name, mixed, height, width, op.heads * depth)

    def _heads(self, op: MultiHeadAttention, name: str, source: int, before: Shape) -> int:
        tokens, features = before
        length, depth = tokens // op.sequences, features // 3 // op.heads
        apart = self._reshape(f"{name}.sequences", source, length, features, fold=op.sequences)
        parts: list[int] = []
        for place, part in enumerate(("query", "key", "value")):
            width = features // 3
            cut = self._cut(f"{name}.{part}", apart, 2, place * width, (place + 1) * width)
            cut = self._reshape(
                f"{name}.{part}.heads", cut, length, op.heads, depth, fold=op.sequences
            )
            parts.append(self._transpose(f"{name}.{part}.rows", cut, 0, 2, 1, 3))
        mixed = self._weighted(name, *parts, depth=depth)
        mixed = self._transpose(f"{name}.mixed.tokens", mixed, 0, 2, 1, 3)
        return self._reshape(name, mixed, tokens, op.heads * depth)

    def _weighted(self, name: str, query: int, key: int, value: int, *, depth: int) -> int:
        """Write softmax(QKᵀ/√d)·V over the last two dimensions."""
        factor = self.constant(f"{name}.factor", 1 / math.sqrt(depth))
        query = self._same("MUL", f"{name}.query.scaled", [query, factor], options("Mul"))
        *outer, rows, _ = self.shape(query)
        scores = self.tensor(f"{name}.scores", *outer, rows, self.shape(key)[-2])
        how = options("BatchMatMul", adjY=True)
        self.operator("BATCH_MATMUL", [query, key], scores, how)
        shares = self._same("SOFTMAX", f"{name}.softmax", [scores], options("Softmax", beta=1.0))
        mixed = self.tensor(f"{name}.mixed", *outer, rows, depth)
        return self.operator("BATCH_MATMUL", [shares, value], mixed, options("BatchMatMul"))

    # -------------------------------------------------------------------- steps

    def _weight(self, name: str, leaf: str = "weight") -> Any:
        return np.asarray(self.weights[f"{name}.{leaf}"])

    def _like(self, name: str, shape: Shape) -> int:
        return self.tensor(name, *_outer(shape))

    def _same(self, code: str, name: str, inputs: Sequence[int], how: Any = None) -> int:
        """Append an operator whose result has the shape of its first input."""
        return self.operator(code, inputs, self.tensor(name, *self.shape(inputs[0])), how)

    def _reshape(self, name: str, source: int, *shape: int, fold: int = 1) -> int:
        """Append a reshape; the first dimension is the batch, or ``fold`` times as much."""
        wanted = self.constant(f"{name}.shape", [-1, *shape], "int32")
        out = self.tensor(name, fold, *shape)
        return self.operator(
            "RESHAPE", [source, wanted], out, options("Reshape", newShape=[-1, *shape])
        )

    def _transpose(self, name: str, source: int, *order: int) -> int:
        shape = self.shape(source)
        out = self.tensor(name, *(shape[axis] for axis in order))
        axes = self.constant(f"{name}.axes", order, "int32")
        return self.operator("TRANSPOSE", [source, axes], out, options("Transpose"))


def _outer(shape: Shape) -> tuple[int, ...]:
    """Return a shape as the file has it: with a batch of one, and channels last."""
    return (1, *shape[1:], shape[0]) if len(shape) == 3 else (1, *shape)
