"""The block ``inverted_residual``."""

from typing import Annotated

from msgspec import Meta

from mncost.spec.blocks.inverted import Inverted
from mncost.spec.emitter import Emitter
from mncost.spec.rows import Block
from mncost.spec.values import (
    Dilation,
    Kernel,
    Rules,
    Scaling,
    Squeezed,
    SqueezeExcite,
    Widths,
    size_of,
)

__all__ = ["InvertedResidual"]


class InvertedResidual(Inverted, frozen=True, kw_only=True, tag="inverted_residual"):
    """MobileNetV2 and V3: expand 1×1, depthwise k×k, squeeze-excite, project 1×1 (linear)."""

    kernel: Kernel
    expand: Annotated[
        bool | None,
        Meta(
            description="Whether there is an expansion convolution. By default there is, unless "
            "`expansion` is 1."
        ),
    ] = None
    dilation: Dilation = 1
    se: SqueezeExcite = 0.0
    squeezed: Squeezed = None

    def widths(self, scaling: Scaling) -> Widths:
        """Return the widths; without an expansion convolution nothing is expanded."""
        out, nominal = self.out_width(self.out, scaling)
        expanded: int | None = self.expanded_width(scaling)
        if not self._expands(scaling, expanded):
            expanded = None
        filtered = scaling.width if expanded is None else expanded
        squeezed = scaling.squeezed(filtered, self.se, self.squeezed)
        return Widths(out, nominal, expanded, squeezed)

    @property
    def parts(self) -> tuple[str, ...]:
        """Return what other rows can read: what the expansion convolution makes."""
        return ("expand",)

    def part_width(self, part: str, scaling: Scaling) -> int:
        """Return the channels after the expansion convolution."""
        expanded = self.widths(scaling).expanded
        if expanded is None:
            raise ValueError("it has no expansion convolution, whose result could be read")
        return expanded

    def leaves_expand_open(self, rules: Rules) -> bool:
        """Whether the row does not say if a ratio of 1 is a convolution."""
        return rules.expand == "stated" and self.expand is None and self.expansion == 1

    def _expands(self, scaling: Scaling, expanded: int | None) -> bool:
        if self.expand is not None:
            return self.expand
        if scaling.rules.expand == "wider":
            return expanded != scaling.width
        return self.expansion != 1

    def emit(self, b: Emitter, block: Block) -> None:
        """Emit the three convolutions, and what stands around them."""
        start, channels = b.last, block.in_channels
        if block.expanded is not None:
            b.conv("expand.", channels, block.expanded, activation=self.activation)
            b.mark("expand")
            channels = block.expanded
        b.depthwise(
            "depthwise.",
            channels,
            size_of(self.kernel),
            block.stride,
            dilation=block.dilated(self.dilation),
            activation=self.activation,
        )
        if block.squeezed is not None:
            b.squeeze_excite(channels, block.squeezed)
        b.conv("project.", channels, block.out_channels)
        b.residual(start, block.channels, block.stride, wanted=self.residual)
