"""From kernels to numbers: what the time of each kind of kernel is a sum of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mncost.graph.ops import Shape
    from mncost.predict.kernels import Plan

__all__ = ["AMOUNTS", "amounts_of", "place_of", "totals_of", "trimmed"]

AMOUNTS = (
    "calls",
    "macs",
    "filled macs",
    "read",
    "written",
    "weights",
    "macs / in channels",
    "macs / out channels",
    "macs in passes of 2 blocks",
    "those / in channels",
    "macs in passes of 4 blocks",
    "those / in channels (4)",
    "macs below 200 pixels",
    "macs below 50 pixels",
    "macs in strips of 6 pixels",
    "macs of large kernels",
    "written with a stride",
    "written and clipped",
    "written through a curve",
)
"""The amounts of a kernel. Its time is their sum, each times a factor of the kernel's kind.

Factors are not negative.

In blocks, channels are filled up to whole blocks, convolutions compute several blocks of output
channels in one pass, and pixels in strips. A part that is not full costs as much as a full one. The
strips of a kernel of one pixel run through the whole image; those of larger ones end with each row,
and hold only the pixels whose window lies inside of the image.
Units: MMACs and MB (of float32), so that factors have one size.
"""
BASIC = ("calls", "filled macs", "read", "written", "macs / in channels")
"""Those that have factors for every kind; the others only where :data:`MANY` networks have it."""
MANY = 20
_MMACS, _MB = 1e-6, 4e-6
_LIKE_WORK = ("conv", "first conv", "pointwise", "linear", "depthwise")
_LIKE_COPIES = ("reorder", "scale", "activation", "pool", "add", "batch_norm", "global pool")


def amounts_of(plan: Plan, shapes: Sequence[Shape]) -> NDArray[Any]:
    """Return kernels × :data:`AMOUNTS` of a network.

    Args:
        plan: its kernels.
        shapes: of every node's result.
    """
    import numpy as np

    macs, read, written, pixels = plan.amounts(shapes).T
    of = plan.constants
    filled = macs * _MMACS * of["fill"]
    pixels = np.maximum(pixels, 1.0)
    side = np.sqrt(pixels)
    inside = np.maximum(side - of["border"], 0.0)
    strips = np.where(
        of["spatial"], np.ceil(inside / 6) * 6 / side, np.ceil(pixels / 6) * 6 / pixels
    )
    columns = [
        np.ones(len(macs)),
        macs * _MMACS,
        filled,
        read * _MB * of["fill in"],
        written * _MB * of["fill out"],
        of["weights"] * _MB * of["fill"],
        filled / of["in"],
        filled / of["out"],
        filled * of["pass 2"],
        filled * of["pass 2"] / of["in"],
        filled * of["pass 4"],
        filled * of["pass 4"] / of["in"],
        filled * (pixels < 200),
        filled * (pixels < 50),
        filled * strips,
        filled * of["large"],
        written * _MB * of["strided"],
        written * _MB * of["clipped"],
        written * _MB * of["curved"],
    ]
    return np.stack(columns, axis=1)


def totals_of(plan: Plan, shapes: Sequence[Shape], kinds: Mapping[str, int]) -> NDArray[Any]:
    """Return the amounts of all kernels added up by kind: one row of kinds × amounts.

    Args:
        plan: the kernels of a network.
        shapes: of every node's result.
        kinds: the place of each kind. One that is missing counts as the most similar one.
    """
    import numpy as np

    total = np.zeros((len(kinds), len(AMOUNTS)))
    places = [place_of(kernel.kind, kernel.macs != 0, kinds) for kernel in plan.kernels]
    np.add.at(total, np.array(places, int), amounts_of(plan, shapes))
    return total.reshape(-1)


def trimmed(totals: NDArray[Any]) -> NDArray[Any]:
    """Return totals in which kinds that few networks have, have only the basic amounts.

    Three networks do not tell all factors apart.

    Args:
        totals: networks × (kinds × :data:`AMOUNTS`).
    """
    import numpy as np

    each = totals.reshape(len(totals), -1, len(AMOUNTS))
    many = (each[:, :, 0] > 0).sum(axis=0) >= MANY
    is_basic = np.array([name in BASIC for name in AMOUNTS])
    kept: NDArray[Any] = np.where(many[:, None] | is_basic, each, 0.0)
    return kept.reshape(len(totals), -1)


def place_of(kind: str, has_macs: bool, kinds: Mapping[str, int]) -> int:
    """Return the place of a kind, or of the one that is most like it."""
    like = (kind, kind.removesuffix(" plain"), *(_LIKE_WORK if has_macs else _LIKE_COPIES))
    return next((kinds[name] for name in like if name in kinds), 0)
