"""Which tensors a training step keeps, and the most bytes that are alive at once.

Each operator is a step of its own: nothing is fused while a network is trained without compilation.
A tensor lives until the last operator that reads it has run, one that is kept until the backward
pass of the first operator that keeps it. The gradient of a result lives from the backward pass of
its last reader to that of the operator that made it; a sum hands its gradient on as it is. The
gradients of parameters stay. Space to work in is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

from msgspec import Struct

from mncost.graph.graph import Graph
from mncost.graph.ops import Add, Shape
from mncost.training.kept import ELEMENT, RESULT, Needs, is_alias, keeps

__all__ = ["Plan", "Storage", "peak", "plan_of"]


class Storage(Struct):
    """A piece of memory that is kept.

    Attributes:
        bytes: its size.
        keepers: the nodes that keep it, in execution order.
        is_needed: whether some formula needs it.
    """

    bytes: int
    keepers: list[int]
    is_needed: bool


class Plan(Struct):
    """What happens to the memory of a step.

    Attributes:
        graph: the network.
        bytes: of each node's result; 0 where it is the memory of its input.
        roots: the node whose memory each result is.
        needs: the gradients of each node.
        kept: what is kept: by the root, or by ``(node, number)`` of a node's own tensors.
    """

    graph: Graph
    bytes: list[int]
    roots: list[int]
    needs: Sequence[Needs]
    kept: dict[int | tuple[int, int], Storage]

    def needs_gradient(self, index: int) -> bool:
        """Whether the result of a node needs a gradient."""
        return bool(self.needs[index].weights) or any(self.needs[index].inputs)


def plan_of(graph: Graph, shapes: Sequence[Shape], batch: int, needs: Sequence[Needs]) -> Plan:
    """Return what a step of a network keeps.

    Args:
        graph: the network.
        shapes: of each node's result.
        batch: images.
        needs: the gradients of each node.
    """
    roots: list[int] = []
    for index, node in enumerate(graph.nodes):
        is_view = bool(node.inputs) and is_alias(node, shapes, shapes[index])
        roots.append(roots[node.inputs[0]] if is_view else index)
    sizes = [batch * ELEMENT * prod(shape) for shape in shapes]
    own = [size if roots[index] == index else 0 for index, size in enumerate(sizes)]
    plan = Plan(graph, own, roots, needs, {})
    for index, node in enumerate(graph.nodes):
        if not plan.needs_gradient(index):
            continue
        for number, one in enumerate(keeps(node, shapes, shapes[index], batch, needs[index])):
            key: int | tuple[int, int] = (index, number)
            if one.of is not None:
                key = roots[index if one.of == RESULT else node.inputs[one.of]]
            size = sizes[key] if isinstance(key, int) else one.bytes
            storage = plan.kept.setdefault(key, Storage(size, [], False))
            storage.keepers.append(index)
            storage.is_needed |= one.is_needed
    return plan


def peak(plan: Plan, gradients: Mapping[int, int]) -> int:
    """Return the most bytes of activations and gradients that are alive at once.

    Args:
        plan: of the step.
        gradients: bytes of the gradients of each node's trained parameters.
    """
    live, most = _forward(plan)
    backward = _Backward(plan, live)
    for index in reversed(range(len(plan.graph.nodes))):
        if plan.needs_gradient(index):
            most = max(most, backward.step(index, gradients.get(index, 0)))
    return most


def _forward(plan: Plan) -> tuple[int, int]:
    """Return the bytes alive at the end of the forward pass, and the most at once."""
    nodes = plan.graph.nodes
    last = {plan.roots[index]: index for index in range(len(nodes))}
    for index, node in enumerate(nodes):
        last.update({plan.roots[source]: index for source in node.inputs})
    stay = {plan.roots[i] for i in (*plan.graph.outputs, *plan.graph.inputs)} | plan.kept.keys()
    frees: dict[int, int] = {}
    for root, reader in last.items():
        if root not in stay:
            frees[reader] = frees.get(reader, 0) + plan.bytes[root]
    extra: dict[int, int] = {}
    for key, storage in plan.kept.items():
        if isinstance(key, tuple):
            extra[key[0]] = extra.get(key[0], 0) + storage.bytes
    live = most = 0
    for index in range(len(nodes)):
        live += plan.bytes[index] + extra.get(index, 0)
        most = max(most, live)
        live -= frees.get(index, 0)
    return live, most


class _Backward:
    """The backward pass, node by node."""

    def __init__(self, plan: Plan, live: int) -> None:
        self.plan, self.live = plan, live
        self.frees: dict[int, int] = {}  # by the first node that keeps it
        caller = {plan.roots[i] for i in (*plan.graph.outputs, *plan.graph.inputs)}
        for key, storage in plan.kept.items():
            if key not in caller:
                first = storage.keepers[0]
                self.frees[first] = self.frees.get(first, 0) + storage.bytes
        self.shared: dict[int, list[int]] = {}  # gradients: [bytes, how many results have it]
        for output in plan.graph.outputs:
            self.shared[output] = self._new(plan.bytes[plan.roots[output]])

    def _new(self, size: int) -> list[int]:
        self.live += size
        return [size, 1]

    def _drop(self, gradient: list[int]) -> None:
        gradient[1] -= 1
        if not gradient[1]:
            self.live -= gradient[0]

    def step(self, index: int, weights: int) -> int:
        """Work out the gradients of a node; return the most bytes alive meanwhile."""
        plan, node = self.plan, self.plan.graph.nodes[index]
        own = self.shared.pop(index, None) or self._new(plan.bytes[index])
        self.live += weights
        most, passes = self.live, isinstance(node.op, Add) or not plan.bytes[index]
        for source, needs in zip(node.inputs, plan.needs[index].inputs, strict=True):
            if not needs:
                continue
            if passes:
                own[1] += 1
                made = own
            else:
                made = self._new(plan.bytes[plan.roots[source]])
            most = max(most, self.live)
            before = self.shared.get(source)
            if before is not None:  # of another reader: added up
                total = before if before[1] == 1 else self._new(before[0])
                most = max(most, self.live)
                if total is not before:
                    self._drop(before)
                self._drop(made)
                made = total
            self.shared[source] = made
        self._drop(own)
        self.live -= self.frees.get(index, 0)
        return most
