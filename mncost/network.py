"""A network: what it costs, at which size of image, and what is made of it."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from mncost.cost.memory import InPlace, Precision
from mncost.counted import Counted
from mncost.label import Label
from mncost.render.shown import maker
from mncost.spec.axis import Resolution, resolution_of, size_of_image
from mncost.spec.build import build
from mncost.spec.resolve import Architecture

if TYPE_CHECKING:
    from pathlib import Path

    import onnx
    import torch

    from mncost.models.export import Given
    from mncost.predict.predictions import Predictions
    from mncost.readers.model import ReadModel
    from mncost.training.step import TrainingStep

__all__ = ["Label", "Network", "network_of", "network_read"]


class Network(Counted):
    """A network, and what is made of it. Made by :func:`mncost.load`.

    What it costs are the attributes of :class:`mncost.counted.Counted`.
    """

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
        if self.architecture is not None and self._graph_costs.is_sized:
            size = height, height if width is None else width
            resolution = resolution_of(size)
            return network_of(self.architecture, resolution, self.precision, self.in_place)
        resized = self._copy(self._graph_costs, inputs)
        resized.trained, resized.notes = self.trained, self.notes
        return resized

    def named(self, arch: str) -> Network:
        """Return the same network under another name."""
        renamed = copy(self)
        renamed.label = replace(self.label, arch=arch)
        renamed._twins = {}
        return renamed

    def _read_again(self, size: tuple[int, int]) -> Network:
        """Return the network of the same model for images of another size."""
        from mncost.readers.again import at_size

        assert self.source is not None
        if self.resolution == resolution_of(size):
            return self
        network = network_read(at_size(self.source, size, self.proto), self.precision)
        network.module, network.proto, network.in_place = self.module, self.proto, self.in_place
        return network

    def training(
        self,
        train: str | None = None,
        *,
        batch: int | None = None,
        optimizer: str | None = None,
        top_k: float | None = None,
        teacher: Counted | None = None,
    ) -> TrainingStep:
        """Return what a training step costs, in float32.

        Args:
            train: ``all`` (the default), ``head``, ``last:3``, ``norm``, ``bias``; ``head+bias`` is
                both.
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

        copy = self._copy(self._graph_costs, self.inputs)
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
