"""A graph with inputs of given shapes, and what it costs."""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from typing import TYPE_CHECKING, Self

from mncost.cost import memory
from mncost.cost.memory import InPlace, Peak, Precision
from mncost.cost.work import OpCost, Tally, count, tally
from mncost.graph.graph import Graph, Shapes
from mncost.graph.ops import Shape
from mncost.graph.shapes import infer_shapes
from mncost.graph_costs import GraphCosts
from mncost.label import Label
from mncost.render.shown import Shown
from mncost.spec.axis import Resolution, resolution_of
from mncost.spec.resolve import Architecture

if TYPE_CHECKING:
    from collections.abc import Sequence

    import onnx
    import torch

    from mncost.cost.forms import Form, Seen
    from mncost.cost.layers import Layer
    from mncost.cost.materialised import Materialised
    from mncost.cost.pairs import PairCost
    from mncost.readers.model import Source, TrainedWeights

__all__ = ["Counted"]


class Counted(Shown):
    """A graph with inputs of given shapes, and what it costs: all of a network that is exact.

    Attributes:
        label: its name, and what is known about it.
        inputs: the shapes of its inputs, by their names.
        precision: what its bytes are counted for.
        twin: the name of the twin that it is, or ``None``.
        architecture: what its graph was emitted from, if that was an architecture file.
        in_place: which layers overwrite their input, for the peak of activations.
        source: what it was read from, if that was a model; that is what runs when it is measured.
        module: the torch module that it was read from, if that was in hand.
        proto: the ONNX model that it was read from, if that was in memory.
        trained: the weights that it is measured with; ``None``: random ones.
        notes: what a reader of its counts has to know.
    """

    _in_frames = (("columns", "all"),)

    def __init__(
        self, label: Label, graph: Graph, inputs: Shapes, precision: Precision = "fp32"
    ) -> None:
        """Infer the shapes.

        Raises:
            GridError: an image is too small.
            SpecError: the layers do not fit each other, or the inputs.
        """
        self._set(label, GraphCosts(graph), inputs, precision)

    def _set(
        self, label: Label, graph_costs: GraphCosts, inputs: Shapes, precision: Precision
    ) -> None:
        self.label = label
        self.inputs = dict(inputs)
        self.precision = precision
        self.twin: str | None = None
        self.architecture: Architecture | None = None
        self.in_place: InPlace = "none"
        self.source: Source | None = None
        self.module: torch.nn.Module | None = None
        self.proto: onnx.ModelProto | None = None
        self.trained: TrainedWeights | None = None
        self.notes: tuple[str, ...] = ()
        self._forms: Sequence[Form] = ()  # as a model's own code writes its operators
        self._stored_bytes: int | None = None  # of the weights of a model, by their own types
        self._shapes, self._macs = graph_costs.sized(inputs)
        self._graph_costs = graph_costs
        self._original: Self | None = None  # the network that this is a twin of
        self._twins: dict[str, Self] = {}

    def _copy(self, graph_costs: GraphCosts, inputs: Shapes) -> Self:
        copy = type(self).__new__(type(self))
        copy._set(self.label, graph_costs, inputs, self.precision)
        copy.architecture, copy.in_place = self.architecture, self.in_place
        return copy

    def __repr__(self) -> str:
        """Say which network it is."""
        if self.source is not None:
            return f"<mncost.Network of {self.arch}{f', {self.twin} twin' if self.twin else ''}>"
        twin = f", twin={self.twin!r}" if self.twin else ""
        return (
            f"<mncost.Network {self.arch} alpha={self.alpha} resolution={self.resolution} "
            f"dialect={self.dialect!r}{twin}>"
        )

    @property
    def arch(self) -> str:
        """Name of the architecture."""
        return self.label.arch

    @property
    def dialect(self) -> str | None:
        """Which implementation of the architecture it is."""
        return self.label.dialect

    @property
    def alpha(self) -> float | None:
        """Width multiplier."""
        return self.label.alpha

    @property
    def resolution(self) -> Resolution | None:
        """The side of the square image in pixels, or e.g. ``224x320``: height × width.

        ``None`` if there is no image; the first one's if there are several.
        """
        images = (shape for shape in self.inputs.values() if len(shape) == 3)
        return next((resolution_of(shape[1:]) for shape in images), None)

    @property
    def rho(self) -> float | None:
        """Resolution / native resolution, if both are square."""
        if isinstance(self.resolution, int) and self.label.native:
            return self.resolution / self.label.native
        return None

    @property
    def classes(self) -> int | None:
        """Outputs of the classifier; ``None`` if there is none."""
        return self.label.classes

    @property
    def graph(self) -> Graph:
        """The operators, in execution order."""
        return self._graph_costs.graph

    @property
    def shapes(self) -> list[Shape]:
        """The shape of each node's result."""
        if self._shapes is None:
            self._shapes = infer_shapes(self.graph, self.inputs)
        return self._shapes

    @property
    def costs(self) -> list[OpCost]:
        """The cost of each node of the graph."""
        return count(self.graph, self.shapes)

    @cached_property
    def tally(self) -> Tally:
        """The work of all operators, by kind, and how many have each kind."""
        return tally(self.costs)

    @cached_property
    def seen(self) -> Seen:
        """The work as counting tools see it: by module and functions, in the dialect's project."""
        from mncost.cost.forms import seen  # few commands need it
        from mncost.cost.projects import forms_of

        return seen(self.costs, self._forms or forms_of(self.graph, self.shapes, self.label))

    @property
    def work(self) -> Counter[str]:
        """What the network does for one image, by kind of work (:data:`mncost.cost.work.KINDS`)."""
        return self.tally.work

    @property
    def macs(self) -> int:
        """Multiply-accumulates for one image: convolutions, linear layers, attention products."""
        return self._macs

    @property
    def unknown(self) -> Counter[str]:
        """The operators of unknown work, and how many of each there are."""
        return self._graph_costs.unknown

    @property
    def is_complete(self) -> bool:
        """Whether the work of every operator is known. If not, :attr:`macs` is a lower bound."""
        return not self.unknown

    @property
    def flops(self) -> int:
        """2 × macs: a multiplication and an addition for each."""
        return 2 * self.macs

    @property
    def params(self) -> int:
        """Trainable parameters."""
        return self._graph_costs.held[0]

    @property
    def buffers(self) -> int:
        """Running means and variances of the batch norms."""
        return self._graph_costs.held[1]

    @property
    def weight_bytes(self) -> int:
        """Bytes of the weights as deployed (batch norm folded) at the network's precision.

        Of a model whose weights are not all float32 those of its weights as it stores them.
        """
        if self._stored_bytes is not None:
            return self._stored_bytes
        return self._graph_costs.weight_bytes(self.precision)

    @cached_property
    def _peak(self) -> Peak:
        if self._shapes is None and self.in_place == "none":
            peak = self._graph_costs.peak(self.inputs, self.precision)
            if peak is not None:
                return peak
        plan, shapes = self._graph_costs.schedule, self.shapes
        return memory.peak(self.graph, plan, shapes, self.precision, self.in_place)

    @property
    def peak_activation_bytes(self) -> int:
        """The most bytes of activations alive at once, for one image."""
        return self._peak.bytes

    @property
    def peak_layer(self) -> str:
        """The layer at which the most bytes of activations are alive."""
        return self.graph.nodes[self._peak.node].name

    @cached_property
    def materialised(self) -> tuple[Materialised, ...]:
        """The largest tensor at each spatial size, from the largest size to the smallest."""
        from mncost.cost.materialised import materialised  # a grid needs none

        return materialised(self.graph, self._graph_costs.schedule, self.shapes, self.precision)

    @cached_property
    def all_layers(self) -> tuple[Layer, ...]:
        """Every operator, in execution order."""
        from mncost.cost.layers import layers  # a grid needs none

        return layers(
            self.graph, self.shapes, self.costs, self._graph_costs.schedule, self.precision
        )

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The operators that have multiply-accumulates or parameters, in execution order."""
        every = self.all_layers
        return tuple(one for one in every if one.macs or one.params or not one.is_known)

    def as_twin(self, name: str) -> Self:
        """Return the twin of a name: ``standard``, ``fused`` or ``separable``.

        If the network has no pair for it, the twin's graph equals the network's. The twin of a twin
        is that of the network that it is a twin of.

        Raises:
            UnknownNameError: there is no such twin.
        """
        own = self.original
        if name not in own._twins:
            own._twins[name] = own._copy(own._graph_costs.twin(name), self.inputs)
            own._twins[name].twin, own._twins[name]._original = name, own
        return own._twins[name]

    @property
    def original(self) -> Self:
        """The network that this is a twin of; itself, if it is none."""
        return self._original or self

    @property
    def standard(self) -> Self:
        """The standard-convolution twin: each separable pair as one k×k convolution."""
        return self.as_twin("standard")

    @property
    def macs_ratio(self) -> float | None:
        """MACs of the standard twin / the network's; ``None`` if it has none."""
        return self.standard.macs / self.macs if self.macs else None

    @property
    def params_ratio(self) -> float | None:
        """Parameters of the standard twin / the network's; ``None`` if it has none."""
        return self.standard.params / self.params if self.params else None

    @property
    def pairs(self) -> tuple[PairCost, ...]:
        """Each separable pair, its cost, and that of the convolution that replaces it."""
        return self.pairs_of("standard")

    def pairs_of(self, twin: str) -> tuple[PairCost, ...]:
        """Return each pair that a twin replaces, its cost, and that of what replaces it.

        The ``separable`` twin has the pairs, and the network what they replace.

        A twin itself has none.

        Raises:
            UnknownNameError: there is no such twin.
        """
        from mncost.cost.pairs import PairCost  # a grid needs none
        from mncost.graph.twin import SPLITTING

        own = {layer.name: layer for layer in self.all_layers}
        other = self.as_twin(twin)
        merged = {layer.name: layer for layer in other.all_layers}
        pairs = () if self.twin else other._graph_costs.pairs
        if twin in SPLITTING:  # the pairs stand in the twin
            own, merged = merged, own
        return tuple(
            PairCost(own[pair.first], own[pair.second], merged[pair.second]) for pair in pairs
        )
