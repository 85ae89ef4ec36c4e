"""What all rows of an architecture file share: types, limits, rules, and the arithmetic of widths.

A block is a file in :mod:`mncost.spec.blocks`: its row type, its widths, its operators.
"""

# No `from __future__ import annotations` here: msgspec would have to evaluate a hundred strings,
# which takes longer than the rest of reading a file.
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, NamedTuple, TypeAlias

from msgspec import Meta, Struct, field

from mncost.graph.ops import ActivationName, Size
from mncost.graph.ops import PaddingRule as Padding
from mncost.spec.width import MAX_ALPHA, Rounding, make_divisible, round_width

if TYPE_CHECKING:
    from mncost.spec.emitter import Emitter

__all__ = [
    "Activation",
    "Block",
    "Channels",
    "Dilation",
    "From",
    "Kernel",
    "KernelSides",
    "NormEps",
    "Padding",
    "Pads",
    "Ratio",
    "Reference",
    "Repeats",
    "Residual",
    "Row",
    "Rules",
    "ScaledRow",
    "Scaling",
    "SqueezeExcite",
    "Stride",
    "Width",
    "Widths",
    "check_groups",
    "check_width",
    "exactly_one",
    "size_of",
]

# Limits that no real network comes near: a 30-byte file must not be able to eat the memory.
MAX_CHANNELS = 65_536
MAX_REPEATS = 100

Activation: TypeAlias = Literal["none", ActivationName, "prelu"]

Channels = Annotated[int, Meta(ge=1, le=MAX_CHANNELS, description="Channels at α = 1.")]
Width = Annotated[
    int | Literal["classes"],
    Meta(description='Output channels at α = 1, or "classes" for the classifier.'),
]
# Pairs have a length as a limit: msgspec 0.22 mistakes tuple[int, int] beside a limited int.
KernelSide = Annotated[int, Meta(ge=1, le=64)]
KernelSides = Annotated[tuple[KernelSide, ...], Meta(min_length=2, max_length=2)]
Kernel = Annotated[
    KernelSide | KernelSides,
    Meta(description="Side of the square kernel, or [height, width]."),
]
StrideSide = Annotated[int, Meta(ge=1, le=64)]
Stride = Annotated[
    StrideSide | Annotated[tuple[StrideSide, ...], Meta(min_length=2, max_length=2)],
    Meta(description="Stride of the first of the repeats, or [down, right]."),
]
DilationSide = Annotated[int, Meta(ge=1, le=64)]
Dilation = Annotated[
    DilationSide | Annotated[tuple[DilationSide, ...], Meta(min_length=2, max_length=2)],
    Meta(description="Pixels from tap to tap of the k×k kernel, or [down, right]."),
]
PadSide = Annotated[int, Meta(ge=0, le=15)]
Pads = Annotated[
    PadSide | Annotated[tuple[PadSide, ...], Meta(min_length=2, max_length=2)],
    Meta(description="Pixels on each side, or [above and below, left and right]."),
]
SqueezeExcite = Annotated[
    float, Meta(ge=0, le=1, description="Squeezed / filtered channels; 0: no squeeze-excite.")
]
NormEps = Annotated[
    float, Meta(gt=0, lt=1, description="Of the batch norms; by default the rules'.")
]
Repeats = Annotated[
    int,
    Meta(
        ge=1,
        le=MAX_REPEATS,
        description="How often the row is repeated; `depth` multiplies it where it is stated.",
    ),
]
Ratio = Annotated[float, Meta(gt=0, le=64)]
Residual: TypeAlias = bool | Literal["projected", "always"]
RowName = Annotated[str, Meta(pattern="^[A-Za-z][A-Za-z0-9_]*$", max_length=40)]
Reference = Annotated[str, Meta(min_length=1, max_length=80)]
From = Annotated[
    Reference | Annotated[tuple[Reference, ...], Meta(min_length=1, max_length=64)],
    Meta(
        description="The row that this one reads, or several; by default the one before. Also "
        '"input" (the image), "name.2" (a repeat, or a part of a split row), "name.expand".'
    ),
]


class Rules(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How widths are rounded, how images are padded, and what the table leaves unsaid."""

    divisor: Annotated[
        int, Meta(ge=1, le=1024, description="Scaled channels are multiples of it.")
    ] = 8
    minimum: Annotated[int, Meta(ge=0, le=MAX_CHANNELS, description="Least scaled channels.")] = 8
    rounding: Annotated[
        Rounding,
        Meta(
            description="nearest: to the nearest multiple, at most 10 % below; down: to the "
            "multiple below; down_nearest: to the whole number below, then to the nearest multiple."
        ),
    ] = "nearest"
    expanded: Annotated[
        Literal["ratio", "scaled"],
        Meta(
            description="What α does to `expanded`. ratio: its ratio to the row's input is kept "
            "and applied to the rounded input; scaled: scaled and rounded like any width."
        ),
    ] = "ratio"
    expansion: Annotated[
        Literal["exact", "rounded"],
        Meta(
            description="What an `expansion` gives. exact: the nearest whole number of channels; "
            "rounded: the same, rounded like a scaled width."
        ),
    ] = "exact"
    expand: Annotated[
        Literal["stated", "wider"],
        Meta(
            description="Which inverted residuals have an expansion convolution. stated: those "
            "whose row says so (see `expand` there); wider: those in which it changes the width."
        ),
    ] = "stated"
    stride_on: Annotated[
        Literal["middle", "first"],
        Meta(
            description="Which convolution of a `bottleneck` has the stride. middle: the k×k, as "
            "in torchvision; first: the 1×1."
        ),
    ] = "middle"
    dilate: Annotated[
        Literal["next", "strided"],
        Meta(
            description="Where a stride is left out (`output_stride`), which filters are dilated "
            "instead. next: those behind the one that had it; strided: that one too."
        ),
    ] = "next"
    padding: Annotated[
        Padding,
        Meta(
            description="symmetric: (k - 1) / 2 on each side; same: TensorFlow's SAME; "
            "end: SAME, but a strided convolution pads only right and below, by (k - 1) / 2; "
            "valid: none."
        ),
    ] = "symmetric"
    classes: Annotated[int, Meta(ge=1, le=1_000_000)] = 1000
    batch_norm_eps: Annotated[float, Meta(gt=0, lt=1)] = 1e-5
    batch_norm_momentum: Annotated[float, Meta(gt=0, le=1)] = 0.1
    se_divisor: Annotated[
        int, Meta(ge=1, le=1024, description="Squeezed channels are multiples of it.")
    ] = 8
    se_of: Annotated[
        Literal["filtered", "input"],
        Meta(
            description="Whose channels `se` is a ratio of. filtered: those it scales; input: the "
            "block's."
        ),
    ] = "filtered"
    se_activation: Activation = "relu"
    se_gate: Activation = "hardsigmoid"


class Scaling(NamedTuple):
    """What decides the widths of a row: α, the rules, and the width that it meets.

    Attributes:
        width: channels of the row's input.
        nominal: the same at α = 1: the ratio of an ``expanded`` to its input is taken there.
        others: both of the second and further inputs.
    """

    alpha: float
    rules: Rules
    classes: int
    width: int
    nominal: int
    others: tuple[tuple[int, int], ...] = ()

    def scaled(
        self, channels: int, rounding: Rounding | None = None, divisor: int | None = None
    ) -> int:
        """Return channels that a file states, at this α. At α = 1 they are what the file says."""
        if self.alpha == 1:
            return channels
        return self.rounded(channels * self.alpha, rounding, divisor)

    def rounded(
        self, value: float, rounding: Rounding | None = None, divisor: int | None = None
    ) -> int:
        """Round by the rules, or by a row's own."""
        rules = self.rules
        step = divisor or rules.divisor
        return round_width(value, rounding or rules.rounding, step, rules.minimum)

    def squeezed(self, filtered: int, ratio: float) -> int | None:
        """Return the channels inside a squeeze-excite; ``None`` if the ratio is 0."""
        if not ratio:
            return None
        channels, divisor = filtered, self.rules.se_divisor
        if self.rules.se_of == "input":
            channels = self.width
        return make_divisible(channels * ratio, divisor, divisor)

    def expanded(self, ratio: float, rounding: Rounding | None = None) -> int:
        """Return the row's input widened by an ``expansion``."""
        value = self.width * ratio
        return self.rounded(value, rounding) if self.rules.expansion == "rounded" else round(value)


class Widths(NamedTuple):
    """The widths of a row at some α.

    Attributes:
        out: channels of its output; ``nominal``: the same at α = 1.
        expanded: channels after its expansion convolution; ``None`` if it has none.
        squeezed: channels inside its squeeze-excite; ``None`` if it has none.
        branches: channels of what else is inside it, in an order that the block knows.
    """

    out: int
    nominal: int
    expanded: int | None = None
    squeezed: int | None = None
    branches: tuple[int, ...] = ()


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

    def out_width(self, out: int | str, scaling: Scaling) -> Widths:
        """Return the width of an ``out`` that the row states."""
        if isinstance(out, str):  # "classes"
            return Widths(scaling.classes, scaling.classes)
        kept = not self.scale or scaling.alpha < self.keep_below
        return Widths(out if kept else scaling.scaled(out, self.rounding, self.divisor), out)


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
    def is_classifier(self) -> bool:
        """Whether it has one output for each class."""
        return getattr(self.row, "out", None) == "classes"

    def dilated(self, own: "int | tuple[int, ...]", *, after_stride: bool = False) -> Size:
        """Return a dilation that the row states, times what stands for strides left out.

        Args:
            own: what the row states.
            after_stride: of a filter behind the one that has the stride.
        """
        down, right = self.next_dilation if after_stride else self.dilation
        return size_of(own)[0] * down, size_of(own)[1] * right


def size_of(side: int | tuple[int, ...]) -> Size:
    """Return height and width of what may be given as one number for both."""
    height, width = (side, side) if isinstance(side, int) else side
    return height, width


def exactly_one(first: str, a: object, second: str, b: object) -> None:
    """Refuse a row with both keys, or with none of them."""
    if (a is None) == (b is None):
        raise ValueError(f"needs either `{first}` or `{second}`, and not both")


def check_groups(inputs: int, outputs: int, groups: int) -> None:
    """Refuse channels that cannot be split into so many groups."""
    if inputs % groups or outputs % groups:
        raise ValueError(f"{inputs} to {outputs} channels cannot be split into {groups} groups")


def check_width(out: int | str | None) -> None:
    """Refuse an ``out`` beyond the limits."""
    if isinstance(out, int) and not 1 <= out <= MAX_CHANNELS:
        raise ValueError(f'`out` is {out}: accepted are 1 to {MAX_CHANNELS}, or "classes"')
