"""What every operator is: a struct with traits. The shapes that operators read and write.

Shapes have no batch: ``(channels, height, width)`` of an image, ``(features,)`` of a vector,
``(tokens, features)`` of a sequence of tokens.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

from msgspec import Struct

__all__ = ["Operator", "Param", "Role", "Shape", "Size"]

Shape: TypeAlias = tuple[int, ...]
Size: TypeAlias = tuple[int, int]
"""Height and width."""


Role: TypeAlias = Literal["weight", "vector", "statistic"]


class Param(NamedTuple):
    """A tensor that an operator holds.

    Attributes:
        shape: as torch has it.
        role: ``weight``: multiplied and added up (a kernel, a matrix); ``vector``: a bias, a scale,
            a shift; ``statistic``: not trained (running mean and variance).
    """

    shape: Shape
    role: Role


class Operator(Struct, frozen=True, tag=True, gc=False):
    """The traits that every operator states. Its tag is its name, so that a file can hold it.

    Attributes:
        kind: the word for it in tables.
        fuses_into_previous: it runs inside the convolution or linear layer before it.
        keeps_channels_apart: a channel of its result depends on one channel of each input.
        is_view: it does nothing when it runs: its result is the memory of its input.
    """

    @property
    def kind(self) -> str:  # noqa: D102
        raise NotImplementedError

    @property
    def fuses_into_previous(self) -> bool:  # noqa: D102
        raise NotImplementedError

    @property
    def keeps_channels_apart(self) -> bool:  # noqa: D102
        raise NotImplementedError

    @property
    def is_view(self) -> bool:  # noqa: D102
        raise NotImplementedError
