"""From a spec, an α and a dialect to blocks with whole numbers of channels."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from msgspec import Struct

from mncost.errors import GridError, SpecError, UnknownNameError
from mncost.spec.blocks.flatten import Flatten as FlattenRow
from mncost.spec.blocks.pool import Pool
from mncost.spec.parse import PAPER, row_name
from mncost.spec.rows import MAX_CHANNELS, Block, Row, Rules, Scaling, Widths, size_of
from mncost.spec.schema import Spec

__all__ = ["Architecture", "Block", "dialects", "resolve"]

MAX_BLOCKS = 2_000


class Architecture(Struct, frozen=True):
    """A spec at one α, in one dialect, with one number of classes: all that a graph needs."""

    name: str
    dialect: str
    alpha: float
    classes: int
    in_channels: int
    native_resolution: int | str
    rules: Rules
    blocks: tuple[Block, ...]

    @property
    def has_classifier(self) -> bool:
        """Whether a row has one output for each class."""
        return any(_is_classifier(block) for block in self.blocks)


def dialects(spec: Spec) -> list[str]:
    """Return the names of a spec's dialects, the default first."""
    return [PAPER, *spec.dialects]


def resolve(
    spec: Spec,
    alpha: float = 1.0,
    dialect: str = PAPER,
    classes: int | None = None,
    in_channels: int | None = None,
) -> Architecture:
    """Apply a width multiplier and a dialect to a spec.

    Args:
        spec: a parsed architecture file.
        alpha: width multiplier, greater than 0.
        dialect: ``"paper"`` (the default) or one that the spec defines.
        classes: outputs of the classifier; ``None`` takes those of the dialect, 0 leaves the
            classifier out, and all that stands behind it.
        in_channels: of the image; ``None`` takes those of the spec.

    Raises:
        UnknownNameError: the spec has no such dialect.
        GridError: α leaves a layer without channels, or with too many.
        SpecError: channels and groups do not fit, there are too many blocks, or no classifier that
            could be left out.
    """
    rules, rows = _variant(spec, dialect)
    channels = in_channels or spec.in_channels
    count = classes or rules.classes
    blocks: list[Block] = []
    width = alpha * spec.alpha
    scaling = Scaling(width, rules, count, channels, channels)
    for number, row in enumerate(rows, 1):
        name = row_name(spec.rows[number - 1], number) if row.name is None else row.name
        stated = getattr(row, "repeats", None)
        repeats = 1 if stated is None else ceil(stated * spec.depth)
        for repeat in range(1, repeats + 1):
            where = f"{spec.name}: row {number} ({name})"
            widths = _widths(row, scaling, where)
            stride = size_of(getattr(row, "stride", 1) or 1) if repeat == 1 else (1, 1)
            block_name = name if repeats == 1 else f"{name}.{repeat}"
            inner = widths.expanded, widths.squeezed
            blocks.append(Block(block_name, number, row, scaling.width, widths.out, stride, *inner))
            scaling = Scaling(width, rules, count, widths.out, widths.nominal)
        if len(blocks) > MAX_BLOCKS:
            raise SpecError(f"{spec.name}: row {number} ({name}): more than {MAX_BLOCKS} blocks")
    return Architecture(
        name=spec.name,
        dialect=dialect,
        alpha=alpha,
        classes=count,
        in_channels=channels,
        native_resolution=spec.native,
        rules=rules,
        blocks=tuple(blocks if classes != 0 else _headless(spec, blocks)),
    )


def _headless(spec: Spec, blocks: Sequence[Block]) -> Sequence[Block]:
    """Return the blocks before the classifier; what is one number a channel becomes a vector."""
    at = [place for place, block in enumerate(blocks) if _is_classifier(block)]
    if not at:
        raise SpecError(f'{spec.name}: there is no classifier to leave out (out = "classes")')
    left = blocks[: at[-1]]
    if not any(isinstance(block.row, Pool) for block in left):
        return left
    width = left[-1].out_channels
    return [*left, Block("features", left[-1].number + 1, FlattenRow(), width, width)]


def _is_classifier(block: Block) -> bool:
    return getattr(block.row, "out", None) == "classes"


def _variant(spec: Spec, dialect: str) -> tuple[Rules, Sequence[Row]]:
    if dialect == PAPER:
        return spec.rules, spec.rows
    if dialect not in spec.dialects:
        raise UnknownNameError(f"dialect of {spec.name}", dialect, dialects(spec))
    changed = spec.dialects[dialect]
    rows = [changed.rows.get(row_name(row, number), row) for number, row in enumerate(spec.rows, 1)]
    return changed.rules, rows


def _widths(row: Row, scaling: Scaling, where: str) -> Widths:
    """Return the widths of a row; each is at least one channel."""
    try:
        widths = row.widths(scaling)
    except ValueError as error:
        raise SpecError(f"{where}: {error}") from None
    for channels in (widths.out, widths.expanded, widths.squeezed):
        if channels is not None and not 1 <= channels <= max(MAX_CHANNELS, scaling.classes):
            raise GridError(
                f"{where}: α {scaling.alpha:g} leaves {channels} channels; "
                f"accepted are 1 to {MAX_CHANNELS}"
            )
    return widths
