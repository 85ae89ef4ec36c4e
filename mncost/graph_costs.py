"""What a graph costs at any size of its inputs: worked out once for many networks."""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from operator import mul
from typing import TYPE_CHECKING

from mncost.cost import memory
from mncost.cost.memory import Peak, Precision, Schedule
from mncost.cost.work import held, macs_of_nodes
from mncost.errors import UnknownNameError
from mncost.graph.graph import Graph, Shapes
from mncost.graph.ops import Foreign, Shape
from mncost.graph.pairs import Pair
from mncost.graph.shapes import infer_shapes
from mncost.spec.build import is_sized

if TYPE_CHECKING:
    from mncost.cost.sizes import Sums

__all__ = ["GraphCosts"]


class GraphCosts:
    """What does not depend on the inputs' shapes: worked out once, shared by many networks."""

    def __init__(self, graph: Graph, pairs: tuple[Pair, ...] = ()) -> None:
        self.graph = graph
        self.pairs = pairs  # those that were replaced, if this is a twin
        self._twins: dict[str, GraphCosts] = {}
        self._weight_bytes: dict[Precision, int] = {}
        self._first: tuple[list[Shape], list[int]] | None = None  # shapes and MACs

    def sized(self, inputs: Shapes) -> tuple[list[Shape] | None, int]:
        """Return the multiply-accumulates, and the shape of each node's result if it is known.

        Only the first inputs are followed through the graph, where the others are images of other
        sizes (:mod:`mncost.cost.sizes`).

        Raises:
            InputError: the inputs do not fit, or are too small.
        """
        if self._sums is not None and (pixels := self._sums.pixels(inputs)) is not None:
            return None, sum(map(mul, self._sums.macs, pixels))
        shapes = infer_shapes(self.graph, inputs)
        macs = macs_of_nodes(self.graph, shapes)
        if self._first is None:
            self._first = shapes, macs
        return shapes, sum(macs)

    @property
    def _sums(self) -> Sums | None:
        """The costs as sums of pixels, if they are such, and not for the first inputs."""
        return None if self._first is None else self._sums_after_first

    @cached_property
    def _sums_after_first(self) -> Sums | None:
        from mncost.cost.sizes import sums_of  # one size needs none

        assert self._first is not None
        return sums_of(self.graph, *self._first)

    def peak(self, inputs: Shapes, precision: Precision) -> Peak | None:
        """Return the most bytes of activations alive at once, if that follows from sums."""
        if self._sums is None or (pixels := self._sums.pixels(inputs)) is None:
            return None
        return self._sums.peak(self.schedule, pixels, precision)

    def weight_bytes(self, precision: Precision) -> int:
        """Return the bytes of the deployed weights."""
        if precision not in self._weight_bytes:
            self._weight_bytes[precision] = memory.weight_bytes(self.schedule, precision)
        return self._weight_bytes[precision]

    @cached_property
    def schedule(self) -> Schedule:
        """The graph as fused steps."""
        return memory.schedule(self.graph)

    @cached_property
    def held(self) -> tuple[int, int]:
        """The trainable parameters and the buffers of all operators."""
        params, buffers = zip(*[held(node.op) for node in self.graph.nodes], strict=True)
        return sum(params), sum(buffers)

    @cached_property
    def unknown(self) -> Counter[str]:
        """The operators of unknown work, and how many of each there are."""
        ops = [node.op for node in self.graph.nodes if type(node.op) is Foreign]
        return Counter([op.operator for op in ops if op.work is None])

    @cached_property
    def is_sized(self) -> bool:
        """Whether the graph fits one size of images only."""
        return is_sized(self.graph)

    def twin(self, name: str) -> GraphCosts:
        """Return the twin of a name in :data:`mncost.graph.twin.TWINS`.

        Raises:
            UnknownNameError: there is no such twin.
        """
        if name not in self._twins:
            from mncost.graph.twin import TWINS  # a network alone needs none

            if name not in TWINS:
                raise UnknownNameError("twin", name, TWINS)
            self._twins[name] = GraphCosts(*TWINS[name](self.graph))
        return self._twins[name]
