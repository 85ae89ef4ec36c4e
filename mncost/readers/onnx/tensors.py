"""Which tensors of a model are constant, and which parameters they come from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from heapq import heappop, heappush
from math import prod
from typing import NamedTuple

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, numpy_helper

from mncost.errors import InputError

__all__ = ["Constants", "Origin", "element_bytes", "in_order", "read_by"]

_RANDOM = frozenset(
    ("RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Bernoulli")
)
_ROUNDING = frozenset(("QuantizeLinear", "DequantizeLinear"))  # all but the first are scales
_SHAPE_ONLY = frozenset(("Shape", "Size"))
_HALVES = (TensorProto.INT4, TensorProto.UINT4)
_FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.DOUBLE)
_SMALL = (
    TensorProto.INT8,
    TensorProto.UINT8,
    TensorProto.INT16,
    TensorProto.UINT16,
    *_HALVES,
    TensorProto.FLOAT8E4M3FN,
    TensorProto.FLOAT8E5M2,
    TensorProto.INT32,
)


class Origin(NamedTuple):
    """A tensor that a file stores, or fills: an initialiser, a Constant, a ConstantOfShape."""

    name: str
    shape: tuple[int, ...]
    type: int  # of ONNX

    @property
    def size(self) -> int:
        """Number of elements."""
        return prod(self.shape)

    @property
    def is_float(self) -> bool:
        """Whether its elements are floating-point numbers."""
        return self.type in _FLOATS

    @property
    def may_be_quantised(self) -> bool:
        """Whether it can be a quantised weight or its bias."""
        return self.type in _SMALL

    @property
    def bytes(self) -> int:
        """Bytes of all elements."""
        return -(-self.size * element_bytes(self.type, 2) // 2)


def element_bytes(type: int, times: int = 1) -> int:
    """Return the bytes of this many elements of a type."""
    if type in _HALVES:
        return -(-times // 2)
    try:
        return times * onnx.helper.tensor_dtype_to_np_dtype(type).itemsize
    except (KeyError, ValueError):
        return times * 4


class Constants:
    """The tensors of a graph that do not depend on its inputs, with what they come from."""

    def __init__(self, graph: onnx.GraphProto, shapes: Mapping[str, tuple[int, ...]]) -> None:
        """Take the initialisers in; :meth:`take` then is given every node, in order."""
        self._shapes = shapes
        self._origins: dict[str, tuple[Origin, ...]] = {}
        self._stored: dict[str, TensorProto] = {}
        for tensor in graph.initializer:
            self._store(tensor.name, tensor)
        for sparse in graph.sparse_initializer:
            values = sparse.values
            origin = Origin(values.name, tuple(values.dims), values.data_type)
            self._origins[values.name] = (origin,)

    def __contains__(self, tensor: str) -> bool:
        """Whether a tensor is constant."""
        return tensor in self._origins

    def origins(self, tensor: str) -> tuple[Origin, ...]:
        """Return the stored tensors that a constant is made of; none of an activation."""
        return self._origins.get(tensor, ())

    def value(self, tensor: str) -> np.ndarray | None:
        """Return the value of a small stored tensor, if it is there."""
        stored = self._stored.get(tensor)
        if stored is None or stored.data_location == TensorProto.EXTERNAL:
            return None
        try:
            return numpy_helper.to_array(stored)
        except Exception:  # its bytes do not fit its shape
            return None

    def take(self, node: NodeProto) -> bool:
        """Take a node in; say whether its results are constant."""
        inputs = [name for name in node.input if name]
        has_body = any(a.HasField("g") or a.graphs for a in node.attribute)
        if node.op_type in _RANDOM or has_body or not self._is_constant(node, inputs):
            return False
        if node.op_type in _SHAPE_ONLY:
            origins: tuple[Origin, ...] = ()
        elif node.op_type == "Constant":
            origins = self._constant(node)
        elif node.op_type == "ConstantOfShape":
            origins = self._filled(node)
        else:
            weights = inputs[:1] if node.op_type in _ROUNDING else inputs
            every = [origin for name in weights for origin in self._origins[name]]
            origins = tuple(dict.fromkeys(every))
        for output in filter(None, node.output):
            self._origins[output] = origins
        return True

    def _is_constant(self, node: NodeProto, inputs: Sequence[str]) -> bool:
        if node.op_type in _SHAPE_ONLY:
            return all(name in self._shapes or name in self._origins for name in inputs)
        return all(name in self._origins for name in inputs)

    def _store(self, name: str, tensor: TensorProto) -> None:
        if any(side < 0 for side in tensor.dims):
            raise InputError(f"the tensor {name} has a negative dimension")
        self._stored[name] = tensor
        self._origins[name] = (Origin(name, tuple(tensor.dims), tensor.data_type),)

    def _constant(self, node: NodeProto) -> tuple[Origin, ...]:
        (output,) = node.output
        given = {attribute.name: attribute for attribute in node.attribute}
        if "value" in given:
            self._store(output, given["value"].t)
            return self._origins[output]
        for name, type in (("value_int", TensorProto.INT64), ("value_float", TensorProto.FLOAT)):
            for shown in (name, f"{name}s"):
                if shown in given:
                    value = np.array(onnx.helper.get_attribute_value(given[shown]))
                    flat = value.reshape(-1).tolist()
                    self._store(output, onnx.helper.make_tensor(output, type, value.shape, flat))
                    return self._origins[output]
        return ()

    def _filled(self, node: NodeProto) -> tuple[Origin, ...]:
        (output,) = node.output
        type = next((a.t.data_type for a in node.attribute if a.name == "value"), TensorProto.FLOAT)
        shape = self._shapes.get(output)
        return () if shape is None else (Origin(output, shape, type),)


def in_order(graph: onnx.GraphProto, known: Iterable[str]) -> list[NodeProto]:
    """Return the nodes so that each reads what others before it wrote; else in the file's order.

    Args:
        graph: whose nodes a file may have in any order.
        known: the tensors that are there at the beginning.

    Raises:
        InputError: a tensor is written twice, or never, or the graph has a cycle.
    """
    there = {"", *known}
    written: dict[str, int] = {}
    for index, node in enumerate(graph.node):
        for output in filter(None, node.output):
            if output in written or output in there:
                raise InputError(f"the tensor {output} is written twice")
            written[output] = index
    ordered: list[NodeProto] = []
    waiting: dict[str, list[int]] = {}
    missing = [0] * len(graph.node)
    ready: list[int] = []
    for index, node in enumerate(graph.node):
        open_ones = {name for name in read_by(node) if name not in there}
        for name in open_ones:
            if name not in written:
                raise InputError(f"{_name(node)} reads {name}, which nothing writes")
            waiting.setdefault(name, []).append(index)
        missing[index] = len(open_ones)
        if not open_ones:
            ready.append(index)
    while ready:
        node = graph.node[heappop(ready)]
        ordered.append(node)
        for output in filter(None, node.output):
            for index in waiting.get(output, ()):
                missing[index] -= 1
                if not missing[index]:
                    heappush(ready, index)
    if len(ordered) < len(graph.node):
        stuck = next(node for node, count in zip(graph.node, missing, strict=True) if count)
        raise InputError(f"the graph has a cycle: {_name(stuck)} reads what comes from itself")
    return ordered


def read_by(node: NodeProto) -> Iterable[str]:
    """Yield what a node reads, in its bodies too."""
    yield from filter(None, node.input)
    for attribute in node.attribute:
        for body in (attribute.g, *attribute.graphs):
            yield from _outer(body)


def _outer(body: onnx.GraphProto) -> set[str]:
    """Return what a body reads of the graph around it."""
    own = {entry.name for entry in body.input} | {tensor.name for tensor in body.initializer}
    own |= {output for node in body.node for output in node.output}
    read = {name for node in body.node for name in read_by(node)}
    read |= {entry.name for entry in body.output}
    return read - own - {""}


def _name(node: NodeProto) -> str:
    return f"{node.op_type} {node.name}".strip()
