"""One network at one α and resolution: its graph, and what it costs."""

from __future__ import annotations

from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from mncost.cost import memory
from mncost.cost.count import OpCost, Terms, count
from mncost.cost.memory import Peak, Precision, Schedule
from mncost.errors import GridError, UnknownNameError
from mncost.graph.graph import Graph
from mncost.graph.shapes import Shape, infer_shapes
from mncost.graph.twin import TWINS, Pair
from mncost.spec.resolve import Architecture

if TYPE_CHECKING:
    import onnx
    import pandas
    import torch

    from mncost.cost.layers import Layer
    from mncost.cost.materialised import Materialised
    from mncost.models.export import Given

__all__ = ["Model", "Network", "PairCost"]


class PairCost(NamedTuple):
    """Two convolutions beside the one that replaces them in a twin, in one network."""

    first: Layer
    second: Layer
    merged: Layer

    @property
    def macs(self) -> int:
        """Multiply-accumulates of the two convolutions."""
        return self.first.macs + self.second.macs

    @property
    def macs_share(self) -> Fraction:
        """Multiply-accumulates of the two / of the one."""
        return Fraction(self.macs, self.merged.macs)

    @property
    def theoretical_share(self) -> Fraction:
        """What :attr:`macs_share` is by the formula, for one filter a channel.

        Depthwise, then pointwise (``standard``): 1/N + 1/k², for N output channels and a k×k kernel
        (V1 paper, Section 3.1).

        Expand, then depthwise (``fused``): s²/k² + 1/C, for C input channels and stride s. The
        expansion to E channels runs before the stride, on s² times the P output pixels:
        (s²·C·E·P + k²·E·P) / (k²·C·E·P). Exact where the stride divides the side.
        """
        kernel, stride = self.merged.kernel, self.merged.stride
        assert kernel is not None
        assert stride is not None
        if self.first.kind == "depthwise":
            return Fraction(1, self.merged.out_channels) + Fraction(1, kernel**2)
        return Fraction(stride**2, kernel**2) + Fraction(1, self.merged.in_channels)


class Model:
    """What does not depend on the resolution: worked out once, shared by many networks."""

    def __init__(self, graph: Graph, pairs: tuple[Pair, ...] = ()) -> None:
        self.graph = graph
        self.pairs = pairs  # those that were replaced, if this is a twin
        self._twins: dict[str, Model] = {}

    @cached_property
    def schedule(self) -> Schedule:
        """The graph as fused steps."""
        return memory.schedule(self.graph)

    def twins(self, name: str) -> Model:
        """Return the twin of a name in :data:`mncost.graph.twin.TWINS`."""
        if name not in self._twins:
            self._twins[name] = Model(*TWINS[name](self.graph))
        return self._twins[name]


class Network:
    """A network at one α and resolution, and what it costs. Made by :func:`mncost.load`.

    ``shapes`` is the output shape of each node of the graph: (channels, height, width).
    """

    def __init__(
        self,
        architecture: Architecture,
        model: Model,
        resolution: int,
        precision: Precision = "fp32",
        twin: str | None = None,
    ) -> None:
        """Use :func:`mncost.load`.

        Raises:
            GridError: the resolution is below the network's total stride.
            SpecError: the layers do not fit each other.
        """
        if resolution < architecture.total_stride:
            raise GridError(
                f"resolution {resolution} is below the total stride of {architecture.name}: the "
                f"image would shrink to less than one pixel; at least {architecture.total_stride} "
                "is accepted"
            )
        self.architecture = architecture
        self.resolution = resolution
        self.precision = precision
        self.twin = twin
        self._model = model
        self._original: Network | None = None  # the network that this is a twin of
        self._twins: dict[str, Network] = {}
        self.shapes: list[Shape] = infer_shapes(model.graph, resolution)

    def __repr__(self) -> str:
        """Say which network it is."""
        twin = f", twin={self.twin!r}" if self.twin else ""
        return (
            f"<mncost.Network {self.arch} alpha={self.alpha} resolution={self.resolution} "
            f"dialect={self.dialect!r}{twin}>"
        )

    @property
    def arch(self) -> str:
        """Name of the architecture."""
        return self.architecture.name

    @property
    def dialect(self) -> str:
        """Whose reading of the architecture it is."""
        return self.architecture.dialect

    @property
    def alpha(self) -> float:
        """Width multiplier."""
        return self.architecture.alpha

    @property
    def rho(self) -> float:
        """Resolution / native resolution."""
        return self.resolution / self.architecture.native_resolution

    @property
    def classes(self) -> int:
        """Outputs of the classifier."""
        return self.architecture.classes

    @property
    def graph(self) -> Graph:
        """The operators, in execution order."""
        return self._model.graph

    @cached_property
    def costs(self) -> list[OpCost]:
        """The cost of each node of the graph."""
        return count(self.graph, self.shapes)

    @cached_property
    def terms(self) -> Terms:
        """What the network does for one image, each kind of work under its own name."""
        fields = Terms.__struct_fields__
        return Terms(*(sum(getattr(cost.terms, f) for cost in self.costs) for f in fields))

    @cached_property
    def macs(self) -> int:
        """Multiply-accumulates for one image: convolutions, linear layers, attention products."""
        return sum(cost.terms.macs for cost in self.costs)

    @property
    def flops(self) -> int:
        """2 × macs: a multiplication and an addition for each."""
        return 2 * self.macs

    @cached_property
    def params(self) -> int:
        """Trainable parameters."""
        return sum(cost.params for cost in self.costs)

    @cached_property
    def buffers(self) -> int:
        """Running means and variances of the batch norms."""
        return sum(cost.buffers for cost in self.costs)

    @cached_property
    def weight_bytes(self) -> int:
        """Bytes of the weights as deployed (batch norm folded) at the network's precision."""
        return memory.weight_bytes(self._model.schedule, self.precision)

    @cached_property
    def _peak(self) -> Peak:
        return memory.peak(self.graph, self._model.schedule, self.shapes, self.precision)

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

        return materialised(self.graph, self._model.schedule, self.shapes, self.precision)

    @cached_property
    def all_layers(self) -> tuple[Layer, ...]:
        """Every operator, in execution order."""
        from mncost.cost.layers import layers  # a grid needs none

        return layers(self.graph, self.shapes, self.costs, self._model.schedule, self.precision)

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The operators that have multiply-accumulates or parameters, in execution order."""
        return tuple(layer for layer in self.all_layers if layer.macs or layer.params)

    def as_twin(self, name: str) -> Network:
        """Return the twin of a name: ``standard`` or ``fused``.

        If the network has no pair for it, the twin's graph equals the network's. The twin of a twin
        is that of the network that it is a twin of.

        Raises:
            UnknownNameError: there is no such twin.
        """
        if name not in TWINS:
            raise UnknownNameError("twin", name, TWINS)
        own = self._original or self
        if name not in own._twins:
            model = own._model.twins(name)
            twin = Network(own.architecture, model, own.resolution, own.precision, name)
            twin._original = own
            own._twins[name] = twin
        return own._twins[name]

    @property
    def standard(self) -> Network:
        """The standard-convolution twin: each separable pair as one k×k convolution."""
        return self.as_twin("standard")

    @property
    def macs_ratio(self) -> float | None:
        """Multiply-accumulates of the standard twin / ours; ``None`` if there are none."""
        return self.standard.macs / self.macs if self.macs else None

    @property
    def params_ratio(self) -> float | None:
        """Parameters of the standard twin / ours; ``None`` if there are none."""
        return self.standard.params / self.params if self.params else None

    @property
    def pairs(self) -> tuple[PairCost, ...]:
        """Each separable pair, its cost, and that of the convolution that replaces it."""
        return self.pairs_of("standard")

    def pairs_of(self, twin: str) -> tuple[PairCost, ...]:
        """Return each pair that a twin replaces, its cost, and that of what replaces it.

        A twin itself has none.

        Raises:
            UnknownNameError: there is no such twin.
        """
        own = {layer.name: layer for layer in self.all_layers}
        other = self.as_twin(twin)
        merged = {layer.name: layer for layer in other.all_layers}
        pairs = () if self.twin else other._model.pairs
        return tuple(
            PairCost(own[pair.first], own[pair.second], merged[pair.second]) for pair in pairs
        )

    def to_frame(self) -> pandas.DataFrame:
        """Return :attr:`layers` as a DataFrame, one row a layer. Needs pandas."""
        from mncost.render.table import tabulate
        from mncost.tables.layers import LAYER_COLUMNS

        return tabulate("layers", LAYER_COLUMNS, self.layers).to_frame()

    def to_torch(
        self,
        *,
        num_classes: int | None = None,
        features: bool = False,
        seed: int = 0,
        weights: Given = None,
    ) -> torch.nn.Module:
        """Return the network as a torch module with weights. Needs torch.

        Args:
            num_classes: outputs of the classifier; by default :attr:`classes`.
            features: leave the classifier out: the output is what it would read.
            seed: of the random weights.
            weights: instead of random ones: the file of a state dict, or arrays by our names.

        Raises:
            InputError: torch is missing, or an argument does not fit the network.
        """
        from mncost.models.export import Choices, to_torch

        return to_torch(self, Choices(num_classes, features, seed, weights))

    def to_onnx(
        self,
        *,
        dynamic_batch: bool = False,
        num_classes: int | None = None,
        features: bool = False,
        seed: int = 0,
        weights: Given = None,
    ) -> onnx.ModelProto:
        """Return the network as an ONNX model with weights, for its resolution. Needs onnx.

        Args:
            dynamic_batch: leave the number of images open, instead of one.
            num_classes: outputs of the classifier; by default :attr:`classes`.
            features: leave the classifier out: the output is what it would read.
            seed: of the random weights.
            weights: instead of random ones: the file of a state dict, or arrays by our names.

        Raises:
            InputError: onnx is missing, or an argument does not fit the network.
        """
        from mncost.models.export import Choices, to_onnx

        return to_onnx(self, Choices(num_classes, features, seed, weights, dynamic_batch))
