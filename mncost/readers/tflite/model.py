"""A ``.tflite`` file as it is stored: tensors, operators, options. The schema is LiteRT's own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from typing import Any, NamedTuple

from ai_edge_litert import schema_py_generated as schema

from mncost.errors import InputError
from mncost.graph.ops import ActivationName, Shape
from mncost.readers.given import GivenInput, InputMisfitError, unknown_input

__all__ = ["FUSED", "Call", "Stored", "Tensor", "stored"]

_CODES = {number: name for name, number in vars(schema.BuiltinOperator).items()}
_TYPES = {number: name.lower() for name, number in vars(schema.TensorType).items()}
FUSED: dict[int, ActivationName | None] = {
    schema.ActivationFunctionType.NONE: None,
    schema.ActivationFunctionType.RELU: "relu",
    schema.ActivationFunctionType.RELU6: "relu6",
    schema.ActivationFunctionType.RELU_N1_TO_1: "hardtanh",
    schema.ActivationFunctionType.TANH: "tanh",
}
"""Activations that run inside another operator, by their numbers."""
_SMALL = 256  # bytes


class Tensor(NamedTuple):
    """One tensor.

    Attributes:
        name: as it is stored.
        shape: with the batch, images channels-last.
        dtype: e.g. ``float32``.
        bytes: that are stored for it; 0 if it is computed.
        buffer: which buffer holds them: tensors may share one.
    """

    name: str
    shape: Shape
    dtype: str
    bytes: int
    buffer: int


class Call(NamedTuple):
    """One operator: its builtin's name or ``custom:name``, its tensors, its options."""

    code: str
    reads: tuple[int, ...]
    writes: tuple[int, ...]
    options: Any


class Stored(NamedTuple):
    """The main graph of a file."""

    tensors: list[Tensor]
    calls: list[Call]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    integers: dict[int, list[int]]  # the numbers of small tensors of integers


def stored(content: bytes, given: Sequence[GivenInput], name: str) -> Stored:
    """Take a file apart.

    Args:
        content: of the file.
        given: shapes of inputs; with others than the stored ones, LiteRT works the rest out.
        name: of the file, for messages.

    Raises:
        InputError: it is no usable model, or a shape does not fit.
    """
    if content[4:8] != b"TFL3":
        raise InputError(f"{name}: no .tflite file: it has no identifier TFL3")
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    graph, *_ = model.subgraphs
    tensors = [_tensor(one, model.buffers) for one in graph.tensors]
    inputs = tuple(map(int, graph.inputs))
    shapes = _shapes_of_inputs(tensors, inputs, given, name)
    if any(tensors[index].shape != shape for index, shape in shapes.items()):
        shape_of = _resized(content, shapes, name)
        tensors = [one._replace(shape=shape_of(n, one.shape)) for n, one in enumerate(tensors)]
    return Stored(
        tensors,
        [_call(one, model.operatorCodes) for one in graph.operators or ()],
        inputs,
        tuple(map(int, graph.outputs)),
        dict(_integers(graph.tensors, model.buffers)),
    )


def _integers(tensors: Sequence[Any], buffers: Sequence[Any]) -> Iterator[tuple[int, list[int]]]:
    """Yield the tensors that hold a few int32: pads, axes, shapes."""
    import numpy as np

    for index, tensor in enumerate(tensors):
        data = buffers[tensor.buffer].data
        if tensor.type == schema.TensorType.INT32 and data is not None and len(data) <= _SMALL:
            yield index, np.frombuffer(bytes(data), "<i4").tolist()


def _tensor(tensor: Any, buffers: Sequence[Any]) -> Tensor:
    buffer = buffers[tensor.buffer]
    shape = () if tensor.shape is None else tuple(map(int, tensor.shape))
    name = (tensor.name or b"").decode("utf-8", "replace")
    # Large ones may stand behind the flat buffer, where an offset says.
    size = int(buffer.size or 0) if buffer.data is None else len(buffer.data)
    return Tensor(name, shape, _TYPES.get(tensor.type, "?"), size, tensor.buffer)


def _call(operator: Any, codes: Sequence[Any]) -> Call:
    code = codes[operator.opcodeIndex]
    number = max(code.builtinCode, code.deprecatedBuiltinCode)
    name = _CODES.get(number, str(number))
    if name == "CUSTOM":
        name = f"custom:{(code.customCode or b'').decode('utf-8', 'replace')}"
    reads, writes = (
        () if one is None else tuple(map(int, one)) for one in (operator.inputs, operator.outputs)
    )
    return Call(name, reads, writes, operator.builtinOptions)


def _shapes_of_inputs(
    tensors: Sequence[Tensor], inputs: Sequence[int], given: Sequence[GivenInput], name: str
) -> dict[int, Shape]:
    """Return the shape of each input: what is given, else what is stored."""
    names = {tensors[index].name: index for index in inputs}
    shapes = {index: tensors[index].shape for index in inputs}
    for one in given:
        if one.name is None and len(inputs) != 1:
            raise InputMisfitError(None, f"{name} has {len(inputs)} inputs: name one of {[*names]}")
        if one.name is not None and one.name not in names:
            raise unknown_input(name, one.name, names)
        index = inputs[0] if one.name is None else names[one.name]
        # The channels come last, and belong to the weights.
        if len(one.shape) != len(shapes[index]) or one.shape[-1:] != shapes[index][-1:]:
            stored_shape = "x".join(map(str, shapes[index]))
            raise InputMisfitError(one.name, f"{name} takes {stored_shape}, channels last")
        shapes[index] = one.shape
    return shapes


def _resized(content: bytes, shapes: dict[int, Shape], name: str) -> Any:
    """Return a function from a tensor's index and stored shape to its shape at these inputs."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(  # XNNPACK would keep the shapes of what it runs to itself
        model_content=content,
        num_threads=1,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    try:
        for index, shape in shapes.items():
            interpreter.resize_tensor_input(index, list(shape), strict=False)
        interpreter.allocate_tensors()
    except (RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{name}: does not take inputs of this shape: {reason}") from None
    details = {one["index"]: one for one in interpreter.get_tensor_details()}

    def shape_of(index: int, before: Shape) -> Shape:
        detail = details.get(index)
        after = before if detail is None else tuple(map(int, detail["shape"]))
        return after if prod(after) or not prod(before) else before

    return shape_of
