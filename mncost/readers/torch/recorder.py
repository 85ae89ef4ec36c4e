"""Calls of torch operators become nodes of our graph, one after the other.

Both ways of reading a module end here: the graph of ``torch.export``
(:mod:`mncost.readers.torch.export`), and one real run (:mod:`mncost.readers.torch.run`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from math import prod
from typing import Any, NamedTuple

import torch
from msgspec.structs import replace
from torch import nn

from mncost.cost.forms import FUSED, NAMED, STRIDED, UNFUSED, WHOLE, Form
from mncost.errors import GridError, SpecError
from mncost.graph.foreign_op import Held
from mncost.graph.graph import Graph, Node
from mncost.graph.ops import Foreign, Input, Op, Shape
from mncost.graph.shapes import result_shape
from mncost.readers.names import Names, block_of
from mncost.readers.shapes import without_batch
from mncost.readers.torch.calls import Aside, Call, Value
from mncost.readers.torch.expand import expanded, operator_name
from mncost.readers.torch.own import own_operator
from mncost.readers.torch.rules import Rated

__all__ = ["Place", "Recorded", "Recorder"]


class Recorded(NamedTuple):
    """What was recorded of a module.

    Attributes:
        graph: its operators.
        inputs: the shapes of its inputs, without the batch.
        forms: of each node.
        read: the names of the parameters that it reads.
        packed: the weights of quantised operators, which are no parameters of torch.
    """

    graph: Graph
    inputs: dict[str, Shape]
    forms: tuple[Form, ...]
    read: tuple[str, ...]
    packed: tuple[torch.Tensor, ...]


class Place(NamedTuple):
    """Where a call stands.

    Attributes:
        module: the path of the innermost module that makes it.
        kind: that module's class, with its package.
    """

    module: str
    kind: str


class _Made(NamedTuple):
    """A node without its name."""

    op: Op
    inputs: tuple[int, ...]
    call: Call
    place: Place
    own: bool  # whether it holds a parameter of the module that makes the call
    aside: tuple[tuple[Form, tuple[tuple[str, int], ...]], ...] = ()  # as in its form


class Recorder:
    """Takes calls in execution order, and gives the graph of those that depend on the input."""

    def __init__(self, module: nn.Module) -> None:
        """Begin the graph of a module."""
        self._read: dict[str, None] = {}
        self._packed: dict[str, Sequence[torch.Tensor]] = {}  # by the module that has them
        self._tensors = {**dict(module.named_parameters()), **dict(module.named_buffers())}
        first = {id(tensor): name for name, tensor in reversed(self._tensors.items())}
        every = (*module.named_parameters(remove_duplicate=False),)
        every += (*module.named_buffers(remove_duplicate=False),)
        self._first = {name: first[id(tensor)] for name, tensor in every}
        self._kind = f"{type(module).__module__}.{type(module).__qualname__}"
        kinds = {
            path: f"{type(one).__module__}.{type(one).__qualname__}"
            for path, one in module.named_modules()
        }
        self._whole = {path: kind for path, kind in kinds.items() if kind in WHOLE}
        self._parents = {path for path, one in module.named_modules() if [*one.children()]}
        self._inputs: list[tuple[str, Shape]] = []
        self._made: list[_Made] = []
        self._shapes: list[Shape] = []

    def input(self, name: str, shape: Shape) -> Value:
        """Enter an input of the module; all of them come before the first call."""
        assert not self._made
        self._inputs.append((name, without_batch(shape)))
        self._shapes.append(without_batch(shape))
        return Value(shape, index=len(self._inputs) - 1)

    def parameter(self, name: str) -> Value:
        """Return a parameter or buffer of the module; one of several names by the first of them."""
        first = self._first.get(name, name)
        shape = tuple(self._tensors[first].shape)
        return Value(shape, parameter=name, parameters=[first])

    def call(
        self,
        target: Any,
        args: Mapping[str, Any],
        outs: Sequence[Shape],
        place: Place,
        replay: tuple[Any, Any] | None = None,
    ) -> list[Value]:
        """Enter a call; return the values of its results.

        Args:
            target: torch's operator.
            args: by the names of its schema, tensors as values.
            outs: the shapes of its results.
            place: the module that makes it.
            replay: the same arguments as torch has them, positional and named, to find out what
                an operator without a rule calls.
        """
        call = Call(operator_name(target), args, tuple(outs), _is_strided(replay))
        rated = expanded(target, call, replay)
        read = dict.fromkeys(value.index for value in _ordered(call) if value.index is not None)
        constants = [value for value in call.tensors if value.is_constant]
        if not read:
            return self._constant(rated, constants, call, place)
        aside = self._aside(constants)
        node = self._node(target, call, rated, tuple(read), constants)
        if call.packed and place.module not in self._packed:
            self._packed[place.module] = call.packed
            node = replace(node, held=_held(call.packed))
        own = any((value.parameter or "").rpartition(".")[0] == place.module for value in constants)
        values = [self._append(_Made(node, tuple(read), call, place, own, aside), call.out)]
        for out in call.outs[1:]:
            further = Foreign(str(target), without_batch(out), (), word="move", view=True)
            values.append(self._append(_Made(further, tuple(read), call, place, False), out))
        return values

    def recorded(self, outputs: Sequence[Value]) -> Recorded:
        """Return what was recorded; outputs that depend on no input are left out."""
        nodes = [Node(name, name, Input(shape), ()) for name, shape in self._inputs]
        names = Names()
        for name, _ in self._inputs:
            names.unique(name, name)
        alone = Counter(made.place.module for made in self._made)
        primary = {made.place.module for made in self._made if made.own}
        for made in self._made:
            operator = made.call.operator
            module = made.place.module
            whole = made.own or (module not in primary and alone[module] == 1)
            wanted = module if whole and module else f"{module}.{operator}".lstrip(".")
            name = names.unique(wanted, operator)
            nodes.append(Node(name, block_of(name), made.op, made.inputs))
        indices = dict.fromkeys(value.index for value in outputs if value.index is not None)
        graph = Graph(tuple(nodes), tuple(indices) or (len(nodes) - 1,))
        forms = [Form()] * len(self._inputs) + [
            self._form(made.call, made.place)._replace(aside=made.aside) for made in self._made
        ]
        packed = [tensor for tensors in self._packed.values() for tensor in tensors]
        return Recorded(graph, dict(self._inputs), tuple(forms), tuple(self._read), tuple(packed))

    def _form(self, call: Call, place: Place) -> Form:
        kind = place.kind if place.module else self._kind
        calls = [call.operator]
        if call.operator == FUSED[0] and not _fuses(call):
            calls += UNFUSED
        if call.operator == "linear" and call.strided:
            calls.append(STRIDED)
        if kind.startswith("torch.nn."):
            kind = kind.rpartition(".")[2]
        return Form(
            kind,
            tuple(calls),
            place.module not in self._parents,
            self._within(place),
            call.out[0] if call.out else 1,
        )

    def _within(self, place: Place) -> str:
        """Return the class of a module around a call's own that some tool counts as a whole."""
        around = (path for path in self._whole if place.module.startswith(f"{path}."))
        return next((self._whole[path] for path in around), "")

    def _append(self, made: _Made, out: Shape) -> Value:
        self._made.append(made)
        self._shapes.append(without_batch(out))
        return Value(out, index=len(self._shapes) - 1)

    def _node(
        self,
        target: Any,
        call: Call,
        rated: Rated,
        read: tuple[int, ...],
        constants: Sequence[Value],
    ) -> Op:
        out = without_batch(call.out)
        fresh = all(
            value.parameters and value.parameters[0] not in self._read
            for value in constants
            if value.parameter
        )
        direct = all(value.parameter for value in constants)
        op = own_operator(call, self._shapes) if fresh and direct else None
        if op is not None and self._fits(op, call, out):
            self._take(constants)
            return op
        held, extra = self._take(constants)
        work = None if rated.work is None else Counter(rated.work) + extra
        return Foreign(
            str(target),
            out,
            None if work is None else tuple((kind, n) for kind, n in work.items() if n),
            held,
            rated.word,
            rated.view and not held,
            rated.fuses and len(read) == 1,
        )

    def _fits(self, op: Op, call: Call, out: Shape) -> bool:
        """Whether our operator gives the shape that torch's gave, and reads what it reads."""
        inputs = tuple(value.index for value in _ordered(call) if value.index is not None)
        node = Node("", "", op, inputs)
        try:
            return result_shape(node, self._shapes[inputs[0]], self._shapes) == out
        except (SpecError, GridError):
            return False

    def _take(self, constants: Sequence[Value]) -> tuple[tuple[Held, ...], Counter[str]]:
        """Return the parameters that no node holds yet, and the work that made constants."""
        held: dict[str, Held] = {}
        work: Counter[str] = Counter()
        for value in constants:
            work.update(value.work)
            for name in value.parameters:
                if name in self._read:
                    continue
                self._read[name] = None
                leaf = name.rpartition(".")[2]
                leaf = leaf if leaf not in held else name
                held[leaf] = Held(leaf, tuple(self._tensors[name].shape), self._role(name))
            value.parameters, value.work = [], Counter()
        return tuple(held.values()), work

    def _role(self, name: str) -> Any:
        tensor = self._tensors[name]
        if not isinstance(tensor, torch.nn.Parameter):
            return "statistic"
        return "weight" if tensor.dim() > 1 else "vector"

    def _constant(
        self, rated: Rated, constants: Sequence[Value], call: Call, place: Place
    ) -> list[Value]:
        """Return values that depend on no input: who reads them first has their work."""
        work = Counter(rated.work or {})
        parameters: dict[str, None] = {}
        made: list[Aside] = []
        for value in constants:
            work.update(value.work)
            parameters.update(dict.fromkeys(value.parameters))
            made += value.made
            value.work, value.made = Counter(), []
        if rated.work:
            direct = tuple(
                name for value in constants if value.parameter for name in value.parameters
            )
            made.append(Aside(self._form(call, place), rated.work, direct))
        values = [Value(tuple(out), parameters=list(parameters)) for out in call.outs]
        if values:
            values[0].work, values[0].made = work, made
        return values

    def _aside(
        self, constants: Sequence[Value]
    ) -> tuple[tuple[Form, tuple[tuple[str, int], ...]], ...]:
        """Return what computes constants that no node has yet, with the parameters it reads."""
        aside, named = [], set(self._read)
        for one in (one for value in constants for one in value.made):
            fresh = [name for name in one.parameters if name not in named]
            named.update(fresh)
            params = sum(
                prod(self._tensors[name].shape)
                for name in fresh
                if name.rpartition(".")[2] in NAMED
            )
            work = Counter(one.work) + Counter(params=params)
            aside.append((one.form, tuple(work.items())))
        for value in constants:
            value.made = []
        return tuple(aside)


def _ordered(call: Call) -> list[Value]:
    """Return a call's tensors; of a product the larger one first, as our operator reads them."""
    tensors = call.tensors
    if call.operator == "mul":
        tensors.sort(key=lambda value: -prod(value.shape))
    return tensors


def _fuses(call: Call) -> bool:
    """Whether torch has one kernel for an attention: as many heads of keys as of queries."""
    query, key, value = (call.tensor(name).shape for name in ("query", "key", "value"))
    return len(query) == 4 and query[:2] == key[:2] == value[:2] and query[3] == value[3]


def _is_strided(replay: tuple[Any, Any] | None) -> bool:
    first = replay[0][0] if replay and replay[0] else None
    return isinstance(first, torch.Tensor) and first.dim() > 2 and not first.is_contiguous()


def _held(packed: Sequence[torch.Tensor]) -> tuple[Held, ...]:
    """Return a packed weight, and its bias, as what an operator holds."""
    leaves = zip(("weight", "bias"), packed, strict=False)
    return tuple(
        Held(leaf, tuple(tensor.shape), "weight" if leaf == "weight" else "vector")
        for leaf, tensor in leaves
    )
