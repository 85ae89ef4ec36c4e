"""A picture as part of a page: the same drawing, in the page's colours and type, with tooltips."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping, Sequence

__all__ = ["inline"]

# What matplotlib draws in, and what it is on a page that is light or dark. The colours of points
# stay: they can be told apart on both. Words in those colours could not be read on one of them.
_INKS = {
    "#000000": "currentColor",
    "#444444": "var(--quiet)",
    "#bbbbbb": "var(--faint)",
    "#e6e6e6": "var(--grid)",
    "#ffffff": "none",
}
_FOREIGN = ("metadata", "style")
_DROPPED = ("font-family", "version", "width", "height")
_REFERENCE = re.compile(r"url\(#(.*?)\)")


def inline(svg: bytes, name: str, label: str, tips: Mapping[str, Sequence[str]]) -> str:
    """Return a picture as an element of an HTML page.

    It holds no style of its own, so that the page may forbid those, and refers to nothing outside.

    Args:
        svg: the picture.
        name: what its ids begin with: each picture of a page has another.
        label: what it shows, for those who do not see it.
        tips: for an element, by its id: a text about each of its marks, in order.

    Raises:
        KeyError: there is no such element.
        ValueError: it has more or fewer marks.
    """
    root = ET.fromstring(svg)
    box = root.attrib["viewBox"]
    _clean(root, f"{name}-")
    elements = {element.get("id"): element for element in root.iter("g")}
    for id, texts in tips.items():
        for mark, text in zip(_marks(elements[f"{name}-{id}"]), texts, strict=True):
            mark.attrib |= {"class": "point", "role": "img"}
            ET.SubElement(mark, "title").text = text
    root.attrib = {"viewBox": box, "class": "plot", "role": "group", "aria-label": label}
    return ET.tostring(root, encoding="unicode")


def _marks(group: ET.Element) -> list[ET.Element]:
    """Return the markers of a line, or the shape that a group is of."""
    return list(group.iter("use")) or group.findall("path")


def _clean(element: ET.Element, prefix: str) -> None:
    """Rewrite an element and what is in it for the page."""
    element.tag = element.tag.rpartition("}")[2]
    element.attrib = dict(_attributes(element, prefix))
    for child in list(element):
        if child.tag.rpartition("}")[2] in _FOREIGN:
            element.remove(child)
        else:
            _clean(child, prefix)
    if element.tag not in ("text", "tspan"):
        element.text = None
    element.tail = None


def _attributes(element: ET.Element, prefix: str) -> Iterator[tuple[str, str]]:
    for full, value in element.attrib.items():
        name = full.rpartition("}")[2]
        if name == "style":
            yield from _presentation(value, is_text=element.tag == "text")
        elif name == "id":
            yield name, prefix + value
        elif name == "href":
            yield name, "#" + prefix + value.removeprefix("#")
        elif name == "d":
            yield name, " ".join(value.split())
        elif element.tag == "rect" or name not in _DROPPED:
            yield name, _REFERENCE.sub(rf"url(#{prefix}\1)", value)


def _presentation(style: str, *, is_text: bool) -> Iterator[tuple[str, str]]:
    """Turn a style into attributes: a page that forbids styles of elements allows these."""
    for declaration in filter(None, map(str.strip, style.split(";"))):
        name, _, value = (part.strip() for part in declaration.partition(":"))
        if is_text and name == "fill":
            yield name, _INKS.get(value, "currentColor")
        elif name not in _DROPPED:
            yield name, _INKS.get(value, value)
