"""Which convolutions leave ONNX Runtime's blocked layout, by their channels alone.

On x86-64 ONNX Runtime keeps the channels of images in blocks of 8 (AVX, AVX2) or 16 (AVX-512). A
convolution whose channels do not fit runs in the plain layout, more slowly, and its neighbours
convert between the two. What fits was found by looking at the graphs that ONNX Runtime 1.31 makes;
``tests/measure/test_blocked.py`` compares with them. On Arm the packages of PyPI have no blocks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from mncost.graph.ops import Conv

if TYPE_CHECKING:
    from collections.abc import Collection

    from mncost.graph.graph import Graph

__all__ = ["BLOCK", "Layout", "block_of", "layout_of"]

BLOCK = 16
"""Channels of a block with AVX-512."""
_ALIGNED = 4  # to this many channels images can be brought into blocks
_HAVE_BLOCKS = ("x86_64", "AMD64")  # what Linux and Windows call it


class Layout(NamedTuple):
    """The convolutions of a graph.

    Attributes:
        convolutions: how many there are.
        unblocked: the names of those that leave the blocked layout, in order.
        channels: the numbers of channels that do not fit, each once.
    """

    convolutions: int
    unblocked: tuple[str, ...]
    channels: tuple[int, ...]


def block_of(architecture: str, flags: Collection[str]) -> int:
    """Return how many channels a block of ONNX Runtime has on a machine; 1: it has no blocks.

    Args:
        architecture: as :func:`platform.machine` calls it.
        flags: instruction sets, as Linux calls them.
    """
    if architecture not in _HAVE_BLOCKS:
        return 1
    return 16 if "avx512f" in flags else 8


def layout_of(graph: Graph, block: int = BLOCK) -> Layout:
    """Return which convolutions of a graph leave the blocked layout.

    Args:
        graph: in float32: quantised models have no blocked layout.
        block: channels of a block: 16 with AVX-512, 8 with AVX, 1 where there are no blocks: all
            convolutions are in the plain layout then.
    """
    convolutions = [(node.name, node.op) for node in graph.nodes if isinstance(node.op, Conv)]
    out = [(name, op) for name, op in convolutions if not _fits(op, block)]
    channels = dict.fromkeys(op.in_channels for _, op in out)
    return Layout(len(convolutions), tuple(name for name, _ in out), tuple(channels))


def _fits(op: Conv, block: int) -> bool:
    if block == 1:
        return False
    if op.groups == 1:  # so few channels are read from the plain layout
        return op.in_channels <= block or op.in_channels % _ALIGNED == 0
    if op.groups == op.in_channels == op.out_channels:
        return op.in_channels % _ALIGNED == 0
    return op.in_channels // op.groups % block == op.out_channels // op.groups % block == 0
