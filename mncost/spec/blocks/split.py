"""The blocks ``split`` and ``shuffle``."""

from collections.abc import Sequence
from typing import Annotated, Any

from msgspec import Meta

from mncost.graph.ops import Shuffle as ShuffleOp
from mncost.graph.ops import Slice
from mncost.spec.emitter import Emitter
from mncost.spec.rows import Block, Row
from mncost.spec.values import MAX_CHANNELS, Channels, Scaling, Widths

__all__ = ["Shuffle", "Split"]


class Split(Row, frozen=True, kw_only=True, tag="split"):
    """Its input's channels in parts, which rows read by their numbers: ``name.1``, ``name.2``."""

    whole = False

    count: Annotated[
        Annotated[int, Meta(ge=2, le=64)]
        | Annotated[tuple[Channels, ...], Meta(min_length=2, max_length=64)],
        Meta(
            description="How many equal parts, or the channels of each at α = 1. At another α "
            "the last takes what is left."
        ),
    ]

    @property
    def parts(self) -> tuple[str, ...]:
        """Return the numbers of the parts."""
        count = self.count if isinstance(self.count, int) else len(self.count)
        return tuple(str(number) for number in range(1, count + 1))

    def part_width(self, part: str, scaling: Scaling) -> int:
        """Return the channels of a part."""
        return self._each(scaling)[int(part) - 1]

    def widths(self, scaling: Scaling) -> Widths:
        """Return the width of the input, and those of the parts."""
        parts = tuple(self._each(scaling))
        return Widths(scaling.width, scaling.nominal, branches=parts)

    def _each(self, scaling: Scaling) -> list[int]:
        width, count = scaling.width, self.count
        if isinstance(count, int):
            if width % count:
                raise ValueError(f"{width} channels cannot be split into {count} equal parts")
            return [width // count] * count
        parts = [scaling.scaled(channels) for channels in count[:-1]]
        parts.append(width - sum(parts))
        if parts[-1] < 1 or (scaling.alpha == 1 and parts[-1] != count[-1]):
            raise ValueError(f"parts of {', '.join(map(str, count))} channels do not make {width}")
        return parts

    def resolved(self, blocks: Sequence[Block]) -> dict[str, Any]:
        """Return the channels of each part."""
        return {"count": blocks[0].branches}

    def emit(self, b: Emitter, block: Block) -> None:
        """Emit a slice for each part."""
        if b.rank == 2:
            raise ValueError("it parts channels of images, and gets tokens")
        (source,), start = b.sources, 0
        for part, channels in zip(self.parts, block.branches, strict=True):
            b.add(part, Slice(start, start + channels), source)
            b.mark(part)
            start += channels


class Shuffle(Row, frozen=True, kw_only=True, tag="shuffle"):
    """Channel shuffle: the first channel of each group, then the second of each, and so on."""

    groups: Annotated[int, Meta(ge=1, le=MAX_CHANNELS)]

    def widths(self, scaling: Scaling) -> Widths:
        """Check that the channels can be grouped."""
        if scaling.width % self.groups:
            raise ValueError(f"{scaling.width} channels cannot be in {self.groups} groups")
        return Widths(scaling.width, scaling.nominal)

    def emit(self, b: Emitter, block: Block) -> None:
        """Emit the shuffle."""
        b.add("shuffle", ShuffleOp(self.groups))
