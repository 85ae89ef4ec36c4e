"""The price list of ``.tflite`` files: the work of each operator that is not one of ours.

Shapes are the file's, with the batch. What moves data costs nothing. An operator that is not in the
list has no price, and every sum that it belongs to is partial.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import TypeAlias

from mncost.graph.ops import Shape

__all__ = ["CONSTANT", "VIEWS", "price", "word"]

_Shapes: TypeAlias = Sequence[Shape]
_Work: TypeAlias = tuple[tuple[str, int], ...]

VIEWS = frozenset(("EXPAND_DIMS", "RESHAPE", "SQUEEZE"))
CONSTANT = frozenset(("RANK", "SHAPE"))
"""What they write follows from shapes."""
_FREE = VIEWS | {
    *("ASSIGN_VARIABLE", "BATCH_TO_SPACE_ND", "BROADCAST_TO", "CALL_ONCE", "CAST"),
    *("CONCATENATION", "DENSIFY", "DEPTH_TO_SPACE", "DEQUANTIZE", "FILL", "GATHER", "GATHER_ND"),
    *("MIRROR_PAD", "PACK", "PAD", "PADV2", "QUANTIZE", "RANGE", "READ_VARIABLE", "REVERSE_V2"),
    *("SELECT", "SELECT_V2", "SLICE", "SPACE_TO_BATCH_ND", "SPACE_TO_DEPTH", "SPLIT", "SPLIT_V"),
    *("STRIDED_SLICE", "TILE", "TRANSPOSE", "UNPACK", "VAR_HANDLE", "WHERE", "ZEROS_LIKE"),
}
_ACTIVATIONS = {
    "RELU": "relu",
    "RELU6": "relu6",
    "RELU_N1_TO_1": "hardtanh",
    "HARD_SWISH": "hardswish",
    "LOGISTIC": "sigmoid",
    "TANH": "tanh",
    "ELU": "elu",
    "GELU": "gelu",
    "LEAKY_RELU": "leaky_relu",
    "PRELU": "prelu",
}
_ELEMENTWISE = frozenset(
    (
        *("ABS", "ADD", "ADD_N", "ATAN2", "CEIL", "COS", "DIV", "EQUAL", "EXP", "FLOOR"),
        *("FLOOR_DIV", "FLOOR_MOD", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL", "LOG"),
        *("LOGICAL_AND", "LOGICAL_NOT", "LOGICAL_OR", "MAXIMUM", "MINIMUM", "MUL", "NEG"),
        *("NOT_EQUAL", "POW", "ROUND", "RSQRT", "SIGN", "SIN", "SQRT", "SQUARE"),
        *("SQUARED_DIFFERENCE", "SUB"),
    )
)
_REDUCTIONS = frozenset(
    (
        *("ARG_MAX", "ARG_MIN", "CUMSUM", "L2_NORMALIZATION", "MEAN", "REDUCE_ALL", "REDUCE_ANY"),
        *("REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD", "SUM"),
    )
)


def price(code: str, reads: _Shapes, out: Shape) -> _Work | None:
    """Return the work of an operator, by kind; ``None`` if unknown.

    Args:
        code: the name of the builtin operator.
        reads: the shapes of its inputs; ``()`` for one that is left out.
        out: of its first result.
    """
    if code in _FREE:
        return ()
    if code in _ACTIVATIONS:
        return ((_ACTIVATIONS[code], prod(out)),)
    if code in _ELEMENTWISE:
        return (("elementwise", prod(out)),)
    if code in _REDUCTIONS:
        return (("reduction", prod(reads[0])),)
    if code in _PRICES:
        try:
            return _PRICES[code](reads, out)
        except IndexError:
            return None
    return None


def word(code: str) -> str:
    """Return the word for an operator in tables."""
    if code in _FREE:
        return "move"
    if code in _ACTIVATIONS:
        return "activation"
    if code in _ELEMENTWISE:
        return "elementwise"
    return "reduction" if code in _REDUCTIONS else _WORDS.get(code, code.lower())


def _conv(reads: _Shapes, out: Shape) -> _Work:
    return (("conv", prod(out) * prod(reads[1][1:])),)


def _depthwise(reads: _Shapes, out: Shape) -> _Work:
    return (("conv", prod(out) * prod(reads[1][1:3])),)


def _transposed(reads: _Shapes, out: Shape) -> _Work:
    """Each pixel that is read goes into a whole kernel of every output; inputs: shape, W, x."""
    return (("conv", prod(reads[2]) * prod(reads[1][:3])),)


def _linear(reads: _Shapes, out: Shape) -> _Work:
    return (("linear", prod(out) * reads[1][-1]),)


def _product(reads: _Shapes, out: Shape) -> _Work:
    """Adjoints swap the last two sides; the one that is summed over follows from the numbers."""
    rows, columns = out[-2:]
    summed = prod(reads[0][-2:]) // rows
    assert columns
    return (("matmul", prod(out) * summed),)


def _recurrent(reads: _Shapes, out: Shape) -> _Work:
    """Every step multiplies the matrices of all gates: inputs 1 to 8, and the projection."""
    steps = prod(reads[0][:-1])
    matrices = [*reads[1:9], *reads[16:17]]
    return (("recurrent", steps * sum(map(prod, (one for one in matrices if one)))),)


def _pool(kind: str) -> Callable[[_Shapes, Shape], _Work]:
    return lambda reads, out: ((kind, prod(reads[0])),)


def _written(kind: str) -> Callable[[_Shapes, Shape], _Work]:
    return lambda reads, out: ((kind, prod(out)),)


_PRICES: dict[str, Callable[[_Shapes, Shape], _Work]] = {
    "CONV_2D": _conv,
    "DEPTHWISE_CONV_2D": _depthwise,
    "TRANSPOSE_CONV": _transposed,
    "FULLY_CONNECTED": _linear,
    "BATCH_MATMUL": _product,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": _recurrent,
    "SOFTMAX": _written("softmax"),
    "LOG_SOFTMAX": _written("softmax"),
    "MAX_POOL_2D": _pool("max_pool"),
    "AVERAGE_POOL_2D": _pool("average_pool"),
    "RESIZE_BILINEAR": _written("resize_bilinear"),
    "RESIZE_NEAREST_NEIGHBOR": _written("resize_nearest"),
}
_WORDS = {
    "CONV_2D": "conv",
    "DEPTHWISE_CONV_2D": "depthwise",
    "TRANSPOSE_CONV": "conv",
    "FULLY_CONNECTED": "linear",
    "BATCH_MATMUL": "matmul",
    "UNIDIRECTIONAL_SEQUENCE_LSTM": "recurrent",
    "SOFTMAX": "softmax",
    "LOG_SOFTMAX": "softmax",
    "MAX_POOL_2D": "pool",
    "AVERAGE_POOL_2D": "pool",
    "RESIZE_BILINEAR": "resize",
    "RESIZE_NEAREST_NEIGHBOR": "resize",
}
