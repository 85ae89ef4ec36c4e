"""What a twin saves: two convolutions beside the one that replaces them."""

from __future__ import annotations

from fractions import Fraction
from math import prod
from typing import NamedTuple

from mncost.cost.layers import Layer

__all__ = ["PairCost"]


class PairCost(NamedTuple):
    """Two convolutions beside the one that replaces them in a twin, in one network."""

    first: Layer
    second: Layer
    merged: Layer

    @property
    def macs(self) -> int:
        """Multiply-accumulates of the two convolutions."""
        return self.first.macs + self.second.macs

    @property
    def macs_share(self) -> Fraction:
        """Multiply-accumulates of the two / of the one."""
        return Fraction(self.macs, self.merged.macs)

    @property
    def theoretical_share(self) -> Fraction:
        """What :attr:`macs_share` is by the formula, for one filter a channel.

        Depthwise, then pointwise (``standard``): 1/N + 1/k², for N output channels and a k×k kernel
        (V1 paper, Section 3.1).

        Expand, then depthwise (``fused``): s²/k² + 1/C, for C input channels and stride s. The
        expansion to E channels runs before the stride, on s² times the P output pixels:
        (s²·C·E·P + k²·E·P) / (k²·C·E·P). Exact where the stride divides the side.
        """
        assert self.merged.kernel is not None
        assert self.merged.stride is not None
        kernel, stride = prod(self.merged.kernel), prod(self.merged.stride)
        if self.first.kind == "depthwise":
            return Fraction(1, self.merged.out_channels) + Fraction(1, kernel)
        return Fraction(stride, kernel) + Fraction(1, self.merged.in_channels)
