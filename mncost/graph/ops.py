"""The operators: a closed union, so that the type checker names every place that must know one.

Each has its name as a tag, so that a run file can hold a graph.
Shapes are ``(channels, height, width)``; the batch is left out everywhere.
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from mncost.spec.schema import Activation as ActivationName
from mncost.spec.schema import Padding

__all__ = [
    "Activation",
    "Add",
    "Attention",
    "BatchNorm",
    "Conv",
    "Dropout",
    "Flatten",
    "GlobalPool",
    "Input",
    "LayerScale",
    "Linear",
    "Op",
    "Scale",
]


class Input(Struct, frozen=True, tag=True):
    """The image."""

    channels: int


class Conv(Struct, frozen=True, tag=True):
    """2-d convolution with a square kernel."""

    in_channels: int
    out_channels: int
    kernel: int
    stride: int
    groups: int
    bias: bool
    padding: Padding

    @property
    def is_depthwise(self) -> bool:
        """Whether each input channel is filtered on its own."""
        return self.groups == self.in_channels and self.groups > 1

    @property
    def is_pointwise(self) -> bool:
        """Whether it is a 1×1 convolution over all channels."""
        return self.kernel == 1 and self.groups == 1


class BatchNorm(Struct, frozen=True, tag=True):
    """Batch norm over channels, with learned scale and shift."""

    channels: int
    eps: float
    momentum: float


class Activation(Struct, frozen=True, tag=True):
    """An elementwise function."""

    function: ActivationName


class GlobalPool(Struct, frozen=True, tag=True):
    """The average over height and width, kept as 1×1."""


class Flatten(Struct, frozen=True, tag=True):
    """``(channels, height, width)`` to a vector, kept as ``(features, 1, 1)``."""


class Linear(Struct, frozen=True, tag=True):
    """A fully connected layer."""

    in_features: int
    out_features: int
    bias: bool


class Add(Struct, frozen=True, tag=True):
    """The sum of two tensors of one shape."""


class Scale(Struct, frozen=True, tag=True):
    """A tensor times one factor a channel that another tensor holds (squeeze-excite)."""


class LayerScale(Struct, frozen=True, tag=True):
    """A tensor times one learned factor a channel."""

    channels: int
    init: float = 1e-5


class Attention(Struct, frozen=True, tag=True):
    """Softmax(QKᵀ/√d)·V: many query heads, one key and value head.

    Inputs: queries ``(heads·key_dim, H, W)``, keys and values ``(key_dim, H', W')``.
    """

    heads: int
    key_dim: int


class Dropout(Struct, frozen=True, tag=True):
    """Nothing at inference."""

    rate: float


Op: TypeAlias = (
    Input
    | Conv
    | BatchNorm
    | Activation
    | GlobalPool
    | Flatten
    | Linear
    | Add
    | Scale
    | LayerScale
    | Attention
    | Dropout
)
