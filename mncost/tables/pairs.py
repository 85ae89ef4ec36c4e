"""The pairs of layers that a twin replaces, each beside the convolution in its place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from mncost.cost.layers import side
from mncost.errors import UnknownNameError
from mncost.render.sources import Source, sources

__all__ = ["pair_columns"]


class _PairTitles(NamedTuple):
    """What differs between the twins in the titles of :func:`pair_columns`."""

    first: str
    second: str
    in_channels: str
    out_channels: str
    macs: tuple[str, str]  # of the pair, of the one in its place
    theory: str
    short: tuple[str, str, str]  # the first, the second, the one in their place


_SEPARABLE = _PairTitles(
    first="depthwise",
    second="pointwise",
    in_channels="in",
    out_channels="out (N)",
    macs=("separable", "standard"),
    theory="1/N +1/k²",
    short=("dw", "pw", "std"),
)
_PAIR_TITLES: Mapping[str, _PairTitles] = {
    "standard": _SEPARABLE,
    "separable": _SEPARABLE,
    "fused": _PairTitles(
        first="expand",
        second="depthwise",
        in_channels="in (C)",
        out_channels="out",
        macs=("unfused", "fused"),
        theory="1/C +s²/k²",
        short=("exp", "dw", "fused"),
    ),
}


def pair_columns(twin: str) -> Mapping[str, Source]:
    """Return the columns of the pairs that a twin replaces, each a :class:`PairCost`.

    Raises:
        UnknownNameError: there is no such twin.
    """
    if twin not in _PAIR_TITLES:
        raise UnknownNameError("twin", twin, _PAIR_TITLES)
    of = _PAIR_TITLES[twin]
    first, second, merged = (f"{words} MACs /byte" for words in of.short)
    return sources(
        ("first", of.first, "text", lambda p: p.first.name),
        ("second", of.second, "text", lambda p: p.second.name),
        ("kernel", "k", "number", lambda p: side(p.merged.kernel)),
        ("stride", "s", "number", lambda p: side(p.merged.stride)),
        ("in_channels", of.in_channels, "number", lambda p: p.merged.in_channels),
        ("out_channels", of.out_channels, "number", lambda p: p.merged.out_channels),
        ("pair_macs", f"{of.macs[0]} MACs", "count", lambda p: p.macs),
        ("merged_macs", f"{of.macs[1]} MACs", "count", lambda p: p.merged.macs),
        ("macs_share", "MACs share", "fraction", lambda p: float(p.macs_share)),
        ("theoretical_macs_share", of.theory, "fraction", lambda p: float(p.theoretical_share)),
        ("first_intensity", first, "ratio", lambda p: p.first.intensity),
        ("second_intensity", second, "ratio", lambda p: p.second.intensity),
        ("merged_intensity", merged, "ratio", lambda p: p.merged.intensity),
        extra=("second",),
        narrow=(
            *("merged_intensity", "second_intensity", "first_intensity"),
            *("theoretical_macs_share", "merged_macs", "pair_macs"),
        ),
    )
