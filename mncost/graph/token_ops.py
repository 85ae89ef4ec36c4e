"""Norms over channels, and the operators of transformers: tokens, attention with many heads."""

from __future__ import annotations

from mncost.graph.operator import Operator, Size

__all__ = [
    "ClassToken",
    "Fold",
    "L2Norm",
    "LayerNorm",
    "MultiHeadAttention",
    "Positions",
    "Select",
    "Tokens",
    "Unfold",
]


class LayerNorm(Operator, frozen=True):
    """Layer norm over the channels of each pixel, or the features of each token.

    ``dimensions`` are those beside the channels: 2 of an image, 1 of tokens, 0 of a vector.
    """

    channels: int
    eps: float = 1e-5
    dimensions: int = 1

    kind = "layer_norm"
    fuses_into_previous = False
    keeps_channels_apart = False
    is_view = False


class L2Norm(Operator, frozen=True):
    """Each pixel of an image divided by the length of the vector of its channels."""

    kind = "l2_norm"
    fuses_into_previous = False
    keeps_channels_apart = False
    is_view = False


class Tokens(Operator, frozen=True):
    """An image as tokens, row by row: ``(C, H, W)`` to ``(H·W·parts, C / parts)``.

    With ``parts`` the channels of each pixel are cut into this many tokens, one after the other.
    """

    parts: int = 1

    kind = "tokens"
    fuses_into_previous = False
    keeps_channels_apart = False
    is_view = False


class ClassToken(Operator, frozen=True):
    """A learned token before all others."""

    features: int

    kind = "class_token"
    fuses_into_previous = False
    keeps_channels_apart = True
    is_view = False


class Positions(Operator, frozen=True):
    """Tokens plus one learned vector for each place."""

    tokens: int
    features: int

    kind = "positions"
    fuses_into_previous = False
    keeps_channels_apart = True
    is_view = False


class Select(Operator, frozen=True):
    """One token, as a vector."""

    index: int = 0

    kind = "select"
    fuses_into_previous = False
    keeps_channels_apart = True
    is_view = False


class MultiHeadAttention(Operator, frozen=True):
    """Softmax(QKᵀ/√d)·V in each head: ``(T, 3·D)`` to ``(T, D)``.

    The features of each token are its query, then its key, then its value: each has D features, d
    in each head. The tokens are ``sequences`` of one length, one after the other; a token attends
    to those of its own sequence.
    """

    heads: int
    sequences: int = 1

    kind = "attention"
    fuses_into_previous = False
    keeps_channels_apart = False
    is_view = False


class Unfold(Operator, frozen=True):
    """An image cut into patches, as tokens: ``(C, H, W)`` to ``(H·W, C)``.

    First the upper left pixel of every patch, row by row; then the next pixel of every patch, and
    so on: as many sequences as a patch has pixels. Height and width are multiples of the patch's.

    Source: MobileViT (arXiv:2110.02178), Section 3.1.
    """

    patch: Size

    kind = "unfold"
    fuses_into_previous = False
    keeps_channels_apart = False
    is_view = False


class Fold(Operator, frozen=True):
    """The inverse of :class:`Unfold`: tokens to an image of the size of a second input."""

    patch: Size

    kind = "fold"
    fuses_into_previous = False
    keeps_channels_apart = False
    is_view = False
