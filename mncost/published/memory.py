"""The V2 paper's Table 3: the largest tensor that must be materialised at each resolution."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import NamedTuple

from mncost.cost.layers import Layer
from mncost.cost.materialised import Materialised

__all__ = ["PUBLISHED_MEMORY", "RESOLUTION", "MemoryFigure", "difference"]


class MemoryFigure(NamedTuple):
    """A printed cell: channels, and memory in kB of 1,000 bytes at 16 bits an element."""

    channels: int
    kb: int


RESOLUTION = 224
PUBLISHED_MEMORY: Mapping[str, Mapping[int, MemoryFigure]] = {
    arch: {side: MemoryFigure(*cell) for side, cell in cells.items()}
    for arch, cells in {
        "v1": {
            112: (64, 1600),
            56: (128, 800),
            28: (256, 400),
            14: (512, 200),
            7: (1024, 199),
            1: (1024, 2),
        },
        "v2": {
            112: (16, 400),
            56: (32, 200),
            28: (64, 100),
            14: (160, 62),
            7: (320, 32),
            1: (1280, 2),
        },
    }.items()
}
"""Cells by architecture (α 1, :data:`RESOLUTION` pixels) and side, from arXiv:1801.04381v4."""


def difference(record: Materialised, figure: MemoryFigure, layers: Iterable[Layer]) -> str:
    """Say why a printed cell is not our :attr:`Materialised.split`, rounded; ``""`` if it is.

    Args:
        record: ours, at fp16.
        figure: what is printed for its size.
        layers: all of the network's.
    """
    height, width = size = record.height, record.width
    printed_bytes = figure.channels * height * width * 2
    if not _rounds_to(printed_bytes, figure.kb):
        return (
            f"{_text(size)}: {figure.kb} kB is a misprint: the {figure.channels} channels printed "
            f"beside it take {printed_bytes / 1000:.1f} kB"
        )
    ours = record.split.channels if record.split else 0
    if figure.channels == ours:
        return ""
    for first, last in _ends_of_blocks(layers):
        written = last.out_height, last.out_width
        reads_here = (first.in_height, first.in_width) == size != written
        if reads_here and last.out_channels == figure.channels:
            return (
                f"{_text(size)}: {figure.channels} channels are written by {last.name}, whose "
                f"block reads {_text(size)} but writes {_text(written)}; at {_text(size)} "
                f"{ours} are written at most"
            )
    return f"{_text(size)}: {figure.channels} channels are not reproduced"


def _ends_of_blocks(layers: Iterable[Layer]) -> Iterator[tuple[Layer, Layer]]:
    """Yield the first and the last layer of each block that write a tensor."""
    writing = (layer for layer in layers if layer.bytes_written)
    for _, block in groupby(writing, key=lambda layer: layer.block):
        members = list(block)
        yield members[0], members[-1]


def _rounds_to(exact: int, kb: int) -> bool:
    """Whether bytes are printed as this many kB: within 1 % or 1 kB, up or down."""
    return abs(exact - 1000 * kb) <= max(1000, 10 * kb)


def _text(size: tuple[int, int]) -> str:
    return "×".join(map(str, size))
