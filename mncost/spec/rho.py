"""Resolutions as ratios ρ of the native one."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal

from mncost.errors import NothingPublishedError
from mncost.spec.axis import Axis, checked_resolution, stepped

__all__ = ["resolutions_at_rho"]


def resolutions_at_rho(axis: Axis, published: Iterable[int], native: int, family: str) -> list[int]:
    """Return the resolutions whose ratio to the native one is chosen, to the nearest pixel."""
    sizes = list(published)
    chosen: dict[int, None] = {}
    for part in axis.parts:
        if part.step is None and part.low != part.high:
            fitting = [r for r in sizes if part.low * native <= r <= part.high * native]
            if not fitting:
                has = ", ".join(f"{r / native:.3g} ({r} px)" for r in sizes) or "none"
                raise NothingPublishedError(
                    f"{family} has no published ρ in {part.text}; it has {has}"
                )
        else:
            ratios = stepped(part) if part.step else [part.low]
            fitting = [_nearest_pixel(ratio, native) for ratio in ratios]
        chosen.update(dict.fromkeys(fitting))
    return [checked_resolution(size) for size in chosen]


def _nearest_pixel(ratio: Decimal, native: int) -> int:
    return int((ratio * native).to_integral_value(ROUND_HALF_UP))
