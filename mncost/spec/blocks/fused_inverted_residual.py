"""The block ``fused_inverted_residual``."""

from typing import Annotated

from msgspec import Meta

from mncost.spec.blocks.inverted import Inverted
from mncost.spec.emitter import Emitter
from mncost.spec.rows import MAX_CHANNELS, Block, Kernel, Scaling, Widths, check_groups, size_of

__all__ = ["FusedInvertedResidual"]


class FusedInvertedResidual(Inverted, frozen=True, kw_only=True, tag="fused_inverted_residual"):
    """EdgeTPU and V4: a k×k convolution expands, 1×1 projects (linear)."""

    kernel: Kernel
    groups: Annotated[int, Meta(ge=1, le=MAX_CHANNELS, description="Of the k×k convolution.")] = 1

    def widths(self, scaling: Scaling) -> Widths:
        """Return the widths of the output and of the expansion."""
        made = super().widths(scaling)
        check_groups(scaling.width, made.expanded or 0, self.groups)
        return made

    def emit(self, b: Emitter, block: Block) -> None:
        """Emit the two convolutions, and the sum."""
        start = b.last
        assert block.expanded is not None
        b.conv(
            "expand.",
            block.in_channels,
            block.expanded,
            size_of(self.kernel),
            block.stride,
            groups=self.groups,
            activation=self.activation,
        )
        b.conv("project.", block.expanded, block.out_channels)
        b.residual(start, block, wanted=self.residual)
