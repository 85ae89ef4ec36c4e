"""One network at one α and resolution: its graph, and what it costs."""

from __future__ import annotations

from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from mncost.cost import memory
from mncost.cost.count import OpCost, Terms, count
from mncost.cost.memory import Peak, Precision, Schedule
from mncost.errors import GridError
from mncost.graph.graph import Graph
from mncost.graph.shapes import Shape, infer_shapes
from mncost.graph.twin import Pair, standard
from mncost.spec.resolve import Architecture

if TYPE_CHECKING:
    import onnx
    import pandas
    import torch

    from mncost.cost.layers import Layer
    from mncost.models.export import Given

__all__ = ["Model", "Network", "PairCost"]


class PairCost(NamedTuple):
    """A separable pair beside the standard convolution that it stands for, in one network."""

    depthwise: Layer
    pointwise: Layer
    standard: Layer

    @property
    def separable_macs(self) -> int:
        """Multiply-accumulates of the depthwise and the pointwise convolution."""
        return self.depthwise.macs + self.pointwise.macs

    @property
    def exact_ratio(self) -> Fraction:
        """Separable / standard multiply-accumulates."""
        return Fraction(self.separable_macs, self.standard.macs)

    @property
    def theoretical_ratio(self) -> Fraction:
        """1/N + 1/k², for N output channels and a k×k kernel (V1 paper, Section 3.1)."""
        assert self.standard.kernel is not None
        return Fraction(1, self.standard.out_channels) + Fraction(1, self.standard.kernel**2)


class Model:
    """What does not depend on the resolution: worked out once, shared by many networks."""

    def __init__(self, graph: Graph, pairs: tuple[Pair, ...] = ()) -> None:
        self.graph = graph
        self.pairs = pairs  # those that were replaced, if this is a twin

    @cached_property
    def schedule(self) -> Schedule:
        """The graph as fused steps."""
        return memory.schedule(self.graph)

    @cached_property
    def twin(self) -> Model:
        """The standard-convolution twin."""
        return Model(*standard(self.graph))


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
    def all_layers(self) -> tuple[Layer, ...]:
        """Every operator, in execution order."""
        from mncost.cost.layers import layers  # a grid needs none

        return layers(self.graph, self.shapes, self.costs, self._model.schedule, self.precision)

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The operators that have multiply-accumulates or parameters, in execution order."""
        return tuple(layer for layer in self.all_layers if layer.macs or layer.params)

    @cached_property
    def standard(self) -> Network:
        """The standard-convolution twin: each separable pair as one k×k convolution."""
        return Network(
            self.architecture, self._model.twin, self.resolution, self.precision, "standard"
        )

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
        own = {layer.name: layer for layer in self.all_layers}
        twin = {layer.name: layer for layer in self.standard.all_layers}
        return tuple(
            PairCost(own[pair.depthwise], own[pair.pointwise], twin[pair.pointwise])
            for pair in self._model.twin.pairs
        )

    def to_frame(self) -> pandas.DataFrame:
        """Return :attr:`layers` as a DataFrame, one row a layer. Needs pandas."""
        from mncost.columns import LAYER_COLUMNS, to_frame

        return to_frame(LAYER_COLUMNS, self.layers)

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
