"""A small network whose counts the tests work out by hand."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import mncost
from mncost.nas.clock import Clock, Correction
from mncost.network import Network

__all__ = ["SIDE", "START", "Ruled", "counted", "network", "seconds"]

SIDE = 32
START = {"stem": 16, "b": 64, "c": 72, "d": 144, "out16": 16, "out24": 24, "last": 40}
"""Widths; ``out16`` and the stem's are one, and so are both outputs of 24 channels."""
TEXT = """
name = "small"
title = "Small"
resolution = {side}
rules = {{ classes = 10 }}
rows = [
  {{ block = "conv", kernel = 3, out = {out16}, stride = 2, name = "stem" }},
  {{ block = "inverted_residual", kernel = 3, expanded = {b}, out = {out16} }},
  {{ block = "inverted_residual", kernel = 3, expanded = {c}, out = {out24}, stride = 2 }},
  {{ block = "inverted_residual", kernel = 3, expanded = {d}, out = {out24} }},
  {{ block = "conv", kernel = 1, out = {last}, name = "last" }},
  {{ block = "pool" }},
  {{ block = "linear", out = "classes", name = "classifier" }},
]
"""


def network(folder: Path, widths: Mapping[str, int] = START) -> Network:
    """Return the network of a file with these widths."""
    file = folder / "small.toml"
    file.write_text(TEXT.format(side=SIDE, **{"out16": widths["stem"], **widths}))
    return mncost.load(str(file))


def counted(widths: Mapping[str, int]) -> tuple[int, int]:
    """Return MACs and parameters, by hand: a convolution has a batch norm and no bias."""
    macs = params = 0

    def conv(inputs: int, outputs: int, taps: int, pixels: int) -> None:
        nonlocal macs, params
        macs += inputs * outputs * taps * pixels
        params += inputs * outputs * taps + 2 * outputs

    def bottleneck(inputs: int, inner: int, outputs: int, before: int, after: int) -> None:
        conv(inputs, inner, 1, before)
        conv(1, inner, 9, after)
        conv(inner, outputs, 1, after)

    a, out = widths["out16"], widths["out24"]
    large, small = (SIDE // 2) ** 2, (SIDE // 4) ** 2
    conv(3, a, 9, large)
    bottleneck(a, widths["b"], a, large, large)
    bottleneck(a, widths["c"], out, large, small)
    bottleneck(out, widths["d"], out, small, small)
    conv(out, widths["last"], 1, small)
    macs += widths["last"] * 10
    params += widths["last"] * 10 + 10
    return macs, params


def seconds(macs: int, params: int) -> float:
    """Return the latency by a rule that is not proportional to either."""
    return 1e-9 * macs + 3e-8 * params


class Ruled(Clock):
    """A clock that goes by :func:`seconds`, with intervals of ± 2 %."""

    def __init__(self) -> None:
        self.correction = Correction()

    def seconds(self, network: Network) -> tuple[float, float]:
        factor, reach = self.correction
        return factor * seconds(network.macs, network.params), reach or 1.02
