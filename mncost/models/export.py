"""A network as a model that runs, and as a file: torch, ONNX, or its resolved architecture file."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias

import msgspec

from mncost.errors import InputError, one_line
from mncost.graph.blocks import build
from mncost.graph.graph import Graph, Node
from mncost.graph.ops import BatchNorm, Conv, Flatten, GlobalPool, Linear, Op
from mncost.graph.shapes import infer_shapes
from mncost.graph.twin import standard
from mncost.models.weights import random_weights
from mncost.spec import schema
from mncost.spec.parse import row_name
from mncost.spec.resolve import Architecture, Block

if TYPE_CHECKING:
    import numpy
    import onnx
    import torch

    from mncost.models.weights import Weights

__all__ = ["FILES", "Choices", "Counted", "Given", "resolved_file", "to_onnx", "to_torch"]

Given: TypeAlias = "Mapping[str, numpy.ndarray] | Path | str | None"
"""Weights by our names, or the file of a state dict; ``None``: random ones."""

EXTRA = "mncost[models]"


class Counted(Protocol):
    """What a model is made of; a :class:`mncost.Network` is one."""

    @property
    def architecture(self) -> Architecture: ...  # noqa: D102
    @property
    def graph(self) -> Graph: ...  # noqa: D102
    @property
    def resolution(self) -> int: ...  # noqa: D102
    @property
    def twin(self) -> str | None: ...  # noqa: D102


class Choices(NamedTuple):
    """What can be chosen about a model beyond its network."""

    num_classes: int | None = None
    features: bool = False
    seed: int = 0
    weights: Given = None
    dynamic_batch: bool = False


def to_torch(network: Counted, choices: Choices) -> torch.nn.Module:
    """Return a network as a torch module with weights.

    Raises:
        InputError: a package is missing, or the choices do not fit the network.
    """
    _need("torch")
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
    _need("onnx")
    from mncost.models.onnx_model import onnx_model

    graph, weights = _model(network, choices)
    return onnx_model(
        graph,
        infer_shapes(graph, network.resolution),
        weights,
        dynamic_batch=choices.dynamic_batch,
        metadata=_metadata(network, choices),
    )


def _need(*packages: str) -> None:
    """Import packages, or say how to install them."""
    for package in packages:
        try:
            import_module(package)
        except ModuleNotFoundError as error:
            if error.name != package:
                raise
            raise InputError(f"needs {package}: pip install '{EXTRA}'") from None


def _metadata(network: Counted, choices: Choices) -> dict[str, str]:
    from importlib.metadata import version

    architecture = network.architecture
    return {
        "arch": architecture.name,
        "alpha": str(architecture.alpha),
        "resolution": str(network.resolution),
        "dialect": architecture.dialect,
        "classes": str(choices.num_classes or architecture.classes),
        "output": "features" if choices.features else "logits",
        "twin": network.twin or "",
        "mncost_version": version("mncost"),
    }


# ------------------------------------------------------------------------ the graph that shall run


def _model(network: Counted, choices: Choices) -> tuple[Graph, Weights]:
    """Return the graph that shall run, and its weights."""
    if choices.features and choices.num_classes is not None:
        raise InputError("features leave the classifier out: a number of classes does not apply")
    whole = _with_classes(network, choices.num_classes)
    graph = _features(network.architecture, whole) if choices.features else _logits(network, whole)
    _check_vectors(graph)
    if choices.weights is None:
        return graph, random_weights(graph, choices.seed)
    return graph, _given(choices.weights, whole, graph)


def _given(given: Mapping[str, numpy.ndarray] | Path | str, whole: Graph, graph: Graph) -> Weights:
    """Return given weights for a graph that is the whole one, or the beginning of it."""
    _need("torch")
    from mncost.models.foreign import map_foreign, parameters, read_weights

    if isinstance(given, str | Path):
        if str(given).lower().endswith(".safetensors"):
            _need("safetensors")
        found = read_weights(Path(given), whole)
    else:
        import torch

        state = {name: torch.as_tensor(values) for name, values in given.items()}
        found = map_foreign(state, whole, "the weights")
    kept = {layer.name for layer in parameters(graph)}
    return {name: values for name, values in found.items() if name.rpartition(".")[0] in kept}


def _classifier(architecture: Architecture) -> Block | None:
    """Return the block that writes the logits, if there is one."""
    found = (b for b in reversed(architecture.blocks) if getattr(b.row, "out", None) == "classes")
    return next(found, None)


def _with_classes(network: Counted, classes: int | None) -> Graph:
    """Return the graph of a network with another number of classes."""
    architecture = network.architecture
    if classes is None or classes == architecture.classes:
        return network.graph
    if classes < 1:
        raise InputError(f"num_classes {classes}: at least 1 is accepted")
    classifier = _classifier(architecture)
    if classifier is None:
        raise InputError(f'{architecture.name} has no classifier: no row has out = "classes"')
    at = architecture.blocks.index(classifier)
    after = architecture.blocks[at + 1 :]
    if not all(isinstance(block.row, schema.Pool | schema.Dropout) for block in after):
        raise InputError(f"{architecture.name}: rows follow the classifier; load it with classes=")
    changed = (
        msgspec.structs.replace(classifier, out_channels=classes),
        *(msgspec.structs.replace(b, in_channels=classes, out_channels=classes) for b in after),
    )
    blocks = architecture.blocks[:at] + changed
    graph = build(msgspec.structs.replace(architecture, blocks=blocks, classes=classes))
    return standard(graph).graph if network.twin else graph


def _logits(network: Counted, graph: Graph) -> Graph:
    """Return the graph with logits that are a vector: some dialects' classifiers convolve."""
    architecture = network.architecture
    if _classifier(architecture) is None or not _is_pooled(architecture.blocks):
        return graph
    return _flattened(graph, graph.nodes[-1].block)


def _features(architecture: Architecture, graph: Graph) -> Graph:
    """Return the graph up to its classifier, with a vector for an output."""
    classifier = _classifier(architecture)
    if classifier is None:
        raise InputError(
            f'{architecture.name} has no classifier to leave out: no row has out = "classes"'
        )
    end = next(i for i, node in enumerate(graph.nodes) if node.block == classifier.name)
    cut = Graph(graph.nodes[:end])
    if not _is_pooled(architecture.blocks[: architecture.blocks.index(classifier)]):
        cut = _appended(cut, "features.pool", GlobalPool())
    return _flattened(cut, "features")


def _is_pooled(blocks: tuple[Block, ...]) -> bool:
    """Whether one number a channel is left of the image, whatever its resolution."""
    return any(isinstance(block.row, schema.Pool | schema.Linear) for block in blocks)


def _flattened(graph: Graph, block: str) -> Graph:
    if len(graph.nodes) - 1 in _vectors(graph):
        return graph
    return _appended(graph, f"{block}.flatten", Flatten())


def _appended(graph: Graph, name: str, op: Op) -> Graph:
    node = Node(name, name.rpartition(".")[0], op, (len(graph.nodes) - 1,))
    return Graph((*graph.nodes, node))


def _vectors(graph: Graph) -> set[int]:
    """Return the nodes whose tensors have no height and width any more."""
    found: set[int] = set()
    for index, node in enumerate(graph.nodes):
        made = isinstance(node.op, Flatten | Linear)
        if made or any(source in found for source in node.inputs):
            found.add(index)
    return found


def _check_vectors(graph: Graph) -> None:
    """Refuse rows that can be counted but not run: they need height and width, and there are none.

    Raises:
        InputError: there is such a row.
    """
    vectors = _vectors(graph)
    for node in graph.nodes:
        if isinstance(node.op, Conv | BatchNorm | GlobalPool) and node.inputs[0] in vectors:
            raise InputError(
                f"{node.name} cannot run: after a linear layer there is no height and width"
            )


# ----------------------------------------------------------------------------------------- files


class FileKind(NamedTuple):
    """A kind of file: what writes its bytes, and which options mean something to it."""

    content: Callable[[Counted, Choices], bytes]
    options: frozenset[str]


def _onnx_file(network: Counted, choices: Choices) -> bytes:
    content: bytes = to_onnx(network, choices).SerializeToString()
    return content


def _state_dict_file(network: Counted, choices: Choices) -> bytes:
    module = to_torch(network, choices)
    import torch

    stream = io.BytesIO()
    torch.save(module.state_dict(), stream)
    return stream.getvalue()


def _exported_program_file(network: Counted, choices: Choices) -> bytes:
    module = to_torch(network, choices).eval()
    import torch

    # Two images: torch takes a size of 1 for a constant.
    side, channels = network.resolution, network.architecture.in_channels
    images = torch.zeros(2, channels, side, side)
    batch = torch.export.Dim("batch")
    program = torch.export.export(module, (images,), dynamic_shapes=({0: batch},))
    stream = io.BytesIO()
    torch.export.save(program, stream)
    return stream.getvalue()


def _architecture_file(network: Counted, choices: Choices) -> bytes:
    return resolved_file(network.architecture, network.resolution).encode()


_WEIGHTS = {"seed", "weights", "features", "twin"}

FILES: dict[str, FileKind] = {
    ".onnx": FileKind(_onnx_file, frozenset({*_WEIGHTS, "dynamic-batch", "resolution"})),
    ".pt": FileKind(_state_dict_file, frozenset(_WEIGHTS)),
    # Its batch is always dynamic.
    ".pt2": FileKind(_exported_program_file, frozenset({*_WEIGHTS, "dynamic-batch", "resolution"})),
    ".toml": FileKind(_architecture_file, frozenset({"resolution"})),
}
"""The kinds of files that a network can be written to, by suffix."""


# ----------------------------------------------------------------- the resolved architecture file


def resolved_file(architecture: Architecture, resolution: int) -> str:
    """Return an architecture file that builds, at α = 1, exactly the graph of an architecture.

    Its widths are those that α and the dialect led to.
    """
    made = f"{architecture.name} at α {architecture.alpha}, dialect {architecture.dialect}"
    head = {
        "format": 1,
        "name": architecture.name,
        "title": f"{made}, resolved"[:400],
        "resolution": resolution,
        "in_channels": architecture.in_channels,
        "rules": _rules(architecture),
    }
    rows: dict[int, list[Block]] = {}
    for block in architecture.blocks:
        rows.setdefault(block.number, []).append(block)
    lines = [f"  {_toml(_row(blocks))},\n" for blocks in rows.values()]
    return (
        f"# {one_line(made)}: all widths resolved.\n"
        + "".join(f"{key} = {_toml(value)}\n" for key, value in head.items())
        + f"\nrows = [\n{''.join(lines)}]\n"
    )


def _rules(architecture: Architecture) -> dict[str, Any]:
    """Return the rules; an ``expanded`` is now meant as it stands."""
    rules = msgspec.structs.asdict(architecture.rules)
    return {**rules, "expanded": "scaled", "classes": architecture.classes}


def _row(blocks: list[Block]) -> dict[str, Any]:
    """Return the row of an architecture file that gives the blocks that one row gave."""
    first = blocks[0]
    row = first.row
    defaults = {
        field.name: field.default for field in msgspec.structs.fields(row) if not field.required
    }
    values = {**msgspec.structs.asdict(row), "name": _name(first, len(blocks))}
    # At α = 1 nothing scales. A row's own rounding stays: its `expansion` is rounded by it.
    values |= {key: defaults[key] for key in ("scale", "keep_below") if key in values}
    if isinstance(values.get("out"), int):
        values["out"] = first.out_channels
    elif isinstance(row, schema.Conv) and row.expansion is not None and len(blocks) == 1:
        values |= {"out": first.out_channels, "expansion": None}
    if values.get("expanded") is not None:
        values |= _expanded(first)
    told = {key: value for key, value in values.items() if value != defaults.get(key, ...)}
    return {"block": row.__struct_config__.tag, **told}


def _name(block: Block, repeats: int) -> str | None:
    name = block.name.removesuffix(".1") if repeats > 1 else block.name
    return None if name == row_name(schema.Row(), block.number) else name


def _expanded(block: Block) -> dict[str, Any]:
    """Return the keys that give a block its expanded channels."""
    if block.expanded == 0:
        return {"expanded": None, "expansion": 1.0}  # no expansion convolution
    if block.expanded == block.in_channels and isinstance(block.row, schema.InvertedResidual):
        # There is one, although it expands nothing: only another ratio than 1 says so.
        return {"expanded": None, "expansion": 1.000001}
    return {"expanded": block.expanded}


def _toml(value: Any) -> str:
    """Write a value as it stands in a TOML file."""
    if isinstance(value, dict):
        pairs = (f"{key} = {_toml(item)}" for key, item in value.items())
        return "{ " + ", ".join(pairs) + " }"
    return json.dumps(value, ensure_ascii=False)  # JSON's texts and numbers are TOML's too
