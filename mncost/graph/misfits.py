"""Shapes as images, and in words: what does not fit an operator."""

from __future__ import annotations

from math import prod

from mncost.errors import SpecError
from mncost.graph.graph import Node
from mncost.graph.ops import Shape, Size

__all__ = ["as_image", "misfit", "shape_text", "size_text"]

_KINDS = {1: ("a vector", "channels"), 2: ("tokens", "features"), 3: ("an image", "channels")}


def as_image(shape: Shape) -> tuple[int, int, int]:
    """Return channels, height and width: a vector is one pixel, tokens are a column of pixels.

    Of a tensor with more dimensions the last one stands for channels, all others for the height.
    """
    if len(shape) == 3:
        return shape[0], shape[1], shape[2]
    return shape[-1] if shape else 1, prod(shape[:-1]), 1


def size_text(size: Size) -> str:
    """Return ``3×3`` for ``(3, 3)``."""
    return f"{size[0]}×{size[1]}"


def misfit(node: Node, shape: Shape, rank: int, channels: int | None = None) -> SpecError:
    """Say that an input has another rank or number of channels than an operator needs."""
    kind, unit = _KINDS[rank]
    wanted = kind if channels is None else f"{kind} of {channels} {unit}"
    hint = "; what needs an image stands before the linear layers" * (rank == 3 > len(shape))
    return SpecError(f"{node.name} needs {wanted}, and gets {shape_text(shape)}{hint}")


def shape_text(shape: Shape) -> str:
    """Return ``3×224×224`` for ``(3, 224, 224)``."""
    return "×".join(map(str, shape))
