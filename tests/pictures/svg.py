"""Reading pictures: the texts of an SVG, and where its bars begin and end."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import Any, cast

__all__ = ["bars", "texts"]


def texts(picture: bytes) -> list[str]:
    """Return the comments of an SVG, where matplotlib says which text an outline is."""
    builder = ET.TreeBuilder(insert_comments=True)
    root = ET.fromstring(picture, ET.XMLParser(target=builder))
    return [str(node.text).strip() for node in root.iter(cast(Any, ET.Comment))]


def bars(picture: bytes, panel: str) -> dict[int, float]:
    """Return the length of each bar of a panel, in the units of the drawing, by its row."""
    found = {}
    for node in ET.fromstring(picture).iter("{http://www.w3.org/2000/svg}g"):
        if match := re.fullmatch(rf"bars-{panel}-(\d+)", node.get("id", "")):
            (path,) = node
            xs = [float(x) for x, _ in re.findall(r"[ML] (\S+) (\S+)", path.attrib["d"])]
            found[int(match[1])] = max(xs) - min(xs)
    return found
