"""The blocks of ShuffleNets: ``shuffle_v1`` and ``shuffle_v2``."""

from typing import Annotated

from msgspec import Meta

from mncost.graph.ops import Add, Concat, Pool, Shuffle, Slice
from mncost.spec.emitter import Emitter
from mncost.spec.rows import Block, ScaledRow
from mncost.spec.values import Channels, Kernel, Scaling, Stride, Widths, check_groups, size_of

__all__ = ["ShuffleV1", "ShuffleV2"]

_ONE = (1, 1)


class ShuffleV1(ScaledRow, frozen=True, kw_only=True, tag="shuffle_v1"):
    """ShuffleNet: grouped 1×1, channel shuffle, depthwise k×k, grouped 1×1, the sum.

    With a stride the input is not added but pooled, and put before the new channels.

    Source: arXiv:1707.01083, Figure 2.
    """

    kernel: Kernel
    out: Channels
    groups: Annotated[int, Meta(ge=1, le=64, description="Of the 1×1 convolutions.")]
    stride: Stride = 1
    first_groups: (
        Annotated[int, Meta(ge=1, le=64, description="Of the first 1×1 convolution of the first.")]
        | None
    ) = None
    shuffle_after: Annotated[
        bool, Meta(description="true: the shuffle stands behind the depthwise convolution.")
    ] = False

    def widths(self, scaling: Scaling) -> Widths:
        """Return the widths of the output, and of the bottleneck: a quarter."""
        out, nominal = self.out_width(self.out, scaling)
        inner = out // 4
        check_groups(inner, out, self.groups)
        return Widths(out, nominal, branches=(inner,))

    def emit(self, b: Emitter, block: Block) -> None:
        """Emit the branches, and their sum or concatenation."""
        start, (inner,), act = b.last, block.branches, self.activation
        strided = block.stride != _ONE or block.in_channels != block.out_channels
        new = block.out_channels - block.in_channels if strided else block.out_channels
        groups = (self.first_groups or self.groups) if strided else self.groups
        check_groups(block.in_channels, inner, groups)
        check_groups(inner, new, self.groups)
        if new < 1:
            raise ValueError(f"{block.in_channels} channels leave none of {block.out_channels}")
        b.conv("narrow.", block.in_channels, inner, groups=groups, activation=act)
        if not self.shuffle_after:
            self._shuffle(b)
        b.depthwise("depthwise.", inner, size_of(self.kernel), block.stride)
        if self.shuffle_after:
            self._shuffle(b)
        end = b.conv("widen.", inner, new, groups=self.groups)
        if not strided:
            b.add("add", Add(), start, end)
            b.activation("", act, block.out_channels)
            return
        end = b.activation("widen.", act, new)
        pool = Pool("average", (3, 3), block.stride, (1, 1, 1, 1))
        b.add("concat", Concat(), b.add("pool", pool, start), end)

    def _shuffle(self, b: Emitter) -> None:
        if self.groups > 1:
            b.add("shuffle", Shuffle(self.groups))


class ShuffleV2(ScaledRow, frozen=True, kw_only=True, tag="shuffle_v2"):
    """ShuffleNetV2: half of the channels pass, the others go through 1×1, depthwise, 1×1.

    With a stride both halves are made from the whole input.

    Source: arXiv:1807.11164, Figure 3 (c) and (d).
    """

    kernel: Kernel
    out: Channels
    stride: Stride = 1

    def widths(self, scaling: Scaling) -> Widths:
        """Return the widths of the output and of its two halves."""
        out, nominal = self.out_width(self.out, scaling)
        check_groups(out, out, 2)
        return Widths(out, nominal, branches=(out // 2,))

    def emit(self, b: Emitter, block: Block) -> None:
        """Emit the two branches, the concatenation and the shuffle."""
        start, (half,), inputs = b.last, block.branches, block.in_channels
        act, kernel = self.activation, size_of(self.kernel)
        if block.stride != _ONE or inputs != block.out_channels:
            b.depthwise("left.depthwise.", inputs, kernel, block.stride)
            left = b.conv("left.pointwise.", inputs, half, activation=act)
            source = start
        else:
            inputs = half
            left = b.add("split_left", Slice(0, half), start)
            source = b.add("split_right", Slice(half, block.in_channels), start)
        b.conv("right.narrow.", inputs, half, activation=act, source=source)
        b.depthwise("right.depthwise.", half, kernel, block.stride)
        right = b.conv("right.widen.", half, half, activation=act)
        b.add("concat", Concat(), left, right)
        b.add("shuffle", Shuffle(2))
