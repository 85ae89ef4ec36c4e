"""From a ``.tflite`` file to a graph."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from hashlib import sha256
from math import prod
from pathlib import Path, PurePosixPath

from mncost.cost.memory import Precision
from mncost.errors import InputError, one_line
from mncost.files import read_whole
from mncost.graph.foreign_op import Foreign, Held
from mncost.graph.graph import Graph, Node
from mncost.graph.ops import (
    Activation,
    Input,
    Op,
    Padding,
    Shape,
    parameters,
)
from mncost.graph.shapes import result_shape
from mncost.readers.given import GivenInput
from mncost.readers.model import InputSpec, ReadModel, TfliteSource
from mncost.readers.names import Names, block_of
from mncost.readers.shapes import without_batch
from mncost.readers.tflite.model import FUSED, Call, Stored, Tensor, stored
from mncost.readers.tflite.ours import Facts, our_operators
from mncost.readers.tflite.prices import CONSTANT, VIEWS, price, word

__all__ = ["read_file"]

_MAX_BYTES = 2**31
_CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")
_ELEMENTWISE = ("ADD", "DIV", "MUL", "SUB")
# Which inputs of an operator are its parameters, if they are stored.
_HELD = {
    "CONV_2D": (1, 2),
    "DEPTHWISE_CONV_2D": (1, 2),
    "FULLY_CONNECTED": (1, 2),
    "TRANSPOSE_CONV": (1, 3),
    "PRELU": (1,),
    "BATCH_MATMUL": (0, 1),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": tuple(range(1, 18)),
    "GATHER": (0,),
    **dict.fromkeys(_ELEMENTWISE, (0, 1)),
}
_PRECISIONS: dict[str, Precision] = {
    "float32": "fp32",
    "float16": "fp16",
    "bfloat16": "bf16",
    **dict.fromkeys(("int8", "uint8", "int4"), "int8"),
}


def read_file(name: str, given: Sequence[GivenInput]) -> ReadModel:
    """Read a ``.tflite`` file.

    Raises:
        InputError: it is no usable model, or a shape does not fit.
    """
    path = Path(name)
    content = read_whole(path, _MAX_BYTES)
    try:
        model = stored(content, given, name)
        reader = _Reader(model)
        reader.take()
    except InputError:
        raise
    except Exception as error:  # a damaged file may hold anything
        reason = one_line(" ".join(f"{type(error).__name__}: {error}".split()))[:200]
        raise InputError(f"{name}: no usable .tflite file: {reason}") from error
    specs = {
        model.tensors[index].name: InputSpec(model.tensors[index].shape, model.tensors[index].dtype)
        for index in model.inputs
    }
    return ReadModel(
        name=PurePosixPath(name).name,
        graph=reader.graph(),
        inputs=reader.inputs,
        precision=_PRECISIONS.get(reader.types.most_common(1)[0][0], "fp32")
        if reader.types
        else "fp32",
        weight_bytes=reader.bytes,
        source=TfliteSource(str(path.resolve()), sha256(content).hexdigest(), specs),
    )


class _Reader:
    """Collects nodes of ours.

    Attributes:
        inputs: the shapes of the graph's inputs.
        bytes: of parameters, as they are stored.
        types: parameters by how they are stored.
    """

    def __init__(self, model: Stored) -> None:
        self.model = model
        self.inputs: dict[str, Shape] = {}
        self.bytes = 0
        self.types: Counter[str] = Counter()
        self._names = Names()
        self._nodes: list[Node] = []
        self._shapes: list[Shape] = []
        self._place: dict[int, int] = {}  # the node that writes a tensor
        self._origin = {n: one for n, one in enumerate(model.tensors) if one.bytes}
        self._pads: dict[int, Call] = {}  # what pads for a convolution, by what it writes
        self._readers: dict[int, list[Call]] = {}
        for call in model.calls:
            for index in call.reads:
                self._readers.setdefault(index, []).append(call)
        self._held: set[int] = set()  # buffers whose parameters are counted

    def graph(self) -> Graph:
        """Return the graph."""
        places = [self._place[index] for index in self.model.outputs if index in self._place]
        return Graph(tuple(self._nodes), tuple(dict.fromkeys(places)))

    def take(self) -> None:
        """Take in all operators."""
        for index in self.model.inputs:
            tensor = self.model.tensors[index]
            name = self._names.unique(one_line(tensor.name), "input")
            shape = self.inputs[name] = _inner(tensor.shape)
            self._place[index] = self._append(name, Input(shape), (), shape)
        for call in self.model.calls:
            if call.code == "PAD" and self._is_padding_of_a_convolution(call):
                self._pads[call.writes[0]] = call
                self._place[call.writes[0]] = self._place[call.reads[0]]
            elif not self._is_constant(call):
                self._take(call)

    def _is_padding_of_a_convolution(self, call: Call) -> bool:
        """Whether only one convolution, which pads nothing itself, reads a padded image."""
        readers = self._readers.get(call.writes[0], [])
        pads = self.model.integers.get(call.reads[1], [])
        return (
            len(readers) == 1
            and readers[0].code in _CONVOLUTIONS
            and readers[0].options.padding == 1
            and call.writes[0] not in self.model.outputs
            and call.reads[0] in self._place
            and len(pads) == 8
            and not any(pads[:2] + pads[6:])
        )

    def _padding(self, call: Call) -> Padding:
        """Return what a convolution pads: by a rule, or what was padded before it."""
        if before := self._pads.get(call.reads[0]):
            _, _, top, bottom, left, right, *_ = self.model.integers[before.reads[1]]
            return top, bottom, left, right
        return "valid" if call.options.padding else "same"

    def _is_constant(self, call: Call) -> bool:
        """Whether what is written follows from what is stored: weights that are unpacked."""
        reads = [index for index in call.reads if index >= 0]
        is_stored = bool(reads) and all(index in self._origin for index in reads)
        if not is_stored and call.code not in CONSTANT:
            return False
        origin = self._origin[reads[0]] if is_stored else Tensor("", (), "int32", 0, 0)
        for index in call.writes:
            self._origin[index] = origin._replace(shape=self.model.tensors[index].shape)
        return True

    def _take(self, call: Call) -> None:
        sources = tuple(self._place[index] for index in call.reads if index in self._place)
        if not call.writes:  # it keeps a state
            return
        sources = sources or (0,)  # a state that is read
        first, *others = call.writes
        tensor = self.model.tensors[first]
        held, shape = self._parameters(call), _inner(tensor.shape)
        function = FUSED.get(getattr(call.options, "fusedActivationFunction", 0))
        wanted = one_line(tensor.name) + (f".{call.code.lower()}" if function else "")
        place = self._ours(call, wanted, sources, shape, sum(prod(one.shape) for one in held))
        if place is None:
            place = self._append(
                self._names.unique(wanted, call.code.lower()),
                self._foreign(call, held, shape),
                sources,
                shape,
            )
        if function:
            name = self._names.unique(one_line(tensor.name), function)
            place = self._append(name, Activation(function), (place,), shape)
        self._place[first] = place
        for index in others:
            move = Foreign(call.code, _inner(self.model.tensors[index].shape), (), word="move")
            name = self._names.unique(one_line(self.model.tensors[index].name), "part")
            self._place[index] = self._append(name, move, sources, move.shape)

    def _append(self, name: str, op: Op, sources: tuple[int, ...], shape: Shape) -> int:
        self._nodes.append(Node(name, block_of(name) if sources else name, op, sources))
        self._shapes.append(shape)
        return len(self._nodes) - 1

    def _foreign(self, call: Call, held: tuple[Held, ...], shape: Shape) -> Foreign:
        reads = [self.model.tensors[index].shape if index >= 0 else () for index in call.reads]
        work = price(call.code, reads, self.model.tensors[call.writes[0]].shape)
        if work and work[0][0] in ("conv", "linear") and any(one.role == "vector" for one in held):
            work = (*work, ("bias", prod(shape)))
        return Foreign(one_line(call.code), shape, work, held, word(call.code), call.code in VIEWS)

    def _parameters(self, call: Call) -> tuple[Held, ...]:
        """Return the stored numbers that an operator multiplies with or adds, each once."""
        held: list[Held] = []
        for place in _HELD.get(call.code, ()):
            index = call.reads[place] if place < len(call.reads) else -1
            origin = self._origin.get(index)
            if origin is None or origin.buffer in self._held:
                continue
            if call.code in _ELEMENTWISE and prod(origin.shape) < 2:  # a number, not learned
                continue
            self._held.add(origin.buffer)
            self.bytes += origin.bytes
            self.types[origin.dtype] += prod(origin.shape)
            is_matrix = len(origin.shape) > 1 and max(origin.shape) < prod(origin.shape)
            role = "weight" if is_matrix else "vector"
            held.append(Held(f"{place}", origin.shape, role))  # type: ignore[arg-type]
        return tuple(held)

    # ------------------------------------------------------------------------- our own operators

    def _ours(
        self, call: Call, wanted: str, sources: tuple[int, ...], shape: Shape, held: int
    ) -> int | None:
        """Append our operator that does exactly the same, if there is one."""
        ops = our_operators(self._facts(call), self._shapes[sources[0]], shape)
        if not ops or _held_by(ops) != held:  # parameters that another operator holds already
            return None
        steps: list[tuple[Op, Shape]] = []
        before = [self._shapes[one] for one in sources]
        for op in ops:
            try:
                node = Node("", "", op, tuple(range(len(before))))
                after = result_shape(node, before[0], before)
            except InputError:
                return None
            steps.append((op, after))
            before = [after]
        if before != [shape]:
            return None
        for number, (op, after) in enumerate(steps, 1):
            name = wanted if number == len(steps) else f"{wanted}.{op.kind}"
            sources = (self._append(self._names.unique(name, op.kind), op, sources, after),)
        return sources[0]

    def _facts(self, call: Call) -> Facts:
        origins = [self._origin.get(index) for index in call.reads]
        return Facts(
            call.code,
            call.options,
            [None if one is None else one.shape for one in origins],
            len(call.reads) > 2 and call.reads[2] >= 0,
            self._padding(call) if call.code in _CONVOLUTIONS else "valid",
            self._averaged(call) if call.code == "MEAN" else (),
        )

    def _averaged(self, call: Call) -> tuple[int, ...]:
        """Return the sides that a mean leaves out: those that are gone, or 1 now."""
        before = self.model.tensors[call.reads[0]].shape
        after = self.model.tensors[call.writes[0]].shape
        if len(before) == len(after):
            return tuple(n for n, (a, b) in enumerate(zip(before, after, strict=True)) if a != b)
        return (1, 2) if len(before) == 4 and after == (before[0], before[3]) else ()


def _held_by(ops: Sequence[Op]) -> int:
    return sum(prod(param.shape) for op in ops for param in parameters(op).values())


def _inner(shape: Shape) -> Shape:
    """Return a shape as ours: without a batch of one, and channels first."""
    inner = without_batch(shape)
    return (inner[2], inner[0], inner[1]) if len(inner) == 3 and len(shape) == 4 else inner
