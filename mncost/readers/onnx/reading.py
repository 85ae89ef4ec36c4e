"""From an ONNX model to a graph."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import onnx
from onnx import ModelProto, TensorProto

from mncost.errors import InputError, one_line
from mncost.readers.given import GivenInput, InputMisfitError
from mncost.readers.model import InputSpec, OnnxSource, ReadModel
from mncost.readers.onnx.branches import Branch, known_branches, take_branch
from mncost.readers.onnx.builder import GraphBuilder
from mncost.readers.onnx.execution import run_once
from mncost.readers.onnx.inputs import fix_inputs
from mncost.readers.onnx.known import Known, infer
from mncost.readers.onnx.skeleton import load, skeleton, tensors_of
from mncost.readers.onnx.tensors import Constants, in_order, read_by

__all__ = ["Built", "built", "flattened", "read_file", "read_model"]


def read_file(name: str, given: Sequence[GivenInput]) -> ReadModel:
    """Read an ONNX file.

    Raises:
        InputError: the file is not a valid model, or an open dimension is not given.
    """
    path = Path(name)
    model, content = load(path)
    _check_external(model, name, path)
    read = read_model(model, given, name=name, path=path)
    source = OnnxSource(str(path.resolve()), sha256(content).hexdigest(), _inputs(read))
    return ReadModel(
        name=read.name,
        graph=read.graph,
        inputs=read.inputs,
        source=source,
        precision=read.precision,
        weight_bytes=read.weight_bytes,
        notes=read.notes,
    )


def _inputs(read: ReadModel) -> dict[str, InputSpec]:
    assert isinstance(read.source, OnnxSource)
    return read.source.inputs


def read_model(
    model: ModelProto, given: Sequence[GivenInput], *, name: str, path: Path | None = None
) -> ReadModel:
    """Read a model in memory; where its shapes stay open, it is run once.

    Args:
        model: which is not changed.
        given: the shapes of inputs.
        name: for messages, and of the network.
        path: where it was read from, if it was.

    Raises:
        InputError: the file is not a valid model, or an open dimension is not given.
    """
    try:
        return _read(model, given, name, path)
    except InputMisfitError:
        raise
    except InputError as error:
        said = str(error)
        raise InputError(said if said.startswith(name) else f"{name}: {said}") from None
    except UnicodeDecodeError:
        raise InputError(f"{name}: no usable ONNX model: a name in it is not UTF-8") from None
    except RecursionError:
        raise InputError(f"{name}: its bodies are nested too deeply") from None
    except Exception as error:  # a file may hold anything, and libraries have errors of their own
        reason = one_line(" ".join(f"{type(error).__name__}: {error}".split()))[:200]
        raise InputError(f"{name}: no usable ONNX model: {reason}") from error


class Built(NamedTuple):
    """What a model becomes.

    Attributes:
        builder: made our graph.
        inputs: what the model is fed.
        taken: the branches that became part of it.
    """

    builder: GraphBuilder
    inputs: dict[str, InputSpec]
    taken: list[Branch]


def built(model: ModelProto, given: Sequence[GivenInput], name: str, path: Path | None) -> Built:
    """Make our graph of a model; errors are of many kinds."""
    small = skeleton(model)
    inputs = fix_inputs(small, given, name)
    graph = small.graph
    known, small_nodes, taken = _looked_into(small, model, path, inputs)
    constants = Constants(graph, known.shapes)
    nodes = [node for node in small_nodes if not constants.take(node)]
    builder = GraphBuilder(known, constants, inputs)
    builder.take(nodes, [entry.name for entry in graph.output])
    return Built(builder, inputs, taken)


def _read(
    model: ModelProto, given: Sequence[GivenInput], name: str, path: Path | None
) -> ReadModel:
    builder, inputs, _ = built(model, given, name, path)
    return ReadModel(
        name=PurePosixPath(name).name,
        graph=builder.graph(),
        inputs=builder.inputs,
        source=OnnxSource("", "", inputs),
        precision=builder.weights.precision,
        weight_bytes=builder.weights.bytes,
        notes=tuple(_of_data(builder, name)),
    )


_BY_DATA = frozenset(("NonMaxSuppression", "NonZero", "Unique", "Compress"))
"""Operators whose results are as long as the data say."""


def _of_data(builder: GraphBuilder, name: str) -> Iterator[str]:
    """Say on which operators it depends how large the shapes of one run are."""
    graph = builder.graph()
    read = {graph.nodes[source].name for node in graph.nodes for source in node.inputs}
    kinds = [node.op_type for key, node in builder.made_of.items() if key in read]
    if there := [*dict.fromkeys(kind for kind in kinds if kind in _BY_DATA)]:
        yield (
            f"{PurePosixPath(name).name}: what follows {', '.join(there)} depends on the data: "
            "counted in one run on random input"
        )


def _looked_into(
    small: ModelProto, model: ModelProto, path: Path | None, inputs: dict[str, InputSpec]
) -> tuple[Known, list[onnx.NodeProto], list[Branch]]:
    """Return what is known of all tensors, the nodes in order, and the branches that are known.

    ``small`` takes these branches. Shapes say which are taken, and these have shapes of their own.
    """
    graph = small.graph
    sparse = [one.values.name for one in graph.sparse_initializer]
    taken: list[Branch] = []
    while True:
        known = infer(small)
        nodes = in_order(graph, {*sparse, *inputs, *(one.name for one in graph.initializer)})
        branches = known_branches(small, nodes, known.shapes)
        wanted = _open_tensors(graph, known)
        if not branches and wanted:
            known.shapes.update(_run(model, path, inputs, wanted, taken))
            branches = known_branches(small, nodes, known.shapes)
        if not branches:
            return known, nodes, taken
        for branch in branches:
            take_branch(graph, branch)
        taken += branches


def _open_tensors(graph: onnx.GraphProto, known: Known) -> list[str]:
    wanted = {name for node in graph.node for name in read_by(node)}
    wanted |= {entry.name for entry in graph.output}
    return [
        output
        for node in graph.node
        for output in node.output
        if output in wanted and output not in known.shapes
    ]


def _run(
    model: ModelProto,
    path: Path | None,
    inputs: dict[str, InputSpec],
    wanted: list[str],
    taken: Sequence[Branch],
) -> dict[str, tuple[int, ...]]:
    return run_once(path, flattened(model, taken), inputs, wanted)


def flattened(model: ModelProto, taken: Sequence[Branch]) -> ModelProto:
    """Return a copy of a model without local functions, with the branches that are known."""
    copy = ModelProto()
    copy.CopyFrom(model)
    if copy.functions:
        copy = onnx.inliner.inline_local_functions(copy, convert_version=False)
    for branch in taken:
        take_branch(copy.graph, branch)
    return copy


def _check_external(model: ModelProto, name: str, path: Path) -> None:
    """Refuse weights that lie outside of the folder of the file."""
    folder = path.resolve().parent
    for tensor in tensors_of(model.graph):
        if tensor.data_location != TensorProto.EXTERNAL:
            continue
        place = next((one.value for one in tensor.external_data if one.key == "location"), "")
        parts = PurePosixPath(place.replace("\\", "/"))
        strays = not place or parts.is_absolute() or ".." in parts.parts or ":" in place
        if strays or not (path.parent / parts).resolve().is_relative_to(folder):  # by a link
            raise InputError(
                f"{name}: the weights of {tensor.name} are in {place!r}, which is not in the "
                "folder of the file"
            )
