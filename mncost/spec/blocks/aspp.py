"""The block ``aspp``."""

from typing import Annotated

from msgspec import Meta

from mncost.graph.ops import Concat, GlobalPool, Resize
from mncost.spec.emitter import Emitter
from mncost.spec.rows import Block, ScaledRow
from mncost.spec.values import Channels, Kernel, NormEps, Scaling, Widths, size_of

__all__ = ["ASPP"]

Rate = Annotated[int, Meta(ge=1, le=64)]


class ASPP(ScaledRow, frozen=True, kw_only=True, tag="aspp"):
    """Atrous spatial pyramid pooling: an image seen at several scales.

    A 1×1, one dilated k×k for each rate, and the average of the whole image through a 1×1, as large
    again as the image; all of them concatenated, and a 1×1. Each has a batch norm and an
    activation.

    Source: DeepLabV3 (arXiv:1706.05587), Section 3.3.
    """

    dilates = None  # its rates are what the row says

    out: Channels
    rates: Annotated[
        tuple[Rate, ...],
        Meta(max_length=16, description="The dilation of each k×k convolution; none is R-ASPP."),
    ]
    kernel: Kernel = 3
    eps: NormEps | None = None

    def widths(self, scaling: Scaling) -> Widths:
        """Return the output's width."""
        return Widths(*self.out_width(self.out, scaling))

    def emit(self, b: Emitter, block: Block) -> None:
        """Emit the branches, and what joins them."""
        source, inputs, out, act = b.last, block.in_channels, block.out_channels, self.activation
        branches = [b.conv("pixel.", inputs, out, activation=act, eps=self.eps, source=source)]
        for number, rate in enumerate(self.rates, 1):
            dilated = b.conv(
                f"dilated{number}.",
                inputs,
                out,
                size_of(self.kernel),
                dilation=(rate, rate),
                activation=act,
                eps=self.eps,
                source=source,
            )
            branches.append(dilated)
        b.add("image.pool", GlobalPool(), source)
        b.conv("image.", inputs, out, activation=act, eps=self.eps)
        branches.append(b.add("image.resize", Resize("bilinear"), b.last, source))
        b.add("concat", Concat(), *branches)
        b.conv("project.", out * len(branches), out, activation=act, eps=self.eps)
