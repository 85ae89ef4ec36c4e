"""The block ``convnext``."""

from typing import Annotated

from msgspec import Meta

from mncost.graph.ops import Add, LayerScale
from mncost.spec.emitter import Emitter
from mncost.spec.rows import Block, Row
from mncost.spec.values import Activation as ActivationName
from mncost.spec.values import Kernel, Ratio, Repeats, Scaling, Widths, size_of

__all__ = ["ConvNext"]


class ConvNext(Row, frozen=True, kw_only=True, tag="convnext"):
    """ConvNeXt: depthwise k×k, layer norm, 1×1 expands, 1×1 projects, layer scale, the sum.

    Source: arXiv:2201.03545, Figure 4.
    """

    dilates = False

    kernel: Kernel = 7
    expansion: Annotated[Ratio, Meta(description="Expanded channels / input channels.")] = 4.0
    activation: ActivationName = "gelu"
    eps: Annotated[float, Meta(gt=0, lt=1, description="Of the layer norm.")] = 1e-6
    repeats: Repeats | None = None

    def widths(self, scaling: Scaling) -> Widths:
        """Return the width of the expansion."""
        return Widths(scaling.width, scaling.nominal, scaling.expanded(self.expansion))

    def emit(self, b: Emitter, block: Block) -> None:
        """Emit the convolutions and the sum."""
        start, channels, expanded = b.last, block.in_channels, block.expanded
        assert expanded is not None
        b.depthwise("depthwise.", channels, size_of(self.kernel), (1, 1), norm=False)
        b.layer_norm("", channels, self.eps)
        b.conv("expand.", channels, expanded, norm=False, activation=self.activation)
        b.conv("project.", expanded, channels, norm=False)
        b.add("layer_scale", LayerScale(channels, 1e-6))
        b.add("add", Add(), start, b.last)
