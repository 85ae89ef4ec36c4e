"""What a ``.tflite`` file is collected in: tensors, operators, and how both are written.

The classes of the schema come with ``ai-edge-litert``. Images are ``(batch, height, width,
channels)`` there; a batch of one is written, and a reader may resize it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

__all__ = ["CODES", "KINDS", "Writer", "options"]

CODES = schema.BuiltinOperator
KINDS = schema.ActivationFunctionType
_SIGNATURE = b"serving_default"
_VERSION = 3
_TYPES = {"float32": schema.TensorType.FLOAT32, "int32": schema.TensorType.INT32}


def options(name: str, **values: Any) -> Any:
    """Return the options of an operator, e.g. ``options("Conv2D", strideH=2)``."""
    made = getattr(schema, f"{name}OptionsT")()
    for key, value in values.items():
        assert hasattr(made, key), f"{name} has no option {key}"
        setattr(made, key, value)
    return made


class Writer:
    """Collects the parts of a model."""

    def __init__(self) -> None:
        """Start with nothing but the buffer that all tensors without values share."""
        self._buffers = [schema.BufferT()]
        self._tensors: list[Any] = []
        self._operators: list[Any] = []
        self._codes: dict[int, int] = {}
        self._names: Counter[str] = Counter()
        self._constants: dict[tuple[str, tuple[int, ...], bytes], int] = {}

    def tensor(self, name: str, *shape: int) -> int:
        """Append a tensor that is computed; return its index."""
        return self._tensor(name, shape, "float32", 0)

    def constant(self, name: str, values: Any, kind: str = "float32") -> int:
        """Append a tensor with values, unless the same one is there; return its index."""
        array = np.ascontiguousarray(values, dtype=kind)
        key = kind, array.shape, array.tobytes()
        if key not in self._constants:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(key[2], dtype=np.uint8)
            self._buffers.append(buffer)
            place = len(self._buffers) - 1
            self._constants[key] = self._tensor(name, array.shape, kind, place)
        return self._constants[key]

    def _tensor(self, name: str, shape: Sequence[int], kind: str, buffer: int) -> int:
        self._names[name] += 1
        if self._names[name] > 1:  # quantisers ask for names of their own
            name = f"{name}.{self._names[name]}"
        tensor = schema.TensorT()
        tensor.name, tensor.shape = name.encode(), list(shape)
        tensor.type, tensor.buffer = _TYPES[kind], buffer
        self._tensors.append(tensor)
        return len(self._tensors) - 1

    def shape(self, tensor: int) -> tuple[int, ...]:
        """Return the shape of a tensor."""
        return tuple(self._tensors[tensor].shape)

    def operator(self, code: str, inputs: Sequence[int], out: int, how: Any = None) -> int:
        """Append an operator; return the tensor that it writes."""
        number = getattr(CODES, code)
        made = schema.OperatorT()
        made.opcodeIndex = self._codes.setdefault(number, len(self._codes))
        made.inputs, made.outputs = list(inputs), [out]
        if how is not None:
            kind = type(how).__name__.removesuffix("T")
            made.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
            made.builtinOptions = how
        self._operators.append(made)
        return out

    def finish(
        self, inputs: dict[str, int], outputs: dict[str, int], metadata: Mapping[str, str]
    ) -> bytes:
        """Return the content of the file."""
        graph = schema.SubGraphT()
        graph.tensors, graph.operators = self._tensors, self._operators
        graph.inputs, graph.outputs = list(inputs.values()), list(outputs.values())
        signature = schema.SignatureDefT()
        signature.signatureKey, signature.subgraphIndex = _SIGNATURE, 0
        signature.inputs, signature.outputs = _map(inputs), _map(outputs)
        model = schema.ModelT()
        model.version, model.description = _VERSION, b"mncost"
        model.operatorCodes = [_code(number) for number in self._codes]
        model.buffers, model.subgraphs = self._buffers, [graph]
        model.signatureDefs = [signature]
        model.metadata = [self._metadata(*entry) for entry in metadata.items()]
        size = sum(len(buffer.data) for buffer in self._buffers if buffer.data is not None)
        builder = flatbuffers.Builder(size + 2**16)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    def _metadata(self, name: str, value: str) -> Any:
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(value.encode(), np.uint8)
        self._buffers.append(buffer)
        entry = schema.MetadataT()
        entry.name, entry.buffer = name, len(self._buffers) - 1
        return entry


def _code(number: int) -> Any:
    code = schema.OperatorCodeT()
    code.builtinCode, code.version = number, 1
    code.deprecatedBuiltinCode = min(number, CODES.PLACEHOLDER_FOR_GREATER_OP_CODES)
    return code


def _map(tensors: dict[str, int]) -> list[Any]:
    entries = []
    for name, index in tensors.items():
        entry = schema.TensorMapT()
        entry.name, entry.tensorIndex = name.encode(), index
        entries.append(entry)
    return entries
