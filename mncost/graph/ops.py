"""The operators: a closed union, so that the type checker names every place that must know one.

Those of convolutional networks stand here; those that join and part branches in
:mod:`mncost.graph.branch_ops`, those of transformers in :mod:`mncost.graph.token_ops`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Literal, TypeAlias, assert_never, get_args

from mncost.graph.branch_ops import Concat, Resize, Shuffle, Slice
from mncost.graph.foreign_op import Foreign
from mncost.graph.operator import Operator, Param, Shape, Size
from mncost.graph.token_ops import (
    ClassToken,
    Fold,
    L2Norm,
    LayerNorm,
    MultiHeadAttention,
    Positions,
    Select,
    Tokens,
    Unfold,
)

__all__ = [
    "ACTIVATIONS",
    "Activation",
    "ActivationName",
    "AdaptivePool",
    "Add",
    "Attention",
    "BatchNorm",
    "ClassToken",
    "Concat",
    "Conv",
    "Dropout",
    "Flatten",
    "Fold",
    "Foreign",
    "GlobalPool",
    "Input",
    "L2Norm",
    "LayerNorm",
    "LayerScale",
    "Linear",
    "MultiHeadAttention",
    "Op",
    "Operator",
    "PReLU",
    "Padding",
    "PaddingRule",
    "Param",
    "Pool",
    "Positions",
    "Resize",
    "Scale",
    "Select",
    "Shape",
    "Shuffle",
    "Size",
    "Slice",
    "Tokens",
    "Unfold",
    "parameters",
]

ActivationName: TypeAlias = Literal[
    "relu",
    "relu6",
    "hardswish",
    "hardsigmoid",
    "sigmoid",
    "silu",
    "gelu",
    "elu",
    "mish",
    "tanh",
    "leaky_relu",
    "hardtanh",
]
ACTIVATIONS: tuple[ActivationName, ...] = get_args(ActivationName)

PaddingRule: TypeAlias = Literal["symmetric", "same", "end", "valid"]
Padding: TypeAlias = PaddingRule | tuple[int, int, int, int]
"""A rule (see :func:`mncost.graph.shapes.pads`), or pixels: top, bottom, left, right."""


class Input(Operator, frozen=True):
    """What the network is given. ``None`` stands for a dimension that is open."""

    shape: tuple[int | None, ...]

    kind = "input"
    fuses_into_previous = False
    keeps_channels_apart = False
    is_view = False


class Conv(Operator, frozen=True):
    """2-d convolution."""

    in_channels: int
    out_channels: int
    kernel: Size
    stride: Size = (1, 1)
    dilation: Size = (1, 1)
    groups: int = 1
    bias: bool = False
    padding: Padding = "symmetric"

    fuses_into_previous = False
    is_view = False

    @property
    def kind(self) -> str:
        """``conv``, ``depthwise`` or ``pointwise``."""
        if self.is_depthwise:
            return "depthwise"
        return "pointwise" if self.is_pointwise else "conv"

    @property
    def keeps_channels_apart(self) -> bool:
        """Whether it is depthwise."""
        return self.is_depthwise

    @property
    def is_depthwise(self) -> bool:
        """Whether each input channel is filtered on its own."""
        return self.groups == self.in_channels and self.groups > 1

    @property
    def is_pointwise(self) -> bool:
        """Whether it is a 1×1 convolution over all channels."""
        return self.kernel == (1, 1) and self.groups == 1


class BatchNorm(Operator, frozen=True):
    """Batch norm over channels, with learned scale and shift.

    ``dimensions`` are those after the channels: 2 of an image, 0 of a vector.
    """

    channels: int
    eps: float
    momentum: float
    dimensions: int = 2

    kind = "batch_norm"
    fuses_into_previous = True
    keeps_channels_apart = True
    is_view = False


class Activation(Operator, frozen=True):
    """An elementwise function."""

    function: ActivationName

    kind = "activation"
    fuses_into_previous = True
    keeps_channels_apart = True
    is_view = False


class PReLU(Operator, frozen=True):
    """x where it is positive, elsewhere x times one learned factor a channel."""

    channels: int

    kind = "activation"
    fuses_into_previous = True
    keeps_channels_apart = True
    is_view = False


class Pool(Operator, frozen=True):
    """The largest, or the average, of each window of an image.

    ``pads`` are pixels: top, bottom, left, right. They are never the largest, and count as zeros of
    an average. With ``ceil`` a last window may reach beyond the image, if it begins inside it.
    """

    function: Literal["max", "average"]
    kernel: Size
    stride: Size
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)
    ceil: bool = False

    kind = "pool"
    fuses_into_previous = False
    keeps_channels_apart = True
    is_view = False


class AdaptivePool(Operator, frozen=True):
    """An image of ``size``, whatever the size of the input: averages of windows that may overlap.

    Pixel i of n is the average of the inputs from ⌊i·m/n⌋ up to ⌈(i + 1)·m/n⌉, of m, as in torch.
    """

    size: Size

    kind = "pool"
    fuses_into_previous = False
    keeps_channels_apart = True
    is_view = False


class GlobalPool(Operator, frozen=True):
    """The average over height and width, kept as 1×1; of tokens their average, a vector."""

    kind = "pool"
    fuses_into_previous = False
    keeps_channels_apart = True
    is_view = False


class Flatten(Operator, frozen=True):
    """``(channels, height, width)`` to the vector ``(features,)``."""

    kind = "flatten"
    fuses_into_previous = False
    keeps_channels_apart = False
    is_view = True


class Linear(Operator, frozen=True):
    """A fully connected layer over the last dimension."""

    in_features: int
    out_features: int
    bias: bool

    kind = "linear"
    fuses_into_previous = False
    keeps_channels_apart = False
    is_view = False


class Add(Operator, frozen=True):
    """The sum of two tensors of one shape."""

    kind = "add"
    fuses_into_previous = False
    keeps_channels_apart = True
    is_view = False


class Scale(Operator, frozen=True):
    """A tensor times one factor a channel that another tensor holds (squeeze-excite)."""

    kind = "scale"
    fuses_into_previous = False
    keeps_channels_apart = True
    is_view = False


class LayerScale(Operator, frozen=True):
    """An image, or tokens, times one learned factor a channel."""

    channels: int
    init: float = 1e-5

    kind = "layer_scale"
    fuses_into_previous = False
    keeps_channels_apart = True
    is_view = False


class Attention(Operator, frozen=True):
    """Softmax(QKᵀ/√d)·V: many query heads, one key and value head.

    Inputs: queries ``(heads·key_dim, H, W)``, keys and values ``(key_dim, H', W')``.
    """

    heads: int
    key_dim: int

    kind = "attention"
    fuses_into_previous = False
    keeps_channels_apart = False
    is_view = False


class Dropout(Operator, frozen=True):
    """Nothing at inference."""

    rate: float

    kind = "dropout"
    fuses_into_previous = False
    keeps_channels_apart = True
    is_view = True


Op: TypeAlias = (
    Input
    | Conv
    | BatchNorm
    | Activation
    | PReLU
    | Pool
    | AdaptivePool
    | GlobalPool
    | Flatten
    | Linear
    | Add
    | Scale
    | LayerScale
    | Attention
    | Dropout
    | Concat
    | Slice
    | Shuffle
    | Resize
    | LayerNorm
    | L2Norm
    | MultiHeadAttention
    | Tokens
    | ClassToken
    | Positions
    | Select
    | Unfold
    | Fold
    | Foreign
)


@lru_cache(maxsize=10_000)
def parameters(op: Op) -> Mapping[str, Param]:
    """Return the tensors that an operator holds, by the last part of their names in torch."""
    match op:
        case Conv():
            weight = (op.out_channels, op.in_channels // op.groups, *op.kernel)
            return _affine(weight, bias=op.bias)
        case Linear():
            return _affine((op.out_features, op.in_features), bias=op.bias)
        case LayerNorm():
            vector = Param((op.channels,), "vector")
            return {"weight": vector, "bias": vector}
        case BatchNorm():
            vector = Param((op.channels,), "vector")
            statistic = Param((op.channels,), "statistic")
            return {
                "weight": vector,
                "bias": vector,
                "running_mean": statistic,
                "running_var": statistic,
            }
        case LayerScale():
            return {"gamma": Param((op.channels,), "vector")}
        case PReLU():
            return {"weight": Param((op.channels,), "vector")}
        case ClassToken():
            return {"token": Param((op.features,), "vector")}
        case Positions():
            return {"positions": Param((op.tokens, op.features), "vector")}
        case Foreign():
            return {name: Param(shape, role) for name, shape, role in op.held}
        case (Activation() | Add() | Scale() | Pool() | GlobalPool() | Attention()) | (
            Flatten()
            | Dropout()
            | Input()
            | AdaptivePool()
            | Concat()
            | Slice()
            | Shuffle()
            | Resize()
            | L2Norm()
            | MultiHeadAttention()
            | Tokens()
            | Select()
            | Unfold()
            | Fold()
        ):
            return {}
        case _:
            assert_never(op)


def _affine(weight: Shape, *, bias: bool) -> Mapping[str, Param]:
    held = {"weight": Param(weight, "weight")}
    return {**held, "bias": Param(weight[:1], "vector")} if bias else held
