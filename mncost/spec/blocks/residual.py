"""The blocks of residual networks: ``basic`` and ``bottleneck``."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from msgspec import Meta

from mncost.spec.emitter import Emitter
from mncost.spec.rows import Block, ScaledRow
from mncost.spec.values import (
    MAX_CHANNELS,
    Channels,
    Dilation,
    Kernel,
    Residual,
    Scaling,
    Squeezed,
    SqueezeExcite,
    Stride,
    Widths,
    check_groups,
    size_of,
)

__all__ = ["Basic", "Bottleneck"]


class _Residual(ScaledRow, frozen=True, kw_only=True):
    """Convolutions, the sum with the input, an activation."""

    dilates = True

    out: Channels
    kernel: Kernel = 3
    stride: Stride = 1
    dilation: Dilation = 1
    se: Annotated[
        SqueezeExcite, Meta(description="Squeezed / output channels; 0: no squeeze-excite.")
    ] = 0.0
    squeezed: Squeezed = None
    residual: Annotated[
        Residual,
        Meta(
            description="always: the input is added, where its shape differs through a 1×1 "
            "convolution and a batch norm; projected: not where the stride is not 1; true: only "
            "where the shapes agree."
        ),
    ] = "always"

    def finish(self, b: Emitter, start: int, block: Block) -> None:
        """Emit the squeeze-excite, the sum and the activation."""
        if block.squeezed is not None:
            b.squeeze_excite(block.out_channels, block.squeezed)
        b.residual(start, block.channels, block.stride, wanted=self.residual)
        b.activation("", self.activation, block.out_channels)


class Basic(_Residual, frozen=True, kw_only=True, tag="basic"):
    """ResNet-18 and -34: two k×k convolutions, the first with the stride.

    Source: arXiv:1512.03385, Figure 5, left.
    """

    def widths(self, scaling: Scaling) -> Widths:
        """Return the output's width, and that of the squeeze-excite."""
        out, nominal = self.out_width(self.out, scaling)
        return Widths(out, nominal, squeezed=scaling.squeezed(out, self.se, self.squeezed))

    def emit(self, b: Emitter, block: Block) -> None:
        """Emit the two convolutions, and the sum."""
        start, out, kernel = b.last, block.out_channels, size_of(self.kernel)
        b.conv(
            "first.",
            block.in_channels,
            out,
            kernel,
            block.stride,
            dilation=block.dilated(self.dilation),
            activation=self.activation,
        )
        later = block.dilated(self.dilation, after_stride=True)
        b.conv("second.", out, out, kernel, dilation=later)
        self.finish(b, start, block)


class Bottleneck(_Residual, frozen=True, kw_only=True, tag="bottleneck"):
    """ResNet-50 and larger, ResNeXt, Wide ResNet: 1×1, k×k in groups, 1×1.

    Source: arXiv:1512.03385, Figure 5, right.
    """

    width: Annotated[Channels, Meta(description="Channels of the k×k convolution at α = 1.")]
    groups: Annotated[int, Meta(ge=1, le=MAX_CHANNELS, description="Of the k×k convolution.")] = 1
    stride_on: Annotated[
        Literal["middle", "first"] | None, Meta(description="Instead of the file's rule.")
    ] = None

    def widths(self, scaling: Scaling) -> Widths:
        """Return the widths of the output and of the k×k convolution."""
        out, nominal = self.out_width(self.out, scaling)
        width, _ = self.out_width(self.width, scaling)
        check_groups(width, width, self.groups)
        return Widths(out, nominal, width, scaling.squeezed(out, self.se, self.squeezed))

    def resolved(self, blocks: Sequence[Block]) -> dict[str, Any]:
        """Return the width of the k×k convolution."""
        return {"width": blocks[0].expanded}

    def emit(self, b: Emitter, block: Block) -> None:
        """Emit the three convolutions, and the sum."""
        start, width = b.last, block.expanded
        assert width is not None
        one = (1, 1)
        strided = self.stride_on or b.rules.stride_on
        first, middle = (one, block.stride) if strided == "middle" else (block.stride, one)
        b.conv("reduce.", block.in_channels, width, stride=first, activation=self.activation)
        b.conv(
            "middle.",
            width,
            width,
            size_of(self.kernel),
            middle,
            dilation=block.dilated(self.dilation),
            groups=self.groups,
            activation=self.activation,
        )
        b.conv("expand.", width, block.out_channels)
        self.finish(b, start, block)
