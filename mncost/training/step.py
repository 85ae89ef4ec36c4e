"""A training step of a network: its multiply-accumulates, the bytes it needs, the update it makes.

Assumptions: float32; one step is a forward pass, a backward pass and an update by the optimiser,
layer by layer as torch runs them without compilation; norms use the statistics of the batch. What
nothing trained stands before gets no gradient. The loss itself is left out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING, NamedTuple

from mncost.cost.work import macs_of, work_of
from mncost.errors import InputError, UnknownNameError
from mncost.graph.graph import Graph, Node
from mncost.graph.ops import Attention, Conv, Foreign, Linear, MultiHeadAttention, Shape, parameters
from mncost.render.shown import Shown
from mncost.training.choices import MAX_BATCH, MOMENTS
from mncost.training.kept import ELEMENT, Needs
from mncost.training.liveness import Plan, peak, plan_of
from mncost.training.trained import Trained, needing, trained

if TYPE_CHECKING:
    from mncost.counted import Counted

__all__ = ["LayerStep", "TrainingStep", "training_step"]

BATCH, OPTIMIZER, TOP_K = 32, "momentum", 0.01
_INDEX = 4  # bytes that say which value of an update is sent


class LayerStep(NamedTuple):
    """What one operator does in a training step.

    Attributes:
        name, block, kind: as in :class:`mncost.cost.layers.Layer`.
        forward_macs: multiply-accumulates of the forward pass, for the whole batch.
        input_gradient_macs: of the gradients of what it reads.
        weight_gradient_macs: of the gradients of its weights.
        trained_params: how many of its parameters are trained.
        kept_bytes: what it keeps for the backward pass, if no operator before it has it already.
    """

    name: str
    block: str
    kind: str
    forward_macs: int
    input_gradient_macs: int
    weight_gradient_macs: int
    trained_params: int
    kept_bytes: int

    @property
    def macs(self) -> int:
        """Multiply-accumulates of the whole step."""
        return self.forward_macs + self.input_gradient_macs + self.weight_gradient_macs


class TrainingStep(Shown):
    """A training step of a network, counted. Made by :meth:`mncost.Network.training`.

    Attributes:
        network: of which.
        train: what is trained.
        batch: images.
        optimizer: ``sgd``, ``momentum`` or ``adam``.
        top_k: share of the update that a client sends that sends only the largest values.
        teacher: the network that is distilled from, if one is.
    """

    def __init__(
        self,
        network: Counted,
        train: str,
        batch: int,
        optimizer: str,
        top_k: float,
        teacher: Counted | None = None,
    ) -> None:
        """Use :meth:`mncost.Network.training`."""
        self.teacher = teacher
        self.network, self.train, self.batch = network, train, batch
        self.optimizer, self.top_k = optimizer, top_k
        self._trained: Trained = trained(network.graph, train, network.classes)
        self._needing = needing(network.graph, self._trained)

    def __repr__(self) -> str:
        """Say what it is."""
        return (
            f"<mncost.TrainingStep of {self.network!r}, train={self.train!r}, batch={self.batch}>"
        )

    @cached_property
    def layers(self) -> tuple[LayerStep, ...]:
        """Every operator, in execution order."""
        graph, shapes = self.network.graph, self.network.shapes
        kept: dict[int, int] = {}
        for storage in self._plan.kept.values():
            kept[storage.keepers[0]] = kept.get(storage.keepers[0], 0) + storage.bytes
        return tuple(
            self._layer(graph, shapes, index, kept.get(index, 0))
            for index, node in enumerate(graph.nodes)
            if node.inputs
        )

    def _layer(self, graph: Graph, shapes: Sequence[Shape], index: int, kept: int) -> LayerStep:
        node, leaves = graph.nodes[index], self._trained.get(index, frozenset())
        macs = macs_of(work_of(node, shapes, shapes[index]))
        by_input = _input_gradient(node, macs, [self._needing[i] for i in node.inputs])
        held = parameters(node.op)
        return LayerStep(
            node.name,
            node.block,
            node.op.kind,
            self.batch * macs,
            self.batch * by_input,
            self.batch * macs if isinstance(node.op, Conv | Linear) and "weight" in leaves else 0,
            sum(prod(held[leaf].shape) for leaf in leaves),
            kept,
        )

    @cached_property
    def _plan(self) -> Plan:
        graph, shapes = self.network.graph, self.network.shapes
        needs = [
            Needs([self._needing[i] for i in node.inputs], self._trained.get(index, frozenset()))
            for index, node in enumerate(graph.nodes)
        ]
        return plan_of(graph, shapes, self.batch, needs)

    @property
    def forward_macs(self) -> int:
        """Multiply-accumulates of the forward pass, for the whole batch."""
        return sum(layer.forward_macs for layer in self.layers)

    @property
    def input_gradient_macs(self) -> int:
        """Multiply-accumulates of the gradients of results."""
        return sum(layer.input_gradient_macs for layer in self.layers)

    @property
    def weight_gradient_macs(self) -> int:
        """Multiply-accumulates of the gradients of weights."""
        return sum(layer.weight_gradient_macs for layer in self.layers)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of the whole step."""
        return self.forward_macs + self.input_gradient_macs + self.weight_gradient_macs

    @property
    def teacher_macs(self) -> int | None:
        """Multiply-accumulates of the teacher's forward pass; ``None`` if there is no teacher."""
        return None if self.teacher is None else self.batch * self.teacher.macs

    @property
    def distilled_macs(self) -> int | None:
        """Multiply-accumulates of the step and of the teacher; ``None`` if there is none."""
        return None if self.teacher is None else self.macs + self.batch * self.teacher.macs

    @property
    def macs_ratio(self) -> float | None:
        """Multiply-accumulates of the step / of its forward pass; ``None`` if there are none."""
        return self.macs / self.forward_macs if self.forward_macs else None

    @property
    def trained_params(self) -> int:
        """Parameters that are trained."""
        return sum(layer.trained_params for layer in self.layers)

    @property
    def kept_bytes(self) -> int:
        """Bytes of activations that torch's autograd keeps at the end of the forward pass.

        Each tensor once, the image too where a layer that is trained reads it. Parameters are not
        among them.
        """
        return sum(storage.bytes for storage in self._plan.kept.values())

    @property
    def needed_bytes(self) -> int:
        """The part of :attr:`kept_bytes` that some gradient needs."""
        return sum(storage.bytes for storage in self._plan.kept.values() if storage.is_needed)

    @cached_property
    def peak_bytes(self) -> int:
        """The most bytes of activations and gradients alive at once, by liveness."""
        return peak(self._plan, self.gradient_bytes_by_node)

    @property
    def gradient_bytes_by_node(self) -> dict[int, int]:
        """Bytes of the gradients of each node's trained parameters."""
        held = [parameters(node.op) for node in self.network.graph.nodes]
        return {
            index: ELEMENT * sum(prod(held[index][leaf].shape) for leaf in leaves)
            for index, leaves in self._trained.items()
        }

    @property
    def optimizer_bytes(self) -> int:
        """Bytes of the optimiser's state."""
        return MOMENTS[self.optimizer] * self.update_bytes

    @property
    def memory_bytes(self) -> int:
        """Weights, statistics, optimiser state, and the peak of activations and gradients."""
        network = self.network
        return ELEMENT * (network.params + network.buffers) + self.optimizer_bytes + self.peak_bytes

    @property
    def update_bytes(self) -> int:
        """Bytes of a dense update: four for each trained parameter."""
        return ELEMENT * self.trained_params

    @property
    def update_8bit_bytes(self) -> int:
        """Bytes of an update with one byte a value and one scale (four bytes) a tensor."""
        tensors = sum(len(leaves) for leaves in self._trained.values())
        return self.trained_params + ELEMENT * tensors

    @property
    def update_top_k_bytes(self) -> int:
        """Bytes of an update of the largest values only: each with its place, four bytes."""
        return math.ceil(self.top_k * self.trained_params) * (ELEMENT + _INDEX)


def training_step(
    network: Counted,
    train: str | None,
    batch: int | None,
    optimizer: str | None,
    top_k: float | None,
    teacher: Counted | None = None,
) -> TrainingStep:
    """Return a training step of a network; ``None`` is a default.

    Raises:
        InputError: an argument cannot be used, or the gradients of an operator are unknown.
    """
    for node in network.graph.nodes:
        if isinstance(node.op, Foreign):
            raise InputError(
                f"{node.name}: the gradients of this operator are unknown; "
                "accepted are architectures and models whose operators are all ours"
            )
    batch = BATCH if batch is None else batch
    if not 1 <= batch <= MAX_BATCH:
        raise InputError(f"batch {batch}: accepted is 1 to {MAX_BATCH:,}")
    optimizer = OPTIMIZER if optimizer is None else optimizer
    if optimizer not in MOMENTS:
        raise UnknownNameError("optimizer", optimizer, MOMENTS)
    top_k = TOP_K if top_k is None else top_k
    if not 0 < top_k <= 1:
        raise InputError(f"top_k {top_k}: accepted is more than 0 up to 1")
    what = "all" if train is None else train
    return TrainingStep(network, what, batch, optimizer, top_k, teacher)


def _input_gradient(node: Node, macs: int, needs: Sequence[bool]) -> int:
    """Return the multiply-accumulates, for one image, of the gradients of what a node reads."""
    match node.op:
        case Conv() | Linear():
            return macs if needs[0] else 0
        case MultiHeadAttention():
            return 2 * macs if needs[0] else 0
        case Attention():
            query, key, value = needs
            return macs // 2 * (query + key + (query or key) + value)
        case _:
            return 0
