"""The block ``separable``."""

from mncost.spec.emitter import Emitter
from mncost.spec.rows import Block, Channels, Kernel, ScaledRow, Scaling, Stride, Widths, size_of

__all__ = ["Separable"]


class Separable(ScaledRow, frozen=True, kw_only=True, tag="separable"):
    """MobileNetV1: depthwise k×k, batch norm, activation; pointwise, batch norm, activation."""

    kernel: Kernel
    out: Channels
    stride: Stride = 1

    def widths(self, scaling: Scaling) -> Widths:
        """Return the output's width."""
        return self.out_width(self.out, scaling)

    def emit(self, b: Emitter, block: Block) -> None:
        """Emit the two convolutions."""
        channels, kernel = block.in_channels, size_of(self.kernel)
        b.depthwise("depthwise.", channels, kernel, block.stride, activation=self.activation)
        b.conv("pointwise.", channels, block.out_channels, activation=self.activation)
