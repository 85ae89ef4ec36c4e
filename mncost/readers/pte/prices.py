"""The price list of XNNPACK's operators, as ``.pte`` files name them.

What moves data costs nothing. An operator that is not in the list has no price, and every sum that
it belongs to is partial.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

from mncost.graph.ops import Shape

__all__ = ["VIEWS", "price", "word"]

VIEWS = frozenset(("StaticReshape",))
_FREE = VIEWS | {
    *("StaticTranspose", "StaticConstantPad", "StaticSlice", "Copy", "Convert"),
    *(f"Concatenate{count}" for count in (2, 3, 4, 5)),
}
_ACTIVATIONS = {
    "Clamp": "relu6",
    "Sigmoid": "sigmoid",
    "Hardswish": "hardswish",
    "LeakyReLU": "leaky_relu",
    "PReLU": "prelu",
    "ELU": "elu",
    "Gelu": "gelu",
    "Tanh": "tanh",
}
_ELEMENTWISE = frozenset(
    (
        *("Add", "Subtract", "Multiply", "Div", "Minimum", "Maximum", "Floor", "Ceiling", "Negate"),
        *("SquareRoot", "ReciprocalSquareRoot", "Square", "Abs", "Log", "Exp", "Sin", "Cos"),
    )
)
_CONVOLUTIONS = {"Conv2d": "conv", "DepthwiseConv2d": "depthwise", "ConvTranspose2d": "conv"}
_WORDS = {
    **_CONVOLUTIONS,
    "FullyConnected": "linear",
    "BatchMatrixMultiply": "matmul",
    "Softmax": "softmax",
    "GlobalAvgPooling2d": "pool",
    "AvgPooling2d": "pool",
    "MaxPooling2d": "pool",
    "StaticResizeBilinear2D": "resize",
}


def price(
    kind: str, options: Mapping[str, Any], reads: Sequence[Shape], out: Shape
) -> tuple[tuple[str, int], ...] | None:
    """Return the work of an operator, by kind; ``None`` if unknown.

    Args:
        kind: of the operator, without ``XNN``.
        options: as they are stored.
        reads: the shapes of its inputs.
        out: of its result; images are channels-last.
    """
    if kind in _FREE:
        return ()
    if kind in _ACTIVATIONS:
        return ((_ACTIVATIONS[kind], prod(out)),)
    if kind in _ELEMENTWISE:
        return (("elementwise", prod(out)),)
    if kind in _CONVOLUTIONS:
        window = options["kernel_height"] * options["kernel_width"]
        if kind == "ConvTranspose2d":
            return (("conv", prod(reads[0]) * window * options["group_output_channels"]),)
        return (("conv", prod(out) * window * options["group_input_channels"]),)
    match kind:
        case "FullyConnected":
            return (("linear", prod(out) * reads[1][-1]),)
        case "BatchMatrixMultiply":
            return (("matmul", prod(out) * reads[0][-1]),)
        case "Softmax":
            return (("softmax", prod(out)),)
        case "GlobalAvgPooling2d":
            return (("pool", prod(reads[0])),)
        case "AvgPooling2d":
            return (("average_pool", prod(reads[0])),)
        case "MaxPooling2d":
            return (("max_pool", prod(reads[0])),)
        case "StaticResizeBilinear2D":
            return (("resize_bilinear", prod(out)),)
        case _:
            return None


def word(kind: str) -> str:
    """Return the word for an operator in tables."""
    if kind in _FREE:
        return "move"
    if kind in _ACTIVATIONS:
        return "activation"
    return "elementwise" if kind in _ELEMENTWISE else _WORDS.get(kind, kind.lower())
