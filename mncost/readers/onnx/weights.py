"""The parameters of a model: what each operator holds, and the bytes of all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from onnx import NodeProto, TensorProto

from mncost.cost.memory import Precision
from mncost.graph.foreign_op import Held
from mncost.graph.operator import Role
from mncost.readers.onnx.operators import (
    ELEMENTWISE,
    FREE,
    NORMS,
    REDUCTIONS,
    SOFTMAXES,
    names,
)
from mncost.readers.onnx.tensors import Constants, Origin

__all__ = ["StoredWeights"]

_LEAVES = {
    "BatchNormalization": ("", "weight", "bias", "running_mean", "running_var"),
    "LSTM": ("", "W", "R", "B"),
    "GRU": ("", "W", "R", "B"),
    "RNN": ("", "W", "R", "B"),
}
_STATISTICS = ("running_mean", "running_var")
# The inputs of quantised operators that are weights and biases; all others are scales.
_QUANTISED = {
    # Of recurrent layers the rest is lengths and states.
    **dict.fromkeys(("LSTM", "GRU", "RNN"), (1, 2, 3, 7)),
    "QLinearConv": (3, 8),
    "QLinearMatMul": (3,),
    "ConvInteger": (1,),
    "MatMulInteger": (1,),
    "com.microsoft.QLinearConv": (3, 8),
    "com.microsoft.QGemm": (3, 6),
    "com.microsoft.MatMulNBits": (1,),
    "com.microsoft.DynamicQuantizeMatMul": (1, 4),
    "com.microsoft.DynamicQuantizeLSTM": (1, 2, 3),
    "com.microsoft.MatMulIntegerToFloat": (1, 6),
    "com.microsoft.QAttention": (1, 2),
}
_NO_WEIGHTS = names(
    """QuantizeLinear DequantizeLinear DynamicQuantizeLinear Resize Upsample Reshape Expand Tile
    Slice Pad Clip Dropout"""
)
# Of a single number they have limits, exponents, thresholds.
_NO_SINGLE_WEIGHTS = ELEMENTWISE | SOFTMAXES | FREE | (REDUCTIONS - NORMS)
_PRECISIONS: dict[int, Precision] = {
    TensorProto.FLOAT: "fp32",
    TensorProto.DOUBLE: "fp32",
    TensorProto.FLOAT16: "fp16",
    TensorProto.BFLOAT16: "bf16",
}


class StoredWeights:
    """Counts every stored tensor once, with the first operator that reads it."""

    def __init__(self, constants: Constants) -> None:
        """Begin with none."""
        self._constants = constants
        self._counted: set[Origin] = set()

    def held_by(self, node: NodeProto, operator: str) -> tuple[Held, ...]:
        """Return the parameters of an operator that no operator before it has."""
        held: list[Held] = []
        leaves = _LEAVES.get(node.op_type, ("", "weight", "bias"))
        for index, tensor in enumerate(node.input):
            for origin in self._constants.origins(tensor):
                if origin in self._counted or not self._is_weight(operator, index, origin):
                    continue
                self._counted.add(origin)
                leaf = leaves[index] if index < len(leaves) and leaves[index] else origin.name
                shape = _packed(node, operator) or origin.shape
                held.append(Held(_unique(leaf, held), shape, _role(leaf, origin)))
        return tuple(held)

    def of_bodies(self, origins: Sequence[Origin]) -> tuple[Held, ...]:
        """Return the parameters that the bodies of an operator store."""
        held: list[Held] = []
        for origin in origins:
            if origin in self._counted or not origin.is_float or origin.size <= 1:
                continue
            self._counted.add(origin)
            held.append(Held(_unique(origin.name, held), origin.shape, _role("", origin)))
        return tuple(held)

    def _is_weight(self, operator: str, index: int, origin: Origin) -> bool:
        if operator in _NO_WEIGHTS:
            return False
        if operator in _QUANTISED:
            return index in _QUANTISED[operator]
        if origin.is_float:
            return origin.size > 1 or operator not in _NO_SINGLE_WEIGHTS
        return origin.may_be_quantised and operator not in _INDICES and origin.size > 1

    @property
    def bytes(self) -> int | None:
        """Bytes of all weights that were counted; ``None`` if all are float32."""
        if all(origin.type == TensorProto.FLOAT for origin in self._counted):
            return None
        return sum(origin.bytes for origin in self._counted)

    @property
    def precision(self) -> Precision:
        """The precision that most weights are stored in."""
        sizes: Counter[Precision] = Counter()
        for origin in self._counted:
            sizes[_PRECISIONS.get(origin.type, "int8")] += origin.size
        return sizes.most_common(1)[0][0] if sizes else "fp32"


# Integers that they read say where something is, or how large.
_INDICES = names(
    """Gather GatherElements GatherND ScatterElements ScatterND OneHot TopK Where Equal Less Greater
    LessOrEqual GreaterOrEqual And Or Not Mod Range Concat Unsqueeze Squeeze Split Transpose Cast
    Add Sub Mul Div ReduceMean ReduceSum ReduceMax ReduceMin"""
)


def _packed(node: NodeProto, operator: str) -> tuple[int, ...] | None:
    """Return the shape of a weight that is stored with several numbers in a byte."""
    if operator != "com.microsoft.MatMulNBits":
        return None
    given = {one.name: one.i for one in node.attribute}
    return (given["N"], given["K"]) if given.get("N", 0) > 0 and given.get("K", 0) > 0 else None


def _unique(leaf: str, held: Sequence[Held]) -> str:
    taken = {one.name for one in held}
    name, number = leaf, 1
    while name in taken:
        number += 1
        name = f"{leaf}_{number}"
    return name


def _role(leaf: str, origin: Origin) -> Role:
    if leaf in _STATISTICS:
        return "statistic"
    return "weight" if len([side for side in origin.shape if side > 1]) > 1 else "vector"
