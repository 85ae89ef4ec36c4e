"""Reading a page as a browser does, with the standard library's parser."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import NamedTuple

__all__ = ["Element", "Reader", "read"]

_VOID = ("meta", "link", "input", "br")


class Element(NamedTuple):
    """An element: its tag, its attributes, and the texts in it, children's included."""

    tag: str
    attributes: dict[str, str | None]
    texts: list[str]

    @property
    def text(self) -> str:
        return "".join(self.texts).strip()


class Reader(HTMLParser):
    """Collects every element, in the order of their begins; checks that each is closed."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[Element] = []
        self._open: list[Element] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), f"<{tag}> has an attribute twice"
        element = Element(tag, dict(attrs), [])
        self.elements.append(element)
        if tag not in _VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(Element(tag, dict(attrs), []))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.texts.append(data)

    def close(self) -> None:
        super().close()
        assert not self._open

    def all(self, tag: str, **attributes: str) -> list[Element]:
        """Return the elements of a tag that have these attributes (``class_`` is ``class``)."""
        wanted = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}
        return [
            element
            for element in self.elements
            if element.tag == tag and wanted.items() <= element.attributes.items()
        ]

    def rows(self, table: str) -> list[list[Element]]:
        """Return the cells of a table's body, row by row."""
        start = self.elements.index(self.all("table", id=table)[0])
        found: list[list[Element]] = []
        for element in self.elements[start + 1 :]:
            if element.tag == "table":
                break
            if element.tag == "tr":
                found.append([])
            elif element.tag == "td":
                found[-1].append(element)
        return [row for row in found if row]

    def headers(self, table: str) -> list[str]:
        """Return the titles of a table's columns."""
        start = self.elements.index(self.all("table", id=table)[0])
        titles = []
        for element in self.elements[start + 1 :]:
            if element.tag == "tbody":
                break
            if element.tag == "th":
                titles.append(" ".join(element.text.split()))
        return titles


def read(html: str) -> Reader:
    """Parse a page."""
    reader = Reader()
    reader.feed(html)
    reader.close()
    return reader
