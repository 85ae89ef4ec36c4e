"""Layers that are rows of their own: norms and ``activation``."""

from typing import Annotated

from msgspec import Meta

from mncost.graph.ops import L2Norm as L2NormOp
from mncost.graph.ops import LayerScale
from mncost.spec.emitter import Emitter
from mncost.spec.rows import Block, Row
from mncost.spec.values import Activation as ActivationName

__all__ = ["Activation", "BatchNorm", "L2Norm", "LayerNorm"]


class BatchNorm(Row, frozen=True, kw_only=True, tag="batch_norm"):
    """A batch norm, and an activation."""

    activation: ActivationName = "none"

    def emit(self, b: Emitter, block: Block) -> None:
        """Emit both."""
        if b.rank == 2:
            raise ValueError("it norms channels of images or vectors, and gets tokens")
        channels = b.features(block.in_channels) if b.is_vector else block.in_channels
        b.norm("", channels)
        b.activation("", self.activation, channels)


class LayerNorm(Row, frozen=True, kw_only=True, tag="layer_norm"):
    """Layer norm over the channels of each pixel, or the features of each token."""

    eps: Annotated[float, Meta(gt=0, lt=1)] = 1e-5

    def emit(self, b: Emitter, block: Block) -> None:
        """Emit the norm."""
        channels = b.features(block.in_channels) if b.is_vector else block.in_channels
        b.layer_norm("", channels, self.eps)


class L2Norm(Row, frozen=True, kw_only=True, tag="l2_norm"):
    """Each pixel divided by the length of its channels, times one learned factor a channel.

    Source: ParseNet (arXiv:1506.04579), Section 3.3; SSD (arXiv:1512.02325), Section 3.1.
    """

    init: Annotated[float, Meta(gt=0, le=1000, description="The factors before training.")] = 20.0

    def emit(self, b: Emitter, block: Block) -> None:
        """Emit both."""
        b.add("norm", L2NormOp())
        b.add("layer_scale", LayerScale(block.in_channels, self.init))


class Activation(Row, frozen=True, kw_only=True, tag="activation"):
    """An activation."""

    activation: ActivationName

    def emit(self, b: Emitter, block: Block) -> None:
        """Emit the activation."""
        b.activation("", self.activation, block.in_channels)
