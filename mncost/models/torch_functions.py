"""The torch functions that torch itself does not have. Tensors have a batch before their shape.

They multiply no sizes of tensors: tools that trace a module would count that.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from mncost.graph.ops import Size

__all__ = [
    "adaptive_average_pool",
    "between",
    "fold",
    "global_average_pool",
    "pad_by",
    "pad_same",
    "resize_by",
    "resize_like",
    "resize_to_multiple",
    "select",
    "shuffle",
    "tokens",
    "unfold",
]


def global_average_pool(x: Tensor) -> Tensor:
    """Average over height and width, which become 1; of tokens, over all of them."""
    if x.dim() == 4:
        return functional.adaptive_avg_pool2d(x, 1)
    return functional.adaptive_avg_pool2d(x.transpose(1, 2).unsqueeze(3), 1).flatten(1)


def adaptive_average_pool(x: Tensor, size: Size) -> Tensor:
    """Average windows, so that an image of a given size is left."""
    return functional.adaptive_avg_pool2d(x, size)


def pad_same(x: Tensor, kernel: Size, stride: Size, dilation: Size) -> Tensor:
    """Pad height and width for a convolution as TensorFlow's SAME does.

    What cannot be split evenly goes right and below.
    """
    height, width = x.shape[-2:]
    top, bottom = _same(height, kernel[0], stride[0], dilation[0])
    left, right = _same(width, kernel[1], stride[1], dilation[1])
    return functional.pad(x, (left, right, top, bottom))


def pad_by(x: Tensor, pixels: tuple[int, int, int, int]) -> Tensor:
    """Pad height and width by these pixels: top, bottom, left, right."""
    top, bottom, left, right = pixels
    return functional.pad(x, (left, right, top, bottom))


def between(x: Tensor, start: int, stop: int) -> Tensor:
    """Return some channels, or some tokens."""
    return x[:, start:stop]


def shuffle(x: Tensor, groups: int) -> Tensor:
    """Take the first channel of each group, then the second of each, and so on."""
    return x.unflatten(1, (groups, -1)).transpose(1, 2).flatten(1, 2)


def resize_by(x: Tensor, mode: str, factor: int) -> Tensor:
    """Enlarge an image by a factor."""
    return functional.interpolate(x, scale_factor=float(factor), mode=mode)


def resize_to_multiple(x: Tensor, mode: str, multiple: int) -> Tensor:
    """Make each side of an image the next multiple."""
    height, width = (side + -side % multiple for side in x.shape[2:])
    return _resized(x, mode, (height, width))


def resize_like(x: Tensor, like: Tensor, mode: str) -> Tensor:
    """Give an image the height and width of another one."""
    return _resized(x, mode, (like.shape[2], like.shape[3]))


def _resized(x: Tensor, mode: str, size: Size) -> Tensor:
    return x if tuple(x.shape[2:]) == size else functional.interpolate(x, size, mode=mode)


def tokens(x: Tensor, parts: int) -> Tensor:
    """``(batch, C, H, W)`` to ``(batch, H·W·parts, C / parts)``."""
    return x.flatten(2).transpose(1, 2).unflatten(2, (parts, -1)).flatten(1, 2)


def select(x: Tensor, index: int) -> Tensor:
    """Return one token."""
    return x[:, index]


def unfold(x: Tensor, patch: Size) -> Tensor:
    """``(batch, C, H, W)`` to ``(batch, H·W, C)``: pixel by pixel of the patch, patch by patch."""
    x = x.unflatten(3, (-1, patch[1])).unflatten(2, (-1, patch[0]))
    return x.permute(0, 3, 5, 2, 4, 1).flatten(1, 4)


def fold(x: Tensor, like: Tensor, patch: Size) -> Tensor:
    """Undo :func:`unfold`, into an image of the size of another one."""
    across = like.shape[3] // patch[1]
    x = x.unflatten(1, (patch[0], patch[1], -1, across))
    return x.permute(0, 5, 3, 1, 4, 2).flatten(4, 5).flatten(2, 3)


def _same(size: int, kernel: int, stride: int, dilation: int) -> tuple[int, int]:
    total = max(dilation * (kernel - 1) + 1 - (size % stride or stride), 0)
    return total // 2, total - total // 2
