"""Shapes of tensors as our graph has them: without the batch."""

from __future__ import annotations

from mncost.graph.ops import Shape

__all__ = ["without_batch"]


def without_batch(shape: Shape) -> Shape:
    """Return a shape without its leading 1, if something is left.

    The same rule holds for every tensor of a model, so that what one operator writes is what the
    next one reads. It takes away a batch of one, and changes no number of elements.
    """
    return shape[1:] if len(shape) > 1 and shape[0] == 1 else shape
