"""The block ``linear``."""

from typing import Annotated

from msgspec import Meta

from mncost.graph.ops import AdaptivePool, Flatten
from mncost.graph.ops import Linear as LinearOp
from mncost.spec.emitter import Emitter
from mncost.spec.rows import Block, ScaledRow
from mncost.spec.values import KernelSide, KernelSides, Scaling, Width, Widths, check_width, size_of

__all__ = ["Linear"]


class Linear(ScaledRow, frozen=True, kw_only=True, tag="linear"):
    """A fully connected layer, a batch norm if there is one, and an activation."""

    dilates = None

    out: Width
    bias: bool = True
    batch_norm: bool = False
    adapt: Annotated[
        KernelSides | KernelSide | None,
        Meta(
            description="Side of the image, or [height, width], to which an adaptive pooling "
            "brings what it reads, at every resolution."
        ),
    ] = None

    def __post_init__(self) -> None:
        """Check what the types alone cannot say."""
        check_width(self.out)

    def widths(self, scaling: Scaling) -> Widths:
        """Return the output's width."""
        return Widths(*self.out_width(self.out, scaling))

    def emit(self, b: Emitter, block: Block) -> None:
        """Emit the layer, after a flatten where it needs one; of tokens, it is one for each."""
        if b.rank == 2 and (self.batch_norm or self.activation == "prelu"):
            raise ValueError("batch norm and prelu need channels, and it gets tokens")
        if self.adapt is not None:
            b.add("adapt", AdaptivePool(size_of(self.adapt)))
        features = b.features(block.in_channels)
        if b.rank == 3:
            b.add("flatten", Flatten())
        b.add("linear", LinearOp(features, block.out_channels, self.bias))
        if self.batch_norm:
            b.norm("", block.out_channels)
        b.activation("", self.activation, block.out_channels)
