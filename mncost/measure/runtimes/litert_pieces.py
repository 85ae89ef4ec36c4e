"""The time of each operator of a ``.tflite`` file: each in a file of its own, one after the other.

The Python package has no profiler, and with XNNPACK a whole model is one operator to LiteRT. So the
file is cut up. Each piece is fed what the pieces before it have computed: the numbers are those of
the whole model, and an input is in the caches, as it would be there. What XNNPACK takes into a
convolution (a padding) stays with it, and so does what unpacks stored weights.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import copy
from typing import TYPE_CHECKING, Any, NamedTuple

from mncost.measure.runtimes import KernelTimes

if TYPE_CHECKING:
    import numpy

__all__ = ["Piece", "PieceTimes", "pieces_of"]

_EMPTY = 0  # the buffer of tensors that hold nothing


class Piece(NamedTuple):
    """A part of a model as a file of its own.

    Attributes:
        name: of the first tensor that it writes.
        content: of the file.
        reads: the tensors of the whole model that are its inputs, in order.
        writes: those that are its outputs.
    """

    name: str
    content: bytes
    reads: tuple[int, ...]
    writes: tuple[int, ...]


class PieceTimes:
    """Runs the pieces of a model in order, and keeps the time of each."""

    def __init__(
        self,
        pieces: Iterable[Piece],
        interpreter: Callable[[bytes], Any],
        inputs: Mapping[int, numpy.ndarray],
    ) -> None:
        """Load every piece, for inputs of the shapes that it will meet.

        Args:
            pieces: of a model.
            interpreter: loads a file.
            inputs: what the model is fed, by the numbers of its tensors.
        """
        self._inputs = inputs
        self._steps: list[tuple[Piece, Any, list[int], list[int]]] = []
        values = dict(inputs)
        for piece in pieces:
            loaded = interpreter(piece.content)
            reads = [one["index"] for one in loaded.get_input_details()]
            for index, tensor in zip(reads, piece.reads):
                loaded.resize_tensor_input(index, list(values[tensor].shape))
            loaded.allocate_tensors()
            writes = [one["index"] for one in loaded.get_output_details()]
            step = piece, loaded, reads, writes
            self._run(step, values)
            self._steps.append(step)
        self.times = KernelTimes([], {piece.name: [] for piece, *_ in self._steps})

    def call(self) -> dict[int, numpy.ndarray]:
        """Run the model once; return all that was computed, by the numbers of its tensors."""
        values = dict(self._inputs)
        taken = [self._run(step, values) for step in self._steps]
        for ns, times in zip(taken, self.times.kernels.values()):
            times.append(ns)
        self.times.runs.append(sum(taken))
        return values

    @staticmethod
    def _run(
        step: tuple[Piece, Any, list[int], list[int]], values: dict[int, numpy.ndarray]
    ) -> int:
        """Run a piece; return nanoseconds, without those in which tensors are copied."""
        piece, loaded, reads, writes = step
        for index, tensor in zip(reads, piece.reads):
            loaded.set_tensor(index, values[tensor])
        began = time.perf_counter_ns()
        loaded.invoke()
        ns = time.perf_counter_ns() - began
        for index, tensor in zip(writes, piece.writes):
            values[tensor] = loaded.get_tensor(index)
        return ns


def pieces_of(content: bytes) -> Iterator[Piece]:
    """Cut a model up.

    Args:
        content: of a ``.tflite`` file.

    Raises:
        RuntimeError: it keeps a state, or has branches of control.
    """
    import numpy as np
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(content, 0)
    for one in model.buffers:
        if one.data is None and one.size:  # it stands behind the flat buffer
            one.data = np.frombuffer(content, np.uint8, one.size, one.offset)
            one.offset = one.size = 0
    graph, *others = model.subgraphs
    codes = schema.BuiltinOperator
    kinds = [max(one.builtinCode, one.deprecatedBuiltinCode) for one in model.operatorCodes]
    states = codes.VAR_HANDLE in kinds or any(tensor.isVariable for tensor in graph.tensors)
    if others or states:
        raise RuntimeError("the model keeps a state: LiteRT's layers have no times of their own")
    readers = Counter(int(index) for one in graph.operators for index in one.inputs)
    readers.update(map(int, graph.outputs))
    stored = {
        n for n, one in enumerate(graph.tensors) if model.buffers[one.buffer].data is not None
    }
    before: dict[int, list[Any]] = {}  # what runs with the operator that reads a tensor
    for operator in graph.operators:
        reads, writes = _tensors(operator.inputs), _tensors(operator.outputs)
        known = [one for index in reads for one in before.get(index, [])]
        part = [*dict.fromkeys(known), operator]
        unpacks = all(index in stored for index in reads)
        pads = kinds[operator.opcodeIndex] == codes.PAD and readers[writes[0]] == 1
        if unpacks or (pads and writes[0] not in graph.outputs):
            before |= dict.fromkeys(writes, part)
            stored |= {*writes} if unpacks else set()
        else:
            yield _piece(model, part, stored)


def _piece(model: Any, operators: Sequence[Any], stored: set[int]) -> Piece:
    """Write some operators, and the tensors that they need, as a model."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    whole, made = model.subgraphs[0], {i for one in operators for i in _tensors(one.outputs)}
    used = dict.fromkeys(i for one in operators for i in _tensors(one.inputs)) | dict.fromkeys(
        sorted(made)
    )
    place = {index: number for number, index in enumerate(used)}
    reads = tuple(index for index in used if index not in stored | made)
    writes = _tensors(operators[-1].outputs)
    part = copy(model)
    part.buffers, tensors = [model.buffers[_EMPTY]], []
    for index in used:
        tensor = copy(whole.tensors[index])
        if model.buffers[tensor.buffer].data is not None:
            part.buffers.append(model.buffers[tensor.buffer])
            tensor.buffer = len(part.buffers) - 1
        else:
            tensor.buffer = _EMPTY
        tensors.append(tensor)
    graph = schema.SubGraphT()
    graph.tensors, graph.operators = tensors, [_moved(one, place) for one in operators]
    graph.inputs, graph.outputs = ([place[index] for index in some] for some in (reads, writes))
    part.subgraphs, part.signatureDefs = [graph], []
    part.metadata, part.metadataBuffer = [], []
    builder = flatbuffers.Builder(2**16)
    builder.Finish(part.Pack(builder), b"TFL3")
    name = (whole.tensors[writes[0]].name or b"").decode("utf-8", "replace")
    return Piece(name, bytes(builder.Output()), reads, writes)


def _moved(operator: Any, place: Mapping[int, int]) -> Any:
    """Return an operator whose tensors have other numbers; below 0 stands for none."""
    moved = copy(operator)
    moved.inputs = [place.get(int(index), -1) for index in operator.inputs]
    moved.outputs = [place[int(index)] for index in operator.outputs]
    return moved


def _tensors(indices: Sequence[int]) -> tuple[int, ...]:
    return tuple(int(index) for index in indices if index >= 0)
