"""The torch modules that torch itself does not have."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from mncost.spec.schema import Padding

__all__ = ["LayerScale2d", "MultiQueryAttention2d", "PaddedConv2d"]


class PaddedConv2d(nn.Conv2d):
    """A convolution that pads right and below more than left and above, as TensorFlow does.

    Input ``(batch, in_channels, height, width)``, output ``(batch, out_channels, ...)``.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int,
        *,
        groups: int,
        bias: bool,
        rule: Padding,
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, stride, groups=groups, bias=bias)
        self.rule = rule

    def forward(self, x: Tensor) -> Tensor:
        """Pad by the rule, then convolve."""
        height, width = x.shape[-2:]
        top, bottom = self._amounts(height)
        left, right = self._amounts(width)
        return super().forward(functional.pad(x, (left, right, top, bottom)))

    def _amounts(self, size: int) -> tuple[int, int]:
        kernel, stride = self.kernel_size[0], self.stride[0]
        if self.rule == "end":
            return 0, (kernel - 1) // 2
        total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
        return total // 2, total - total // 2


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
        batch, channels, height, width = query.shape
        rows = query.reshape(batch, self.heads, self.key_dim, height * width)
        rows = rows.transpose(2, 3).reshape(batch, self.heads * height * width, self.key_dim)
        scores = torch.bmm(rows * self.key_dim**-0.5, key.flatten(2))
        mixed = torch.bmm(scores.softmax(-1), value.flatten(2).transpose(1, 2))
        mixed = mixed.reshape(batch, self.heads, height * width, self.key_dim)
        return mixed.transpose(2, 3).reshape(batch, channels, height, width)
