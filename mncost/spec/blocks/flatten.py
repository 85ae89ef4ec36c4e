"""The block ``flatten``."""

from mncost.graph.ops import Flatten as FlattenOp
from mncost.spec.emitter import Emitter
from mncost.spec.rows import Block, Row

__all__ = ["Flatten"]


class Flatten(Row, frozen=True, kw_only=True, tag="flatten"):
    """All elements as one vector; a ``linear`` row does so itself."""

    def emit(self, b: Emitter, block: Block) -> None:
        """Emit the flatten, unless there is a vector already."""
        if not b.is_vector:
            b.add("flatten", FlattenOp())
