"""An architecture without its classifier: what the classifier reads is the output."""

from __future__ import annotations

from collections.abc import Container, Sequence

from mncost.errors import SpecError
from mncost.spec.blocks.flatten import Flatten
from mncost.spec.blocks.pool import Pool
from mncost.spec.rows import Block

__all__ = ["headless"]


def headless(
    origin: str, blocks: Sequence[Block], outputs: tuple[str, ...]
) -> tuple[list[Block], tuple[str, ...]]:
    """Return the blocks without classifiers and what reads them, and their outputs.

    What a classifier read becomes an output, beside the outputs that are left. What is one number
    a channel becomes a vector, and what nothing reads any more is left out.

    Raises:
        SpecError: there is no classifier.
    """
    gone: dict[str, Block] = {}
    read: list[str] = []
    for block in blocks:
        if block.is_classifier and not any(_block_of(s, gone) for s in block.sources):
            read += block.sources
            gone[block.name] = block
        elif any(_block_of(source, gone) for source in block.sources):
            gone[block.name] = block
    if not gone:
        raise SpecError(f'{origin}: there is no classifier to leave out (out = "classes")')
    ends = tuple(dict.fromkeys([*read, *(end for end in outputs if not _block_of(end, gone))]))
    left = _reached([block for block in blocks if block.name not in gone], ends)
    if len(ends) > 1 or not any(isinstance(block.row, Pool) for block in left):
        return left, ends
    width, number = left[-1].out_channels, left[-1].number + 1
    features = Block("features", number, Flatten(), width, width, sources=ends)
    return [*left, features], ("features",)


def _reached(blocks: Sequence[Block], ends: Sequence[str]) -> list[Block]:
    """Return the blocks that the ends need."""
    names = {block.name for block in blocks}
    needed = {_block_of(end, names) for end in ends}
    for block in reversed(blocks):
        if block.name in needed:
            needed |= {_block_of(source, names) for source in block.sources}
    return [block for block in blocks if block.name in needed]


def _block_of(source: str, names: Container[str]) -> str:
    """Return the block, of those of ``names``, that a source is, or is a part of; else ``""``."""
    if source in names:
        return source
    block = source.rpartition(".")[0]
    return block if block in names else ""
