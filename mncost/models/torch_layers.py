"""The torch functions and modules that torch itself does not have.

They multiply no sizes of tensors: tools that trace a module would count that.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from mncost.graph.ops import Size

__all__ = ["LayerScale2d", "MultiQueryAttention2d", "global_average_pool", "pad_by", "pad_same"]


def global_average_pool(x: Tensor) -> Tensor:
    """Average over height and width: ``(batch, channels, H, W)`` to ``(batch, channels, 1, 1)``."""
    return functional.adaptive_avg_pool2d(x, 1)


def pad_same(x: Tensor, kernel: Size, stride: Size, dilation: Size) -> Tensor:
    """Pad height and width for a convolution as TensorFlow's SAME does.

    What cannot be split evenly goes right and below.
    """
    height, width = x.shape[-2:]
    top, bottom = _same(height, kernel[0], stride[0], dilation[0])
    left, right = _same(width, kernel[1], stride[1], dilation[1])
    return functional.pad(x, (left, right, top, bottom))


def pad_by(x: Tensor, pixels: tuple[int, int, int, int]) -> Tensor:
    """Pad height and width by so many pixels: top, bottom, left, right."""
    top, bottom, left, right = pixels
    return functional.pad(x, (left, right, top, bottom))


class LayerScale2d(nn.Module):
    """A learned factor a channel. Input and output ``(batch, channels, height, width)``."""

    def __init__(self, channels: int, init: float) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.full((channels,), init))

    def forward(self, x: Tensor) -> Tensor:
        """Scale each channel."""
        return x * self.gamma.view(-1, 1, 1)


class MultiQueryAttention2d(nn.Module):
    """Softmax(QKᵀ/√d)·V with one key and one value head (MobileNetV4, Section 4).

    Inputs: queries ``(batch, heads·key_dim, H, W)``, keys and values ``(batch, key_dim, H', W')``.
    Output: like the queries.
    """

    def __init__(self, heads: int, key_dim: int) -> None:
        super().__init__()
        self.heads, self.key_dim = heads, key_dim

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Attend: all heads are rows of one matrix, since they share keys and values."""
        rows = query.unflatten(1, (self.heads, self.key_dim)).flatten(3)
        rows = rows.transpose(2, 3).flatten(1, 2) * self.key_dim**-0.5
        scores = torch.bmm(rows, key.flatten(2))
        mixed = torch.bmm(scores.softmax(-1), value.flatten(2).transpose(1, 2))
        mixed = mixed.unflatten(1, (self.heads, -1)).transpose(2, 3)
        return mixed.reshape(query.shape)


def _same(size: int, kernel: int, stride: int, dilation: int) -> tuple[int, int]:
    total = max(dilation * (kernel - 1) + 1 - (size % stride or stride), 0)
    return total // 2, total - total // 2
