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
from typing import NamedTuple, TypeAlias

from msgspec.structs import replace

from mncost.cost.memory import ELEMENT_BYTES, Peak, Precision, Schedule, Step
from mncost.graph import ops
from mncost.graph.graph import Graph, Shapes
from mncost.graph.ops import Op, Shape, Size
from mncost.graph.shapes import conv_size, pool_size

__all__ = ["Images", "Places", "Sum", "live_sums", "macs_sum", "peak_of", "places_of", "total"]

Sum: TypeAlias = tuple[int, ...]
"""A factor for each place of an :class:`Images`."""

_ONE, _IMAGE = 0, 1  # the places of a single pixel (or a vector), and of the image that is given
_SAME_SIZE = (
    *(ops.BatchNorm, ops.LayerNorm, ops.L2Norm, ops.Activation, ops.PReLU, ops.LayerScale),
    *(ops.Add, ops.Scale, ops.Concat, ops.Slice, ops.Shuffle, ops.Dropout),
)


class Move(NamedTuple):
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


class Places(NamedTuple):
    """Where the image is at each node of a graph: an index into the places of ``images``."""

    images: Images
    of: tuple[int, ...]

    def pixels(self, inputs: Shapes) -> Sum | None:
        """Return the pixels at each place for the shape of the one input."""
        shape, *_ = inputs.values()
        return self.images.pixels((shape[1], shape[2]))


def places_of(graph: Graph) -> Places | None:
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
    if places.count(_IMAGE) and sum(not node.inputs for node in graph.nodes) == 1:
        return Places(_images(tuple(moves), tuple(alike)), tuple(places))
    return None


def _place(op: Op, read: Sequence[int], moves: dict[Move, int]) -> int | None:
    """Return where the image is after an operator; add its move, if it makes one."""
    if isinstance(op, ops.Input):
        return _IMAGE if op.shape[1:] == (None, None) else None
    if isinstance(op, ops.GlobalPool):
        return _ONE
    if isinstance(op, ops.Flatten | ops.Linear):
        return _ONE if read[0] == _ONE else None
    if isinstance(op, ops.Scale) and read[1] != _ONE:
        return None
    if isinstance(op, _SAME_SIZE):
        return read[0]
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


def total(factors: Sum, pixels: Sum) -> int:
    """Return the sum of pixels, each times its factor."""
    return sum(map(mul, factors, pixels))


def macs_sum(places: Places, shapes: Sequence[Shape], macs: Sequence[int]) -> Sum:
    """Return the multiply-accumulates of a graph as factors.

    Args:
        places: where the image is at each node.
        shapes: of the nodes' results, at one size.
        macs: of the nodes, at that size.
    """
    factors = [0] * (max(places.of) + 1)
    for place, shape, amount in zip(places.of, shapes, macs, strict=True):
        factors[place] += amount // (1 if place == _ONE else prod(shape[1:]))
    return tuple(factors)


def live_sums(places: Places, plan: Schedule, shapes: Sequence[Shape]) -> list[tuple[Sum, int]]:
    """Return the elements that are alive at the steps that can be the peak, and their nodes."""
    live = [0] * (max(places.of) + 1)
    sizes = [prod(s) if p == _ONE else s[0] for p, s in zip(places.of, shapes, strict=True)]
    peaks: list[tuple[Sum, int]] = []
    image = Step(0, (), 0, 0, ())
    for step in (image, *plan):
        live[places.of[step.node]] += sizes[step.node]
        now = tuple(live)
        if not any(all(map(ge, one, now)) for one, _ in peaks):  # the first one counts
            peaks = [peak for peak in peaks if not all(map(ge, now, peak[0]))]
            peaks.append((now, step.node))
        for result in step.frees:
            live[places.of[result]] -= sizes[result]
    return peaks


def peak_of(sums: Sequence[tuple[Sum, int]], pixels: Sum, precision: Precision) -> Peak:
    """Return the most bytes that are alive at once."""
    most = where = 0
    for factors, node in sums:
        if (live := total(factors, pixels)) > most:
            most, where = live, node
    return Peak(most * ELEMENT_BYTES[precision], where)
