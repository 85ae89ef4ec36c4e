"""The block ``encoder``, and the layers of a transformer that other blocks share."""

from collections.abc import Sequence
from typing import Annotated, Any

from msgspec import Meta

from mncost.graph.ops import Add, LayerScale, Linear, MultiHeadAttention
from mncost.spec.emitter import Emitter
from mncost.spec.rows import Block, Row
from mncost.spec.values import Activation, Channels, Ratio, Repeats, Scaling, Widths, exactly_one

__all__ = ["Encoder", "Heads", "check_heads", "encode"]

Heads = Annotated[int, Meta(ge=1, le=1024, description="Attention heads.")]
Eps = Annotated[float, Meta(gt=0, lt=1, description="Of the layer norms.")]


def check_heads(features: int, heads: int) -> None:
    """Refuse features that cannot be split into this many heads."""
    if features % heads:
        raise ValueError(f"{features} features cannot be split into {heads} heads")


def encode(  # noqa: PLR0913  what sets encoders apart
    b: Emitter,
    role: str,
    features: int,
    hidden: int,
    *,
    heads: int,
    activation: Activation,
    eps: float,
    sequences: int = 1,
    layer_scale: float | None = None,
    bias: bool = True,
) -> None:
    """Emit one encoder: norm, attention, sum; norm, two linear layers, sum."""
    start = b.last
    b.layer_norm(f"{role}attention.", features, eps)
    b.add(f"{role}attention.qkv", Linear(features, 3 * features, bias))
    b.add(f"{role}attention.heads", MultiHeadAttention(heads, sequences))
    b.add(f"{role}attention.project", Linear(features, features, bias=True))
    if layer_scale is not None:
        b.add(f"{role}attention.layer_scale", LayerScale(features, layer_scale))
    middle = b.add(f"{role}attention.add", Add(), start, b.last)
    b.layer_norm(f"{role}mlp.", features, eps)
    b.add(f"{role}mlp.expand", Linear(features, hidden, bias=True))
    b.activation(f"{role}mlp.", activation, hidden)
    b.add(f"{role}mlp.project", Linear(hidden, features, bias=True))
    if layer_scale is not None:
        b.add(f"{role}mlp.layer_scale", LayerScale(features, layer_scale))
    b.add(f"{role}mlp.add", Add(), middle, b.last)


class Encoder(Row, frozen=True, kw_only=True, tag="encoder"):
    """A transformer's encoder: attention with many heads, then two linear layers, each normed.

    Source: the Vision Transformer (arXiv:2010.11929), Figure 1.
    """

    heads: Heads
    expansion: Annotated[
        Ratio | None, Meta(description="Features between the two linear layers / features.")
    ] = None
    expanded: Channels | None = None
    repeats: Repeats | None = None
    activation: Activation = "gelu"
    eps: Eps = 1e-6
    bias: Annotated[bool, Meta(description="Of the layer that makes queries, keys, values.")] = True
    layer_scale: bool = False

    def __post_init__(self) -> None:
        """Check what the types alone cannot say."""
        exactly_one("expansion", self.expansion, "expanded", self.expanded)
        if self.activation == "prelu":
            raise ValueError("`activation`: prelu has a factor for each channel; tokens have none")

    def widths(self, scaling: Scaling) -> Widths:
        """Return the features between the two linear layers."""
        check_heads(scaling.width, self.heads)
        if self.expanded is not None:
            hidden = scaling.scaled(self.expanded)
        else:
            hidden = scaling.expanded(self.expansion or 1.0)
        return Widths(scaling.width, scaling.nominal, hidden)

    def resolved(self, blocks: Sequence[Block]) -> dict[str, Any]:
        """Return the features between the two linear layers."""
        return {"expanded": blocks[0].expanded, "expansion": None}

    def emit(self, b: Emitter, block: Block) -> None:
        """Emit one encoder."""
        if b.rank != 2:
            raise ValueError("it needs tokens: a `tokens` row before it is accepted")
        assert block.expanded is not None
        encode(
            b,
            "",
            block.in_channels,
            block.expanded,
            heads=self.heads,
            activation=self.activation,
            eps=self.eps,
            layer_scale=1e-5 if self.layer_scale else None,
            bias=self.bias,
        )
