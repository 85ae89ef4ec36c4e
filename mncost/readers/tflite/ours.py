"""The operators of ``.tflite`` files that are one of ours, exactly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, NamedTuple

from mncost.graph import ops
from mncost.graph.shapes import pads

__all__ = ["Facts", "our_operators"]


class Facts(NamedTuple):
    """What is known of an operator of a file.

    Attributes:
        code: its builtin's name.
        options: as they are stored.
        shapes: of its inputs that are stored, and ``None`` of those that are computed.
        has_bias: whether there is a third input.
        padding: what a convolution pads.
        averaged: the sides that a mean leaves out.
    """

    code: str
    options: Any
    shapes: Sequence[ops.Shape | None]
    has_bias: bool
    padding: ops.Padding
    averaged: tuple[int, ...]

    def stored(self, place: int) -> ops.Shape | None:
        """Return the shape of an input that is stored."""
        return self.shapes[place] if place < len(self.shapes) else None


def our_operators(call: Facts, before: ops.Shape, out: ops.Shape) -> list[ops.Op] | None:
    """Return our operators that do exactly the same, in order; ``None`` without any.

    Args:
        call: the operator.
        before: the shape that it reads, as ours.
        out: the shape that it writes.
    """
    make = _MAKERS.get(call.code)
    return None if make is None else make(call, before, out)


_PLAIN: dict[str, ops.Activation] = {
    "RELU": ops.Activation("relu"),
    "RELU6": ops.Activation("relu6"),
    "RELU_N1_TO_1": ops.Activation("hardtanh"),
    "HARD_SWISH": ops.Activation("hardswish"),
    "LOGISTIC": ops.Activation("sigmoid"),
    "TANH": ops.Activation("tanh"),
    "ELU": ops.Activation("elu"),
}


def _conv(call: Facts, image: ops.Shape, out: ops.Shape) -> list[ops.Op] | None:
    filters, options = call.stored(1), call.options
    if filters is None or len(filters) != 4 or len(image) != 3:
        return None
    kernel = filters[1], filters[2]
    stride = options.strideH, options.strideW
    dilation = options.dilationHFactor, options.dilationWFactor
    is_depthwise = call.code == "DEPTHWISE_CONV_2D"
    outputs = filters[3] if is_depthwise else filters[0]
    groups = image[0] if is_depthwise else image[0] // filters[3]
    has_bias = call.has_bias
    padding = call.padding
    return [ops.Conv(image[0], outputs, kernel, stride, dilation, groups, has_bias, padding)]


def _linear(call: Facts, before: ops.Shape, out: ops.Shape) -> list[ops.Op] | None:
    matrix = call.stored(1)
    if matrix is None or len(matrix) != 2:
        return None
    has_bias = call.has_bias
    layer = ops.Linear(matrix[1], matrix[0], has_bias)
    flattens = len(before) == 3 and not call.options.keepNumDims
    return [ops.Flatten(), layer] if flattens else [layer]


def _flatten(call: Facts, before: ops.Shape, out: ops.Shape) -> list[ops.Op] | None:
    """Of one pixel only: of more, the order of what is flattened is another one."""
    return [ops.Flatten()] if len(before) == 3 and before[1:] == (1, 1) and len(out) == 1 else None


def _pool(call: Facts, image: ops.Shape, out: ops.Shape) -> list[ops.Op] | None:
    options = call.options
    kernel = options.filterHeight, options.filterWidth
    stride = options.strideH, options.strideW
    if len(image) != 3:
        return None
    sides = [0, 0, 0, 0]
    if not options.padding:
        for axis in (0, 1):
            sides[2 * axis : 2 * axis + 2] = pads(
                image[1 + axis], kernel[axis], stride[axis], 1, "same"
            )
    function = "max" if call.code == "MAX_POOL_2D" else "average"
    if function == "average" and any(sides):  # it does not count what is padded, and ours does
        return None
    return [ops.Pool(function, kernel, stride, (sides[0], sides[1], sides[2], sides[3]))]  # type: ignore[arg-type]


def _mean(call: Facts, image: ops.Shape, out: ops.Shape) -> list[ops.Op] | None:
    if len(image) != 3 or call.averaged != (1, 2):
        return None
    return [ops.GlobalPool()] if len(out) == 3 else [ops.GlobalPool(), ops.Flatten()]


def _prelu(call: Facts, image: ops.Shape, out: ops.Shape) -> list[ops.Op] | None:
    slopes = call.stored(1)
    fits = slopes is not None and prod(slopes) == slopes[-1] == image[0]
    return [ops.PReLU(image[0])] if fits else None


def _add(call: Facts, before: ops.Shape, out: ops.Shape) -> list[ops.Op] | None:
    return None if any(call.stored(n) is not None for n in (0, 1)) else [ops.Add()]


def _scale(call: Facts, before: ops.Shape, out: ops.Shape) -> list[ops.Op] | None:
    return None if any(call.stored(n) is not None for n in (0, 1)) else [ops.Scale()]


_MAKERS: dict[str, Callable[[Facts, ops.Shape, ops.Shape], list[ops.Op] | None]] = {
    "CONV_2D": _conv,
    "DEPTHWISE_CONV_2D": _conv,
    "FULLY_CONNECTED": _linear,
    "MAX_POOL_2D": _pool,
    "AVERAGE_POOL_2D": _pool,
    "MEAN": _mean,
    "RESHAPE": _flatten,
    "PRELU": _prelu,
    "ADD": _add,
    "MUL": _scale,
    **{
        code: (lambda call, before, out, op=op: [op])  # type: ignore[misc]
        for code, op in _PLAIN.items()
    },
}
