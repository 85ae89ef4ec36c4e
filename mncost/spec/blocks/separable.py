"""The block ``separable``."""

from typing import Annotated

from msgspec import Meta

from mncost.spec.emitter import Emitter
from mncost.spec.rows import Block, ScaledRow
from mncost.spec.values import (
    Channels,
    Dilation,
    Kernel,
    Scaling,
    Squeezed,
    SqueezeExcite,
    Stride,
    Widths,
    size_of,
)

__all__ = ["Separable"]


class Separable(ScaledRow, frozen=True, kw_only=True, tag="separable"):
    """MobileNetV1: depthwise k×k, batch norm, activation; pointwise, batch norm, activation.

    With ``se``, a squeeze-excite stands between the two.
    """

    dilates = True

    kernel: Kernel
    out: Channels
    stride: Stride = 1
    dilation: Dilation = 1
    se: SqueezeExcite = 0.0
    squeezed: Squeezed = None
    bias: Annotated[bool | None, Meta(description="Beside the batch norms; by default none.")] = (
        None
    )

    def widths(self, scaling: Scaling) -> Widths:
        """Return the output's width, and that of the squeeze-excite."""
        out, nominal = self.out_width(self.out, scaling)
        squeezed = scaling.squeezed(scaling.width, self.se, self.squeezed)
        return Widths(out, nominal, squeezed=squeezed)

    def emit(self, b: Emitter, block: Block) -> None:
        """Emit the two convolutions."""
        channels, kernel = block.in_channels, size_of(self.kernel)
        b.depthwise(
            "depthwise.",
            channels,
            kernel,
            block.stride,
            dilation=block.dilated(self.dilation),
            bias=self.bias,
            activation=self.activation,
        )
        if block.squeezed is not None:
            b.squeeze_excite(channels, block.squeezed)
        b.conv(
            "pointwise.",
            channels,
            block.out_channels,
            bias=self.bias,
            activation=self.activation,
        )
