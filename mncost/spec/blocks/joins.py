"""The blocks that join branches: ``add``, ``concat`` and ``multiply``."""

from mncost.graph.ops import Add as AddOp
from mncost.graph.ops import Concat as ConcatOp
from mncost.graph.ops import Scale
from mncost.spec.emitter import Emitter
from mncost.spec.rows import Block, Row
from mncost.spec.values import Activation, Scaling, Widths

__all__ = ["Add", "Concat", "Multiply"]


class _Join(Row, frozen=True, kw_only=True):
    """A row that reads two results or more."""

    several = True

    def __post_init__(self) -> None:
        """Check what the types alone cannot say."""
        if isinstance(self.reads, str) or (self.reads is not None and len(self.reads) < 2):
            raise ValueError("`from` needs a list of at least two rows")


class Add(_Join, frozen=True, kw_only=True, tag="add"):
    """The sum of results of one shape, and an activation."""

    activation: Activation = "none"

    def widths(self, scaling: Scaling) -> Widths:
        """Return the width that all have."""
        for width, _ in scaling.others:
            if width != scaling.width:
                raise ValueError(f"{scaling.width} and {width} channels cannot be added")
        return Widths(scaling.width, scaling.nominal)

    def emit(self, b: Emitter, block: Block) -> None:
        """Emit a sum of two after the other."""
        first, *others = b.sources
        for number, other in enumerate(others, 1):
            first = b.add("add" if len(others) == 1 else f"add{number}", AddOp(), first, other)
        b.activation("", self.activation, block.out_channels)


class Concat(_Join, frozen=True, kw_only=True, tag="concat"):
    """The channels of several results, one after the other."""

    def widths(self, scaling: Scaling) -> Widths:
        """Return the sum of the widths."""
        every = [(scaling.width, scaling.nominal), *scaling.others]
        return Widths(sum(width for width, _ in every), sum(nominal for _, nominal in every))

    def emit(self, b: Emitter, block: Block) -> None:
        """Emit the concatenation."""
        if b.rank == 2:
            raise ValueError("it joins channels of images, and gets tokens")
        b.add("concat", ConcatOp(), *b.sources)


class Multiply(_Join, frozen=True, kw_only=True, tag="multiply"):
    """Features times a gate: one factor for each channel."""

    def __post_init__(self) -> None:
        """Check what the types alone cannot say."""
        super().__post_init__()
        if self.reads is not None and len(self.reads) != 2:
            raise ValueError("`from` needs two rows: the features, and their gate")

    def widths(self, scaling: Scaling) -> Widths:
        """Return the width of the features."""
        for width, _ in scaling.others:
            if width != scaling.width:
                raise ValueError(f"a gate of {width} channels does not fit {scaling.width}")
        return Widths(scaling.width, scaling.nominal)

    def emit(self, b: Emitter, block: Block) -> None:
        """Emit the product."""
        b.add("scale", Scale(), *b.sources)
