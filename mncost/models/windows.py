"""The windows of an adaptive average, as a matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy

__all__ = ["shares"]


def shares(side: int, n: int) -> numpy.ndarray:
    """Return the share that each of ``side`` pixels has in each of ``n`` averages: ``(n, side)``.

    Average i is of the pixels from ⌊i·side/n⌋ up to ⌈(i + 1)·side/n⌉, as in torch.
    """
    import numpy as np

    matrix = np.zeros((n, side), dtype=np.float32)
    for i in range(n):
        start, stop = i * side // n, -(-(i + 1) * side // n)
        matrix[i, start:stop] = 1 / (stop - start)
    return matrix
