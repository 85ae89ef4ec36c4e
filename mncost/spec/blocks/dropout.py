"""The block ``dropout``."""

from typing import Annotated

from msgspec import Meta

from mncost.graph.ops import Dropout as DropoutOp
from mncost.spec.emitter import Emitter
from mncost.spec.rows import Block, Row

__all__ = ["Dropout"]


class Dropout(Row, frozen=True, kw_only=True, tag="dropout"):
    """Dropout; costs nothing at inference."""

    rate: Annotated[float, Meta(ge=0, lt=1)]

    def emit(self, b: Emitter, block: Block) -> None:
        """Emit the dropout."""
        b.add("dropout", DropoutOp(self.rate))
