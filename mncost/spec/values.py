"""What the keys of a row may be: types, limits, rules, and the arithmetic of widths."""

# No `from __future__ import annotations` here: msgspec would have to evaluate a hundred strings,
# which takes longer than the rest of reading a file.
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

from mncost.graph.ops import ActivationName, Size
from mncost.graph.ops import Padding as PaddingOp
from mncost.graph.ops import PaddingRule as Padding
from mncost.spec.width import Rounding, make_divisible, round_width

__all__ = [
    "MAX_CHANNELS",
    "MAX_REPEATS",
    "Activation",
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
    "RowName",
    "Rules",
    "Scaling",
    "SqueezeExcite",
    "Squeezed",
    "Stride",
    "Width",
    "Widths",
    "check_groups",
    "check_width",
    "exactly_one",
    "pads_of",
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
Squeezed = Annotated[
    Channels | None,
    Meta(description="Channels inside the squeeze-excite at α = 1, in the place of `se`."),
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
    bias: Annotated[
        Literal["without_norm", "always"],
        Meta(
            description="Which convolutions have a bias where their row does not say so. "
            "without_norm: those without a batch norm; always: all (Keras' ResNets)."
        ),
    ] = "without_norm"
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


class Scaling(Struct, frozen=True, gc=False):
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

    def squeezed(self, filtered: int, ratio: float, stated: int | None = None) -> int | None:
        """Return the channels inside a squeeze-excite; ``None`` if there is none.

        Args:
            filtered: channels that it scales.
            ratio: the row's ``se``.
            stated: the row's ``squeezed``.
        """
        if stated is not None:
            if ratio:
                raise ValueError("needs either `se` or `squeezed`, and not both")
            return self.scaled(stated)
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


class Widths(Struct, frozen=True, gc=False):
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


def size_of(side: int | tuple[int, ...]) -> Size:
    """Return height and width of what may be given as one number for both."""
    if isinstance(side, int):
        return side, side
    height, width = side
    return height, width


def pads_of(padding: Padding | int | tuple[int, ...] | None) -> PaddingOp | None:
    """Return the padding of a convolution that a row states as a rule or in pixels."""
    if padding is None or isinstance(padding, str):
        return padding
    above, left = size_of(padding)
    return above, above, left, left


def exactly_one(first: str, a: object, second: str, b: object) -> None:
    """Refuse a row with both keys, or with none of them."""
    if (a is None) == (b is None):
        raise ValueError(f"needs either `{first}` or `{second}`, and not both")


def check_groups(inputs: int, outputs: int, groups: int) -> None:
    """Refuse channels that cannot be split into this many groups."""
    if inputs % groups or outputs % groups:
        raise ValueError(f"{inputs} to {outputs} channels cannot be split into {groups} groups")


def check_width(out: int | str | None) -> None:
    """Refuse an ``out`` beyond the limits."""
    if isinstance(out, int) and not 1 <= out <= MAX_CHANNELS:
        raise ValueError(f'`out` is {out}: accepted are 1 to {MAX_CHANNELS}, or "classes"')
