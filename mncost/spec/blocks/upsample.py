"""The block ``upsample``."""

from typing import Annotated

from msgspec import Meta

from mncost.graph.branch_ops import Interpolation
from mncost.graph.ops import Resize
from mncost.spec.emitter import Emitter
from mncost.spec.rows import Block, Row
from mncost.spec.values import Reference, exactly_one

__all__ = ["Upsample"]


class Upsample(Row, frozen=True, kw_only=True, tag="upsample"):
    """An image of another size: larger by a factor, or as large as another row's."""

    factor: Annotated[int, Meta(ge=2, le=64)] | None = None
    like: Annotated[
        Reference | None, Meta(description='A row, or "input", whose height and width it gets.')
    ] = None
    mode: Interpolation = "nearest"

    def __post_init__(self) -> None:
        """Check what the types alone cannot say."""
        exactly_one("factor", self.factor, "like", self.like)

    @property
    def also(self) -> tuple[tuple[str, str], ...]:
        """Return the row that it is to be like."""
        return () if self.like is None else (("like", self.like),)

    def emit(self, b: Emitter, block: Block) -> None:
        """Emit the change of size."""
        b.add("resize", Resize(self.mode, self.factor), *b.sources)
