"""From a spec, an α and a dialect to blocks with whole numbers of channels."""

from __future__ import annotations

from msgspec import Struct

from mncost.errors import GridError, SpecError, UnknownNameError
from mncost.spec.parse import PAPER, row_name
from mncost.spec.schema import (
    MAX_CHANNELS,
    AnyRow,
    Conv,
    Depthwise,
    Dropout,
    FusedInvertedResidual,
    InvertedResidual,
    MobileMQA,
    Pool,
    Rounding,
    Rules,
    Spec,
    UniversalInvertedBottleneck,
)
from mncost.spec.width import make_divisible, round_width

__all__ = ["Architecture", "Block", "dialects", "resolve"]

MAX_BLOCKS = 2_000


class Block(Struct, frozen=True):
    """One repeat of a row, with the widths it has at a given α.

    ``expanded`` is 0 where the row has no expansion convolution, ``squeezed`` 0 where it has no
    squeeze-excite. ``row`` keeps what α does not change: kernels, activation, heads.
    """

    name: str
    number: int
    row: AnyRow
    in_channels: int
    out_channels: int
    stride: int = 1
    expanded: int = 0
    squeezed: int = 0


class Architecture(Struct, frozen=True):
    """A spec at one α, in one dialect, with one number of classes: all that a graph needs."""

    name: str
    dialect: str
    alpha: float
    classes: int
    in_channels: int
    native_resolution: int
    rules: Rules
    blocks: tuple[Block, ...]

    @property
    def has_classifier(self) -> bool:
        """Whether a row has one output for each class."""
        return any(getattr(block.row, "out", None) == "classes" for block in self.blocks)


def dialects(spec: Spec) -> list[str]:
    """Return the names of a spec's dialects, the default first."""
    return [PAPER, *spec.dialects]


def resolve(
    spec: Spec, alpha: float = 1.0, dialect: str = PAPER, classes: int | None = None
) -> Architecture:
    """Apply a width multiplier and a dialect to a spec.

    Args:
        spec: a parsed architecture file.
        alpha: width multiplier, greater than 0.
        dialect: ``"paper"`` (the default) or one that the spec defines.
        classes: outputs of the classifier; ``None`` takes those of the dialect.

    Raises:
        UnknownNameError: the spec has no such dialect.
        GridError: α leaves a layer without channels, or with too many.
        SpecError: channels and groups do not fit, or there are too many blocks.
    """
    rules, rows = _variant(spec, dialect)
    count = classes or rules.classes
    walk = _Walk(spec, alpha, rules, count)
    for number, row in enumerate(rows, 1):
        walk.add(number, row)
    return Architecture(
        name=spec.name,
        dialect=dialect,
        alpha=alpha,
        classes=count,
        in_channels=spec.in_channels,
        native_resolution=spec.resolution,
        rules=rules,
        blocks=tuple(walk.blocks),
    )


def _variant(spec: Spec, dialect: str) -> tuple[Rules, list[AnyRow]]:
    if dialect == PAPER:
        return spec.rules, list(spec.rows)
    if dialect not in spec.dialects:
        raise UnknownNameError(f"dialect of {spec.name}", dialect, dialects(spec))
    changed = spec.dialects[dialect]
    rows = [changed.rows.get(row_name(row, number), row) for number, row in enumerate(spec.rows, 1)]
    return changed.rules, rows


class _Walk:
    """Walks down the rows and remembers the width that the next row meets.

    ``nominal`` is that width at α = 1: the ratio of an ``expanded`` to its input is taken there.
    """

    def __init__(self, spec: Spec, alpha: float, rules: Rules, classes: int) -> None:
        self.spec, self.alpha, self.rules, self.classes = spec, alpha, rules, classes
        self.width = self.nominal = spec.in_channels
        self.blocks: list[Block] = []

    def add(self, number: int, row: AnyRow) -> None:
        name = row.name or self._own_name(number)
        repeats = 1 if isinstance(row, Pool | Dropout) else row.repeats
        for repeat in range(1, repeats + 1):
            block_name = name if repeats == 1 else f"{name}.{repeat}"
            self._add_block(block_name, number, row, first=repeat == 1)

    def _own_name(self, number: int) -> str:
        return row_name(self.spec.rows[number - 1], number)

    def _add_block(self, name: str, number: int, row: AnyRow, *, first: bool) -> None:
        width, nominal = self._out(row)
        expanded = self._expanded(row)
        stride = getattr(row, "stride", 1) if first else 1
        squeezed = 0
        if isinstance(row, InvertedResidual) and row.se:
            middle = expanded or self.width
            squeezed = make_divisible(middle * row.se, self.rules.se_divisor, self.rules.se_divisor)
        block = Block(name, number, row, self.width, width, stride, expanded, squeezed)
        self._check(block)
        self.blocks.append(block)
        self.width, self.nominal = width, nominal

    def _out(self, row: AnyRow) -> tuple[int, int]:
        """Return the output channels of a row at this α, and at α = 1."""
        if isinstance(row, Depthwise | MobileMQA | Pool | Dropout):
            return self.width, self.nominal
        if isinstance(row, Conv) and row.expansion is not None:
            ratio = row.expansion
            return self._round(self.width * ratio, row.rounding), round(self.nominal * ratio)
        if row.out == "classes":
            return self.classes, self.classes
        assert isinstance(row.out, int)  # a Conv has either `out` or `expansion`
        kept = not row.scale or self.alpha < row.keep_below
        return (row.out if kept else self._scale(row.out, row.rounding)), row.out

    def _expanded(self, row: AnyRow) -> int:
        """Return the channels after the expansion convolution; 0 if the row has none."""
        if not isinstance(
            row, InvertedResidual | FusedInvertedResidual | UniversalInvertedBottleneck
        ):
            return 0
        skippable = isinstance(row, InvertedResidual)
        if row.expanded is not None and self.rules.expanded == "scaled":
            expanded = self._scale(row.expanded, row.rounding)
            return 0 if skippable and expanded == self.width else expanded
        ratio = row.expansion or (row.expanded or 0) / self.nominal
        if skippable and ratio == 1:
            return 0
        return self._round(self.width * ratio, row.rounding)

    def _scale(self, channels: int, rounding: Rounding | None = None) -> int:
        # At α = 1 a table means what it says, whatever its numbers are divisible by.
        return channels if self.alpha == 1 else self._round(channels * self.alpha, rounding)

    def _round(self, value: float, rounding: Rounding | None = None) -> int:
        rules = self.rules
        return round_width(value, rounding or rules.rounding, rules.divisor, rules.minimum)

    def _check(self, block: Block) -> None:
        where = f"{self.spec.name}: row {block.number} ({block.name})"
        for channels in (block.out_channels, block.expanded or 1, block.squeezed or 1):
            if not 1 <= channels <= max(MAX_CHANNELS, self.classes):
                raise GridError(
                    f"{where}: α {self.alpha:g} leaves {channels} channels; "
                    f"accepted are 1 to {MAX_CHANNELS}"
                )
        groups = block.row.groups if isinstance(block.row, Conv) else 1
        if block.in_channels % groups or block.out_channels % groups:
            raise SpecError(
                f"{where}: {block.in_channels} to {block.out_channels} channels cannot be split "
                f"into {groups} groups"
            )
        if len(self.blocks) >= MAX_BLOCKS:
            raise SpecError(f"{where}: more than {MAX_BLOCKS} blocks")
