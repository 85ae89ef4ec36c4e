"""The block ``ghost``."""

from mncost.graph.ops import Add, Concat, Slice
from mncost.spec.blocks.inverted import Inverted
from mncost.spec.emitter import Emitter
from mncost.spec.rows import Block
from mncost.spec.values import (
    Activation,
    Kernel,
    Scaling,
    Squeezed,
    SqueezeExcite,
    Widths,
    size_of,
)

__all__ = ["Ghost"]

_CHEAP = (3, 3)


class Ghost(Inverted, frozen=True, kw_only=True, tag="ghost"):
    """GhostNet: a ghost module expands, a depthwise k×k strides, another ghost module projects.

    A ghost module is a 1×1 convolution for half of the channels, and a depthwise 3×3 that makes the
    other half of them. The input is added, where its shape differs through a depthwise k×k and a
    1×1 convolution.

    Source: arXiv:1911.11907, Figures 2 and 3.
    """

    dilates = False

    kernel: Kernel
    se: SqueezeExcite = 0.0
    squeezed: Squeezed = None

    def widths(self, scaling: Scaling) -> Widths:
        """Return the widths of the output, of the expansion and of the squeeze-excite."""
        made = super().widths(scaling)
        squeezed = scaling.squeezed(made.expanded or 0, self.se, self.squeezed)
        return Widths(made.out, made.nominal, made.expanded, squeezed)

    def emit(self, b: Emitter, block: Block) -> None:
        """Emit the two modules, what stands between them, and the sum."""
        start, expanded, strided = b.last, block.expanded, block.stride != (1, 1)
        assert expanded is not None
        self._module(b, "expand.", block.in_channels, expanded, self.activation)
        if strided:
            b.depthwise("depthwise.", expanded, size_of(self.kernel), block.stride)
        if block.squeezed is not None:
            b.squeeze_excite(expanded, block.squeezed)
        end = self._module(b, "project.", expanded, block.out_channels, "none")
        if strided or block.in_channels != block.out_channels:
            b.depthwise(
                "shortcut.depthwise.",
                block.in_channels,
                size_of(self.kernel),
                block.stride,
                source=start,
            )
            start = b.conv("shortcut.", block.in_channels, block.out_channels)
        b.add("add", Add(), end, start)

    def _module(self, b: Emitter, role: str, inputs: int, out: int, act: Activation) -> int:
        half = -(-out // 2)
        primary = b.conv(f"{role}primary.", inputs, half, activation=act)
        cheap = b.depthwise(f"{role}cheap.", half, _CHEAP, (1, 1), activation=act)
        whole = b.add(f"{role}concat", Concat(), primary, cheap)
        return whole if 2 * half == out else b.add(f"{role}cut", Slice(0, out))
