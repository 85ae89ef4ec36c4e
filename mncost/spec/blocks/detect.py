"""The block ``detect``."""

from typing import Annotated

from msgspec import Meta

from mncost.graph.ops import Concat, Tokens
from mncost.spec.emitter import Emitter
from mncost.spec.rows import Block, Row
from mncost.spec.values import Activation, Kernel, Scaling, Width, Widths, check_width, size_of

__all__ = ["Detect"]

Anchors = Annotated[int, Meta(ge=1, le=64)]


class Detect(Row, frozen=True, kw_only=True, tag="detect"):
    """A prediction for each anchor of each pixel of several features, all as one list of tokens.

    SSD predicts with a k×k convolution; SSDLite with a depthwise one, batch norm and activation,
    and a 1×1. The scores of classes are one such row, the boxes (``out = 4``) another.

    Source: SSD (arXiv:1512.02325), Section 2.1; SSDLite: MobileNetV2 (arXiv:1801.04381), 6.2.
    """

    several = True

    out: Annotated[Width, Meta(description='Numbers for each anchor: "classes", or 4 of a box.')]
    anchors: Annotated[
        Anchors | Annotated[tuple[Anchors, ...], Meta(min_length=1, max_length=64)],
        Meta(description="Anchors of a pixel: of all features, or of each."),
    ]
    kernel: Kernel = 3
    separable: Annotated[bool, Meta(description="SSDLite: depthwise, then 1×1.")] = False
    activation: Activation = "relu6"

    def __post_init__(self) -> None:
        """Check what the types alone cannot say."""
        check_width(self.out)
        count = 1 if isinstance(self.reads, str) else len(self.reads or ())
        if self.reads is not None and len(self._each(count)) != count:
            raise ValueError(f"`anchors` has {len(self._each(count))} numbers for {count} features")

    def widths(self, scaling: Scaling) -> Widths:
        """Return the numbers for each anchor, and the channels of each feature."""
        out = scaling.classes if isinstance(self.out, str) else self.out
        inputs = scaling.width, *(width for width, _ in scaling.others)
        return Widths(out, out, branches=inputs)

    def _each(self, count: int) -> tuple[int, ...]:
        return (self.anchors,) * count if isinstance(self.anchors, int) else self.anchors

    def emit(self, b: Emitter, block: Block) -> None:
        """Emit the convolutions for each feature, and what they predict as tokens."""
        lists = []
        kernel, each = size_of(self.kernel), self._each(len(b.sources))
        for number, (source, channels, anchors) in enumerate(
            zip(b.sources, block.branches, each, strict=True), 1
        ):
            b.last, role, outputs = source, f"{number}.", anchors * block.out_channels
            if self.separable:
                act = self.activation
                b.depthwise(f"{role}depthwise.", channels, kernel, (1, 1), activation=act)
                b.conv(role, channels, outputs, norm=False)
            else:
                b.conv(role, channels, outputs, kernel, norm=False)
            lists.append(b.add(f"{role}tokens", Tokens(anchors)))
        if len(lists) > 1:
            b.add("concat", Concat(), *lists)
