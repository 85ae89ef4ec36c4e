"""The torch modules that torch itself does not have.

They multiply no sizes of tensors: tools that trace a module would count that.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = [
    "AddPositions",
    "LayerNorm2d",
    "LayerScale2d",
    "MultiQueryAttention2d",
    "PrependToken",
    "TokenAttention",
]


class LayerScale2d(nn.Module):
    """A learned factor a channel: of ``(batch, channels, height, width)`` or tokens."""

    def __init__(self, channels: int, init: float) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.full((channels,), init))

    def forward(self, x: Tensor) -> Tensor:
        """Scale each channel."""
        return x * (self.gamma if x.dim() == 3 else self.gamma.view(-1, 1, 1))


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


class LayerNorm2d(nn.LayerNorm):
    """Layer norm over the channels of ``(batch, channels, height, width)``."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise each pixel."""
        last = x.permute(0, 2, 3, 1)
        normed = functional.layer_norm(
            last, self.normalized_shape, self.weight, self.bias, self.eps
        )
        return normed.permute(0, 3, 1, 2)


class TokenAttention(nn.Module):
    """Softmax(QKᵀ/√d)·V in each head, of tokens that hold query, key and value.

    Input ``(batch, tokens, 3·D)``, output ``(batch, tokens, D)``. The tokens are ``sequences`` of
    one length; a token attends to its own.
    """

    def __init__(self, heads: int, sequences: int) -> None:
        super().__init__()
        self.heads, self.sequences = heads, sequences

    def forward(self, x: Tensor) -> Tensor:
        """Attend. Written as two products, which every tool counts."""
        x = x.unflatten(1, (self.sequences, -1)).unflatten(3, (3, self.heads, -1))
        query, key, value = x.permute(3, 0, 1, 4, 2, 5).flatten(1, 3).unbind()
        scores = torch.bmm(query * query.shape[-1] ** -0.5, key.transpose(1, 2))
        mixed = torch.bmm(scores.softmax(-1), value)
        mixed = mixed.unflatten(0, (-1, self.sequences, self.heads)).permute(0, 1, 3, 2, 4)
        return mixed.flatten(3).flatten(1, 2)


class PrependToken(nn.Module):
    """A learned token before all others: ``(batch, T, D)`` to ``(batch, T + 1, D)``."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.zeros(features))

    def forward(self, x: Tensor) -> Tensor:
        """Put it in front."""
        return torch.cat((self.token.expand(x.shape[0], 1, -1), x), 1)


class AddPositions(nn.Module):
    """A learned vector for each place of ``(batch, T, D)``."""

    def __init__(self, tokens: int, features: int) -> None:
        super().__init__()
        self.positions = nn.Parameter(torch.zeros(tokens, features))

    def forward(self, x: Tensor) -> Tensor:
        """Add them."""
        return x + self.positions
