"""Steps that operators of a ``.tflite`` model are written in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mncost.errors import InputError
from mncost.graph.ops import Shape
from mncost.models.tflite_writer import Writer, options

if TYPE_CHECKING:
    from mncost.models.weights import Weights

__all__ = ["Steps", "outer"]


class Steps(Writer):
    """Appends single operators; images are channels-last, and the batch is 1."""

    def __init__(self, weights: Weights) -> None:
        """Begin with none.

        Args:
            weights: by name, as :func:`mncost.models.weights.random_weights` returns them.
        """
        super().__init__()
        self.weights = weights

    def weight(self, name: str, leaf: str = "weight") -> Any:
        """Return a tensor that a node holds."""
        return np.asarray(self.weights[f"{name}.{leaf}"])

    def like(self, name: str, shape: Shape) -> int:
        """Append a tensor of a shape of the graph."""
        return self.tensor(name, *outer(shape))

    def same(self, code: str, name: str, inputs: Sequence[int], how: Any = None) -> int:
        """Append an operator whose result has the shape of its first input."""
        return self.operator(code, inputs, self.tensor(name, *self.shape(inputs[0])), how)

    def reshape(self, name: str, source: int, *shape: int, fold: int = 1) -> int:
        """Append a reshape; the first dimension is the batch, or ``fold`` times as much."""
        wanted = self.constant(f"{name}.shape", [-1, *shape], "int32")
        out = self.tensor(name, fold, *shape)
        return self.operator(
            "RESHAPE", [source, wanted], out, options("Reshape", newShape=[-1, *shape])
        )

    def transpose(self, name: str, source: int, *order: int) -> int:
        """Append a transposition."""
        shape = self.shape(source)
        out = self.tensor(name, *(shape[axis] for axis in order))
        axes = self.constant(f"{name}.axes", order, "int32")
        return self.operator("TRANSPOSE", [source, axes], out, options("Transpose"))

    def cut(self, name: str, source: int, axis: int, start: int, stop: int) -> int:
        """Append a slice along one axis; the others stay whole, for any batch."""
        rank, whole = len(self.shape(source)), ~(1 << axis)
        ends = [[end * (one == axis) for one in range(rank)] for end in (start, stop)]
        bounds = [self.constant(f"{name}.bounds", end, "int32") for end in (*ends, [1] * rank)]
        shape = [*self.shape(source)]
        shape[axis] = stop - start
        mask = whole & ((1 << rank) - 1)
        how = options("StridedSlice", beginMask=mask, endMask=mask)
        return self.operator("STRIDED_SLICE", [source, *bounds], self.tensor(name, *shape), how)

    def mean(
        self, name: str, source: int, axes: Sequence[int], outer: Sequence[int], *, keep: bool
    ) -> int:
        """Append a mean over axes."""
        inputs = [source, self.constant(f"{name}.axes", axes, "int32")]
        how = options("Reducer", keepDims=keep)
        return self.operator("MEAN", inputs, self.tensor(name, *outer), how)

    def affine(self, name: str, source: int, scale: Any, shift: Any) -> int:
        """Append a product with one factor a channel, and a sum with one term a channel."""
        factor, term = self.constant(f"{name}.scale", scale), self.constant(f"{name}.shift", shift)
        product = self.same("MUL", f"{name}.scaled", [source, factor], options("Mul"))
        return self.same("ADD", name, [product, term], options("Add"))

    def pad(self, name: str, source: int, pads: Sequence[int], value: float) -> int:
        """Append a padding of an image: top, bottom, left, right."""
        top, bottom, left, right = pads
        _, height, width, channels = self.shape(source)
        if min(pads) < 0:
            raise InputError(f"{name}: a padding below 0 has no form in a .tflite file")
        amounts = [[0, 0], [top, bottom], [left, right], [0, 0]]
        out = self.tensor(
            f"{name}.padded", 1, height + top + bottom, width + left + right, channels
        )
        inputs = [source, self.constant(f"{name}.pads", amounts, "int32")]
        if not value:
            return self.operator("PAD", inputs, out, options("Pad"))
        inputs.append(self.constant(f"{name}.pads.value", value))
        return self.operator("PADV2", inputs, out, options("PadV2"))


def outer(shape: Shape) -> tuple[int, ...]:
    """Return a shape as the file has it: with a batch of one, and channels last."""
    return (1, *shape[1:], shape[0]) if len(shape) == 3 else (1, *shape)
