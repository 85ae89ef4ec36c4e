"""Which node a kernel is about, where runtimes name kernels after the operators of a file.

A runtime fuses operators, and names the result after one or more of them: ``row2.expand.act_nchwc``
is the convolution ``row2.expand.conv`` with its batch norm and activation. Our steps
(:mod:`mncost.cost.memory`) say which operator such a kernel is about.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from mncost.cost.memory import schedule
from mncost.graph import ops
from mncost.graph.foreign_op import Foreign
from mncost.graph.graph import Graph, Node
from mncost.measure.runtimes import CONVERT, REORDER
from mncost.readers.names import tidy

__all__ = ["node_of", "nodes_in_order", "steps_by_name"]

# In the files that are loaded: mncost.models.onnx_model, mncost.models.int8.
_CONVERSIONS = ("input_QuantizeLinear", "output_DequantizeLinear")


def steps_by_name(graph: Graph) -> dict[str, str]:
    """Return, for each node, the node whose step it is part of.

    A layer scale belongs to the step before it: runtimes multiply it into the convolution there.
    An output stands for the node whose result it is.
    """
    steps = {
        s.node for s in schedule(graph) if not isinstance(graph.nodes[s.node].op, ops.LayerScale)
    }
    heads = {}
    for index, node in enumerate(graph.nodes):
        head = index
        while head not in steps and graph.nodes[head].inputs:
            head = graph.nodes[head].inputs[0]
        heads[node.name] = graph.nodes[head].name
    ends = zip(graph.output_names, graph.outputs, strict=True)
    return {name: heads[graph.nodes[index].name] for name, index in ends} | heads


def node_of(names: Iterable[str], steps: Mapping[str, str]) -> str:
    """Return what a kernel is about whose operators have these names.

    It is the node with which the first possible name begins, or else ``CONVERT`` or ``REORDER``.
    """
    for name in names:
        if name.startswith(_CONVERSIONS):
            return CONVERT
        for whole in (name, tidy(name)):  # names of a model that was read are shorter
            known = whole
            while known not in steps and (cut := max(known.rfind(mark) for mark in "._/:")) >= 0:
                known = known[:cut]
            if known in steps:
                return steps[known]
    return REORDER


def nodes_in_order(kernels: Mapping[str, str | None], graph: Graph) -> dict[str, str]:
    """Return what each kernel is about, where a runtime keeps the order of nodes and no names.

    What is no operator of ours alone (an activation, a reshape) belongs to the layer before it.

    Args:
        kernels: in the order in which they run, each with its kind: ``product`` (a convolution, a
            linear layer), ``pool``, ``binary`` (an addition, a multiplication), ``attention`` (its
            two matrix products), ``softmax``; ``None``: another one.
        graph: what was run.
    """
    steps, nodes = steps_by_name(graph), _by_kind(graph)
    mapped, before = {}, REORDER
    for kernel, kind in kernels.items():
        node = next(nodes[kind], None) if kind in nodes else None
        before = steps[node.name] if node else before
        mapped[kernel] = before
    return mapped


def _by_kind(graph: Graph) -> dict[str, Iterator[Node]]:
    def nodes(*kinds: type, words: str, times: int = 1) -> Iterator[Node]:
        ours = (times if isinstance(node.op, kinds) else 0 for node in graph.nodes)
        theirs = (
            isinstance(node.op, Foreign) and node.op.word in words.split() for node in graph.nodes
        )
        return iter([n for n, a, b in zip(graph.nodes, ours, theirs) for _ in range(a + b)])

    known = {
        "product": nodes(ops.Conv, ops.Linear, words="conv depthwise linear"),
        "pool": nodes(ops.Pool, ops.AdaptivePool, ops.GlobalPool, words="pool"),
        # The scores, and what they weight.
        "attention": nodes(ops.Attention, words="matmul", times=2),
        "softmax": nodes(ops.Attention, words="softmax"),
    }
    if not any(isinstance(node.op, ops.Attention) for node in graph.nodes):
        known["binary"] = nodes(
            ops.Add, ops.Scale, words="elementwise"
        )  # else scales and norms are among them
    return known
