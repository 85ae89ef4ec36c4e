"""Calls of torch operators that are exactly one of our operators."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

from mncost.graph import ops
from mncost.readers.shapes import without_batch
from mncost.readers.torch.calls import Call

__all__ = ["own_operator"]


def own_operator(call: Call, shapes: Sequence[ops.Shape]) -> ops.Op | None:
    """Return our operator for a call, if there is one; its shape is still to be compared.

    Args:
        call: of a torch operator.
        shapes: those of the nodes, without the batch.
    """
    make = _OWN.get(call.operator)
    return make(call, shapes) if make else None


def _conv(call: Call, shapes: Sequence[ops.Shape]) -> ops.Op | None:
    weight, read = call.tensor("weight").shape, call.tensor("input")
    if len(weight) != 4 or len(read.shape) != 4 or call.args.get("transposed"):
        return None
    groups = call.args.get("groups", 1)
    kernel = (weight[2], weight[3])
    dilation = _pair(call.args.get("dilation", 1))
    padding = _padding(call.args.get("padding", 0), kernel, dilation)
    if padding is None:
        return None
    stride = _pair(call.args.get("stride", 1))
    if padding == "same" and stride != (1, 1):
        return None
    return ops.Conv(
        weight[1] * groups, weight[0], kernel, stride, dilation, groups, call.has("bias"), padding
    )


def _padding(given: Any, kernel: tuple[int, int], dilation: tuple[int, int]) -> ops.Padding | None:
    if isinstance(given, str):
        return "valid" if given == "valid" else "same" if given == "same" else None
    top, left = _pair(given)
    around = tuple(d * (k - 1) // 2 for d, k in zip(dilation, kernel, strict=True))
    return "symmetric" if (top, left) == around else (top, top, left, left)


def _linear(call: Call, shapes: Sequence[ops.Shape]) -> ops.Op | None:
    out_features, in_features = call.tensor("weight").shape
    return ops.Linear(in_features, out_features, call.has("bias"))


def _batch_norm(call: Call, shapes: Sequence[ops.Shape]) -> ops.Op | None:
    names = ("weight", "bias", "running_mean", "running_var")
    if call.args.get("training") or not all(call.has(name) for name in names):
        return None
    (channels,) = call.tensor("weight").shape
    dimensions = len(call.tensor("input").shape) - 2
    return ops.BatchNorm(channels, call.args["eps"], call.args["momentum"], dimensions)


def _layer_norm(call: Call, shapes: Sequence[ops.Shape]) -> ops.Op | None:
    read = without_batch(call.tensor("input").shape)
    if len(call.args["normalized_shape"]) != 1 or len(read) > 2 or not call.has("bias"):
        return None  # over several dimensions, or of an image whose channels are last
    return ops.LayerNorm(read[-1], call.args["eps"], len(read) - 1)


def _concat(call: Call, shapes: Sequence[ops.Shape]) -> ops.Op | None:
    joined = call.tensors
    whole = all(value.index is not None and value.shape[0] == 1 for value in joined)
    rank = len(call.out)
    return ops.Concat() if whole and rank > 2 and call.args.get("dim", 0) % rank == 1 else None


def _activation(call: Call, shapes: Sequence[ops.Shape]) -> ops.Op | None:
    # What torch assumes; another slope is another function.
    usual = {"elu": ("alpha", 1.0), "leaky_relu": ("negative_slope", 0.01)}
    argument, value = usual.get(call.operator, ("", None))
    names: dict[str, ops.ActivationName] = {name: name for name in ops.ACTIVATIONS}
    return ops.Activation(names[call.operator]) if call.args.get(argument) == value else None


def _hardtanh(call: Call, shapes: Sequence[ops.Shape]) -> ops.Op | None:
    functions: dict[tuple[float, float], ops.ActivationName] = {
        (0, 6): "relu6",
        (-1, 1): "hardtanh",
    }
    function = functions.get((call.args["min_val"], call.args["max_val"]))
    return ops.Activation(function) if function else None


def _prelu(call: Call, shapes: Sequence[ops.Shape]) -> ops.Op | None:
    return ops.PReLU(prod(call.tensor("weight").shape))


def _pool(call: Call, shapes: Sequence[ops.Shape]) -> ops.Op | None:
    args = call.args
    kernel = _pair(args["kernel_size"])
    stride = _pair(args["stride"]) if args.get("stride") else kernel
    top, left = _pair(args.get("padding", 0))
    dilated = _pair(args.get("dilation", 1)) != (1, 1)
    average = call.operator == "avg_pool2d"
    counts_padding = args.get("count_include_pad", True) and args.get("divisor_override") is None
    if dilated or (average and (top or left) and not counts_padding):
        return None
    pads = (top, top, left, left)
    function: Any = "average" if average else "max"
    return ops.Pool(function, kernel, stride, pads, bool(args.get("ceil_mode")))


def _global_pool(call: Call, shapes: Sequence[ops.Shape]) -> ops.Op | None:
    read = call.tensor("self").shape
    whole = len(read) == 4 and call.out == (*read[:2], 1, 1)
    spatial = call.operator != "mean" or {d % 4 for d in call.args.get("dim") or ()} == {2, 3}
    return ops.GlobalPool() if whole and spatial else None


def _flatten(call: Call, shapes: Sequence[ops.Shape]) -> ops.Op | None:
    read = call.tensor("self").shape
    return ops.Flatten() if len(read) == 4 and call.out == (1, prod(read)) else None


def _add(call: Call, shapes: Sequence[ops.Shape]) -> ops.Op | None:
    both = [value.index for value in call.tensors]
    return (
        ops.Add()
        if len(both) == 2 and None not in both and call.args.get("alpha", 1) == 1
        else None
    )


def _multiply(call: Call, shapes: Sequence[ops.Shape]) -> ops.Op | None:
    both = [value.index for value in call.tensors]
    return ops.Scale() if len(both) == 2 and None not in both else None


def _dropout(call: Call, shapes: Sequence[ops.Shape]) -> ops.Op | None:
    return None if call.args.get("train") else ops.Dropout(float(call.args.get("p", 0.5)))


def _pair(given: Any) -> tuple[int, int]:
    if isinstance(given, int):
        return given, given
    numbers = tuple(given)
    return (numbers[0], numbers[0]) if len(numbers) == 1 else (numbers[0], numbers[1])


_OWN: Mapping[str, Callable[[Call, Sequence[ops.Shape]], ops.Op | None]] = {
    **dict.fromkeys(("conv2d", "convolution"), _conv),
    "linear": _linear,
    **dict.fromkeys(
        ("batch_norm", "native_batch_norm", "_native_batch_norm_legit_no_training"), _batch_norm
    ),
    "layer_norm": _layer_norm,
    **dict.fromkeys(("cat", "concat"), _concat),
    **dict.fromkeys(ops.ACTIVATIONS, _activation),
    "hardtanh": _hardtanh,
    "prelu": _prelu,
    **dict.fromkeys(("max_pool2d", "max_pool2d_with_indices", "avg_pool2d"), _pool),
    **dict.fromkeys(("adaptive_avg_pool2d", "_adaptive_avg_pool2d", "mean"), _global_pool),
    **dict.fromkeys(("flatten", "view", "reshape"), _flatten),
    "add": _add,
    "mul": _multiply,
    "dropout": _dropout,
}
