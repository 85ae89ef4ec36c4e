"""What all rows of an architecture file share, and a row with the widths that it has at some α.

A block is a file in :mod:`mncost.spec.blocks`: its row type, its widths, its operators. What its
keys may be is in :mod:`mncost.spec.values`.
"""

# No `from __future__ import annotations` here: msgspec would have to evaluate a hundred strings,
# which takes longer than the rest of reading a file.
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from msgspec import Meta, Struct, field

from mncost.graph.ops import Size
from mncost.spec.values import Activation, From, Repeats, RowName, Rules, Scaling, Widths, size_of
from mncost.spec.width import MAX_ALPHA, Rounding

if TYPE_CHECKING:
    from mncost.spec.emitter import Emitter

__all__ = ["Block", "Row", "ScaledRow", "changed_row", "row_names"]


class Row(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="block", tag="row"
):
    """What every row may say, and what every block can do.

    Attributes:
        several: whether it reads two results or more, instead of one.
        whole: whether it has a result of its own, beside its parts.
        dilates: whether its filters can be dilated in the place of a stride (``--output-stride``);
            ``None``: it has none that reach beyond a pixel.
    """

    several: ClassVar[bool] = False
    whole: ClassVar[bool] = True
    dilates: ClassVar[bool | None] = None

    name: RowName | None = None
    reads: From | None = field(default=None, name="from")

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of results inside the row that other rows can read (``name.part``)."""
        return ()

    @property
    def steps(self) -> Size:
        """By how many pixels of what it reads the pixels of its result lie apart."""
        return size_of(getattr(self, "stride", 1) or 1)

    @property
    def also(self) -> tuple[tuple[str, str], ...]:
        """Keys, beside ``from``, that name a row whose result it reads, and their values."""
        return ()

    def leaves_expand_open(self, rules: Rules) -> bool:
        """Whether only a default decides that the row has no expansion convolution."""
        return False

    def part_width(self, part: str, scaling: Scaling) -> int:
        """Return the channels of one of its parts."""
        raise NotImplementedError

    def widths(self, scaling: Scaling) -> Widths:
        """Return the row's widths.

        Raises:
            ValueError: they do not fit the row; the message says why.
        """
        return Widths(scaling.width, scaling.nominal)

    def resolved(self, blocks: Sequence["Block"]) -> dict[str, Any]:
        """Return the keys, beside ``out``, that state the widths of the row's repeats."""
        return {}

    def emit(self, b: "Emitter", block: "Block") -> None:
        """Emit the operators of one repeat of the row."""
        raise NotImplementedError


class ScaledRow(Row, frozen=True, kw_only=True):
    """A row with output channels, and how they follow the width multiplier."""

    dilates: ClassVar[bool | None] = False

    scale: Annotated[bool, Meta(description="false: α leaves the channels alone.")] = True
    keep_below: Annotated[
        float, Meta(ge=0, le=MAX_ALPHA, description="An α below this leaves the channels alone.")
    ] = 0.0
    rounding: Annotated[Rounding | None, Meta(description="Instead of the file's.")] = None
    divisor: Annotated[int, Meta(ge=1, le=1024, description="Instead of the file's.")] | None = None
    repeats: Repeats | None = None
    activation: Activation = "none"

    def out_width(self, out: int | str, scaling: Scaling) -> tuple[int, int]:
        """Return the channels of an ``out`` that the row states, and those that it has at α = 1."""
        if isinstance(out, str):  # "classes"
            return scaling.classes, scaling.classes
        kept = not self.scale or scaling.alpha < self.keep_below
        return out if kept else scaling.scaled(out, self.rounding, self.divisor), out


class Block(Struct, frozen=True, gc=False):
    """One repeat of a row, with the widths it has at a given α.

    ``row`` keeps what α does not change: kernels, activation, heads. ``sources`` names the blocks
    (or their parts) that it reads; none is the block before it. Where strides are left out, the
    filters have a ``dilation`` instead, and those behind them ``next_dilation``.
    """

    name: str
    number: int
    row: Row
    in_channels: int
    out_channels: int
    stride: Size = (1, 1)
    expanded: int | None = None
    squeezed: int | None = None
    branches: tuple[int, ...] = ()
    sources: tuple[str, ...] = ()
    dilation: Size = (1, 1)
    next_dilation: Size = (1, 1)

    @property
    def channels(self) -> tuple[int, int]:
        """Channels of its input and of its output."""
        return self.in_channels, self.out_channels

    @property
    def is_classifier(self) -> bool:
        """Whether it has one output for each class."""
        return getattr(self.row, "out", None) == "classes"

    def dilated(self, own: "int | tuple[int, ...]", *, after_stride: bool = False) -> Size:
        """Return a dilation that the row states, times what stands for strides left out.

        Args:
            own: what the row states.
            after_stride: of a filter behind the one that has the stride.
        """
        down, right = instead = self.next_dilation if after_stride else self.dilation
        if own == 1:
            return instead
        height, width = size_of(own)
        return height * down, width * right


def changed_row(row: Any, change: Any) -> Any:
    """Return a row with the keys of ``change``, or ``change`` itself if that names a block."""
    if not isinstance(row, dict) or not isinstance(change, dict):
        return change
    name = {"name": row["name"]} if "name" in row else {}
    return {**name, **change} if "block" in change else {**row, **change}


def row_names(rows: list[Any]) -> list[str]:
    """Return the names of rows as they stand in a file: their own, or ``row`` and the number."""
    named = (row.get("name") if isinstance(row, dict) else None for row in rows)
    return [
        name if isinstance(name, str) else f"row{number}" for number, name in enumerate(named, 1)
    ]
