"""The block ``mobilevit``."""

from collections.abc import Sequence
from typing import Annotated, Any

from msgspec import Meta

from mncost.graph.ops import Concat, Fold, Resize, Unfold
from mncost.spec.blocks.encoder import Heads, check_heads, encode
from mncost.spec.emitter import Emitter
from mncost.spec.rows import Block, ScaledRow
from mncost.spec.values import Channels, Kernel, Ratio, Scaling, Widths, size_of

__all__ = ["MobileViT"]


class MobileViT(ScaledRow, frozen=True, kw_only=True, tag="mobilevit"):
    """Convolutions, then encoders over the pixels of patches, joined with what came in.

    k×k, 1×1 to ``features``; in each place of a patch, ``layers`` encoders over all patches; layer
    norm, 1×1 back; concatenated with the input, k×k. Where a patch does not divide the image, it is
    resized (bilinear) before and after.

    Source: MobileViT (arXiv:2110.02178), Section 3.1.
    """

    features: Annotated[Channels, Meta(description="Features of a token at α = 1.")]
    layers: Annotated[int, Meta(ge=1, le=64, description="Encoders, one after the other.")]
    heads: Heads
    expansion: Annotated[
        Ratio, Meta(description="Features between the two linear layers / features.")
    ] = 2.0
    kernel: Kernel = 3
    patch: Annotated[int, Meta(ge=1, le=64, description="Side of a patch in pixels.")] = 2
    eps: Annotated[float, Meta(gt=0, lt=1, description="Of the layer norms.")] = 1e-5

    def __post_init__(self) -> None:
        """Check what the types alone cannot say."""
        if self.activation == "prelu":
            raise ValueError("`activation`: prelu has a factor for each channel; tokens have none")

    def widths(self, scaling: Scaling) -> Widths:
        """Return the features of a token, and those between the linear layers."""
        features, _ = self.out_width(self.features, scaling)
        check_heads(features, self.heads)
        hidden = round(features * self.expansion)
        return Widths(scaling.width, scaling.nominal, features, branches=(hidden,))

    def resolved(self, blocks: Sequence[Block]) -> dict[str, Any]:
        """Return the features of a token."""
        return {"features": blocks[0].expanded}

    def emit(self, b: Emitter, block: Block) -> None:
        """Emit the convolutions and the encoders."""
        start, channels, features = b.last, block.in_channels, block.expanded
        assert features is not None
        (hidden,), kernel, patch = block.branches, size_of(self.kernel), size_of(self.patch)
        act = self.activation
        b.conv("local.", channels, channels, kernel, activation=act)
        image = b.conv("local.widen.", channels, features, norm=False, bias=False)
        if self.patch > 1:
            b.add("resize", Resize("bilinear", multiple=self.patch))
        whole = b.last
        b.add("unfold", Unfold(patch))
        for number in range(1, self.layers + 1):
            encode(
                b,
                f"encoder{number}.",
                features,
                hidden,
                heads=self.heads,
                activation=act,
                eps=self.eps,
                sequences=self.patch**2,
            )
        b.layer_norm("", features, self.eps)
        b.add("fold", Fold(patch), b.last, whole)
        if self.patch > 1:
            b.add("resize_back", Resize("bilinear"), b.last, image)
        b.conv("project.", features, channels, activation=act)
        b.add("concat", Concat(), start, b.last)
        b.conv("fuse.", 2 * channels, channels, kernel, activation=act)
