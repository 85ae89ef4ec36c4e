"""The block ``pool``."""

from mncost.graph.ops import GlobalPool
from mncost.spec.emitter import Emitter
from mncost.spec.rows import Block, Row

__all__ = ["Pool"]


class Pool(Row, frozen=True, kw_only=True, tag="pool"):
    """Global average pooling to 1×1."""

    def emit(self, b: Emitter, block: Block) -> None:
        """Emit the pooling."""
        b.add("pool", GlobalPool())
