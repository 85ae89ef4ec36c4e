"""The twin of an ONNX file: the file itself, with other convolutions in it.

All other operators keep their own weights. What is new has random weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import onnx
from onnx import (
    AttributeProto,
    ModelProto,
    NodeProto,
    TensorProto,
    ValueInfoProto,
    helper,
    numpy_helper,
)

from mncost.errors import InputError
from mncost.graph.graph import Graph, Node
from mncost.graph.ops import BatchNorm, Conv, PReLU
from mncost.graph.pairs import Pair, Twin
from mncost.graph.twin import SPLITTING, TWINS
from mncost.readers.given import GivenInput
from mncost.readers.onnx.builder import GraphBuilder
from mncost.readers.onnx.reading import built, flattened
from mncost.readers.onnx.skeleton import load
from mncost.readers.onnx.tensors import in_order, read_by

__all__ = ["twin_model"]

_Message = TypeVar("_Message", AttributeProto, NodeProto, TensorProto, ValueInfoProto)
_PLACED = ("strides", "pads", "dilations", "auto_pad")


def twin_model(file: Path, inputs: Mapping[str, Sequence[int]], name: str) -> ModelProto:
    """Return the twin of an ONNX file.

    Args:
        file: which is not changed.
        inputs: the shapes of its inputs, with the batch.
        name: of the twin, a key of :data:`mncost.graph.twin.TWINS`.

    Raises:
        InputError: its convolutions are quantised, or it is too large to be held in memory.
    """
    model, _ = load(file)
    given = [GivenInput(key, tuple(shape)) for key, shape in inputs.items()]
    read = built(model, given, file.name, file)
    onnx.load_external_data_for_model(model, str(file.parent))
    twin = TWINS[name](read.builder.graph())
    edit = _Edit(flattened(model, read.taken), read.builder)
    if name in SPLITTING:
        for pair in twin.pairs:
            edit.split(pair, twin.graph)
    else:
        edit.merge(twin)
    return edit.finished()


class _Edit:
    """A model whose operators are exchanged."""

    def __init__(self, model: ModelProto, builder: GraphBuilder) -> None:
        """Begin with the model of a graph."""
        self.model, self.nodes = model, [*model.graph.node]
        self.graph = builder.graph()
        self.types, self.shapes = builder.known.types, builder.known.shapes
        self.made_of = builder.made_of
        self.tensors = builder.tensors()
        self.random = np.random.default_rng(0)
        self.by_name = {node.name: node for node in self.graph.nodes}
        self.placed = {node.name: index for index, node in enumerate(self.graph.nodes)}

    def merge(self, twin: Twin) -> None:
        """Replace pairs by one convolution each; what stands between the two is passed by."""
        stay = {node.name for node in twin.graph.nodes}
        merged = {node.name: node for node in twin.graph.nodes}
        passed: dict[str, str] = {}
        for node in self.graph.nodes:
            if node.name not in stay:
                before = self.tensors[self.graph.nodes[node.inputs[0]].name][-1]
                passed |= dict.fromkeys(self.tensors[node.name], passed.get(before, before))
        for first, second in twin.pairs:
            kernel = second if _conv(self.by_name[second]).is_depthwise else first
            self.exchange(second, _conv(merged[second]), self.convolution(kernel).attribute)
        for each in self.nodes:
            for index, tensor in enumerate(each.input):
                each.input[index] = passed.get(tensor, tensor)

    def split(self, pair: Pair, twin: Graph) -> None:
        """Put a depthwise convolution, and a norm and an activation, before a pointwise one."""
        old = self.convolution(pair.second)
        ops = {node.name: node for node in twin.nodes}
        new = NodeProto()
        new.CopyFrom(old)
        new.name = pair.first
        del new.input[2:]
        new.output[:] = [self.fresh(pair.first)]
        depthwise = _conv(ops[pair.first])
        self.weigh(new, depthwise, old)
        _set_group(new, depthwise.groups)
        between = [new]
        names = [node.name for node in twin.nodes]
        many = names.index(pair.second) - names.index(pair.first) - 1
        for copied in self.following(pair.second, many):
            between += self.copies(copied, between[-1].output[0], depthwise.in_channels)
        place = self.nodes.index(old)
        self.nodes[place:place] = between
        self.exchange(pair.second, _conv(ops[pair.second]), [])
        old.input[0] = between[-1].output[0]

    def exchange(self, name: str, op: Conv, attributes: Sequence[AttributeProto]) -> None:
        """Make an operator another convolution of one group, with a new weight."""
        node = self.convolution(name)
        self.weigh(node, op, node)
        kept = [one for one in attributes if one.name in _PLACED]
        _set(node.attribute, [*kept, helper.make_attribute("kernel_shape", [*op.kernel])])

    def convolution(self, name: str) -> NodeProto:
        """Return the operator of a convolution.

        Raises:
            InputError: it is quantised.
        """
        node = self.operator(self.made_of[name].output[0])
        weights = [one for one in self.nodes if node.input[1] in one.output]
        if node.op_type != "Conv" or any(one.op_type == "DequantizeLinear" for one in weights):
            raise InputError(f"the convolution {name} is quantised: it has no twin")
        return node

    def operator(self, tensor: str) -> NodeProto:
        """Return what writes a tensor."""
        node: NodeProto = next(one for one in self.nodes if tensor in one.output)
        return node

    def weigh(self, node: NodeProto, op: Conv, like: NodeProto) -> None:
        """Give a convolution a random weight (He's initialisation)."""
        shape = op.out_channels, op.in_channels // op.groups, *op.kernel
        values = self.random.standard_normal(shape) * (2 / prod(shape[1:])) ** 0.5
        node.input[1] = self.stored(f"{node.name or node.output[0]}.weight", values, like.input[1])

    def stored(self, name: str, values: np.ndarray, like: str) -> str:
        """Store an array in the type of another tensor; return its name."""
        dtype = helper.tensor_dtype_to_np_dtype(self.types.get(like, TensorProto.FLOAT))
        unique = self.fresh(name)
        self.model.graph.initializer.append(numpy_helper.from_array(values.astype(dtype), unique))
        return unique

    def fresh(self, name: str) -> str:
        """Return a name that no tensor has."""
        taken = {one.name for one in self.model.graph.initializer}
        taken |= {output for node in self.nodes for output in node.output}
        while name in taken:
            name += "_"
        return name

    def following(self, name: str, many: int) -> list[Node]:
        """Return the operators after a convolution, each of which alone reads the one before."""
        readers, index = self.graph.consumers(), self.placed[name]
        nodes: list[Node] = []
        for _ in range(many):
            (index,) = readers[index]
            nodes.append(self.graph.nodes[index])
        return nodes

    def copies(self, node: Node, source: str, channels: int) -> list[NodeProto]:
        """Return copies of the operators of a norm or an activation, for other channels."""
        before = self.tensors[self.graph.nodes[node.inputs[0]].name]
        has_channels = isinstance(node.op, BatchNorm | PReLU)
        names = dict.fromkeys(before, source)
        copied: list[NodeProto] = []
        for each in self.chain(before, self.tensors[node.name][0]):
            copy = NodeProto()
            copy.CopyFrom(each)
            copy.name = ""
            for index, tensor in enumerate(each.input):
                if tensor in names:
                    copy.input[index] = names[tensor]
                elif has_channels:
                    copy.input[index] = self.like(tensor, channels)
            names[each.output[0]] = self.fresh(f"{each.output[0]}.between")
            copy.output[:] = [names[each.output[0]]]
            copied.append(copy)
        return copied

    def like(self, tensor: str, channels: int) -> str:
        """Store what a norm or an activation has for each channel, for this many channels."""
        shape = self.shapes[tensor]
        sides = [channels if side == max(shape) else side for side in shape]
        return self.stored(f"{tensor}.between", 1 + self.random.random(sides) / 10, tensor)

    def chain(self, before: Sequence[str], last: str) -> list[NodeProto]:
        """Return the operators from some tensors to another one, in order."""
        after, chain = {*before}, []
        for node in self.nodes:
            if after & {*node.input}:
                chain.append(node)
                after |= {*node.output}
            if last in node.output:
                break
        needed, kept = {last}, []
        for node in reversed(chain):
            if needed & {*node.output}:
                kept.append(node)
                needed |= {*node.input}
        return kept[::-1]

    def finished(self) -> ModelProto:
        """Return the model without what nobody reads any more, its operators in order."""
        graph = self.model.graph
        _set(graph.node, self.nodes)
        stored = {one.name for one in graph.initializer}
        known = stored | {entry.name for entry in graph.input}
        ordered = in_order(graph, known | {one.values.name for one in graph.sparse_initializer})
        needed, kept = {entry.name for entry in graph.output}, []
        for node in reversed(ordered):
            if needed & {*node.output}:
                needed |= {*read_by(node)}
                kept.append(node)
        _set(graph.node, kept[::-1])
        _set(graph.initializer, [one for one in graph.initializer if one.name in needed])
        del graph.value_info[:]
        # Before version 4 every weight was an input as well; since then such a one is no constant.
        _set(graph.input, [one for one in graph.input if one.name not in stored])
        self.model.ir_version = max(self.model.ir_version, 4)
        return self.model


def _set(field: Any, messages: Sequence[_Message]) -> None:
    """Fill a field with copies of messages, some of which may be in it."""
    copies = [type(one).FromString(one.SerializeToString()) for one in messages]
    del field[:]
    field.extend(copies)


def _conv(node: Node) -> Conv:
    assert isinstance(node.op, Conv)
    return node.op


def _set_group(node: NodeProto, groups: int) -> None:
    rest = [one for one in node.attribute if one.name != "group"]
    _set(node.attribute, [*rest, helper.make_attribute("group", groups)])
