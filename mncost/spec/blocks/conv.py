"""The block ``conv``."""

from typing import Annotated

from msgspec import Meta

from mncost.spec.emitter import Emitter
from mncost.spec.rows import Block, ScaledRow
from mncost.spec.values import (
    MAX_CHANNELS,
    Dilation,
    Kernel,
    NormEps,
    Padding,
    Pads,
    Ratio,
    Scaling,
    Stride,
    Width,
    Widths,
    check_groups,
    check_width,
    exactly_one,
    pads_of,
    size_of,
)

__all__ = ["Conv"]


class Conv(ScaledRow, frozen=True, kw_only=True, tag="conv"):
    """A k×k convolution, batch norm, activation."""

    dilates = True

    kernel: Kernel
    out: Width | None = None
    expansion: Ratio | None = None
    stride: Stride = 1
    groups: Annotated[int, Meta(ge=1, le=MAX_CHANNELS)] = 1
    dilation: Annotated[
        Dilation | None,
        Meta(description="By default 1; one that is stated stays whatever the output stride is."),
    ] = None
    batch_norm: bool = True
    bias: Annotated[
        bool | None, Meta(description="By default there is one where there is no batch norm.")
    ] = None
    padding: Annotated[
        Padding | Pads | None, Meta(description="A rule instead of the file's, or pixels.")
    ] = None
    eps: NormEps | None = None

    def __post_init__(self) -> None:
        """Check what the types alone cannot say."""
        exactly_one("out", self.out, "expansion", self.expansion)
        check_width(self.out)

    def widths(self, scaling: Scaling) -> Widths:
        """Return the output's width: stated, or a multiple of the input's."""
        if self.out is not None:
            made = Widths(*self.out_width(self.out, scaling))
        else:
            ratio = self.expansion or 1.0
            made = Widths(scaling.expanded(ratio, self.rounding), round(scaling.nominal * ratio))
        check_groups(scaling.width, made.out, self.groups)
        return made

    def emit(self, b: Emitter, block: Block) -> None:
        """Emit the convolution."""
        b.conv(
            "",
            block.in_channels,
            block.out_channels,
            size_of(self.kernel),
            block.stride,
            dilation=block.dilated(1) if self.dilation is None else size_of(self.dilation),
            groups=self.groups,
            norm=self.batch_norm,
            bias=self.bias,
            eps=self.eps,
            activation=self.activation,
            padding=pads_of(self.padding),
        )
