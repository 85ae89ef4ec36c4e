"""The types of an architecture file: what may stand in it, and between which limits.

A file is a list of rows, one for each row of the paper's table, with rules for how a width
multiplier scales them, and *dialects*: how other projects build the same table differently.
``docs/architecture-file.md`` is the manual; ``mncost schema`` prints the JSON Schema made from
these types.
"""

# No `from __future__ import annotations` here: msgspec would have to evaluate a hundred strings,
# which takes longer than the rest of reading a file.
from typing import Annotated, Literal, TypeAlias, get_args

from msgspec import Meta, Struct

from mncost.graph.ops import ActivationName
from mncost.graph.ops import PaddingRule as Padding

__all__ = [
    "BLOCKS",
    "Activation",
    "AnyRow",
    "Conv",
    "Defaults",
    "Depthwise",
    "Dialect",
    "Dropout",
    "FusedInvertedResidual",
    "InvertedResidual",
    "Linear",
    "MobileMQA",
    "Padding",
    "Pool",
    "Rounding",
    "Row",
    "Rules",
    "Separable",
    "Spec",
    "UniversalInvertedBottleneck",
]

# Limits that no real network comes near: a 30-byte file must not be able to eat the memory.
MAX_CHANNELS = 65_536
MAX_REPEATS = 100
MAX_ROWS = 500
MAX_RESOLUTION = 16_384
MAX_ALPHA = 16.0

Activation: TypeAlias = Literal["none", ActivationName]
Rounding: TypeAlias = Literal["nearest", "down", "down_nearest"]

Channels = Annotated[int, Meta(ge=1, le=MAX_CHANNELS, description="Channels at α = 1.")]
Width = Annotated[
    int | Literal["classes"],
    Meta(description='Output channels at α = 1, or "classes" for the classifier.'),
]
Kernel = Annotated[int, Meta(ge=1, le=31, description="Side of the square kernel; odd.")]
OptionalKernel = Annotated[int, Meta(ge=0, le=31, description="Side of the kernel; 0 is absent.")]
Stride = Annotated[int, Meta(ge=1, le=8, description="Stride of the first of the repeats.")]
Repeats = Annotated[int, Meta(ge=1, le=MAX_REPEATS, description="How often the row is repeated.")]
Ratio = Annotated[float, Meta(gt=0, le=64)]
Alpha = Annotated[float, Meta(gt=0, le=MAX_ALPHA)]
Resolution = Annotated[int, Meta(ge=1, le=MAX_RESOLUTION)]
RowName = Annotated[str, Meta(pattern="^[A-Za-z][A-Za-z0-9_]*$", max_length=40)]
Text = Annotated[str, Meta(max_length=400)]
FamilyName = Annotated[str, Meta(min_length=1, max_length=100)]


class Row(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="block", tag="row"
):
    """What every row may say."""

    name: RowName | None = None


class _Scaled(Row, frozen=True, kw_only=True):
    """A row with output channels, and how they follow the width multiplier."""

    scale: Annotated[bool, Meta(description="false: α leaves the channels alone.")] = True
    keep_below: Annotated[
        float, Meta(ge=0, le=MAX_ALPHA, description="An α below this leaves the channels alone.")
    ] = 0.0
    rounding: Annotated[Rounding | None, Meta(description="Instead of the file's.")] = None
    repeats: Repeats = 1
    activation: Activation = "none"


class Conv(_Scaled, frozen=True, kw_only=True, tag="conv"):
    """A k×k convolution, batch norm, activation. Without batch norm it has a bias."""

    kernel: Kernel
    out: Width | None = None
    expansion: Ratio | None = None
    stride: Stride = 1
    groups: Annotated[int, Meta(ge=1, le=MAX_CHANNELS)] = 1
    batch_norm: bool = True
    padding: Padding | None = None

    def __post_init__(self) -> None:
        """Check what the types alone cannot say."""
        _odd("kernel", self.kernel)
        _exactly_one("out", self.out, "expansion", self.expansion)
        _width(self.out)


class Depthwise(Row, frozen=True, kw_only=True, tag="depthwise"):
    """A k×k depthwise convolution, batch norm, activation; as many channels out as in."""

    kernel: Kernel
    stride: Stride = 1
    repeats: Repeats = 1
    batch_norm: bool = True
    activation: Activation = "none"

    def __post_init__(self) -> None:
        """Check what the types alone cannot say."""
        _odd("kernel", self.kernel)


class Separable(_Scaled, frozen=True, kw_only=True, tag="separable"):
    """MobileNetV1: depthwise k×k, batch norm, activation; pointwise, batch norm, activation."""

    kernel: Kernel
    out: Channels
    stride: Stride = 1

    def __post_init__(self) -> None:
        """Check what the types alone cannot say."""
        _odd("kernel", self.kernel)


class _Inverted(_Scaled, frozen=True, kw_only=True):
    """A block that expands, filters and projects."""

    out: Channels
    expansion: Annotated[Ratio, Meta(description="Expanded channels / input channels.")] | None = (
        None
    )
    expanded: Channels | None = None
    stride: Stride = 1
    residual: Annotated[
        bool, Meta(description="Add the input where the stride is 1 and the channels agree.")
    ] = True

    def __post_init__(self) -> None:
        """Check what the types alone cannot say."""
        _exactly_one("expansion", self.expansion, "expanded", self.expanded)
        if self.expanded is not None and self.repeats > 1:
            raise ValueError("`expanded` fits one input only: with `repeats`, give `expansion`")


class InvertedResidual(_Inverted, frozen=True, kw_only=True, tag="inverted_residual"):
    """MobileNetV2 and V3: expand 1×1, depthwise k×k, squeeze-excite, project 1×1 (linear)."""

    kernel: Kernel
    se: Annotated[
        float, Meta(ge=0, le=1, description="Squeezed / expanded channels; 0: no squeeze-excite.")
    ] = 0.0

    def __post_init__(self) -> None:
        """Check what the types alone cannot say."""
        super().__post_init__()
        _odd("kernel", self.kernel)


class FusedInvertedResidual(_Inverted, frozen=True, kw_only=True, tag="fused_inverted_residual"):
    """EdgeTPU and V4: a k×k convolution expands, 1×1 projects (linear)."""

    kernel: Kernel

    def __post_init__(self) -> None:
        """Check what the types alone cannot say."""
        super().__post_init__()
        _odd("kernel", self.kernel)


class UniversalInvertedBottleneck(_Inverted, frozen=True, kw_only=True, tag="uib"):
    """MobileNetV4: [depthwise K1], expand 1×1, [depthwise K2], project 1×1.

    Both kernels: ExtraDW. Only the middle one: IB. Only the start: ConvNext. None: FFN.
    """

    start_kernel: OptionalKernel = 0
    middle_kernel: OptionalKernel = 0
    layer_scale: bool = False

    def __post_init__(self) -> None:
        """Check what the types alone cannot say."""
        super().__post_init__()
        for name in ("start_kernel", "middle_kernel"):
            if kernel := getattr(self, name):
                _odd(name, kernel)
        if self.stride > 1 and not (self.start_kernel or self.middle_kernel):
            raise ValueError("a `stride` needs a `start_kernel` or a `middle_kernel` to stand on")


class MobileMQA(Row, frozen=True, kw_only=True, tag="mobile_mqa"):
    """MobileNetV4: attention with many query heads and one key and value head."""

    heads: Annotated[int, Meta(ge=1, le=1024)]
    key_dim: Annotated[int, Meta(ge=1, le=4096)]
    kv_kernel: Kernel = 3
    kv_stride: Annotated[int, Meta(ge=1, le=8)] = 1
    repeats: Repeats = 1
    layer_scale: bool = False
    residual: bool = True

    def __post_init__(self) -> None:
        """Check what the types alone cannot say."""
        _odd("kv_kernel", self.kv_kernel)


class Pool(Row, frozen=True, kw_only=True, tag="pool"):
    """Global average pooling to 1×1."""


class Dropout(Row, frozen=True, kw_only=True, tag="dropout"):
    """Dropout; costs nothing at inference."""

    rate: Annotated[float, Meta(ge=0, lt=1)]


class Linear(_Scaled, frozen=True, kw_only=True, tag="linear"):
    """A fully connected layer with a bias, and its activation."""

    out: Width
    bias: bool = True

    def __post_init__(self) -> None:
        """Check what the types alone cannot say."""
        _width(self.out)


AnyRow: TypeAlias = (
    Conv
    | Depthwise
    | Separable
    | InvertedResidual
    | FusedInvertedResidual
    | UniversalInvertedBottleneck
    | MobileMQA
    | Pool
    | Dropout
    | Linear
)

BLOCKS: dict[str, type[Row]] = {
    str(block.__struct_config__.tag): block for block in get_args(AnyRow)
}
"""Every block, by the name it has in a file."""


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
    se_activation: Activation = "relu"
    se_gate: Activation = "hardsigmoid"


class Defaults(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Keys for every row whose block knows them and that does not say otherwise."""

    kernel: Kernel | None = None
    activation: Activation | None = None
    layer_scale: bool | None = None


class Dialect(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one project builds the same table: rules and whole rows that differ."""

    note: Annotated[Text, Meta(description="Where the difference can be seen.")] = ""
    rules: Rules = Rules()
    rows: Annotated[
        dict[RowName, AnyRow],
        Meta(description="Rows, by name, that stand in the place of the table's."),
    ] = {}


class Spec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An architecture file."""

    name: FamilyName
    resolution: Annotated[Resolution, Meta(description="Native side of the square input, pixels.")]
    rows: Annotated[tuple[AnyRow, ...], Meta(min_length=1, max_length=MAX_ROWS)]
    format: Annotated[Literal[1], Meta(description="Version of this file format.")] = 1
    title: Text = ""
    source: Annotated[Text, Meta(description="Paper and table.")] = ""
    order: Annotated[int, Meta(description="Place in lists.")] = 1000
    in_channels: Annotated[int, Meta(ge=1, le=1024)] = 3
    alphas: Annotated[
        tuple[Alpha, ...], Meta(min_length=1, max_length=1000, description="Published α.")
    ] = (1.0,)
    resolutions: Annotated[
        tuple[Resolution, ...], Meta(max_length=1000, description="Published resolutions.")
    ] = ()
    checkpoints: Annotated[
        dict[FamilyName, FamilyName],
        Meta(
            description="Names of checkpoints, with {alpha}, {percent} (100 α) and {resolution}, "
            "and the dialect that each speaks."
        ),
    ] = {}
    rules: Rules = Rules()
    defaults: Defaults = Defaults()
    dialects: dict[FamilyName, Dialect] = {}


def _odd(name: str, kernel: int) -> None:
    if kernel % 2 == 0:
        raise ValueError(f"`{name}` is {kernel}: a kernel has an odd side")


def _exactly_one(first: str, a: object, second: str, b: object) -> None:
    if (a is None) == (b is None):
        raise ValueError(f"needs either `{first}` or `{second}`, and not both")


def _width(out: int | str | None) -> None:
    if isinstance(out, int) and not 1 <= out <= MAX_CHANNELS:
        raise ValueError(f'`out` is {out}: accepted are 1 to {MAX_CHANNELS}, or "classes"')
