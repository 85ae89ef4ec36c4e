"""One colour for each family of networks: the same in every picture, on every page."""

from __future__ import annotations

import colorsys
from functools import cache
from zlib import crc32

from mncost.pictures.look import COLOURS
from mncost.spec.catalog import families

__all__ = ["colour_of", "family_of"]

_FIRST = ("v1", "v2", "v3", "v4")  # the families that have the first colours of all
_LIGHTER = (1.0, 0.62, 1.45)  # shades of a colour: itself, a dark one, a light one


@cache
def colour_of(arch: str) -> str:
    """Return the colour of an architecture's family, as ``#0072B2``.

    It depends on nothing but the name: that of a built-in family on its place in the list, that of
    somebody's own network on the letters of its name. Two may share one; their marks differ then.
    """
    family = family_of(arch)
    if family in _FIRST:
        return COLOURS[_FIRST.index(family)]
    others = [name for name in families() if name not in _FIRST]
    place = others.index(family) if family in others else crc32(family.encode())
    shades = [*COLOURS[len(_FIRST) :], *(_shade(c, by) for by in _LIGHTER[1:] for c in COLOURS)]
    return shades[place % len(shades)]


@cache
def family_of(arch: str) -> str:
    """Return the family of a network, or of a family; of others, the word before a dash."""
    if arch in families():
        return arch
    return next((f for f, names in families().items() if arch in names), arch.partition("-")[0])


def _shade(colour: str, by: float) -> str:
    """Return a darker or lighter colour; of black, greys."""
    red, green, blue = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    hue, light, saturation = colorsys.rgb_to_hls(red, green, blue)
    light = min(by * light, 0.75) if light else by / 3
    parts = colorsys.hls_to_rgb(hue, light, saturation)
    return "#" + "".join(f"{round(255 * part):02X}" for part in parts)
