"""From a spec, an α and a dialect to blocks with whole numbers of channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

from msgspec import Struct
from msgspec.structs import replace

from mncost.errors import GridError, SpecError, UnknownNameError
from mncost.spec.parse import PAPER, row_name
from mncost.spec.reading import IMAGE, Read, Table
from mncost.spec.rows import Block, Row
from mncost.spec.schema import OutputStride, Spec
from mncost.spec.strides import Strides
from mncost.spec.values import MAX_CHANNELS, Rules, Scaling, Widths

__all__ = [
    "OUTPUT_STRIDES",
    "Architecture",
    "Block",
    "TableWidths",
    "dialects",
    "names_of",
    "resolve",
    "rows_of",
]

MAX_BLOCKS = 2_000
OUTPUT_STRIDES: tuple[int, ...] = get_args(OutputStride)


class Architecture(Struct, frozen=True):
    """A spec at one α, in one dialect, with one number of classes: all that a graph needs.

    ``file`` is the file that was asked for; empty if it is built in.
    """

    name: str
    dialect: str
    alpha: float
    classes: int
    in_channels: int
    native_resolution: int | str
    rules: Rules
    blocks: tuple[Block, ...]
    outputs: tuple[str, ...]
    output_stride: int | None = None
    file: str = ""

    @property
    def has_classifier(self) -> bool:
        """Whether a row has one output for each class."""
        return any(block.is_classifier for block in self.blocks)


def dialects(spec: Spec) -> list[str]:
    """Return the names of a spec's dialects, the default first."""
    return [PAPER, *spec.dialects]


def resolve(
    spec: Spec,
    alpha: float = 1.0,
    dialect: str = PAPER,
    classes: int | None = None,
    in_channels: int | None = None,
    output_stride: int | None = None,
) -> Architecture:
    """Apply a width multiplier and a dialect to a spec.

    Args:
        spec: a parsed architecture file.
        alpha: width multiplier, greater than 0.
        dialect: ``"paper"`` (the default) or one that the spec defines.
        classes: outputs of the classifier; ``None`` takes those of the dialect, 0 leaves the
            classifier out, and all that stands behind it.
        in_channels: of the image; ``None`` takes those of the spec.
        output_stride: strides that go beyond it together become dilations; ``None`` takes that of
            the spec.

    Raises:
        UnknownNameError: the spec has no such dialect.
        GridError: α leaves a layer without channels, or with too many.
        SpecError: channels and groups do not fit, there are too many blocks, no classifier that
            could be left out, or a stride that cannot become a dilation.
    """
    rules, rows = rows_of(spec, dialect)
    channels, count = in_channels or spec.in_channels, classes or rules.classes
    table = Table(rows, names_of(spec, rows), spec.depth)
    limit = output_stride or spec.output_stride
    image = Scaling(alpha * spec.alpha, rules, count, channels, channels)
    widths = TableWidths(spec.name, table, image, limit)
    for place in range(len(rows)):
        widths.add(place)
    blocks = widths.blocks
    outputs = widths.outputs(spec.outputs)
    if classes == 0:
        from mncost.spec.headless import headless  # rarely asked for

        blocks, outputs = headless(spec.name, blocks, outputs)
    return Architecture(
        name=spec.name,
        dialect=dialect,
        alpha=alpha,
        classes=count,
        in_channels=channels,
        native_resolution=spec.native,
        rules=rules,
        blocks=tuple(blocks),
        outputs=outputs,
        output_stride=limit,
    )


class TableWidths:
    """The widths of a table's rows, worked out from the first to the last.

    Attributes:
        strides: how far the pixels of each result lie apart.
        ends: the channels of each block's result, and those that it has at α = 1.
    """

    def __init__(self, origin: str, table: Table, image: Scaling, limit: int | None) -> None:
        self.origin, self.table, self.image = origin, table, image
        self.strides = Strides(limit, image.rules.dilate)
        self.most = max(MAX_CHANNELS, image.classes)
        self.blocks: list[Block] = []
        self.scalings: dict[str, Scaling] = {}  # what decided the widths of each block
        self.ends = {IMAGE: (image.width, image.nominal)}

    def add(self, place: int) -> None:
        """Add the blocks of a row.

        Raises:
            GridError: they have too few channels, or too many.
            SpecError: they do not fit what they read, or are too many.
        """
        try:
            self._add(place)
        except (GridError, ValueError) as error:
            kind = GridError if isinstance(error, GridError) else SpecError
            where = f"{self.origin}: row {place + 1} ({self.table.names[place]})"
            raise kind(f"{where}: {error}") from None

    def outputs(self, wanted: Sequence[str]) -> tuple[str, ...]:
        """Return the names of the results that are the network's.

        Raises:
            SpecError: one of them is not there: α or a dialect may leave a part out.
        """
        try:
            ends = self.table.outputs(wanted)
            for end in ends:
                self._channels(end)
        except ValueError as error:
            raise SpecError(f"{self.origin}: {error}") from None
        return tuple(map(str, ends))

    def _add(self, place: int) -> None:
        row, base = self.table.rows[place], self.table.names[place]
        reads = self.table.sources(place)
        first, *rest = [self._channels(read) for read in reads]
        image, others = self.image, tuple(rest)
        stride, sources = row.steps, tuple(map(str, reads))
        repeats = self.table.repeats[place]
        if len(self.blocks) + repeats > MAX_BLOCKS:
            raise ValueError(f"more than {MAX_BLOCKS} blocks")
        met = None
        for repeat in range(1, repeats + 1):
            name = base if repeats == 1 else f"{base}.{repeat}"
            if met != first:  # from the second repeat on it is mostly one width
                scaling = Scaling(image.alpha, image.rules, image.classes, *first, others)
                widths = row.widths(scaling)
                self._check(widths)
                met = first
            stride, own, behind = self.strides.of(row, name, stride, reads)
            self.blocks.append(
                Block(
                    name,
                    place + 1,
                    row,
                    first[0],
                    widths.out,
                    stride,
                    widths.expanded,
                    widths.squeezed,
                    widths.branches,
                    sources,
                    own,
                    behind,
                )
            )
            first = self.ends[name] = widths.out, widths.nominal
            self.scalings[name], stride, sources = scaling, (1, 1), (name,)
            reads = (Read(place, name),)

    def _check(self, widths: Widths) -> None:
        """Refuse widths of less than one channel, or of too many."""
        for channels in (widths.out, widths.expanded, widths.squeezed, *widths.branches):
            if channels is not None and not 1 <= channels <= self.most:
                raise GridError(
                    f"α {self.image.alpha:g} leaves {channels} channels; "
                    f"accepted are 1 to {MAX_CHANNELS}"
                )

    def _channels(self, read: Read) -> tuple[int, int]:
        """Return the channels of a result, and those that it has at α = 1."""
        if not read.part:
            return self.ends[read.block]
        row, scaling = self.table.rows[read.row], self.scalings[read.block]
        stated = replace(scaling, alpha=1.0, width=scaling.nominal)
        return row.part_width(read.part, scaling), row.part_width(read.part, stated)


def names_of(spec: Spec, rows: Sequence[Row]) -> list[str]:
    """Return the names of the rows of a spec, or of those that stand in their place."""
    return [
        row_name(spec.rows[number - 1], number) if row.name is None else row.name
        for number, row in enumerate(rows, 1)
    ]


def rows_of(spec: Spec, dialect: str) -> tuple[Rules, Sequence[Row]]:
    """Return the rules and rows of a dialect.

    Raises:
        UnknownNameError: the spec has no such dialect.
    """
    if dialect == PAPER:
        return spec.rules, spec.rows
    if dialect not in spec.dialects:
        raise UnknownNameError(f"dialect of {spec.name}", dialect, dialects(spec))
    changed = spec.dialects[dialect]
    rows = [changed.rows.get(row_name(row, number), row) for number, row in enumerate(spec.rows, 1)]
    return changed.rules, rows
