"""A machine that runs a network in plain loops and counts, one by one, what it multiplies.

Tensors are ``[channel][row][column]`` lists. Nothing here is imported from mncost. A tap that falls
on padding is multiplied like any other, as papers and tools count it.
"""

from __future__ import annotations

from typing import Any

Tensor = list[list[list[int]]]


def ones(*shape: int) -> Any:
    """Return nested lists of ones."""
    if not shape:
        return 1
    return [ones(*shape[1:]) for _ in range(shape[0])]


def leaves(nested: Any) -> int:
    """Count the numbers in nested lists."""
    return sum(map(leaves, nested)) if isinstance(nested, list) else 1


def shape_of(x: Tensor) -> tuple[int, int, int]:
    """Return channels, height and width."""
    return len(x), len(x[0]), len(x[0][0])


def padding_of(size: int, kernel: int, stride: int, mode: str) -> tuple[int, int]:
    """Return the zeros before and after a row.

    ``same`` is TensorFlow's manual, word by word; the others are as torch and Keras say.
    """
    if mode == "same":
        beyond = size % stride or stride
        total = max(kernel - beyond, 0)
        return total // 2, total - total // 2
    if mode == "valid":
        return 0, 0
    half = (kernel - 1) // 2
    return (0, half) if mode == "end" and stride > 1 else (half, half)


def windows(size: int, kernel: int, stride: int, mode: str) -> int:
    """Slide a kernel along a padded row and count where it fits."""
    before, after = padding_of(size, kernel, stride, mode)
    row = [0] * before + [1] * size + [0] * after
    count = start = 0
    while start + kernel <= len(row):
        count += 1
        start += stride
    return count


class Machine:
    """Runs layers, and remembers how many multiply-accumulates and parameters that took."""

    def __init__(self) -> None:
        self.macs = 0
        self.params = 0
        self.buffers = 0

    def weights(self, *shape: int) -> Any:
        """Make parameters of this shape."""
        made = ones(*shape)
        self.params += leaves(made)
        return made

    def multiply(self, a: int, b: int) -> int:
        """Multiply, and count it."""
        self.macs += 1
        return a * b

    def conv(
        self,
        x: Tensor,
        out: int,
        kernel: int = 1,
        stride: int = 1,
        groups: int = 1,
        mode: str = "symmetric",
        *,
        norm: bool = True,
        bias: bool = False,
    ) -> Tensor:
        """Convolve; with a batch norm, or with a bias."""
        per_group, of_group = len(x) // groups, out // groups
        filters = self.weights(out, per_group, kernel, kernel)
        padded = [pad(plane, kernel, stride, mode) for plane in x]
        result = []
        for o, taps in enumerate(filters):
            first = o // of_group * per_group
            planes = padded[first : first + per_group]
            result.append(self.slide(planes, taps, kernel, stride))
        if norm:
            self.norm(out)
        if bias:
            self.weights(out)
        return result

    def slide(self, planes: Tensor, taps: Any, kernel: int, stride: int) -> list[list[int]]:
        """Compute one output channel, pixel by pixel and tap by tap."""
        rows = range(0, len(planes[0]) - kernel + 1, stride)
        columns = range(0, len(planes[0][0]) - kernel + 1, stride)
        result = [[0 for _ in columns] for _ in rows]
        for y, top in enumerate(rows):
            for x, left in enumerate(columns):
                for plane, tap in zip(planes, taps, strict=True):
                    for dy in range(kernel):
                        for dx in range(kernel):
                            pixel = plane[top + dy][left + dx]
                            result[y][x] += self.multiply(pixel, tap[dy][dx])
        return result

    def depthwise(self, x: Tensor, kernel: int, stride: int = 1, **options: Any) -> Tensor:
        """Filter each channel on its own."""
        return self.conv(x, len(x), kernel, stride, groups=len(x), **options)

    def linear(self, x: Tensor, out: int, *, bias: bool = True) -> Tensor:
        """Multiply a vector by a matrix."""
        vector = [value for plane in x for row in plane for value in row]
        matrix = self.weights(out, len(vector))
        if bias:
            self.weights(out)
        return [
            [[sum(self.multiply(a, b) for a, b in zip(row, vector, strict=True))]] for row in matrix
        ]

    def norm(self, channels: int) -> None:
        """Make a batch norm: scale and shift to train, mean and variance to keep."""
        self.weights(2, channels)
        self.buffers += leaves(ones(2, channels))

    def pool(self, x: Tensor) -> Tensor:
        """Average each channel."""
        return [[[sum(map(sum, plane)) // leaves(plane)]] for plane in x]

    def squeeze_excite(self, x: Tensor, squeezed: int) -> Tensor:
        """Pool, squeeze, excite, scale."""
        gate = self.conv(self.pool(x), squeezed, norm=False, bias=True)
        gate = self.conv(gate, len(x), norm=False, bias=True)
        assert shape_of(gate) == (len(x), 1, 1)
        return x

    def attention(self, queries: Tensor, keys: Tensor, values: Tensor, heads: int) -> Tensor:
        """Compare each query of each head with each key, then mix the values."""
        depth, across = len(keys), len(queries[0][0])
        pixels = [(y, x) for y in range(len(keys[0])) for x in range(len(keys[0][0]))]
        result = [[[0 for _ in row] for row in plane] for plane in queries]
        for head in range(heads):
            for y in range(len(queries[0])):
                for x in range(across):
                    query = [queries[head * depth + d][y][x] for d in range(depth)]
                    scores = [
                        sum(self.multiply(query[d], keys[d][i][j]) for d in range(depth))
                        for i, j in pixels
                    ]
                    for d in range(depth):
                        mixed = [
                            self.multiply(score, values[d][i][j])
                            for score, (i, j) in zip(scores, pixels, strict=True)
                        ]
                        result[head * depth + d][y][x] = sum(mixed)
        return result


def pad(plane: list[list[int]], kernel: int, stride: int, mode: str) -> list[list[int]]:
    """Put zeros around one channel."""
    top, bottom = padding_of(len(plane), kernel, stride, mode)
    left, right = padding_of(len(plane[0]), kernel, stride, mode)
    width = left + len(plane[0]) + right
    middle = [[0] * left + row + [0] * right for row in plane]
    return [*zeros(top, width), *middle, *zeros(bottom, width)]


def zeros(rows: int, width: int) -> list[list[int]]:
    """Return rows of zeros."""
    return [[0] * width for _ in range(rows)]
