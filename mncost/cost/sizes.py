"""What one graph costs at many sizes of its image, without a walk over its operators for each size.

Where all that depends on the size is how many pixels there are after each stride, the multiply-
accumulates are a sum of pixels, each times what the price list charges for it. The elements that
are alive at a step are such a sum too, and few of the steps can be the peak. The price list is
asked at one size only.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import prod
from operator import ge, mul
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from mncost.cost.memory import ELEMENT_BYTES, Peak, Precision, Schedule, Step
from mncost.graph import ops
from mncost.graph.graph import Graph, Shapes
from mncost.graph.ops import Op, Shape, Size
from mncost.graph.shapes import conv_size, pool_size

__all__ = ["Images", "Sum", "Sums", "places_of", "sums_of", "total"]

Sum: TypeAlias = tuple[int, ...]
"""A factor for each place of an :class:`Images`."""

_ONE, _IMAGE = 0, 1  # the places of a single pixel (or a vector), and of the image that is given
_SAME_SIZE: tuple[type[Op], ...] = (
    *(ops.BatchNorm, ops.LayerNorm, ops.L2Norm, ops.Activation, ops.PReLU, ops.LayerScale),
    *(ops.Add, ops.Scale, ops.Concat, ops.Slice, ops.Shuffle, ops.Dropout),
)


class Move(Struct, frozen=True):
    """From the pixels of one place to those of another, by a convolution or a pooling."""

    source: int
    op: ops.Conv | ops.Pool


class Images:
    """The sizes of an image inside a graph. The graphs of all α share one.

    Place 0 is a single pixel and place 1 the image; each move leads to one more.
    """

    def __init__(self, moves: Sequence[Move], alike: Sequence[tuple[int, int]]) -> None:
        """Take the moves, and the places whose images have to be of one size."""
        self._moves, self._alike = moves, alike
        self._known: dict[Size, Sum | None] = {}

    def pixels(self, size: Size) -> Sum | None:
        """Return the pixels at each place; ``None`` if the image is too small or does not fit."""
        if size not in self._known:
            self._known[size] = self._pixels(size)
        return self._known[size]

    def _pixels(self, size: Size) -> Sum | None:
        sizes = [(1, 1), size]
        for move in self._moves:
            sizes.append(_after(move.op, sizes[move.source]))
            if min(sizes[-1]) < 1:
                return None
        if any(sizes[one] != sizes[other] for one, other in self._alike):
            return None
        return tuple(map(prod, sizes))


def places_of(graph: Graph) -> tuple[Images, list[int]] | None:
    """Return where the image is at each node; ``None`` if costs are no sums of pixels.

    So it is where something attends to something, has tokens, or reads all pixels at once.
    """
    places: list[int] = []
    moves: dict[Move, int] = {}
    alike: dict[tuple[int, int], None] = {}
    for node in graph.nodes:
        read = [places[source] for source in node.inputs]
        place = _place(node.op, read, moves)
        if place is None:
            return None
        if isinstance(node.op, ops.Add | ops.Concat):
            alike |= dict.fromkeys((place, other) for other in read if other != place)
        places.append(place)
    if sum(not node.inputs for node in graph.nodes) == 1:
        return _images(tuple(moves), tuple(alike)), places
    return None


def _place(op: Op, read: Sequence[int], moves: dict[Move, int]) -> int | None:
    """Return where the image is after an operator; add its move, if it makes one."""
    if isinstance(op, ops.Scale) and read[1] != _ONE:
        return None
    if isinstance(op, _SAME_SIZE):
        return read[0]
    if isinstance(op, ops.Input):
        return _IMAGE if op.shape[1:] == (None, None) else None
    if isinstance(op, ops.GlobalPool):
        return _ONE
    if isinstance(op, ops.Flatten | ops.Linear):
        return _ONE if read[0] == _ONE else None
    if not isinstance(op, ops.Conv | ops.Pool):
        return None
    if op.stride == (1, 1) and _after(op, (256, 256)) == (256, 256):  # likewise for every size
        return read[0]
    if read[0] == _ONE:
        return _ONE if _after(op, (1, 1)) == (1, 1) else None
    if isinstance(op, ops.Conv):
        op = replace(op, in_channels=1, out_channels=1, groups=1, bias=False)
    return moves.setdefault(Move(read[0], op), len(moves) + 2)


def _after(op: ops.Conv | ops.Pool, size: Size) -> Size:
    return conv_size(op, size) if isinstance(op, ops.Conv) else pool_size(op, size)


@lru_cache(maxsize=1_000)
def _images(moves: tuple[Move, ...], alike: tuple[tuple[int, int], ...]) -> Images:
    return Images(moves, alike)


class Sums:
    """The costs of one graph as sums of pixels.

    Attributes:
        macs: the factors of the multiply-accumulates.
    """

    def __init__(
        self, images: Images, places: Sequence[int], shapes: Sequence[Shape], macs: Sequence[int]
    ) -> None:
        """Take the places of the nodes, and their results' shapes and costs at one size."""
        self._images, self._places = images, places
        self._sizes = [prod(s) if p == _ONE else s[0] for p, s in zip(places, shapes, strict=True)]
        self._peaks: list[tuple[Sum, int]] = []
        factors = [0] * (max(places) + 1)
        for place, shape, amount in zip(places, shapes, macs, strict=True):
            factors[place] += amount // (1 if place == _ONE else prod(shape[1:]))
        self.macs: Sum = tuple(factors)

    def pixels(self, inputs: Shapes) -> Sum | None:
        """Return the pixels at each place for the shape of the input; ``None`` if it is no fit."""
        shape, *_ = inputs.values()
        return self._images.pixels((shape[1], shape[2]))

    def peak(self, plan: Schedule, pixels: Sum, precision: Precision) -> Peak:
        """Return the most bytes of activations that are alive at once."""
        if not self._peaks:
            self._peaks = self._highest(plan)
        most = where = 0
        for factors, node in self._peaks:
            if (live := total(factors, pixels)) > most:
                most, where = live, node
        return Peak(most * ELEMENT_BYTES[precision], where)

    def _highest(self, plan: Schedule) -> list[tuple[Sum, int]]:
        """Return the elements that are alive at the steps that can be the peak, and their nodes."""
        live = [0] * len(self.macs)
        peaks: list[tuple[Sum, int]] = []
        image = Step(0, (), 0, 0, ())
        for step in (image, *plan):
            live[self._places[step.node]] += self._sizes[step.node]
            now = tuple(live)
            if not any(all(map(ge, one, now)) for one, _ in peaks):  # the first one counts
                peaks = [peak for peak in peaks if not all(map(ge, now, peak[0]))]
                peaks.append((now, step.node))
            for result in step.frees:
                live[self._places[result]] -= self._sizes[result]
        return peaks


def total(factors: Sum, pixels: Sum) -> int:
    """Return the sum of pixels, each times its factor."""
    return sum(map(mul, factors, pixels))


def sums_of(graph: Graph, shapes: Sequence[Shape], macs: Sequence[int]) -> Sums | None:
    """Return the costs of a graph as sums of pixels; ``None`` if they are none.

    Args:
        graph: the operators.
        shapes: of their results, at one size.
        macs: of each, at that size.
    """
    places = places_of(graph)
    return None if places is None else Sums(*places, shapes, macs)
