"""The kernels of a graph: what is predicted one by one, and added up.

:mod:`mncost.predict.planner` works out which ones a runtime runs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil, prod
from typing import TYPE_CHECKING, Any, NamedTuple

from mncost.cost.work import count
from mncost.graph import ops
from mncost.graph.graph import Graph

if TYPE_CHECKING:
    from numpy.typing import NDArray


__all__ = ["Kernel", "Plan"]

_LINES = ("", "relu", "relu6")
"""Activations made of straight lines; a convolution computes a relu for nothing."""
_IN_BLOCKS = ("first conv", "conv", "depthwise", "pointwise", "grouped")


class Kernel(NamedTuple):
    """What does not depend on the size of the image.

    Attributes:
        kind: e.g. ``pointwise``, ``depthwise plain`` (outside the blocked layout), ``reorder``.
        node: the index of the node whose result it writes.
        sources: the indices of the results that it reads.
        weights: elements.
        macs: multiply-accumulates for each element of the result; ``None``: ask the price list.
        in_channels, out_channels, kernel, stride: of a convolution or linear layer; else 1.
        activation: that it computes too; empty: none.
    """

    kind: str
    node: int
    sources: tuple[int, ...]
    weights: int = 0
    macs: float | None = 0.0
    in_channels: int = 1
    out_channels: int = 1
    kernel: int = 1
    stride: int = 1
    activation: str = ""


@dataclass(frozen=True)
class Plan:
    """The kernels of a graph; they serve every resolution.

    Attributes:
        graph: the operators.
        kernels: in the order in which they run.
        block: channels of a block; 1: there are none.
        ends_in_blocks: whether the graph's result is left in blocks, for another piece to read.
    """

    graph: Graph
    kernels: tuple[Kernel, ...]
    block: int = 1
    ends_in_blocks: bool = False

    @property
    def counts(self) -> Counter[str]:
        """How many kernels of each kind there are."""
        return Counter(kernel.kind for kernel in self.kernels)

    def amounts(self, shapes: Sequence[ops.Shape]) -> NDArray[Any]:
        """Return for each kernel: MACs, elements read, elements written, pixels.

        Args:
            shapes: of every node's result.
        """
        import numpy as np

        of = self.constants
        sizes = np.array([*map(prod, shapes), 0.0])  # -1: reads nothing
        written = sizes[of["node"]]
        macs = written * of["macs"]
        if of["asked"]:
            costs = count(self.graph, shapes)
            for index in of["asked"]:
                macs[index] = costs[self.kernels[index].node].macs
        read = sizes[of["sources"]].sum(axis=1)
        return np.stack([macs, read, written, written / of["channels"]], axis=1)

    @cached_property
    def constants(self) -> dict[str, Any]:
        """What does not depend on the resolution, one number a kernel."""
        import numpy as np

        every = self.kernels
        most = max((len(kernel.sources) for kernel in every), default=1)
        padded = [(*one.sources, *[-1] * (most - len(one.sources))) for one in every]
        entering = np.array([one.in_channels for one in every], float)
        leaving = np.array([one.out_channels for one in every], float)
        # Only convolutions in blocks fill channels up; the first one reads the plain image.
        fills = np.array([one.kind in _IN_BLOCKS and self.block > 1 for one in every], bool)
        apart = np.array([one.in_channels < self.block for one in every], bool)
        full_out = np.where(fills, np.ceil(leaving / self.block) * self.block, leaving)
        full_in = np.where(fills & ~apart, np.ceil(entering / self.block) * self.block, entering)
        depthwise = np.array([one.kind == "depthwise" for one in every], bool)
        fill_out, fill_in = full_out / leaving, full_in / entering
        blocks = np.maximum(full_out / self.block, 1.0)
        return {
            "sources": np.array(padded, int).reshape(len(every), most),
            "node": np.array([one.node for one in every], int),
            "macs": np.array([one.macs or 0.0 for one in every], float),
            "channels": leaving,
            "asked": [index for index, one in enumerate(every) if one.macs is None],
            "weights": np.array([one.weights for one in every], float),
            "in": full_in,
            "out": full_out,
            "fill": fill_out * fill_in,
            "fill out": fill_out,
            "fill in": np.where(depthwise, fill_out, fill_in),
            "pass 2": np.where(fills, np.ceil(blocks / 2) * 2 / blocks, 1.0),
            "pass 4": np.where(fills, np.ceil(blocks / 4) * 4 / blocks, 1.0),
            "large": np.array([one.kernel > 3 for one in every], float),
            "strided": np.array([one.stride > 1 for one in every], float),
            "spatial": np.array([one.kernel > 1 for one in every], bool),
            "clipped": np.array([one.activation == "relu6" for one in every], float),
            "curved": np.array([one.activation not in _LINES for one in every], float),
            "border": np.array([_border(one.kernel, one.stride) for one in every], float),
        }


def _border(kernel: int, stride: int) -> int:
    """Return how many pixels of a row of the result read what lies beside the image."""
    reach = (kernel - 1) // 2
    return ceil(reach / stride) + max(ceil((reach - stride + 1) / stride), 0)
