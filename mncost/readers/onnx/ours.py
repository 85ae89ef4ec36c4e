"""The operators of ONNX that are one of ours, exactly."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mncost.errors import InputError
from mncost.graph import ops
from mncost.graph.graph import Node
from mncost.graph.shapes import pads, result_shape
from mncost.readers.onnx.joins import JOINS, Values, attribute_word
from mncost.readers.onnx.prices import Call, Unknown
from mncost.readers.shapes import without_batch

__all__ = ["Values", "fits", "our_operator"]

_TOLERANCE = 1e-4


def our_operator(call: Call, values: Values) -> ops.Op | None:
    """Return our operator that is exactly the same as one of ONNX; ``None`` without one.

    Its shapes are not looked at: whether it writes what the model says is for the caller to check.
    """
    make = _MAKERS.get(call.operator)
    try:
        return None if make is None else make(call, values)
    except (Unknown, IndexError, ValueError, KeyError, TypeError, ZeroDivisionError):
        return None


def _conv(weight: int, bias: int) -> Callable[[Call, Values], ops.Op | None]:
    def make(call: Call, values: Values) -> ops.Op | None:
        filters = call.read(weight)
        if len(filters) != 4 or not call.constant[weight]:
            return None
        groups = int(call.attributes.get("group", 1))
        kernel, stride = filters[2:], _pair(call, "strides")
        dilation = _pair(call, "dilations")
        image = without_batch(call.read(0))
        if len(image) != 3:
            return None
        return ops.Conv(
            filters[1] * groups,
            filters[0],
            (kernel[0], kernel[1]),
            stride,
            dilation,
            groups,
            bias=bias < len(call.reads) and call.reads[bias] is not None,
            padding=_pads(call, image, (kernel[0], kernel[1]), stride, dilation),
        )

    return make


def _pair(call: Call, name: str) -> tuple[int, int]:
    first, second = call.attributes.get(name) or (1, 1)
    return int(first), int(second)


def _pads(
    call: Call,
    image: ops.Shape,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int],
) -> tuple[int, int, int, int]:
    """Return the pixels that are padded: top, bottom, left, right."""
    auto = attribute_word(call.attributes.get("auto_pad", "NOTSET"))
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        sides: list[int] = []
        for axis in (0, 1):
            before, after = pads(
                image[1 + axis], kernel[axis], stride[axis], dilation[axis], "same"
            )
            sides += (before, after) if auto == "SAME_UPPER" else (after, before)
        return sides[0], sides[1], sides[2], sides[3]
    if auto == "VALID" or not (given := call.attributes.get("pads")):
        return 0, 0, 0, 0
    top, left, bottom, right = given
    return top, bottom, left, right


def _batch_norm(call: Call, values: Values) -> ops.Op | None:
    image = without_batch(call.read(0))
    channels = call.read(1)[0]
    if call.attributes.get("training_mode") or not all(call.constant[1:5]):
        return None
    if len(image) not in (1, 3) or image[0] != channels:
        return None
    eps = float(call.attributes.get("epsilon", 1e-5))
    momentum = 1 - float(call.attributes.get("momentum", 0.9))  # torch's is that of the new value
    return ops.BatchNorm(channels, eps, momentum, len(image) - 1)


def _activation(
    function: ops.ActivationName, **wanted: tuple[float, float]
) -> Callable[[Call, Values], ops.Op | None]:
    """Return what makes an activation, if its attributes have these values (value, default)."""

    def make(call: Call, values: Values) -> ops.Op | None:
        for name, (value, default) in wanted.items():
            if abs(float(call.attributes.get(name, default)) - value) > _TOLERANCE:
                return None
        return ops.Activation(function)

    return make


def _clip(call: Call, values: Values) -> ops.Op | None:
    if "min" in call.attributes or "max" in call.attributes:  # before opset 11
        limits = call.attributes.get("min"), call.attributes.get("max")
    else:
        low, high = values(1), values(2)
        limits = low and low[0], high and high[0]
    match limits:
        case (0.0, 6.0):
            return ops.Activation("relu6")
        case (-1.0, 1.0):
            return ops.Activation("hardtanh")
        case _:
            return None


def _prelu(call: Call, values: Values) -> ops.Op | None:
    image = without_batch(call.read(0))
    slopes = call.read(1)
    is_each = call.constant[1] and max(slopes, default=1) == image[0]
    return ops.PReLU(image[0]) if is_each and _is_a_channel(slopes, image) else None


def _is_a_channel(factors: ops.Shape, image: ops.Shape) -> bool:
    """Whether a tensor that is broadcast has one value a channel of an image."""
    bare = without_batch(factors)
    return bare == (image[0], *(1,) * (len(image) - 1))


def _add(call: Call, values: Values) -> ops.Op | None:
    if len(call.reads) == 2 and not any(call.constant) and call.read(0) == call.read(1):
        return ops.Add()
    return None


def _mul(call: Call, values: Values) -> ops.Op | None:
    """An image times a factor a channel: a constant, or what another operator writes."""
    image, factors = without_batch(call.read(0)), call.read(1)
    if call.constant[0] or not _is_a_channel(factors, image) or len(image) != 3:
        return None
    return ops.LayerScale(image[0]) if call.constant[1] else ops.Scale()


def _lp_norm(call: Call, values: Values) -> ops.Op | None:
    over_channels = len(call.read(0)) == 4 and call.attributes.get("axis", -1) in (1, -3)
    return ops.L2Norm() if over_channels and call.attributes.get("p", 2) == 2 else None


def _max_pool(call: Call, values: Values) -> ops.Op | None:
    if len([one for one in call.writes if one is not None]) > 1:
        return None
    return _window(call, "max")


def _average_pool(call: Call, values: Values) -> ops.Op | None:
    pool = _window(call, "average")
    padded = pool is not None and any(pool.pads)
    if padded and not call.attributes.get("count_include_pad"):
        return None
    return pool


def _window(call: Call, function: Any) -> ops.Pool | None:
    kernel = tuple(int(side) for side in call.attributes["kernel_shape"])
    image = without_batch(call.read(0))
    if len(kernel) != 2 or len(image) != 3 or _pair(call, "dilations") != (1, 1):
        return None
    stride = _pair(call, "strides")
    around = _pads(call, image, kernel, stride, (1, 1))
    return ops.Pool(function, kernel, stride, around, bool(call.attributes.get("ceil_mode", 0)))


def _global_pool(call: Call, values: Values) -> ops.Op | None:
    return ops.GlobalPool()


def _reduce_mean(call: Call, values: Values) -> ops.Op | None:
    axes = call.attributes.get("axes") or values(1)
    rank = len(call.read(0))
    if axes is None or rank != 4 or not call.attributes.get("keepdims", 1):
        return None
    return ops.GlobalPool() if {int(axis) % rank for axis in axes} == {2, 3} else None


def _flatten(call: Call, values: Values) -> ops.Op | None:
    return ops.Flatten() if len(without_batch(call.read(0))) == 3 else None


def _dropout(call: Call, values: Values) -> ops.Op | None:
    return ops.Dropout(float(call.attributes.get("ratio", 0.5)))


def _gemm(call: Call, values: Values) -> ops.Op | None:
    if call.attributes.get("transA") or not call.constant[1] or len(call.read(0)) != 2:
        return None
    weight = call.read(1)
    inner, outer = weight[::-1] if call.attributes.get("transB") else weight
    has_bias = len(call.reads) > 2 and call.reads[2] is not None
    if has_bias and call.read(2)[-1] != outer:
        return None
    return ops.Linear(inner, outer, has_bias)


def _matmul(call: Call, values: Values) -> ops.Op | None:
    weight = call.read(1)
    if not call.constant[1] or call.constant[0] or len(weight) != 2:
        return None
    return ops.Linear(weight[0], weight[1], bias=False)


_MAKERS: Mapping[str, Callable[[Call, Values], ops.Op | None]] = {
    "Conv": _conv(1, 2),
    "ConvInteger": _conv(1, 99),
    "QLinearConv": _conv(3, 8),
    "BatchNormalization": _batch_norm,
    "Relu": _activation("relu"),
    "Sigmoid": _activation("sigmoid"),
    "Tanh": _activation("tanh"),
    "Mish": _activation("mish"),
    "HardSwish": _activation("hardswish"),
    "Gelu": _activation("gelu"),
    "com.microsoft.Gelu": _activation("gelu"),
    "Swish": _activation("silu", alpha=(1.0, 1.0)),
    "HardSigmoid": _activation("hardsigmoid", alpha=(1 / 6, 0.2), beta=(0.5, 0.5)),
    "Elu": _activation("elu", alpha=(1.0, 1.0)),
    "LeakyRelu": _activation("leaky_relu", alpha=(0.01, 0.01)),
    "Clip": _clip,
    "PRelu": _prelu,
    "Add": _add,
    "Sum": _add,
    "Mul": _mul,
    "LpNormalization": _lp_norm,
    "MaxPool": _max_pool,
    "AveragePool": _average_pool,
    "GlobalAveragePool": _global_pool,
    "ReduceMean": _reduce_mean,
    "Flatten": _flatten,
    "Reshape": _flatten,
    "Squeeze": _flatten,
    "Dropout": _dropout,
    **JOINS,
    "Gemm": _gemm,
    "MatMul": _matmul,
}


def fits(op: ops.Op, sources: tuple[int, ...], shapes: list[ops.Shape], out: ops.Shape) -> bool:
    """Whether our operator writes what the model says."""
    node = Node("", "", op, sources)
    try:
        return bool(sources) and result_shape(node, shapes[sources[0]], shapes) == out
    except (InputError, IndexError, ValueError, AssertionError):
        return False
