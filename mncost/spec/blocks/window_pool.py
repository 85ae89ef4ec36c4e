"""The blocks ``max_pool`` and ``average_pool``."""

from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from mncost.graph.ops import Pool, Size
from mncost.spec.emitter import Emitter
from mncost.spec.rows import Block, Row
from mncost.spec.values import Kernel, Pads, Stride, size_of

__all__ = ["AveragePool", "MaxPool"]


class _WindowPool(Row, frozen=True, kw_only=True):
    """Pooling of windows, as torch has it."""

    function: ClassVar[Literal["max", "average"]]

    dilates = False

    kernel: Kernel
    stride: Annotated[Stride | None, Meta(description="By default the kernel.")] = None
    padding: Pads = 0
    ceil: Annotated[bool, Meta(description="Whether a last window may reach beyond the image.")] = (
        False
    )

    def __post_init__(self) -> None:
        """Check what the types alone cannot say."""
        sides = zip(size_of(self.padding), size_of(self.kernel), strict=True)
        if any(2 * pad > side for pad, side in sides):
            raise ValueError("`padding` is at most half of the `kernel`")

    @property
    def steps(self) -> Size:
        """Return its stride."""
        return size_of(self.kernel if self.stride is None else self.stride)

    def emit(self, b: Emitter, block: Block) -> None:
        """Emit the pooling."""
        kernel, (above, left) = size_of(self.kernel), size_of(self.padding)
        pads = (above, above, left, left)
        b.add("pool", Pool(self.function, kernel, self.steps, pads, self.ceil))


class MaxPool(_WindowPool, frozen=True, kw_only=True, tag="max_pool"):
    """The largest of each window."""

    function = "max"


class AveragePool(_WindowPool, frozen=True, kw_only=True, tag="average_pool"):
    """The average of each window; what is padded counts as zeros."""

    function = "average"
