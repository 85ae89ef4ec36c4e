"""The block ``mobileone``."""

from typing import Annotated

from msgspec import Meta

from mncost.graph.ops import Add
from mncost.spec.emitter import Emitter
from mncost.spec.rows import Block, ScaledRow
from mncost.spec.values import Channels, Kernel, Scaling, Stride, Widths, size_of

__all__ = ["MobileOne"]


class MobileOne(ScaledRow, frozen=True, kw_only=True, tag="mobileone"):
    """MobileOne: a depthwise and a pointwise step, each the sum of parallel branches.

    A step has ``branches`` convolutions, a 1×1 one beside k×k ones, and the input itself where it
    has the output's shape, all with batch norms. Fused it is one convolution with a bias.

    Source: arXiv:2206.04040, Figure 3.
    """

    kernel: Kernel
    out: Channels
    stride: Stride = 1
    branches: Annotated[int, Meta(ge=1, le=16, description="k×k convolutions in parallel.")] = 1
    separable: Annotated[bool, Meta(description="false: one step, a k×k convolution.")] = True
    fused: Annotated[bool, Meta(description="One convolution for each step, as deployed.")] = False

    def widths(self, scaling: Scaling) -> Widths:
        """Return the width of the output."""
        return Widths(*self.out_width(self.out, scaling))

    def emit(self, b: Emitter, block: Block) -> None:
        """Emit the steps."""
        channels, out, kernel = block.in_channels, block.out_channels, size_of(self.kernel)
        if not self.separable:
            self._step(b, "", (channels, out), kernel, block.stride)
            return
        self._step(b, "depthwise.", (channels, channels), kernel, block.stride, channels)
        self._step(b, "pointwise.", (channels, out), (1, 1), (1, 1))

    def _step(
        self,
        b: Emitter,
        role: str,
        widths: tuple[int, int],
        kernel: tuple[int, int],
        stride: tuple[int, int],
        groups: int = 1,
    ) -> None:
        start = b.last
        if self.fused:
            b.conv(role, *widths, kernel, stride, groups=groups, norm=False)
        else:
            same = widths[0] == widths[1] and stride == (1, 1)
            sides = [(1, 1)] if kernel != (1, 1) else []
            sides += [kernel] * self.branches
            skipped = b.norm(f"{role}skip.", widths[0]) if same else None
            total: int | None = None
            for number, side in enumerate(sides, 1):
                name = f"{role}branch{number}."
                branch = b.conv(name, *widths, side, stride, groups=groups, source=start)
                total = branch if total is None else b.add(f"{name}add", Add(), total, branch)
            if skipped is not None:
                assert total is not None
                b.add(f"{role}skip.add", Add(), total, skipped)
        b.activation(role, self.activation, widths[1])
