"""Strides that become dilations, so that the last features keep a higher resolution.

From the stride on that would go beyond the limit, filters read the pixels that they would have read
and compute at every pixel between them too: the weights are the same.

Source: DeepLab (arXiv:1606.00915), Section 3.1; ``output_stride`` of DeepLabV3 (arXiv:1706.05587).
"""

from collections.abc import Sequence
from typing import Literal

from mncost.graph.ops import Size
from mncost.spec.reading import IMAGE, Read
from mncost.spec.rows import Row

__all__ = ["Strides"]

_ONE: Size = (1, 1)


class Strides:
    """How far the pixels of each result lie apart, and by how much filters there are dilated."""

    def __init__(self, limit: int | None, dilate: Literal["next", "strided"]) -> None:
        """Begin at the image; without a limit nothing is dilated."""
        self.limit, self.dilate = limit, dilate
        self.at: dict[str, tuple[Size, Size]] = {IMAGE: (_ONE, _ONE)}  # by block: apart, dilation

    def of(
        self, row: Row, block: str, stride: Size, reads: Sequence[Read]
    ) -> tuple[Size, Size, Size]:
        """Return the stride that a block keeps, its dilation, and that of filters behind it.

        Raises:
            ValueError: its filters cannot be dilated.
        """
        if self.limit is None:
            return stride, _ONE, _ONE
        apart, dilation = self.at[reads[-1 if row.also else 0].block]
        after = _times(apart, stride)
        if factor := getattr(row, "factor", None):  # upsampled
            after = apart = max(1, apart[0] // factor), max(1, apart[1] // factor)
        if max(after) <= self.limit or stride == _ONE:
            after_dilation = dilation
        else:
            after, after_dilation, stride = apart, _times(dilation, stride), _ONE
        own = after_dilation if self.dilate == "strided" else dilation
        if row.dilates is False and after_dilation != _ONE:
            tag = row.__struct_config__.tag
            raise ValueError(
                f"an output stride of {self.limit} needs dilation, and {tag} has none; "
                "--output-stride 32 keeps the strides"
            )
        self.at[block] = after, after_dilation
        return stride, own, after_dilation


def _times(a: Size, b: Size) -> Size:
    return a[0] * b[0], a[1] * b[1]
