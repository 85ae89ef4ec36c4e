"""What the blocks that expand, filter and project share."""

from typing import Annotated

from msgspec import Meta

from mncost.spec.rows import ScaledRow
from mncost.spec.values import Channels, Ratio, Residual, Scaling, Stride, Widths, exactly_one

__all__ = ["Inverted"]


class Inverted(ScaledRow, frozen=True, kw_only=True):
    """A block that expands, filters and projects."""

    dilates = True

    out: Channels
    expansion: Annotated[Ratio, Meta(description="Expanded channels / input channels.")] | None = (
        None
    )
    expanded: Channels | None = None
    stride: Stride = 1
    residual: Annotated[
        Residual,
        Meta(
            description="true: add the input where the stride is 1 and the channels agree; "
            "projected: also where the channels differ, through a 1×1 convolution and a batch "
            "norm; always: likewise where the stride is not 1."
        ),
    ] = True

    def __post_init__(self) -> None:
        """Check what the types alone cannot say."""
        exactly_one("expansion", self.expansion, "expanded", self.expanded)
        if self.expanded is not None and (self.repeats or 1) > 1:
            raise ValueError("`expanded` fits one input only: with `repeats`, give `expansion`")

    def widths(self, scaling: Scaling) -> Widths:
        """Return the widths of the output and of what stands before the projection."""
        out, nominal = self.out_width(self.out, scaling)
        return Widths(out, nominal, self.expanded_width(scaling))

    def expanded_width(self, scaling: Scaling) -> int:
        """Return the channels after the expansion."""
        if self.expanded is None:
            return scaling.expanded(self.expansion or 1.0, self.rounding)
        if scaling.alpha == 1 or scaling.rules.expanded == "scaled":
            return scaling.scaled(self.expanded, self.rounding)
        return scaling.rounded(scaling.width * (self.expanded / scaling.nominal), self.rounding)
