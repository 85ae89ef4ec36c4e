"""The blocks around a transformer: ``tokens`` and ``token``."""

from typing import Annotated

from msgspec import Meta

from mncost.graph.ops import ClassToken, Dropout, Positions, Select
from mncost.graph.ops import Tokens as TokensOp
from mncost.spec.emitter import Emitter
from mncost.spec.rows import Block, Row

__all__ = ["Token", "Tokens"]


class Tokens(Row, frozen=True, kw_only=True, tag="tokens"):
    """An image as a sequence: each pixel is a token, its channels are the features.

    Source: the Vision Transformer (arXiv:2010.11929), Section 3.1.
    """

    class_token: Annotated[bool, Meta(description="A learned token before all others.")] = False
    positions: Annotated[bool, Meta(description="A learned vector is added at each place.")] = False
    dropout: Annotated[float, Meta(ge=0, lt=1)] = 0.0

    def emit(self, b: Emitter, block: Block) -> None:
        """Emit the tokens, and what is learned of them."""
        if b.rank != 3:
            raise ValueError("it needs an image")
        features = block.in_channels
        b.add("tokens", TokensOp())
        if self.class_token:
            b.add("class_token", ClassToken(features))
        if self.positions:
            b.add("positions", Positions(b.shape()[0], features))
        if self.dropout:
            b.add("dropout", Dropout(self.dropout))


class Token(Row, frozen=True, kw_only=True, tag="token"):
    """One token as a vector: the class token is the first."""

    index: Annotated[int, Meta(ge=0, le=65_535, description="Its place, from 0.")] = 0

    def emit(self, b: Emitter, block: Block) -> None:
        """Emit the choice of the token."""
        if b.rank != 2:
            raise ValueError("it needs tokens")
        b.add("token", Select(self.index))
