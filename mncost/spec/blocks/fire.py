"""The block ``fire``."""

from collections.abc import Sequence
from typing import Annotated, Any

from msgspec import Meta

from mncost.graph.ops import Concat
from mncost.spec.emitter import Emitter
from mncost.spec.rows import Block, ScaledRow
from mncost.spec.values import Channels, Kernel, Scaling, Widths, size_of

__all__ = ["Fire"]


class Fire(ScaledRow, frozen=True, kw_only=True, tag="fire"):
    """SqueezeNet: 1×1 squeezes, a 1×1 and a k×k expand side by side; no batch norms.

    Source: arXiv:1602.07360, Figure 1.
    """

    kernel: Kernel
    width: Annotated[Channels, Meta(description="Squeezed channels at α = 1.")]
    out: Annotated[Channels, Meta(description="Channels of each of the two halves at α = 1.")]

    def widths(self, scaling: Scaling) -> Widths:
        """Return the widths of the output, of a half and of what is between."""
        half, nominal = self.out_width(self.out, scaling)
        squeezed, _ = self.out_width(self.width, scaling)
        return Widths(2 * half, 2 * nominal, branches=(squeezed, half))

    def resolved(self, blocks: Sequence[Block]) -> dict[str, Any]:
        """Return the squeezed channels, and those of a half."""
        squeezed, half = blocks[0].branches
        return {"width": squeezed, "out": half}

    def emit(self, b: Emitter, block: Block) -> None:
        """Emit the three convolutions, and the concatenation."""
        (squeezed, half), kernel = block.branches, size_of(self.kernel)
        start = b.conv(
            "squeeze.", block.in_channels, squeezed, norm=False, activation=self.activation
        )
        ends = [
            b.conv(role, squeezed, half, side, norm=False, activation=self.activation, source=start)
            for role, side in (("left.", (1, 1)), ("right.", kernel))
        ]
        b.add("concat", Concat(), *ends)
