"""Formats: what a model is written as for a runtime, each in a file of its own.

To add one: a file here with a :class:`Format` of the name ``FORMAT``, and a line in
:data:`FORMATS`. A model is a folder; how its files are called is between the format and the
runtimes that load it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from mncost.graph.graph import Graph, Shapes

if TYPE_CHECKING:
    import numpy

    from mncost.models.weights import Weights

__all__ = [
    "CALIBRATION_IMAGES",
    "FORMATS",
    "TEST_IMAGES",
    "Closeness",
    "Format",
    "Model",
    "Writable",
    "format_named",
]

CALIBRATION_IMAGES, TEST_IMAGES = 8, 16
"""How many images of noise a model is quantised with, and how many it is tried on."""


class Writable(Protocol):
    """A model that is run as it is, or converted as it is."""

    @property
    def model(self) -> str:
        """A file, or the name of what makes a module."""

    @property
    def inputs(self) -> Mapping[str, Mapping[str, Any]]:
        """By name, in order: ``shape`` (whole) and ``dtype``."""

    @property
    def twin(self) -> str | None:
        """The name of the twin that is made of an ONNX file, and run in its place."""

    def at(self, file: Path) -> Writable:
        """Return the same with a file that was made of it."""

    def write(self, folder: Path) -> None:
        """Write into a folder where it is, and what it is fed."""


class Model(NamedTuple):
    """What a folder is written from.

    Attributes:
        graph: the operators.
        inputs: the shapes of its inputs, without the batch.
        precision: one of the format's.
        weights: draws them, or returns those that were drawn for the model before.
        given: a model that is run as it is, in the place of all that.
    """

    graph: Graph
    inputs: Shapes
    precision: str
    weights: Callable[[], Weights]
    given: Writable | None = None


class Closeness(NamedTuple):
    """How close the logits of a quantised model are to those of the model it was made of.

    Attributes:
        images: how many images of noise it was tried on, not those of the calibration.
        same_top1: on how many of them the largest logit is the same.
        error: root mean square of the difference / standard deviation of the original's logits.
    """

    images: int
    same_top1: int
    error: float

    @classmethod
    def of(cls, original: numpy.ndarray, quantised: numpy.ndarray) -> Closeness:
        """Compare the logits of two models; each row is an image."""
        same = int((quantised.argmax(1) == original.argmax(1)).sum())
        difference = float(((quantised - original) ** 2).mean()) ** 0.5
        return cls(len(original), same, difference / float(original.std()))


class Format(NamedTuple):
    """A kind of model folder.

    Attributes:
        write: writes a model into an empty folder; returns how close a quantised one is.
        memory_factor: how often the weights are in memory at once when a model is written or
            loaded, by precision; measured. Its keys are the precisions that there are.
        largest: bytes of weights that a model can hold.
    """

    write: Callable[[Model, Path], Closeness | None]
    memory_factor: Mapping[str, float]
    largest: int | None = None


FORMATS: Mapping[str, str] = {
    "onnx": "mncost.models.formats.onnx",
    "torch": "mncost.models.formats.torch",
    "tflite": "mncost.models.formats.tflite",
    "ncnn": "mncost.models.formats.ncnn",
    "executorch": "mncost.models.formats.executorch",
    "fake": "mncost.models.formats.fake",
}
"""The modules of the formats, by name."""


def format_named(name: str) -> Format:
    """Return a format by its name."""
    module = import_module(FORMATS[name])
    form: Format = module.FORMAT
    return form
