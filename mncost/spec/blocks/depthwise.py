"""The block ``depthwise``."""

from typing import Annotated

from msgspec import Meta

from mncost.spec.emitter import Emitter
from mncost.spec.rows import Block, Row
from mncost.spec.values import (
    Activation,
    Dilation,
    Kernel,
    NormEps,
    Padding,
    Pads,
    Repeats,
    Stride,
    pads_of,
    size_of,
)

__all__ = ["Depthwise"]


class Depthwise(Row, frozen=True, kw_only=True, tag="depthwise"):
    """A k×k depthwise convolution, batch norm, activation; as many channels out as in."""

    dilates = True

    kernel: Kernel
    stride: Stride = 1
    repeats: Repeats | None = None
    dilation: Dilation = 1
    batch_norm: bool = True
    bias: Annotated[
        bool | None, Meta(description="By default there is one where there is no batch norm.")
    ] = None
    padding: Annotated[
        Padding | Pads | None, Meta(description="A rule instead of the file's, or pixels.")
    ] = None
    eps: NormEps | None = None
    activation: Activation = "none"

    def emit(self, b: Emitter, block: Block) -> None:
        """Emit the convolution."""
        b.depthwise(
            "",
            block.in_channels,
            size_of(self.kernel),
            block.stride,
            dilation=block.dilated(self.dilation),
            norm=self.batch_norm,
            bias=self.bias,
            eps=self.eps,
            padding=pads_of(self.padding),
            activation=self.activation,
        )
