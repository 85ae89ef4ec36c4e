"""The block ``dense``."""

from collections.abc import Sequence
from typing import Annotated, Any

from msgspec import Meta

from mncost.graph.ops import Concat
from mncost.spec.emitter import Emitter
from mncost.spec.rows import Block, ScaledRow
from mncost.spec.values import Channels, Kernel, Scaling, Widths, size_of

__all__ = ["Dense"]


class Dense(ScaledRow, frozen=True, kw_only=True, tag="dense"):
    """DenseNet: 1×1 narrows, k×k makes new channels, which are put behind the input's.

    Before each convolution stand a batch norm and an activation.

    Source: arXiv:1608.06993, Section 3 (DenseNet-B).
    """

    kernel: Kernel
    growth: Annotated[Channels, Meta(description="New channels at α = 1.")]
    width: Annotated[
        int, Meta(ge=1, le=64, description="Channels between the convolutions / new channels.")
    ] = 4

    def widths(self, scaling: Scaling) -> Widths:
        """Return the widths of the output, and of the new channels."""
        new, nominal = self.out_width(self.growth, scaling)
        return Widths(scaling.width + new, scaling.nominal + nominal, branches=(new,))

    def resolved(self, blocks: Sequence[Block]) -> dict[str, Any]:
        """Return the new channels."""
        return {"growth": blocks[0].branches[0]}

    def emit(self, b: Emitter, block: Block) -> None:
        """Emit the two convolutions, and the concatenation."""
        start, (new,) = b.last, block.branches
        between = self.width * new
        b.norm("narrow.", block.in_channels)
        b.activation("narrow.", self.activation, block.in_channels)
        b.conv("narrow.", block.in_channels, between, norm=False, bias=False)
        b.norm("grow.", between)
        b.activation("grow.", self.activation, between)
        b.conv("grow.", between, new, size_of(self.kernel), norm=False, bias=False)
        b.add("concat", Concat(), start, b.last)
