"""A network as a model that runs, and as a file: torch, ONNX, or its resolved architecture file."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from mncost.errors import InputError
from mncost.extras import require
from mncost.graph.graph import Graph
from mncost.graph.shapes import infer_shapes
from mncost.models.head import features, logits, with_classes
from mncost.models.weights import random_weights
from mncost.spec.resolved import resolved_file

if TYPE_CHECKING:
    import numpy
    import onnx
    import torch

    from mncost.counted import Counted
    from mncost.models.checkpoints import Checkpoint
    from mncost.models.formats import Closeness
    from mncost.models.weights import Weights
    from mncost.readers.model import TrainedWeights

__all__ = ["FILES", "Choices", "Given", "checkpoint", "to_onnx", "to_torch", "trained"]

Given: TypeAlias = "Mapping[str, numpy.ndarray] | Checkpoint | Path | str | None"
"""Weights by our names, or a checkpoint or its file; ``None``: random ones."""


class Choices(NamedTuple):
    """What can be chosen about a model beyond its network."""

    num_classes: int | None = None
    features: bool = False
    seed: int = 0
    weights: Given = None
    dynamic_batch: bool = False
    weights_key: str | None = None  # which state dict of a file that holds several
    opset: int | None = None  # of an ONNX file
    static_batch: int | None = None  # images in each call of an ONNX file
    precision: str = "fp32"  # or int8
    qat: bool = False  # whether an int8 model is trained with rounded numbers first


def to_torch(network: Counted, choices: Choices) -> torch.nn.Module:
    """Return a network as a torch module with weights.

    Raises:
        InputError: a package is missing, or the choices do not fit the network.
    """
    require("torch")
    from mncost.models.torch_model import load_weights, torch_module

    graph, weights = _model(network, choices)
    module = torch_module(graph)
    load_weights(module, weights)
    return module


def to_onnx(network: Counted, choices: Choices) -> onnx.ModelProto:
    """Return a network as an ONNX model with weights.

    Raises:
        InputError: a package is missing, or the choices do not fit the network.
    """
    require("onnx")
    graph, weights = _model(network, choices)
    return _emitted(network, choices, graph, weights)


def _emitted(network: Counted, choices: Choices, graph: Graph, weights: Weights) -> onnx.ModelProto:
    """Return the ONNX model of a graph with these weights."""
    from mncost.models.onnx_model import onnx_model
    from mncost.models.onnx_opset import at_opset

    if choices.static_batch is not None and choices.static_batch < 1:
        raise InputError(f"static batch {choices.static_batch}: at least 1 is accepted")
    model = onnx_model(
        graph,
        infer_shapes(graph, network.inputs),
        weights,
        dynamic_batch=choices.dynamic_batch,
        batch=choices.static_batch or 1,
        metadata=_metadata(network, choices),
    )
    return model if choices.opset is None else at_opset(model, choices.opset)


def _metadata(network: Counted, choices: Choices) -> dict[str, str]:
    from importlib.metadata import version

    label = network.label
    known = {
        "arch": label.arch,
        "alpha": label.alpha,
        "resolution": network.resolution,
        "dialect": label.dialect,
        "classes": choices.num_classes or label.classes,
        "output": "features" if choices.features else "logits",
        "twin": network.twin,
        "mncost_version": version("mncost"),
    }
    return {key: "" if value is None else str(value) for key, value in known.items()}


def _model(network: Counted, choices: Choices) -> tuple[Graph, Weights]:
    """Return the graph that is exported, and its weights."""
    if choices.features and choices.num_classes is not None:
        raise InputError("features leave the classifier out: a number of classes does not apply")
    whole, classes = network.graph, network.classes
    if choices.num_classes not in (None, classes):
        whole = with_classes(whole, classes, choices.num_classes)
        classes = choices.num_classes
    graph = features(whole, classes) if choices.features else logits(whole, classes)
    if choices.weights is None:
        return graph, random_weights(graph, choices.seed)
    return graph, _given(choices.weights, choices.weights_key, whole, graph)


def checkpoint(file: Path | str, key: str | None = None) -> Checkpoint:
    """Read a checkpoint's file.

    Raises:
        InputError: a package is missing, or the file cannot be used; see
            :func:`mncost.models.checkpoints.read_checkpoint`.
    """
    require("torch")
    from mncost.models.checkpoints import read_checkpoint

    if str(file).lower().endswith(".safetensors"):
        require("models")
    return read_checkpoint(Path(file), key)


def trained(
    network: Counted, file: Path | str, key: str | None
) -> tuple[TrainedWeights, str | None]:
    """Return the weights that a checkpoint has for a network, and a note if there was a choice.

    Raises:
        InputError: a package is missing, or the file holds no weights of this network.
    """
    if network.source is not None:
        raise InputError(f"{network.arch} runs as it is, with weights of its own")
    read = checkpoint(file, key)
    from mncost.models.checkpoints import sha256_of
    from mncost.models.foreign import map_foreign
    from mncost.readers.model import TrainedWeights

    map_foreign(read.state, network.graph, str(file))
    path = Path(file).resolve()
    return TrainedWeights(str(path), sha256_of(path), key), read.note


def _given(
    given: Mapping[str, numpy.ndarray] | Checkpoint | Path | str,
    key: str | None,
    whole: Graph,
    graph: Graph,
) -> Weights:
    """Return given weights for a graph that is the whole one, or the beginning of it."""
    require("torch")
    from mncost.models.checkpoints import Checkpoint
    from mncost.models.foreign import layers_with_parameters, map_foreign

    if isinstance(given, str | Path):
        given = checkpoint(given, key)
        if given.note:
            warnings.warn(given.note, stacklevel=6)
    if isinstance(given, Checkpoint):
        mapped = map_foreign(given.state, whole, str(given.path))
    else:
        import torch

        state = {name: torch.as_tensor(values) for name, values in given.items()}
        mapped = map_foreign(state, whole, "the weights")
    kept = {layer.name for layer in layers_with_parameters(graph)}
    return {name: values for name, values in mapped.items() if name.rpartition(".")[0] in kept}


class Exported(NamedTuple):
    """What is written.

    Attributes:
        content: of the file itself.
        beside: of the files that belong to it, by their suffix.
        closeness: of a quantised model.
        inside: of the files of a folder, by their paths in it; then there is no file itself.
    """

    content: bytes
    beside: Mapping[str, bytes] = MappingProxyType({})
    closeness: Closeness | None = None
    inside: Mapping[str, bytes] = MappingProxyType({})


class FileKind(NamedTuple):
    """A kind of file.

    Attributes:
        export: returns what is written.
        options: those that apply to it; ``precision``: int8 is made of it, too.
        beside: suffixes of the files that belong to it.
    """

    export: Callable[[Counted, Choices], Exported]
    options: frozenset[str]
    beside: tuple[str, ...] = ()


def _onnx_file(network: Counted, choices: Choices) -> Exported:
    require("onnx")
    graph, weights = _model(network, choices)
    content: bytes = _emitted(network, choices, graph, weights).SerializeToString()
    if choices.precision != "int8":
        return Exported(content)
    require("bench")
    from mncost.models.int8 import quantised

    if not choices.qat:
        made = quantised(content)
    else:
        require("torch")
        from mncost.models.qat import learned

        after = learned(graph, network.inputs, weights)
        trained = _emitted(network, choices, graph, after.weights).SerializeToString()
        made = quantised(trained, ranges=after.ranges, original=content)
    return Exported(made.model, closeness=made.closeness)


def _tflite_file(network: Counted, choices: Choices) -> Exported:
    require("litert")
    from mncost.models.tflite_model import tflite_model

    graph, weights = _model(network, choices)
    shapes = infer_shapes(graph, network.inputs)
    content = tflite_model(graph, shapes, weights, _metadata(network, choices))
    if choices.precision != "int8":
        return Exported(content)
    from mncost.models.tflite_int8 import quantised

    quantised_content, closeness = quantised(content)
    return Exported(quantised_content, closeness=closeness)


def _openvino_files(network: Counted, choices: Choices) -> Exported:
    require("openvino")
    from mncost.models.openvino_model import openvino_model

    onnx = _onnx_file(network, choices)
    xml, weights = openvino_model(onnx.content)
    return Exported(xml, {".bin": weights}, onnx.closeness)


def _ncnn_files(network: Counted, choices: Choices) -> Exported:
    require("ncnn")
    from mncost.models.ncnn_model import ncnn_model

    onnx, inputs = _onnx_file(network, choices).content, [*network.inputs.values()]
    try:
        param, weights = ncnn_model(onnx, inputs, _metadata(network, choices))
    except ValueError as error:
        raise InputError(f"{network.arch}: {error}") from error
    return Exported(param.encode(), {".bin": weights})


def _executorch_file(network: Counted, choices: Choices) -> Exported:
    require("executorch")
    module = to_torch(network, choices).eval()
    from mncost.models.executorch_model import executorch_model

    shapes = [*network.inputs.values()]
    program = executorch_model(
        module, shapes, choices.precision, metadata=_metadata(network, choices)
    )
    return Exported(program.content, closeness=program.closeness)


def _core_ml_package(network: Counted, choices: Choices) -> Exported:
    require("coreml")
    module = to_torch(network, choices).eval()
    from mncost.models.coreml_model import coreml_package

    files = coreml_package(module, network.inputs, _metadata(network, choices))
    return Exported(b"", inside=files)


def _state_dict_file(network: Counted, choices: Choices) -> Exported:
    module = to_torch(network, choices)
    import torch

    stream = io.BytesIO()
    torch.save(module.state_dict(), stream)
    return Exported(stream.getvalue())


def _exported_program_file(network: Counted, choices: Choices) -> Exported:
    module = to_torch(network, choices).eval()
    import torch

    # Two of each: torch takes a size of 1 for a constant.
    inputs = tuple(torch.zeros(2, *shape) for shape in network.inputs.values())
    batch = torch.export.Dim("batch")
    program = torch.export.export(module, inputs, dynamic_shapes=tuple({0: batch} for _ in inputs))
    stream = io.BytesIO()
    torch.export.save(program, stream)
    return Exported(stream.getvalue())


def _architecture_file(network: Counted, choices: Choices) -> Exported:
    if network.architecture is None or network.resolution is None:
        raise InputError(f"{network.arch} does not come from an architecture file")
    return Exported(resolved_file(network.architecture, network.resolution).encode())


_WEIGHTS = {"seed", "weights", "weights-key", "features", "twin"}
_BATCHES = {"dynamic-batch", "static-batch"}

FILES: dict[str, FileKind] = {
    ".onnx": FileKind(
        _onnx_file,
        frozenset({*_WEIGHTS, *_BATCHES, "opset", "resolution", "precision", "qat"}),
    ),
    ".pt": FileKind(_state_dict_file, frozenset(_WEIGHTS)),
    # Its batch is always dynamic.
    ".pt2": FileKind(_exported_program_file, frozenset({*_WEIGHTS, "dynamic-batch", "resolution"})),
    ".tflite": FileKind(_tflite_file, frozenset({*_WEIGHTS, "resolution", "precision"})),
    ".xml": FileKind(
        _openvino_files,
        frozenset({*_WEIGHTS, *_BATCHES, "resolution", "precision", "qat"}),
        (".bin",),
    ),
    ".param": FileKind(_ncnn_files, frozenset({*_WEIGHTS, "resolution"}), (".bin",)),
    ".pte": FileKind(_executorch_file, frozenset({*_WEIGHTS, "resolution", "precision"})),
    ".mlpackage": FileKind(_core_ml_package, frozenset({*_WEIGHTS, "resolution"})),
    ".toml": FileKind(_architecture_file, frozenset({"resolution"})),
}
"""The kinds of files that a network can be written to, by suffix."""
