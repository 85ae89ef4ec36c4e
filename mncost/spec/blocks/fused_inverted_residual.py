"""The block ``fused_inverted_residual``."""

from mncost.spec.blocks.inverted import Inverted
from mncost.spec.emitter import Emitter
from mncost.spec.rows import Block, Kernel, size_of

__all__ = ["FusedInvertedResidual"]


class FusedInvertedResidual(Inverted, frozen=True, kw_only=True, tag="fused_inverted_residual"):
    """EdgeTPU and V4: a k×k convolution expands, 1×1 projects (linear)."""

    kernel: Kernel

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
            activation=self.activation,
        )
        b.conv("project.", block.expanded, block.out_channels)
        b.residual(start, block, wanted=self.residual)
