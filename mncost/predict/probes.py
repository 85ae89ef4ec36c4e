"""Probes: small random networks that show a model of latency every kind of kernel.

They mix blocks, kernels of 3 and 5, squeeze-excite, activations, and widths that fit the blocked
layout of ONNX Runtime and widths that do not. Most are as deep as MobileNets are: predictions from
shallower ones were 13 % too fast. The last ones have the kernels of other networks than
MobileNets (:mod:`mncost.predict.rare_probes`). The same number always makes the same network.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

from mncost.predict.rare_probes import RARE, rare_rows, rare_size

if TYPE_CHECKING:
    from mncost.network import Network

__all__ = ["PROBES", "is_probe", "probe_text", "probes"]

_DEEP, _RANDOM = 40, 48
PROBES = _RANDOM + RARE
_NAME = "mncost-probe-"
_STAGES = ((8, 32), (12, 48), (24, 80), (32, 144), (64, 256))
"""The fewest and the most channels of a stage; each halves the sides of the images."""
_STYLES = ("separable", "inverted", "inverted", "inverted", "uib", "mixed")
_ACTIVATIONS = ("relu6", "hardswish", "relu")
_PAIRS = (("relu6", "relu6"), ("relu", "relu"), ("relu", "hardswish"), ("hardswish", "hardswish"))
"""The activation of the first stages and of the others."""

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
        if number < _DEEP:
            size, listed = random.one_of((64, 96, 96, 128, 128, 160, 192, 224)), _rows(random)
        else:
            size, listed = random.one_of((64, 96, 128)), _small_rows(random)
    else:
        size, listed = rare_size(number - _RANDOM), rare_rows(number - _RANDOM)
    rows = "".join(f"  {{ {row} }},\n" for row in listed)
    return f'format = 1\nname = "{_NAME}{number}"\nresolution = {size}\nrows = [\n{rows}]\n'


def _rows(random: _Random) -> Iterator[str]:
    """Yield the rows of a network as deep as MobileNets are, of which two to four make a stage."""
    style, activations = random.one_of(_STYLES), random.one_of(_PAIRS)
    se, kernel = random.one_of((0, 0, 0.25)), random.one_of((3, 3, 5))
    yield (
        f'block = "conv", kernel = 3, out = {random.width(8, 40)}, '
        f'activation = "{random.one_of(activations)}", stride = 2, name = "stem"'
    )
    for stage, widths in enumerate(_STAGES):
        out, is_late = random.width(*widths), stage > 1
        for place in range(random.one_of((2, 3, 4)) if stage else 1):
            kinds = ("separable", "inverted", "uib", "inverted" if is_late else "fused")
            kind = random.one_of(kinds) if style == "mixed" else style
            stride = 2 if stage and not place else 1
            block = _block(random, kind, out, stride, kernel if is_late else 3, se)
            yield f'{block}, stride = {stride}, activation = "{activations[is_late]}"'
    yield (
        f'block = "conv", kernel = 1, out = {random.width(256, 1280)}, '
        f'activation = "{activations[1]}", name = "last"'
    )
    yield 'block = "pool"'
    if random.uniform() < 0.5:  # else what a pool and a linear layer take cannot be told apart
        yield f'block = "linear", out = {random.width(512, 1536)}, activation = "hardswish"'
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


def _block(random: _Random, kind: str, out: int, stride: int, kernel: int, se: float) -> str:
    if kind == "separable":
        return f'block = "separable", kernel = {kernel}, out = {2 * out}'
    if kind == "inverted":
        return (
            f'block = "inverted_residual", kernel = {kernel}, '
            f"expansion = {random.one_of((3, 4, 6, 6))}, out = {out}, se = {se}"
        )
    expansion = random.one_of((2, 3, 4, 6))
    if kind == "fused":
        return (
            f'block = "fused_inverted_residual", expansion = {expansion}, out = {out}, kernel = 3'
        )
    start, middle = random.one_of((0, 3, 5)), random.one_of((3, 5) if stride == 2 else (0, 3, 5))
    return (
        f'block = "uib", start_kernel = {start}, middle_kernel = {middle}, '
        f"expansion = {expansion}, out = {out}"
    )
