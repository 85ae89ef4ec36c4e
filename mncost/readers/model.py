"""What a reader returns: a graph, the shapes of its inputs, and where the model itself is."""

from __future__ import annotations

from typing import ClassVar, TypeAlias

from msgspec import Struct

from mncost.cost.forms import Form
from mncost.cost.memory import Precision
from mncost.graph.graph import Graph
from mncost.graph.ops import Shape

__all__ = [
    "Content",
    "FileSource",
    "InputSpec",
    "OnnxSource",
    "PteSource",
    "ReadModel",
    "Source",
    "TfliteSource",
    "TorchSource",
    "TrainedWeights",
]


class InputSpec(Struct, frozen=True):
    """One input as it is fed.

    Attributes:
        shape: whole, with the batch.
        dtype: numpy's word, e.g. ``float32``.
        batch_axis: the open dimension that is the batch; ``None``: its batch is fixed.
    """

    shape: tuple[int, ...]
    dtype: str = "float32"
    batch_axis: int | None = None


class FileSource(Struct, frozen=True):
    """A file, to be run as it is.

    Attributes:
        format: the format of :mod:`mncost.models.formats` that runtimes load it in.
        sides: which dimensions of an image are its height and its width.
        file: its path.
        sha256: of its bytes.
        inputs: by name, in the order of the model.
        data: an ``.npz`` file with values for inputs; ``None``: they are made up.
    """

    file: str
    sha256: str
    inputs: dict[str, InputSpec]
    data: str | None = None

    format: ClassVar[str]
    sides: ClassVar[tuple[int, int]] = (2, 3)


class OnnxSource(FileSource, frozen=True, tag="onnx"):
    """An ONNX file.

    Attributes:
        twin: the name of the file's twin, which is run in its place; ``None``: the file itself.
    """

    twin: str | None = None

    format = "onnx"


class TfliteSource(FileSource, frozen=True, tag="tflite"):
    """A ``.tflite`` file; its images are channels-last."""

    format = "tflite"
    sides = (1, 2)


class PteSource(FileSource, frozen=True, tag="pte"):
    """An ExecuTorch program; its shapes are fixed."""

    format = "executorch"


class TorchSource(Struct, frozen=True, tag="torch"):
    """A torch module, to be made again and run as it is.

    Attributes:
        name: what makes it, e.g. ``timm:mobilenetv4_conv_small``.
        inputs: by name, in the order of the module's arguments.
        data: an ``.npz`` file with values for inputs; ``None``: they are made up.
        folder: that its Python module is imported from; ``None``: it is installed.
    """

    name: str
    inputs: dict[str, InputSpec]
    data: str | None = None
    folder: str | None = None

    format: ClassVar[str] = "torch"
    sides: ClassVar[tuple[int, int]] = (2, 3)


Source: TypeAlias = OnnxSource | TfliteSource | PteSource | TorchSource
"""Where a model comes from that is not made of an architecture file."""


class TrainedWeights(Struct, frozen=True):
    """Weights that a network is built with when it is measured, instead of random ones.

    Attributes:
        file: the checkpoint.
        sha256: of its bytes.
        key: which of its state dicts; ``None``: the usual one.
    """

    file: str
    sha256: str
    key: str | None = None


Content: TypeAlias = Source | TrainedWeights
"""What a graph is measured with, where that is not random weights."""


class ReadModel(Struct, frozen=True, kw_only=True):
    """A model that was read.

    Attributes:
        name: what its network is called.
        graph: its operators.
        inputs: the shapes of the graph's inputs, without the batch.
        source: the model itself; ``None`` if it is not a file, or is gone.
        precision: in which most of its weights are stored.
        weight_bytes: of its weights as they are stored; ``None`` if all are float32.
        notes: what a reader of the counts has to know.
        forms: of each node, as the model's own code writes it; empty if that is not known.
    """

    name: str
    graph: Graph
    inputs: dict[str, Shape]
    source: Source | None = None
    precision: Precision = "fp32"
    weight_bytes: int | None = None
    notes: tuple[str, ...] = ()
    forms: tuple[Form, ...] = ()
