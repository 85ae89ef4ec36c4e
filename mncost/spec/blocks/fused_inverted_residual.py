"""The block ``fused_inverted_residual``."""

from typing import Annotated

from msgspec import Meta

from mncost.spec.blocks.inverted import Inverted
from mncost.spec.emitter import Emitter
from mncost.spec.rows import Block
from mncost.spec.values import (
    MAX_CHANNELS,
    Kernel,
    Scaling,
    Squeezed,
    SqueezeExcite,
    Widths,
    check_groups,
    size_of,
)

__all__ = ["FusedInvertedResidual"]


class FusedInvertedResidual(Inverted, frozen=True, kw_only=True, tag="fused_inverted_residual"):
    """EdgeTPU and V4: a k×k convolution expands, squeeze-excite, 1×1 projects (linear)."""

    kernel: Kernel
    expand: Annotated[
        bool, Meta(description="false: one k×k convolution with the activation, and the sum.")
    ] = True
    groups: Annotated[int, Meta(ge=1, le=MAX_CHANNELS, description="Of the k×k convolution.")] = 1
    se: SqueezeExcite = 0.0
    squeezed: Squeezed = None

    def widths(self, scaling: Scaling) -> Widths:
        """Return the widths of the output and of the expansion."""
        made = super().widths(scaling)
        filtered = made.expanded if self.expand and made.expanded else made.out
        check_groups(scaling.width, filtered, self.groups)
        squeezed = scaling.squeezed(filtered, self.se, self.squeezed)
        return Widths(made.out, made.nominal, made.expanded if self.expand else None, squeezed)

    def emit(self, b: Emitter, block: Block) -> None:
        """Emit the two convolutions, and the sum."""
        start, filtered = b.last, block.expanded or block.out_channels
        b.conv(
            "expand." if self.expand else "",
            block.in_channels,
            filtered,
            size_of(self.kernel),
            block.stride,
            dilation=block.dilated(1),
            groups=self.groups,
            activation=self.activation,
        )
        if block.squeezed is not None:
            b.squeeze_excite(filtered, block.squeezed)
        if self.expand:
            b.conv("project.", filtered, block.out_channels)
        b.residual(start, block.channels, block.stride, wanted=self.residual)
