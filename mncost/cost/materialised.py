"""The largest tensor at each spatial size: whole, and with blocks computed in slices of channels.

The table is Table 3 of the V2 paper (arXiv:1801.04381v4). What counts as a tensor, and how many
bytes it takes, is as in :mod:`mncost.cost.memory`; but each stands alone, whatever else is alive
beside it, and the image is left out, because no step writes it.

The slices are the "t-way split" of the paper's Section 5.1: of what widens inside a block, only a
slice of channels is in memory at a time, and no multiply-accumulate is done twice. For that

* a convolution with more channels out than in writes slice by slice, and reads what is whole;
* any other convolution or linear layer adds its result up from slices of what it reads;
* a step that keeps channels apart (depthwise, activation, pooling, ...) passes slices on.

So a tensor need not be materialised (it is *inner*) if a single step reads it, in the same block,
and both its writer and its reader work in slices there. A squeeze-excite reads twice what it
scales, attention and layer norm mix channels: what they read is whole.

For V2's first layer the paper employs the same trick. Hence a convolution that is a block of its
own joins the next block if the step that alone reads it keeps channels apart: the stem a depthwise
convolution, and the last convolution the pooling, without which V2's 7×7 row would be 1280
channels, not the paper's 320.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from mncost.cost.memory import Precision, Schedule, Step, traffic
from mncost.graph.graph import Graph
from mncost.graph.misfits import as_image
from mncost.graph.ops import Attention, Conv, LayerNorm, MultiHeadAttention, Op, Shape

__all__ = ["Materialised", "Tensor", "inner_results", "materialised"]


class Tensor(NamedTuple):
    """The result of a step.

    Attributes:
        channels: of one image.
        bytes: of all its elements.
        layer: what writes it, e.g. ``row3.1.project.conv``.
    """

    channels: int
    bytes: int
    layer: str


class Materialised(NamedTuple):
    """The largest tensors of one spatial size, the first of equals.

    Attributes:
        height, width: the size, in pixels.
        largest: of the results of all steps.
        split: of those that remain when blocks are computed in slices; ``None`` if none does.
    """

    height: int
    width: int
    largest: Tensor
    split: Tensor | None


def materialised(
    graph: Graph, plan: Schedule, shapes: Sequence[Shape], precision: Precision
) -> tuple[Materialised, ...]:
    """Return the largest tensors of each spatial size, from the largest size to the smallest."""
    inner = inner_results(graph, plan)
    sizes: dict[tuple[int, int], list[Step]] = {}
    for step in plan:
        sizes.setdefault(as_image(shapes[step.node])[1:], []).append(step)

    def largest(steps: list[Step]) -> Tensor | None:
        tensors = (
            Tensor(
                as_image(shapes[step.node])[0],
                traffic(step, shapes, precision)[1],
                graph.nodes[step.node].name,
            )
            for step in steps
        )
        return max(tensors, key=lambda tensor: tensor.bytes, default=None)

    records = []
    for (height, width), steps in sizes.items():
        whole = largest(steps)
        assert whole is not None
        split = largest([step for step in steps if step.node not in inner])
        records.append(Materialised(height, width, whole, split))
    return tuple(sorted(records, key=lambda record: -record.height * record.width))


def inner_results(graph: Graph, plan: Schedule) -> frozenset[int]:
    """Return the nodes whose results are never whole when blocks are computed in slices."""
    outputs = frozenset(graph.outputs)
    steps_in = Counter(graph.nodes[step.node].block for step in plan)
    readers: dict[int, list[int]] = {}
    for step in plan:
        for source in step.inputs:
            readers.setdefault(source, []).append(step.node)

    def is_inner(index: int) -> bool:
        if len(readers.get(index, ())) != 1 or index in outputs:
            return False
        writer, reader = graph.nodes[index], graph.nodes[readers[index][0]]
        if writer.block == reader.block:
            return _writes_slices(writer.op) and _reads_slices(reader.op)
        alone = steps_in[writer.block] == 1
        return alone and _widens(writer.op) and reader.op.keeps_channels_apart

    return frozenset(step.node for step in plan if is_inner(step.node))


def _writes_slices(op: Op) -> bool:
    return _widens(op) or op.keeps_channels_apart


def _reads_slices(op: Op) -> bool:
    return not (_widens(op) or isinstance(op, Attention | MultiHeadAttention | LayerNorm))


def _widens(op: Op) -> bool:
    """Whether it is a convolution that mixes channels, and has more of them out than in."""
    return isinstance(op, Conv) and not op.is_depthwise and op.out_channels > op.in_channels
