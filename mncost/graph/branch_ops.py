"""The operators that join and part branches: concatenation, slices, channel shuffle, resizing."""

from __future__ import annotations

from typing import Literal, TypeAlias

from mncost.graph.operator import Operator

__all__ = ["Concat", "Interpolation", "Resize", "Shuffle", "Slice"]

Interpolation: TypeAlias = Literal["nearest", "bilinear"]


class Concat(Operator, frozen=True):
    """Several tensors one after the other: their channels, or their tokens."""

    kind = "concat"
    fuses_into_previous = False
    keeps_channels_apart = True
    is_view = False


class Slice(Operator, frozen=True):
    """The channels, or the tokens, from ``start`` up to ``stop``."""

    start: int
    stop: int

    kind = "slice"
    fuses_into_previous = False
    keeps_channels_apart = True
    is_view = False


class Shuffle(Operator, frozen=True):
    """The channels in another order: the first of each group, then the second of each, ...

    Source: ShuffleNet (arXiv:1707.01083), Section 3.1.
    """

    groups: int

    kind = "shuffle"
    fuses_into_previous = False
    keeps_channels_apart = True
    is_view = False


class Resize(Operator, frozen=True):
    """An image of another height and width.

    ``factor`` multiplies its sides; with ``multiple`` each side becomes the next
    multiple of it; with neither, it gets the size of a second input, of which nothing else is read.
    Pixels are areas: torch's ``align_corners=False``.
    """

    mode: Interpolation
    factor: int | None = None
    multiple: int | None = None

    kind = "resize"
    fuses_into_previous = False
    keeps_channels_apart = True
    is_view = False
