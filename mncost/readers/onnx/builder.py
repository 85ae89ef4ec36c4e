"""Makes our graph of the nodes of an ONNX model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

from msgspec.structs import replace
from onnx import AttributeProto, GraphProto, NodeProto, helper

from mncost.errors import InputError, one_line
from mncost.graph.foreign_op import Foreign, Held
from mncost.graph.graph import Graph, Node
from mncost.graph.ops import (
    Activation,
    Conv,
    Flatten,
    GlobalPool,
    Input,
    Linear,
    Op,
    Shape,
    parameters,
)
from mncost.readers.model import InputSpec
from mncost.readers.names import Names, block_of
from mncost.readers.onnx.known import Known
from mncost.readers.onnx.operators import ACTIVATIONS, FREE, VIEWS
from mncost.readers.onnx.ours import fits, our_operator
from mncost.readers.onnx.patterns import Fused, find_patterns
from mncost.readers.onnx.prices import Call, price, word
from mncost.readers.onnx.skeleton import tensors_of
from mncost.readers.onnx.tensors import Constants, Origin, read_by
from mncost.readers.onnx.weights import StoredWeights
from mncost.readers.shapes import without_batch

__all__ = ["GraphBuilder"]

_OWN_DOMAINS = ("", "ai.onnx")


class GraphBuilder:
    """Collects nodes of ours.

    Attributes:
        inputs: the shapes of the graph's inputs.
        weights: what was counted.
        made_of: the operator of the model that each node of the graph was made of.
    """

    def __init__(self, known: Known, constants: Constants, inputs: Mapping[str, InputSpec]) -> None:
        """Begin with the inputs."""
        self.known, self.constants = known, constants
        self.weights = StoredWeights(constants)
        self.inputs: dict[str, Shape] = {}
        self.made_of: dict[str, NodeProto] = {}
        self._names = Names()
        self._nodes: list[Node] = []
        self._shapes: list[Shape] = []
        self._outputs: tuple[int, ...] = ()
        self._place: dict[str, int] = {}  # the node that writes a tensor
        self._readers: dict[str, list[NodeProto]] = {}
        self._rounded: set[str] = set()  # tensors that differ from another by rounding only
        self._outer: set[str] = set()
        for name, spec in inputs.items():
            self._enter(name, without_batch(spec.shape))

    def graph(self) -> Graph:
        """Return the graph.

        Raises:
            InputError: nothing depends on anything but constants.
        """
        if not self._nodes:
            raise InputError("its results are constants: there is nothing to count")
        return Graph(tuple(self._nodes), self._outputs)

    def tensors(self) -> dict[str, list[str]]:
        """Return the tensors that each node of the graph stands for, in execution order."""
        named: dict[str, list[str]] = {}
        for tensor, place in self._place.items():
            named.setdefault(self._nodes[place].name, []).append(tensor)
        return named

    def take(self, nodes: Sequence[NodeProto], outputs: Sequence[str]) -> None:
        """Take in the nodes that are not constant, in order, and name the outputs."""
        fused = find_patterns(nodes, self.constants, outputs)
        gone = {index for one in fused.values() for index in one.gone}
        for node in nodes:
            for name in _reads(node):
                self._readers.setdefault(name, []).append(node)
        self._outer = {*outputs}
        for index, node in enumerate(nodes):
            if index in fused:
                self._activation(node, fused[index])
            elif index not in gone:
                self._take(node)
        places = [self._place[name] for name in outputs if name in self._place]
        self._outputs = tuple(dict.fromkeys(places))

    def _enter(self, tensor: str, shape: Shape) -> None:
        """Enter an input of the graph."""
        name = self._names.unique(tensor, "input")
        self.inputs[name] = shape
        self._place[tensor] = self._append(name, Input(shape), (), shape)

    def _activation(self, node: NodeProto, fused: Fused) -> None:
        source = self._place[fused.source]
        out = self._shapes[source]
        op = Activation(fused.function)
        name = self._name(node)
        self.made_of[name] = node
        self._place[node.output[0]] = self._append(name, op, (source,), out)

    def _take(self, node: NodeProto) -> None:
        sources = tuple(self._place[name] for name in _reads(node) if name in self._place)
        if self._passes_quantised(node, sources):
            return
        call = self._call(node)
        if not self._nodes:  # the model has no inputs: random numbers take their place
            self._enter(node.output[0], without_batch(call.writes[0] or ()))
            return
        if not sources:  # it reads nothing of the inputs: a body of constants
            sources = (0,)
        if (
            call.operator == "Mul"
            and len(sources) == 2
            and prod(call.reads[0] or ()) < prod(call.reads[1] or ())
        ):  # a gate times an image: the image comes first with us
            sources = sources[::-1]
            call = call._replace(reads=call.reads[::-1], constant=call.constant[::-1])
        held = self._held(node, call.operator)
        out = without_batch(call.writes[0] or ()) if call.writes else ()
        if self._merges_bias(node, sources, held):
            return
        name = self._name(node)
        if _is_flat_pool(call, self._numbers(node, 1)):
            image = (self._shapes[sources[0]][0], 1, 1)
            sources = (self._append(name, GlobalPool(), sources, image),)
            op: Op = Flatten()
            name = self._names.unique(f"{name}.flatten", "flatten")
        else:
            ours = our_operator(call, lambda index: self._numbers(node, index))
            if ours is not None and fits(ours, sources, self._shapes, out):
                ours = _holding(ours, held)
            else:
                ours = None
            op = self._foreign(node, call, held, out) if ours is None else ours
        self.made_of[name] = node
        self._place[node.output[0]] = self._append(name, op, sources, out)
        self._take_others(node, call, sources)

    def _take_others(self, node: NodeProto, call: Call, sources: tuple[int, ...]) -> None:
        """Enter the results beyond the first that somebody reads: their work is the first's."""
        for output, shape in zip(node.output[1:], call.writes[1:], strict=True):
            if output and (output in self._readers or output in self._outer):
                out = without_batch(shape or ())
                op = Foreign(call.operator, out, (), word="move")
                self._place[output] = self._append(self._name(node), op, sources, out)

    def _append(self, name: str, op: Op, sources: tuple[int, ...], shape: Shape) -> int:
        self._nodes.append(Node(name, block_of(name) if sources else name, op, sources))
        self._shapes.append(shape)
        return len(self._nodes) - 1

    def _name(self, node: NodeProto) -> str:
        wanted = node.name or next(filter(None, node.output), "")
        return self._names.unique(one_line(wanted), node.op_type)

    def _passes_quantised(self, node: NodeProto, sources: tuple[int, ...]) -> bool:
        """Whether an activation is only rounded here: every runtime does that in the operators."""
        if node.op_type == "QuantizeLinear" and sources:
            readers = self._readers.get(node.output[0], ())
            passes = all(one.op_type == "DequantizeLinear" for one in readers)
            if not readers or not passes or node.output[0] in self._outer:
                return False
        elif node.op_type != "DequantizeLinear" or node.input[0] not in self._rounded:
            return False
        self._rounded.add(node.output[0])
        self._place[node.output[0]] = sources[0]
        return True

    def _call(self, node: NodeProto) -> Call:
        shapes = self.known.shapes
        return Call(
            node.op_type if node.domain in _OWN_DOMAINS else f"{node.domain}.{node.op_type}",
            {one.name: _value(one) for one in node.attribute if not one.HasField("g")},
            [shapes.get(name) if name else None for name in node.input],
            [shapes.get(name) if name else None for name in node.output],
            [name in self.constants for name in node.input],
        )

    def _numbers(self, node: NodeProto, index: int) -> list[float] | None:
        if index >= len(node.input) or not node.input[index]:
            return None
        value = self.constants.value(node.input[index])
        return None if value is None else [float(one) for one in value.reshape(-1)]

    def _held(self, node: NodeProto, operator: str) -> tuple[Held, ...]:
        held = self.weights.held_by(node, operator)
        stored = [tensor for body in _bodies(node) for tensor in tensors_of(body)]
        inside = [Origin(one.name, tuple(one.dims), one.data_type) for one in stored]
        around = [name for name in _reads(node) if name not in node.input]
        inside += [origin for name in around for origin in self.constants.origins(name)]
        return (*held, *self.weights.of_bodies(inside))

    def _merges_bias(
        self, node: NodeProto, sources: tuple[int, ...], held: tuple[Held, ...]
    ) -> bool:
        """Take what is added to a convolution or a matrix product for its bias."""
        if node.op_type != "Add" or len(sources) != 1 or len(held) != 1:
            return False
        (read,) = _activations(node, self.constants)
        before, (bias,) = self._nodes[sources[0]], held
        alone = len(self._readers[read]) == 1 and read not in self._outer
        op = before.op
        if not alone or not isinstance(op, Linear | Conv) or op.bias:
            return False
        wanted = (op.out_features,) if isinstance(op, Linear) else (op.out_channels, 1, 1)
        if without_batch(bias.shape) != wanted:
            return False
        self._nodes[sources[0]] = replace(before, op=replace(op, bias=True))
        self._place[node.output[0]] = sources[0]
        return True

    def _foreign(self, node: NodeProto, call: Call, held: tuple[Held, ...], out: Shape) -> Foreign:
        bodies = _bodies(node)
        work = price(call) if not bodies else () if all(map(_only_moves, bodies)) else None
        if work and work[0][0] in ("conv", "linear") and any(one.role == "vector" for one in held):
            work = (*work, ("bias", prod(out)))
        is_alone = len(_activations(node, self.constants)) == 1
        return Foreign(
            one_line(call.operator),
            out,
            work,
            held,
            word(call),
            view=call.operator in VIEWS,
            fuses=is_alone and call.operator in _FUSED,
        )


_FUSED = frozenset((*ACTIVATIONS, "BatchNormalization", "Clip"))


def _reads(node: NodeProto) -> list[str]:
    """Return what a node reads, in its bodies too, each once."""
    return list(dict.fromkeys(read_by(node)))


def _activations(node: NodeProto, constants: Constants) -> list[str]:
    return [name for name in _reads(node) if name not in constants]


def _bodies(node: NodeProto) -> list[GraphProto]:
    single = [one.g for one in node.attribute if one.HasField("g")]
    return [*single, *(body for one in node.attribute for body in one.graphs)]


def _only_moves(body: GraphProto) -> bool:
    """Whether a body has no work on any path through it."""
    return all(
        all(map(_only_moves, _bodies(node))) if _bodies(node) else node.op_type in FREE
        for node in body.node
    )


def _value(attribute: AttributeProto) -> Any:
    value = helper.get_attribute_value(attribute)
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def _is_flat_pool(call: Call, axes: Sequence[float] | None) -> bool:
    """Whether it is a mean over height and width that keeps neither."""
    wanted = call.attributes.get("axes") or axes
    if call.operator != "ReduceMean" or not wanted or call.attributes.get("keepdims", 1):
        return False
    image = call.reads[0]
    return (
        image is not None
        and len(image) == 4
        and image[0] == 1
        and {int(axis) % 4 for axis in wanted} == {2, 3}
    )


def _holding(op: Op, held: Sequence[Held]) -> Op | None:
    """Return an operator of ours if it holds what that of the model holds.

    A bias that an operator before it has too (exporters store equal tensors once) is left out.
    """
    if _holds(op, held):
        return op
    if isinstance(op, Conv | Linear) and op.bias:
        bare = replace(op, bias=False)
        return bare if _holds(bare, held) else None
    return None


def _holds(op: Op, held: Sequence[Held]) -> bool:
    """Whether an operator of ours holds as many parameters as that of the model."""
    wanted, there = Counter[bool](), Counter[bool]()
    for param in parameters(op).values():
        wanted[param.role == "statistic"] += prod(param.shape)
    for one in held:
        there[one.role == "statistic"] += prod(one.shape)
    return wanted == there
