"""A model without the values of its weights: all that counting needs, and small."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import onnx
from onnx import GraphProto, ModelProto, TensorProto

from mncost.errors import InputError
from mncost.files import size_of

__all__ = ["LARGEST", "load", "skeleton", "tensors_of"]

LARGEST = 2**31 - 1  # bytes of a protocol buffer
_KEPT = 4096  # bytes of a tensor whose values may be a shape
_VALUES = ("raw_data", "float_data", "int32_data", "int64_data", "double_data", "uint64_data")
_LEFT_OUT = ("metadata_props", "training_info", "configuration", "device_configurations")


def load(path: Path) -> tuple[ModelProto, bytes]:
    """Return the model of a file, and the file's bytes; external data is not read.

    Raises:
        InputError: the file cannot be read, or is no ONNX model.
    """
    try:
        size = size_of(path)
        if size > LARGEST:
            raise InputError(
                f"{path}: {size:,} bytes: an ONNX file holds at most 2 GiB, a larger model keeps "
                "its weights in other files (external data)"
            )
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None
    model = ModelProto()
    try:
        model.ParseFromString(content)
    except Exception:  # protobuf's own, which has no fixed place
        reason = _guess(content)
        raise InputError(f"{path}: no ONNX model: it cannot be decoded ({reason})") from None
    if not model.graph.node and not model.graph.output:
        raise InputError(f"{path}: no ONNX model: it has no graph ({_guess(content)})")
    return model, content


def _guess(content: bytes) -> str:
    """Say what a file may be instead."""
    head = content[:64].lstrip()
    if not content:
        return "the file is empty"
    if head.startswith(b"version https://git-lfs"):
        return "it is a pointer of Git LFS: git lfs pull fetches the file"
    if head[:1] in (b"<", b"{"):
        return "it is text"
    return f"{len(content):,} bytes; is it truncated?"


def skeleton(model: ModelProto) -> ModelProto:
    """Return a model whose large tensors have no values any more; it shares nothing with ``model``.

    Local functions are inlined.

    Raises:
        InputError: the functions call themselves.
    """
    small = ModelProto()
    for field, value in model.ListFields():
        if field.name == "graph":
            _copy_graph(value, small.graph)
        elif field.name in ("opset_import", "functions"):
            getattr(small, field.name).extend(value)
        elif field.name not in _LEFT_OUT:
            setattr(small, field.name, value)
    if small.functions:
        small = _inlined(small)
    return small


def _inlined(model: ModelProto) -> ModelProto:
    from onnx import inliner

    _check_functions(model)
    return inliner.inline_local_functions(model, convert_version=False)


def _check_functions(model: ModelProto) -> None:
    """Refuse functions that call themselves, which the inliner would follow for ever."""
    calls = {
        (one.domain, one.name): {(node.domain, node.op_type) for node in _all_nodes(one.node)}
        for one in model.functions
    }
    done: set[tuple[str, str]] = set()
    while len(done) < len(calls):
        ready = {
            key for key, called in calls.items() if key not in done and (called & {*calls}) <= done
        }
        if not ready:
            _, name = next(key for key in calls if key not in done)
            raise InputError(f"the local function {name} calls itself")
        done |= ready


def _all_nodes(nodes: Iterable[onnx.NodeProto]) -> Iterable[onnx.NodeProto]:
    for node in nodes:
        yield node
        for attribute in node.attribute:
            for graph in (attribute.g, *attribute.graphs):
                yield from _all_nodes(graph.node)


def _copy_graph(source: GraphProto, target: GraphProto) -> None:
    for field, value in source.ListFields():
        if field.name == "initializer":
            for tensor in value:
                _copy_tensor(tensor, target.initializer.add())
        elif field.name == "node":
            for node in value:
                _copy_node(node, target.node.add())
        elif field.name in ("name", "doc_string"):
            setattr(target, field.name, value)
        elif field.name != "metadata_props":
            getattr(target, field.name).extend(value)


def _copy_node(source: onnx.NodeProto, target: onnx.NodeProto) -> None:
    if not any(a.HasField("t") or a.HasField("g") or a.graphs for a in source.attribute):
        target.CopyFrom(source)
        return
    for field, value in source.ListFields():
        if field.name == "attribute":
            for attribute in value:
                copy = target.attribute.add()
                if attribute.HasField("t"):
                    copy.name, copy.type = attribute.name, attribute.type
                    _copy_tensor(attribute.t, copy.t)
                elif attribute.HasField("g"):
                    copy.name, copy.type = attribute.name, attribute.type
                    _copy_graph(attribute.g, copy.g)
                else:
                    copy.CopyFrom(attribute)
        elif field.name in ("input", "output"):
            getattr(target, field.name).extend(value)
        elif field.name not in _LEFT_OUT:
            setattr(target, field.name, value)


def _copy_tensor(source: TensorProto, target: TensorProto) -> None:
    """Copy a tensor; of a large one, everything but its values."""
    if source.ByteSize() <= _KEPT:
        target.CopyFrom(source)
        return
    for field, value in source.ListFields():
        if field.name in _VALUES or field.name == "string_data":
            continue
        if field.name in ("dims", "external_data"):
            getattr(target, field.name).extend(value)
        elif field.name != "metadata_props":
            setattr(target, field.name, value)
    target.data_location = TensorProto.EXTERNAL  # else a check would miss the values


def tensors_of(graph: GraphProto) -> Iterable[TensorProto]:
    """Yield every tensor that a graph holds, those of the bodies of its nodes too."""
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            for body in (attribute.g, *attribute.graphs):
                if body.node or body.initializer:
                    yield from tensors_of(body)
