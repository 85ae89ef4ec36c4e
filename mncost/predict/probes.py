"""Probes: small random networks that show a model of latency every kind of kernel.

They mix blocks, kernels of 3 and 5, squeeze-excite, activations, and widths that fit the blocked
layout of ONNX Runtime and widths that do not. The last ones have the kernels of other networks than
MobileNets (:mod:`mncost.predict.rare_probes`). The same number always makes the same network.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

from mncost.predict.rare_probes import RARE, rare_rows, rare_size

if TYPE_CHECKING:
    from mncost.network import Network

__all__ = ["PROBES", "is_probe", "probe_text", "probes"]

_MIXED, _LARGE, _RANDOM = 30, 40, 48
PROBES = _RANDOM + RARE
_NAME = "mncost-probe-"
_STAGES = ((8, 64), (16, 96), (24, 160), (40, 320), (64, 640))
_ACTIVATIONS = ("relu6", "hardswish", "relu")

T = TypeVar("T")


def is_probe(arch: str) -> bool:
    """Whether a network of this name is a probe."""
    return arch.startswith(_NAME)


def probes(count: int = PROBES) -> list[Network]:
    """Return the first probes, each for the images that it is made for."""
    from mncost.network import network_of
    from mncost.spec.parse import parse_spec
    from mncost.spec.resolve import resolve

    networks = []
    for number in range(count):
        spec = parse_spec(probe_text(number).encode(), f"probe {number}")
        networks.append(network_of(resolve(spec), spec.native))
    return networks


class _Random:
    """Numbers that are the same with every version of Python (Lehmer, 48271 mod 2³¹ - 1)."""

    def __init__(self, seed: int) -> None:
        self.state = (seed + 1) * 7919
        for _ in range(8):
            self.uniform()

    def uniform(self) -> float:
        """Return a number from 0 up to 1."""
        self.state = self.state * 48271 % 2147483647
        return self.state / 2147483647

    def one_of(self, choices: Sequence[T]) -> T:
        """Return one of several."""
        return choices[int(self.uniform() * len(choices))]

    def width(self, least: int, most: int) -> int:
        """Return a number of channels; three quarters of them are multiples of 8."""
        width = round(float(least * (most / least) ** self.uniform()))
        return width if self.uniform() < 0.25 else max(8, 8 * round(width / 8))


def probe_text(number: int) -> str:
    """Return the architecture file of a probe."""
    if number < _RANDOM:
        random = _Random(number)
        if number < _MIXED:
            size = random.one_of((64, 96, 112, 128, 160, 176, 192, 224))
            listed = _rows(random)
        elif number < _LARGE:
            size, listed = random.one_of((64, 96, 128)), _rows(random, wider=2)
        else:
            size, listed = random.one_of((64, 96, 128)), _small_rows(random)
    else:
        size, listed = rare_size(number - _RANDOM), rare_rows(number - _RANDOM)
    rows = "".join(f"  {{ {row} }},\n" for row in listed)
    return f'format = 1\nname = "{_NAME}{number}"\nresolution = {size}\nrows = [\n{rows}]\n'


def _rows(random: _Random, *, wider: int = 1) -> Iterator[str]:
    """Yield the rows of a network; of a wider one, most of whose time is that of its weights."""
    style = random.one_of(("separable", "inverted", "inverted", "uib", "mixed"))
    act = random.one_of(_ACTIVATIONS)
    yield (
        f'block = "conv", kernel = 3, out = {random.width(8, 48)}, activation = "{act}", '
        'stride = 2, name = "stem"'
    )
    for stage, (least, most) in enumerate(_STAGES):
        for place in range(random.one_of((1, 1, 2, 3)) if stage else 1):
            stride = 2 if stage and not place else 1
            kind = random.one_of(("separable", "inverted", "uib")) if style == "mixed" else style
            out = random.width(wider * least, wider * most)
            yield (
                f"{_block(random, kind, out, stride)}, stride = {stride}, "
                f'activation = "{random.one_of(_ACTIVATIONS)}"'
            )
    yield (
        f'block = "conv", kernel = 1, out = {random.width(128, 1280)}, activation = "relu6", '
        'name = "last"'
    )
    yield 'block = "pool"'
    if random.uniform() < 0.5:  # else what a pool and a linear layer take cannot be told apart
        yield f'block = "linear", out = {random.width(128, 1792)}, activation = "hardswish"'
    yield 'block = "linear", out = "classes", name = "classifier"'


def _small_rows(random: _Random) -> Iterator[str]:
    """Yield the rows of a network whose time is that of its many small calls."""
    yield (
        f'block = "conv", kernel = 3, out = {random.width(8, 24)}, activation = "hardswish", '
        'stride = 2, name = "stem"'
    )
    for place in range(random.one_of((5, 7, 9, 11))):
        yield (
            f'block = "inverted_residual", kernel = {random.one_of((3, 5))}, '
            f"expansion = {random.one_of((2, 3, 4))}, out = {random.width(8, 24 + 6 * place)}, "
            f"se = {random.one_of((0, 0.25, 0.25))}, stride = {2 if place in (1, 4) else 1}, "
            f'activation = "{random.one_of(_ACTIVATIONS)}"'
        )
    yield 'block = "pool"'
    yield 'block = "linear", out = "classes", name = "classifier"'


def _block(random: _Random, kind: str, out: int, stride: int) -> str:
    kernel = random.one_of((3, 3, 5))
    if kind == "separable":
        wide = min(1024, out * random.one_of((1, 2)))
        return f'block = "separable", kernel = {kernel}, out = {wide}'
    if kind == "inverted":
        ratio, se = random.one_of((1.5, 2, 3, 4, 6)), random.one_of((0, 0, 0.25))
        return (
            f'block = "inverted_residual", kernel = {kernel}, expansion = {ratio}, '
            f"out = {min(out, 320)}, se = {se}"
        )
    start = random.one_of((0, 3, 5))
    middle = random.one_of((3, 5) if stride == 2 else (0, 3, 5))
    return (
        f'block = "uib", start_kernel = {start}, middle_kernel = {middle}, '
        f"expansion = {random.one_of((2, 3, 4))}, out = {min(out, 256)}"
    )
