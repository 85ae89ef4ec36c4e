"""From a spec, an α and a dialect to blocks with whole numbers of channels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import get_args

from msgspec import Struct

from mncost.errors import GridError, SpecError, UnknownNameError
from mncost.spec.parse import PAPER, row_name
from mncost.spec.reading import IMAGE, Read, Table, repeats_of
from mncost.spec.rows import MAX_CHANNELS, Block, Row, Rules, Scaling, Widths
from mncost.spec.schema import OutputStride, Spec
from mncost.spec.strides import Strides

__all__ = ["OUTPUT_STRIDES", "Architecture", "Block", "dialects", "resolve"]

MAX_BLOCKS = 2_000
OUTPUT_STRIDES: tuple[int, ...] = get_args(OutputStride)


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
    outputs: tuple[str, ...]
    output_stride: int | None = None

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
    rules, rows = _variant(spec, dialect)
    channels, count = in_channels or spec.in_channels, classes or rules.classes
    names = [
        row_name(spec.rows[number - 1], number) if row.name is None else row.name
        for number, row in enumerate(rows, 1)
    ]
    table = Table(rows, names, spec.depth)
    limit = output_stride or spec.output_stride
    image = Scaling(alpha * spec.alpha, rules, count, channels, channels)
    widths = _Widths(spec.name, table, image, limit)
    blocks = [block for place in range(len(rows)) for block in widths.blocks(place)]
    outputs = tuple(map(str, table.outputs(spec.outputs)))
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


class _Widths:
    """The widths of a table's rows, worked out from the first to the last."""

    def __init__(self, origin: str, table: Table, image: Scaling, limit: int | None) -> None:
        self.origin, self.table, self.image = origin, table, image
        self.strides = Strides(limit, image.rules.dilate)
        self.made = 0
        self.scalings: dict[str, Scaling] = {}  # what decided the widths of each block
        self.ends = {IMAGE: (image.width, image.nominal)}  # channels of its result, and at α = 1

    def blocks(self, place: int) -> Iterator[Block]:
        """Yield the blocks of a row."""
        table, row = self.table, self.table.rows[place]
        number, where = place + 1, f"{self.origin}: row {place + 1} ({table.names[place]})"
        try:
            reads = table.sources(place)
            first, *others = [self._channels(read) for read in reads]
        except ValueError as error:
            raise SpecError(f"{where}: {error}") from None
        stride, sources = row.steps, tuple(map(str, reads))
        for repeat in range(1, repeats_of(row, table.depth) + 1):
            self.made += 1
            if self.made > MAX_BLOCKS:
                raise SpecError(f"{where}: more than {MAX_BLOCKS} blocks")
            scaling = self.image._replace(width=first[0], nominal=first[1], others=tuple(others))
            widths, name = _widths(row, scaling, where), table.block_name(place, repeat)
            inner = widths.expanded, widths.squeezed, widths.branches
            try:
                spaced = self.strides.of(row, name, stride, reads)
            except ValueError as error:
                raise SpecError(f"{where}: {error}") from None
            stride, *dilations = spaced
            yield Block(
                name, number, row, first[0], widths.out, stride, *inner, sources, *dilations
            )
            first = self.ends[name] = widths.out, widths.nominal
            reads = (Read(place, name),)
            self.scalings[name], stride, sources = scaling, (1, 1), (name,)

    def _channels(self, read: Read) -> tuple[int, int]:
        """Return the channels of a result, and those that it has at α = 1."""
        if not read.part:
            return self.ends[read.block]
        row, scaling = self.table.rows[read.row], self.scalings[read.block]
        stated = scaling._replace(alpha=1.0, width=scaling.nominal)
        return row.part_width(read.part, scaling), row.part_width(read.part, stated)


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
    for channels in (widths.out, widths.expanded, widths.squeezed, *widths.branches):
        if channels is not None and not 1 <= channels <= max(MAX_CHANNELS, scaling.classes):
            raise GridError(
                f"{where}: α {scaling.alpha:g} leaves {channels} channels; "
                f"accepted are 1 to {MAX_CHANNELS}"
            )
    return widths
