"""A figure with its confidence interval: a value that a table can hold."""

from __future__ import annotations

from collections.abc import Callable
from math import floor, isfinite, log10
from typing import NamedTuple

__all__ = ["Interval", "exact"]


class Interval(NamedTuple):
    """A figure and the bounds of its confidence interval.

    Attributes:
        center: the estimate, in base units: seconds, bytes, counts, or a plain ratio.
        lo, hi: the bounds; ``None`` where the data say nothing about one.
        n: the independent repetitions that it rests on (processes, or generations of them); 0 if
            the figure is exact.
        warnings: why a bound is missing.
    """

    center: float
    lo: float | None
    hi: float | None
    n: int = 0
    warnings: tuple[str, ...] = ()

    @property
    def inverse(self) -> Interval:
        """1 / the figure."""
        lo, hi = (None if bound is None else 1 / bound for bound in (self.hi, self.lo))
        return self._replace(center=1 / self.center, lo=lo, hi=hi)

    @property
    def relative_error(self) -> float | None:
        """Half the interval's width / the centre; ``None`` without both bounds."""
        if self.lo is None or self.hi is None:
            return None
        return (self.hi - self.lo) / 2 / self.center

    @property
    def decimals(self) -> int | None:
        """To how many decimals the figure is worth printing, by its interval.

        The rule of the Particle Data Group (*Review of Particle Physics*, introduction, 5.3): of
        the half-width's first three digits, 100 to 354 keep two digits, 355 to 949 keep one, and
        950 to 999 become 1000 and keep two. The centre ends at the same decimal.

        Below zero if not even the units are supported (-1: tens); ``None`` if the interval says
        nothing: a bound is missing, or it has no width.
        """
        if self.lo is None or self.hi is None:
            return None
        half = (self.hi - self.lo) / 2
        if not half > 0 or not isfinite(half):
            return None
        exponent = floor(log10(half))
        first_three = round(half / 10.0 ** (exponent - 2))
        if first_three >= 950:
            return -exponent
        return 1 - exponent if first_three <= 354 else -exponent

    def scaled(self, factor: float) -> Interval:
        """Return it times a constant above zero, e.g. in another unit."""
        return self._mapped(lambda value: factor * value)

    def per(self, amount: float) -> Interval:
        """Return ``amount / this``: a rate from a time; if that may be 0, without upper bound."""
        hi, lo = (amount / bound if bound else None for bound in (self.lo, self.hi))
        return self._replace(center=amount / self.center, lo=lo, hi=hi)

    def _mapped(self, function: Callable[[float], float]) -> Interval:
        lo, hi = (bound if bound is None else function(bound) for bound in (self.lo, self.hi))
        return self._replace(center=function(self.center), lo=lo, hi=hi)


def exact(value: float) -> Interval:
    """Return an exact number as an interval without width."""
    return Interval(value, value, value)
