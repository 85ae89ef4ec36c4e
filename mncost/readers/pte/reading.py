"""From a ``.pte`` program to a graph."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from hashlib import sha256
from math import prod
from pathlib import Path, PurePosixPath
from typing import Any

from mncost.cost.memory import Precision
from mncost.errors import InputError, one_line
from mncost.files import read_whole
from mncost.graph.foreign_op import Foreign, Held
from mncost.graph.graph import Graph, Node
from mncost.graph.ops import Input, Op, Shape
from mncost.readers.given import GivenInput, InputMisfitError, unknown_input
from mncost.readers.model import InputSpec, PteSource, ReadModel
from mncost.readers.pte.payload import program_of, xnnpack_graph
from mncost.readers.pte.prices import VIEWS, price, word
from mncost.readers.shapes import without_batch

__all__ = ["read_file"]

_MAX_BYTES = 2**31
_TO_CHANNELS_FIRST = [0, 3, 1, 2]
_MAGIC = slice(4, 6)  # the version follows
_XNNPACK = "XnnpackBackend"
_NONE = 2**32 - 1  # the number of a tensor that is not there
_TYPES = {"FLOAT": "float32", "HALF": "float16", "CHAR": "int8", "BYTE": "uint8"}
_TYPES |= {"INT": "int32", "LONG": "int64", "BOOL": "bool", "BFLOAT16": "bfloat16"}
# How wide numbers are stored, by the end of the type's name.
_BYTES = {"fp32": 4.0, "fp16": 2.0, "bf16": 2.0, "int32": 4.0, "int8": 1.0, "int4": 0.5}
_PRECISIONS: dict[str, Precision] = {"fp16": "fp16", "bf16": "bf16", "int8": "int8", "int4": "int8"}
# ExecuTorch's own kernels that only move numbers.
_MOVES = ("_copy", "_to_dim_order", "_clone", "::cat", "::expand", "::permute", "::slice", "::view")


def read_file(name: str, given: Sequence[GivenInput]) -> ReadModel:
    """Read a program.

    Raises:
        InputError: it is no usable program, or a shape is not its own.
    """
    path = Path(name)
    content = read_whole(path, _MAX_BYTES)
    if content[_MAGIC] != b"ET":
        raise InputError(f"{name}: no ExecuTorch program: it has no identifier ET")
    try:
        reader = _Reader(program_of(content))
        reader.take()
    except InputError as error:
        raise InputError(f"{name}: {error}") from None
    except Exception as error:  # a damaged file may hold anything
        reason = one_line(" ".join(f"{type(error).__name__}: {error}".split()))[:200]
        raise InputError(f"{name}: no usable ExecuTorch program: {reason}") from error
    _check_shapes(name, given, reader.specs)
    most = reader.types.most_common(1)
    return ReadModel(
        name=PurePosixPath(name).name,
        graph=reader.graph(),
        inputs={key: without_batch(spec.shape) for key, spec in reader.specs.items()},
        precision=_PRECISIONS.get(most[0][0], "fp32") if most else "fp32",
        weight_bytes=int(reader.bytes),
        source=PteSource(str(path.resolve()), sha256(content).hexdigest(), reader.specs),
    )


def _check_shapes(name: str, given: Sequence[GivenInput], specs: Mapping[str, InputSpec]) -> None:
    for one in given:
        if one.name is None and len(specs) != 1:
            raise InputMisfitError(None, f"{name} has {len(specs)} inputs: name one of {[*specs]}")
        key = next(iter(specs)) if one.name is None else one.name
        if key not in specs:
            raise unknown_input(name, key, specs)
        if one.shape != specs[key].shape:
            fixed = "x".join(map(str, specs[key].shape))
            raise InputMisfitError(one.name, f"{name} takes {fixed}: a program's shapes are fixed")


class _Reader:
    """Collects nodes.

    Attributes:
        specs: of the inputs, by name.
        bytes: of weights, as they are stored.
        types: weights by how they are stored.
    """

    def __init__(self, program: Any) -> None:
        self._program = program
        plans = program.execution_plan
        self._plan = next((one for one in plans if one.name == "forward"), plans[0])
        self.specs: dict[str, InputSpec] = {}
        self.bytes = 0.0
        self.types: Counter[str] = Counter()
        self._nodes: list[Node] = []
        self._names: Counter[str] = Counter()
        self._place: dict[int, int] = {}  # the node of each value of the plan

    def graph(self) -> Graph:
        """Return the graph."""
        places = [self._place[index] for index in self._plan.outputs if index in self._place]
        return Graph(tuple(self._nodes), tuple(dict.fromkeys(places)))

    def take(self) -> None:
        """Take in all instructions.

        Raises:
            InputError: an input is no tensor, or the program branches.
        """
        for number, index in enumerate(self._plan.inputs):
            tensor = self._plan.values[index].val
            if not hasattr(tensor, "sizes") or len(tensor.sizes) < 1:
                raise InputError("an input is no tensor; only tensors can be fed")
            name = "input" if len(self._plan.inputs) == 1 else f"input_{number}"
            shape = tuple(tensor.sizes)
            self.specs[name] = InputSpec(shape, _TYPES.get(tensor.scalar_type.name, "?"))
            self._place[index] = self._append(name, Input(without_batch(shape)), ())
        for chain in self._plan.chains:
            for instruction in chain.instructions:
                self._take(instruction.instr_args)

    def _take(self, call: Any) -> None:
        match type(call).__name__:
            case "DelegateCall":
                delegate = self._plan.delegates[call.delegate_index]
                if delegate.id != _XNNPACK:
                    self._own(one_line(delegate.id), call.args)
                    return
                data = self._program.backend_delegate_data[delegate.processed.index].data
                self._delegate(xnnpack_graph(bytes(data)), call.args)
            case "KernelCall":
                self._own(one_line(self._plan.operators[call.op_index].name), call.args)
            case "JumpFalseCall":
                raise InputError("a program that branches cannot be counted")
            case _:  # memory: it is moved or freed
                pass

    def _own(self, name: str, values: Sequence[int]) -> None:
        """Take in what another kernel or delegate computes; its result is last."""
        tensors = [i for i in values if hasattr(self._plan.values[i].val, "sizes")]
        if not tensors:
            return
        *reads, result = tensors
        sources = tuple(self._place[index] for index in reads if index in self._place) or (0,)
        moves = any(mark in name for mark in _MOVES)
        shape = without_batch(tuple(self._plan.values[result].val.sizes))
        kind = "move" if moves else name.rpartition("::")[2]
        op = Foreign(name, shape, () if moves else None, (), kind)
        self._place[result] = self._append(self._unique(kind), op, sources)

    def _delegate(self, graph: Any, values: Sequence[int]) -> None:
        """Take in what XNNPACK computes."""
        stored = [one["xvalue_union"] for one in graph["xvalues"]]
        whole = [one.get("tensor_value", one) for one in stored]  # a quantised one is around it
        tensors = {one["id_out"]: one for one in whole}
        inputs, outputs = graph["input_ids"], graph["output_ids"]
        place = {i: self._place[v] for i, v in zip(inputs, values, strict=False)}
        counted: set[int] = set()  # stored tensors: two operators may read one
        for node in graph["xnodes"]:
            kind, options = node["xnode_union_type"].removeprefix("XNN"), node["xnode_union"]
            reads, result = _tensors(options), options["output_id"]
            sources = tuple(place[i] for i in reads if i in place) or (0,)
            shapes = [tuple(tensors[i]["dims"]) for i in reads]
            out = tuple(tensors[result]["dims"])
            work = price(kind, options, shapes, out)
            if work and options.get("bias_id", _NONE) != _NONE:
                work = (*work, ("bias", prod(out)))
            fresh = [i for i in dict.fromkeys(reads) if i not in place and i not in counted]
            counted.update(fresh)
            parameters = tuple(self._held(i, tensors[i]) for i in fresh)
            in_order = options.get("perm") == _TO_CHANNELS_FIRST
            shape = without_batch(out) if in_order else _inner(out)
            op = Foreign(kind, shape, work, parameters, word(kind), kind in VIEWS)
            place[result] = self._append(self._unique(word(kind)), op, sources)
        results = values[len(inputs) : len(inputs) + len(outputs)]
        self._place |= {v: place[i] for i, v in zip(outputs, results, strict=True)}

    def _held(self, index: int, tensor: Mapping[str, Any]) -> Held:
        shape, stored = tuple(tensor["dims"]), tensor["datatype"]
        kind = next((end for end in _BYTES if stored.endswith(end)), "fp32")
        self.bytes += prod(shape) * _BYTES[kind]
        self.types[kind] += prod(shape)
        return Held(str(index), shape, "weight" if len(shape) > 1 else "vector")

    def _unique(self, kind: str) -> str:
        self._names[kind] += 1
        return f"{kind}_{self._names[kind]}"

    def _append(self, name: str, op: Op, sources: tuple[int, ...]) -> int:
        self._nodes.append(Node(name, name, op, sources))
        return len(self._nodes) - 1


def _inner(shape: Shape) -> Shape:
    """Return a shape as ours: without a batch of one, channels first; XNNPACK has them last."""
    inner = without_batch(shape)
    return (inner[2], inner[0], inner[1]) if len(inner) == 3 and len(shape) == 4 else inner


def _tensors(options: Mapping[str, Any]) -> list[int]:
    """Return the tensors that an operator reads, in the order of its own schema."""
    keys = [key for key in options if key.endswith("_id") and key != "output_id"]
    return [options[key] for key in keys if options[key] != _NONE]
