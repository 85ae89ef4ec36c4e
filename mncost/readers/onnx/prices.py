"""The price list of ONNX: the work of each operator, from the shapes that it reads and writes.

Multiply-accumulates are those of convolutions, matrix products, attention and recurrent layers.
What moves data costs nothing. An operator that is not in the list, or whose shapes are not known,
has no price: the sum is then a lower bound, and its user has to say so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any, NamedTuple, TypeAlias

from mncost.graph.ops import Shape
from mncost.readers.onnx.operators import (
    ACTIVATIONS,
    ELEMENTWISE,
    FREE,
    NORMS,
    REDUCTIONS,
    SOFTMAXES,
)

__all__ = ["Call", "Unknown", "Work", "price", "word"]

Work: TypeAlias = tuple[tuple[str, int], ...]


class Call(NamedTuple):
    """One operator of a model.

    Attributes:
        operator: its type, with a domain that is not ONNX's own.
        attributes: by name.
        reads: the shape of each input; ``None`` where there is none, or it is not known.
        writes: likewise, of each output.
        constant: whether each input is.
    """

    operator: str
    attributes: Mapping[str, Any]
    reads: Sequence[Shape | None]
    writes: Sequence[Shape | None]
    constant: Sequence[bool]

    def read(self, index: int) -> Shape:
        """Return the shape of an input.

        Raises:
            Unknown: it is not there, or its shape is not known.
        """
        shape = self.reads[index] if index < len(self.reads) else None
        if shape is None:
            raise Unknown
        return shape

    @property
    def out(self) -> Shape:
        """The shape of the first output that is there.

        Raises:
            Unknown: it is not known.
        """
        shape = next((one for one in self.writes if one is not None), None)
        if shape is None:
            raise Unknown
        return shape


class Unknown(Exception):
    """There is no price."""


def price(call: Call) -> Work | None:
    """Return the work of an operator, by kind; ``None`` if unknown."""
    if call.operator in FREE:
        return ()
    try:
        if call.operator in _PRICES:
            kind, amount = _PRICES[call.operator][1](call)
            return ((kind, amount),)
        if call.operator in ACTIVATIONS:
            return ((ACTIVATIONS[call.operator], prod(call.out)),)
        if call.operator in ELEMENTWISE:
            return (("elementwise", prod(call.out)),)
        if call.operator in REDUCTIONS:
            return (("reduction", prod(call.read(0))),)
        if call.operator in _POOLS:
            return _POOLS[call.operator](call)
        if call.operator in SOFTMAXES:
            return (("softmax", prod(call.out)),)
    except (Unknown, IndexError, ValueError, ZeroDivisionError):
        return None
    return None


def word(call: Call) -> str:
    """Return the word for an operator in tables."""
    operator = call.operator
    if operator in _CONVS:
        return _conv_word(call, _CONVS[operator])
    if operator in _PRICES:
        return _matrix_word(call) if _PRICES[operator][0] == "linear" else _PRICES[operator][0]
    if operator in ACTIVATIONS:
        return "activation"
    if operator in _POOLS:
        return "pool"
    if operator in FREE:
        return "move"
    if operator in NORMS:
        return "norm"
    if operator in REDUCTIONS:
        return "reduction"
    if operator in SOFTMAXES:
        return "softmax"
    if operator in ("Resize", "Upsample"):
        return "resize"
    return "elementwise" if operator in ELEMENTWISE else operator


# --------------------------------------------------------------------------- multiply-accumulates

_Priced: TypeAlias = Callable[[Call], tuple[str, int]]


def _conv(weight: int) -> _Priced:
    """Return the price of a convolution whose weights are the input of this index."""

    def macs(call: Call) -> tuple[str, int]:
        return "conv", prod(call.out) * prod(call.read(weight)[1:])

    return macs


_CONVS = {"Conv": 1, "ConvInteger": 1, "QLinearConv": 3, "com.microsoft.FusedConv": 1}


def _conv_word(call: Call, weight: int) -> str:
    filters = call.reads[weight] if weight < len(call.reads) else None
    groups = int(call.attributes.get("group", 1))
    if filters and groups > 1 and filters[1] == 1:
        return "depthwise"
    return "pointwise" if filters and groups == 1 and prod(filters[2:]) == 1 else "conv"


def _conv_transpose(call: Call) -> tuple[str, int]:
    """Each element that is read meets every weight of its channel."""
    return "conv", prod(call.read(0)) * prod(call.read(1)[1:])


def _gemm(call: Call) -> tuple[str, int]:
    rows = call.read(0)
    inner = rows[0] if call.attributes.get("transA") else rows[1]
    return _matrix_word(call), prod(call.out) * inner


def _matmul(right: int) -> _Priced:
    """Return the price of a product of the first input and that of this index."""

    def macs(call: Call) -> tuple[str, int]:
        call.read(right)
        return _matrix_word(call), prod(call.out) * call.read(0)[-1]

    return macs


def _fused_matmul(call: Call) -> tuple[str, int]:
    rows = call.read(0)
    inner = rows[-2] if call.attributes.get("transA") and len(rows) > 1 else rows[-1]
    return _matrix_word(call), prod(call.out) * inner


def _matmul_bits(call: Call) -> tuple[str, int]:
    return "linear", prod(call.out) * int(call.attributes.get("K", call.read(0)[-1]))


def _matrix_word(call: Call) -> str:
    """Return ``linear`` for a product with weights, ``matmul`` for one of two activations."""
    if call.operator in ("com.microsoft.MatMulNBits", "com.microsoft.MatMulBnb4"):
        return "linear"
    right = _RIGHT.get(call.operator, 1)
    constant = [call.constant[i] for i in (0, right) if i < len(call.constant)]
    return "linear" if any(constant) else "matmul"


_RIGHT = {"QLinearMatMul": 3, "com.microsoft.QGemm": 3}


def _recurrent(gates: int) -> _Priced:
    """Return the price of a recurrent layer of this many gates; biases and activations are free."""

    def macs(call: Call) -> tuple[str, int]:
        first, weights = call.read(0), call.read(1)
        hidden = call.attributes.get("hidden_size") or call.read(2)[-1]
        steps = first[0] * first[1]
        directions = weights[0]
        return "recurrent", steps * directions * gates * hidden * (first[2] + hidden)

    return macs


def _einsum(call: Call) -> tuple[str, int]:
    """A product of two operands visits every combination of their indices; of n, n - 1 do."""
    left, _, right = str(call.attributes["equation"]).replace(" ", "").partition("->")
    terms = left.split(",")
    shapes = [call.read(index) for index in range(len(terms))]
    sizes: dict[str, int] = {}
    for term, shape in zip(terms, shapes, strict=True):
        letters = term.replace("...", "")
        ellipsis = len(shape) - len(letters) if "..." in term else 0
        before = term.partition("...")[0] if "..." in term else term
        named = [*before, *(f".{i}" for i in range(ellipsis, 0, -1)), *letters[len(before) :]]
        for letter, side in zip(named, shape, strict=True):
            sizes[letter] = max(side, sizes.get(letter, 1))
    combined = prod(sizes.values())
    if len(terms) == 1:
        return "reduction", prod(shapes[0])
    kept = set(right) if "->" in str(call.attributes["equation"]) else set()
    if kept >= {letter for letter in sizes if len(letter) == 1}:
        return "elementwise", combined * (len(terms) - 1)
    kind = "linear" if any(call.constant) else "matmul"
    return kind, combined * (len(terms) - 1)


def _attention(call: Call) -> tuple[str, int]:
    """ONNX's own Attention: QKᵀ and the product with V; the projections stand outside."""
    query, key, value = call.read(0), call.read(1), call.read(2)
    batch = query[0]
    if len(query) == 4:
        heads, rows, depth = query[1:]
        columns, value_depth = key[2], value[3]
    else:
        heads = int(call.attributes["q_num_heads"])
        rows, depth = query[1], query[2] // heads
        columns = key[1]
        value_depth = value[2] // int(call.attributes["kv_num_heads"])
    columns += _past(call, 4)
    return "attention", batch * heads * rows * columns * (depth + value_depth)


def _linear_attention(call: Call) -> tuple[str, int]:
    """A state of keys by values for each head: what it is updated with, and what is read of it."""
    query, key, value = call.read(0), call.read(1), call.read(2)
    heads, groups = int(call.attributes["q_num_heads"]), int(call.attributes["kv_num_heads"])
    updates = 2 if "delta" in str(call.attributes.get("update_rule", "gated_delta")) else 1
    state = (key[2] // groups) * (value[2] // groups)
    return "attention", query[0] * query[1] * state * (updates * groups + heads)


def _past(call: Call, index: int) -> int:
    """Return the length of the keys of earlier calls: ``(batch, heads, length, depth)``."""
    shape = call.reads[index] if index < len(call.reads) else None
    return shape[2] if shape and len(shape) == 4 else 0


def _fused_attention(call: Call) -> tuple[str, int]:
    """com.microsoft.Attention: the projection of the input, then attention over it."""
    batch, rows, width = call.read(0)
    projected = call.read(1)[-1]
    sizes = call.attributes.get("qkv_hidden_sizes") or [projected // 3] * 3
    past = call.reads[4] if len(call.reads) > 4 else None
    columns = rows + (past[3] if past and len(past) == 5 else 0)
    products = batch * rows * columns * (sizes[0] + sizes[2])
    return "attention", batch * rows * width * projected + products


def _quantised_attention(call: Call) -> tuple[str, int]:
    batch, rows, width = call.read(0)
    projected = call.read(1)[-1]
    return "attention", batch * rows * (width * projected + 2 * rows * (projected // 3))


def _multi_head_attention(call: Call) -> tuple[str, int]:
    """com.microsoft.MultiHeadAttention, with queries that are not packed."""
    query = call.read(0)
    if len(query) == 5:  # (batch, rows, heads, 3, depth)
        batch, rows, heads, _, depth = query
        return "attention", 2 * batch * heads * rows * rows * depth
    batch, rows, width = query
    key = call.reads[1] if len(call.reads) > 1 else None
    value = call.reads[2] if len(call.reads) > 2 else None
    if key is None:
        raise Unknown
    if len(key) == 5:  # (batch, columns, heads, 2, depth)
        return "attention", 2 * batch * rows * key[1] * width
    columns = key[2] if len(key) == 4 else key[1]
    if value is None:
        raise Unknown
    values = value[1] * value[3] if len(value) == 4 else value[2]
    columns += _past(call, 6) if len(key) == 3 else 0
    return "attention", batch * rows * columns * (width + values)


def _grouped_attention(call: Call) -> tuple[str, int]:
    """com.microsoft.GroupQueryAttention: the keys of earlier calls are read too."""
    batch, rows, width = call.read(0)
    heads, groups = call.attributes["num_heads"], call.attributes["kv_num_heads"]
    if len(call.reads) < 2 or call.reads[1] is None:  # packed
        width = width * heads // (heads + 2 * groups)
    columns = rows + _past(call, 3)
    return "attention", 2 * batch * rows * columns * width


_PRICES: Mapping[str, tuple[str, _Priced]] = {
    "Conv": ("conv", _conv(1)),
    "ConvInteger": ("conv", _conv(1)),
    "QLinearConv": ("conv", _conv(3)),
    "com.microsoft.QLinearConv": ("conv", _conv(3)),
    "com.microsoft.FusedConv": ("conv", _conv(1)),
    "com.microsoft.NhwcFusedConv": ("conv", _conv(1)),
    "com.ms.internal.nhwc.Conv": ("conv", _conv(1)),
    "ConvTranspose": ("conv", _conv_transpose),
    "DeformConv": ("conv", _conv(1)),
    "CausalConvWithState": ("conv", _conv(1)),
    "Gemm": ("linear", _gemm),
    "com.microsoft.FusedGemm": ("linear", _gemm),
    "com.microsoft.QGemm": ("linear", _gemm),
    "MatMul": ("linear", _matmul(1)),
    "MatMulInteger": ("linear", _matmul(1)),
    "com.microsoft.MatMulInteger16": ("linear", _matmul(1)),
    "com.microsoft.MatMulIntegerToFloat": ("linear", _matmul(1)),
    "com.microsoft.DynamicQuantizeMatMul": ("linear", _matmul(1)),
    "QLinearMatMul": ("linear", _matmul(3)),
    "com.microsoft.FusedMatMul": ("linear", _fused_matmul),
    "com.microsoft.FusedMatMulActivation": ("linear", _fused_matmul),
    "com.microsoft.TransposeMatMul": ("linear", _fused_matmul),
    "com.microsoft.MatMulNBits": ("linear", _matmul_bits),
    "com.microsoft.MatMulBnb4": ("linear", _matmul_bits),
    "LSTM": ("recurrent", _recurrent(4)),
    "GRU": ("recurrent", _recurrent(3)),
    "RNN": ("recurrent", _recurrent(1)),
    "com.microsoft.DynamicQuantizeLSTM": ("recurrent", _recurrent(4)),
    "Einsum": ("matmul", _einsum),
    "Attention": ("attention", _attention),
    "LinearAttention": ("attention", _linear_attention),
    "com.microsoft.Attention": ("attention", _fused_attention),
    "com.microsoft.QAttention": ("attention", _quantised_attention),
    "com.microsoft.MultiHeadAttention": ("attention", _multi_head_attention),
    "com.microsoft.DecoderMaskedMultiHeadAttention": ("attention", _multi_head_attention),
    "com.microsoft.GroupQueryAttention": ("attention", _grouped_attention),
}

# -------------------------------------------------------------------------------------- all others


def _pool(kind: str, *, written: bool = False) -> Callable[[Call], Work]:
    def work(call: Call) -> Work:
        amounts = [(kind, prod(call.read(0)))]
        if written:
            amounts.append((f"{kind}_output", prod(call.out)))
        return tuple(amounts)

    return work


_POOLS: Mapping[str, Callable[[Call], Work]] = {
    "MaxPool": _pool("max_pool"),
    "LpPool": _pool("max_pool"),
    "GlobalMaxPool": _pool("max_pool"),
    "GlobalLpPool": _pool("max_pool"),
    "MaxRoiPool": _pool("max_pool"),
    "AveragePool": _pool("average_pool", written=True),
    "GlobalAveragePool": _pool("pool", written=True),
    "com.microsoft.QLinearAveragePool": _pool("average_pool", written=True),
    "com.microsoft.QLinearGlobalAveragePool": _pool("pool", written=True),
    "com.microsoft.NhwcMaxPool": _pool("max_pool"),
}
