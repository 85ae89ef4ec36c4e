"""A network: its graph, the shapes of its inputs, and what it costs."""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mncost.cost import memory
from mncost.cost.memory import InPlace, Peak, Precision, Schedule
from mncost.cost.work import OpCost, Tally, count, held, macs_of, tally, work_of
from mncost.errors import UnknownNameError
from mncost.graph.graph import Graph, Shapes
from mncost.graph.ops import Foreign, Shape
from mncost.graph.pairs import Pair
from mncost.graph.shapes import shape_of
from mncost.graph.twin import SPLITTING, TWINS
from mncost.label import Label
from mncost.render.shown import Shown, maker
from mncost.spec.axis import Resolution, resolution_of, size_of_image
from mncost.spec.emitter import build, is_sized
from mncost.spec.resolve import Architecture

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import onnx
    import torch

    from mncost.cost.forms import Form, Seen
    from mncost.cost.layers import Layer
    from mncost.cost.materialised import Materialised
    from mncost.cost.pairs import PairCost
    from mncost.models.export import Given
    from mncost.predict.predictions import Predictions
    from mncost.readers.model import ReadModel, Source, TrainedWeights
    from mncost.training.step import TrainingStep

__all__ = ["Label", "Network", "network_of", "network_read"]


class _Shared:
    """What does not depend on the inputs' shapes: worked out once, shared by many networks."""

    def __init__(self, graph: Graph, pairs: tuple[Pair, ...] = ()) -> None:
        self.graph = graph
        self.pairs = pairs  # those that were replaced, if this is a twin
        self._twins: dict[str, _Shared] = {}
        self._weight_bytes: dict[Precision, int] = {}
        self._chains = graph.chains()
        self._known: dict[tuple[object, ...], tuple[list[Shape], int]] = {}

    def sized(self, inputs: Shapes) -> tuple[list[Shape], int]:
        """Return the shape of each node's result, and the multiply-accumulates of all of them.

        Images of different sizes are alike after some layers, so each chain of nodes is worked out
        once for each shape that it reads.

        Raises:
            InputError: the inputs do not fit, or are too small.
        """
        shapes: list[Shape] = []
        total = 0
        for chain in self._chains:
            first = self.graph.nodes[chain.start]
            read = [shapes[source] for source in first.inputs]
            key = (chain.start, *read) if read else (chain.start, inputs.get(first.name))
            known = self._known.get(key)
            if known is None:
                macs = 0
                for node in self.graph.nodes[chain.start : chain.stop]:
                    shapes.append(shape_of(node, shapes, inputs))
                    macs += macs_of(work_of(node, shapes, shapes[-1]))
                self._known[key] = shapes[chain.start :], macs
                total += macs
            else:
                shapes += known[0]
                total += known[1]
        return shapes, total

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

    def twin(self, name: str) -> _Shared:
        """Return the twin of a name in :data:`mncost.graph.twin.TWINS`."""
        if name not in self._twins:
            self._twins[name] = _Shared(*TWINS[name](self.graph))
        return self._twins[name]


class Network(Shown):
    """A graph with inputs of given shapes, and what it costs. Made by :func:`mncost.load`.

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
        shapes: the shape of each node's result.
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
        self._set(label, _Shared(graph), inputs, precision)

    def _set(self, label: Label, shared: _Shared, inputs: Shapes, precision: Precision) -> None:
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
        self.shapes, self._macs = shared.sized(inputs)
        self._shared = shared
        self._original: Network | None = None  # the network that this is a twin of
        self._twins: dict[str, Network] = {}

    def _copy(self, shared: _Shared, inputs: Shapes) -> Network:
        copy = Network.__new__(Network)
        copy._set(self.label, shared, inputs, self.precision)
        copy.architecture, copy.in_place = self.architecture, self.in_place
        return copy

    def at(self, height: int, width: int | None = None) -> Network:
        """Return the same network for images of another size; ``width`` is by default the height.

        Raises:
            GridError: the image is too small.
        """
        if self.source is not None and not self.twin:
            return self._read_again((height, height if width is None else width))
        inputs = self.graph.images(height, width)
        if self.twin:
            assert self._original is not None
            return self._original.at(height, width).as_twin(self.twin)
        if inputs == self.inputs:
            return self
        if self.architecture is not None and self._shared.is_sized:
            size = height, height if width is None else width
            resolution = resolution_of(size)
            return network_of(self.architecture, resolution, self.precision, self.in_place)
        return self._copy(self._shared, inputs)

    def _read_again(self, size: tuple[int, int]) -> Network:
        """Return the network of the same model for images of another size."""
        from mncost.readers.again import at_size

        assert self.source is not None
        if self.resolution == resolution_of(size):
            return self
        network = network_read(at_size(self.source, size, self.proto), self.precision)
        network.module, network.proto = self.module, self.proto
        return network

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
        return self._shared.graph

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
        from mncost.cost.forms import forms_of, seen  # few commands need it

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
        return self._shared.unknown

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
        return self._shared.held[0]

    @property
    def buffers(self) -> int:
        """Running means and variances of the batch norms."""
        return self._shared.held[1]

    @property
    def weight_bytes(self) -> int:
        """Bytes of the weights as deployed (batch norm folded) at the network's precision.

        Of a model whose weights are not all float32 those of its weights as it stores them.
        """
        if self._stored_bytes is not None:
            return self._stored_bytes
        return self._shared.weight_bytes(self.precision)

    @cached_property
    def _peak(self) -> Peak:
        plan, shapes = self._shared.schedule, self.shapes
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

        return materialised(self.graph, self._shared.schedule, self.shapes, self.precision)

    @cached_property
    def all_layers(self) -> tuple[Layer, ...]:
        """Every operator, in execution order."""
        from mncost.cost.layers import layers  # a grid needs none

        return layers(self.graph, self.shapes, self.costs, self._shared.schedule, self.precision)

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The operators that have multiply-accumulates or parameters, in execution order."""
        every = self.all_layers
        return tuple(one for one in every if one.macs or one.params or not one.is_known)

    def as_twin(self, name: str) -> Network:
        """Return the twin of a name: ``standard``, ``fused`` or ``separable``.

        If the network has no pair for it, the twin's graph equals the network's. The twin of a twin
        is that of the network that it is a twin of.

        Raises:
            UnknownNameError: there is no such twin.
        """
        if name not in TWINS:
            raise UnknownNameError("twin", name, TWINS)
        own = self._original or self
        if name not in own._twins:
            own._twins[name] = own._copy(own._shared.twin(name), self.inputs)
            own._twins[name].twin, own._twins[name]._original = name, own
        return own._twins[name]

    @property
    def standard(self) -> Network:
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

        own = {layer.name: layer for layer in self.all_layers}
        other = self.as_twin(twin)
        merged = {layer.name: layer for layer in other.all_layers}
        pairs = () if self.twin else other._shared.pairs
        if twin in SPLITTING:  # the pairs stand in the twin
            own, merged = merged, own
        return tuple(
            PairCost(own[pair.first], own[pair.second], merged[pair.second]) for pair in pairs
        )

    def training(
        self,
        train: str | None = None,
        *,
        batch: int | None = None,
        optimizer: str | None = None,
        top_k: float | None = None,
        teacher: Network | None = None,
    ) -> TrainingStep:
        """Return what a training step costs, in float32.

        Args:
            train: ``all``, ``head``, ``last:3``, ``norm``, ``bias``; several with commas. Default:
                all.
            batch: images in a step. Default: 32.
            optimizer: ``sgd``, ``momentum`` or ``adam``. Default: momentum.
            top_k: share of the update that a federated client sends when it sends only the largest
                values. Default: 0.01.
            teacher: the network to distil from: its forward pass stands beside the step.

        Raises:
            InputError: an argument cannot be used, or the gradients of an operator are unknown.
        """
        from mncost.training.step import training_step  # a grid needs none

        return training_step(self, train, batch, optimizer, top_k, teacher)

    def predict(self, **options: Any) -> Predictions:
        """Return the latency on this machine, predicted from its profile (``mncost calibrate``).

        Args:
            options: ``runtime``, ``threads``, ``precision``, and the ``level`` of the interval.

        Raises:
            InputError: there is no profile of this machine, runtime and thread count.
        """
        made: Predictions = maker(type(self), "PREDICTIONS")(self, **options)
        return made

    def with_weights(self, file: Path | str, key: str | None = None) -> Network:
        """Return the same network with trained weights, for :func:`mncost.bench`. Needs torch.

        Its twins have random weights.

        Args:
            file: a checkpoint of torchvision's, timm's or our module.
            key: which state dict of a file that holds several, e.g. ``"model_ema"``.

        Raises:
            InputError: torch is missing, or the file holds no weights of this network.
        """
        from mncost.models.export import trained

        copy = self._copy(self._shared, self.inputs)
        copy.trained, note = trained(self, file, key)
        copy.notes = (*self.notes, note) if note else self.notes
        return copy

    def to_torch(
        self,
        *,
        num_classes: int | None = None,
        features: bool = False,
        seed: int = 0,
        weights: Given = None,
        weights_key: str | None = None,
    ) -> torch.nn.Module:
        """Return the network as a torch module with weights. Needs torch.

        Args:
            num_classes: outputs of the classifier; by default :attr:`classes`.
            features: leave the classifier out: the output is what it would read.
            seed: of the random weights.
            weights: instead of random ones: the file of a checkpoint, or arrays by our names.
            weights_key: which state dict of a file that holds several, e.g. ``"model_ema"``.

        Raises:
            InputError: torch is missing, or an argument does not fit the network.
        """
        from mncost.models.export import Choices, to_torch

        return to_torch(
            self, Choices(num_classes, features, seed, weights, weights_key=weights_key)
        )

    def to_onnx(  # noqa: PLR0913 - what the options of mncost export are
        self,
        *,
        dynamic_batch: bool = False,
        num_classes: int | None = None,
        features: bool = False,
        seed: int = 0,
        weights: Given = None,
        weights_key: str | None = None,
        opset: int | None = None,
        static_batch: int | None = None,
    ) -> onnx.ModelProto:
        """Return the network as an ONNX model with weights, for its inputs. Needs onnx.

        Args:
            dynamic_batch: leave the number of images open, instead of one.
            num_classes: outputs of the classifier; by default :attr:`classes`.
            features: leave the classifier out: the output is what it would read.
            seed: of the random weights.
            weights: instead of random ones: the file of a checkpoint, or arrays by our names.
            weights_key: which state dict of a file that holds several, e.g. ``"model_ema"``.
            opset: 13 or newer; by default 20, which runtimes of the last two years read.
            static_batch: images in a call, instead of one.

        Raises:
            InputError: onnx is missing, or an argument does not fit the network.
        """
        from mncost.models.export import Choices, to_onnx

        choices = Choices(num_classes, features, seed, weights, dynamic_batch, weights_key)
        return to_onnx(self, choices._replace(opset=opset, static_batch=static_batch))


def network_of(
    architecture: Architecture,
    resolution: Resolution,
    precision: Precision = "fp32",
    in_place: InPlace = "none",
) -> Network:
    """Return the network of a resolved architecture."""
    size = size_of_image(resolution)
    graph = build(architecture, size)
    label = Label(
        architecture.name,
        architecture.alpha,
        architecture.dialect,
        architecture.classes if architecture.has_classifier else None,
        native if isinstance(native := architecture.native_resolution, int) else None,
        architecture.output_stride,
    )
    network = Network(label, graph, graph.images(*size), precision)
    network.architecture, network.in_place = architecture, in_place
    return network


def network_read(model: ReadModel, precision: Precision | None = None) -> Network:
    """Return the network of a model that was read.

    Args:
        model: from a reader.
        precision: what its bytes are counted for; by default what its weights are stored in.
    """
    network = Network(Label(model.name), model.graph, model.inputs, precision or model.precision)
    network.source, network.notes = model.source, model.notes
    network._forms = model.forms
    if precision in (None, model.precision):
        network._stored_bytes = model.weight_bytes
    return network
