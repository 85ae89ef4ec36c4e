"""The page: everything is escaped, nothing comes from elsewhere, numbers keep what sorts them."""

from __future__ import annotations

import re
from base64 import b64encode
from collections import Counter
from hashlib import sha256

import pytest

from mncost.interval import Interval
from mncost.page.html import Figure, Page, Section, render
from mncost.render.column import Column, Value
from mncost.render.table import Table
from tests.page.reading import read

PLAIN = "a-zebra-and-a-tall-giraffe"  # as long as these, lest it be laid out otherwise
HOSTILE = [
    "<script>alert(1)</script>",
    '"></style></title></table><script>alert(1)</script>',
    "' onmouseover='alert(1)' x='",
    '" onfocus="alert(1)" autofocus x="',
    "--><!-- <img src=x onerror=alert(1)>",
    "{{ 7 * 7 }}{% raw %}{# no #}",
    "&lt;b&gt; &amp; &#60; &copy;",
    "]]></svg><svg onload=alert(1)>",
    "javascript:alert(document.cookie)",
]


def table(rows: list[list[Value]], *columns: Column, **changes: object) -> Table:
    return Table("t", columns, rows)._replace(**changes)  # type: ignore[arg-type]


def page(*sections: Section, title: str = "A report") -> Page:
    return Page(title, ["one line"], sections, "mncost 1.2.3")


def everywhere(text: str) -> Page:
    """Return a page that says a text wherever one can be said."""
    column = Column(text, text)
    number = Column(text, text, "number")
    shown = table(
        [[text, text], [text, f"1.5 {text}"]],
        column,
        number,
        notes=[text],
        title=text,
    )
    picture = Figure(text, '<svg class="plot"></svg>', text)
    section = Section("part", text, [text], [picture], [shown], [(text, text)])
    return Page(text, [text], [section], text)


def words(text: str) -> list[str]:
    """Return the words of a text: titles of columns have one on each line."""
    return text.split()


@pytest.mark.parametrize("text", HOSTILE)
def test_every_string_stays_text(text: str) -> None:
    harmless, hostile = read(render(everywhere(PLAIN))), read(render(everywhere(text)))
    assert [element.tag for element in hostile.elements] == [e.tag for e in harmless.elements]
    for element, plain in zip(hostile.elements, harmless.elements, strict=True):
        assert element.attributes.keys() == plain.attributes.keys()
        if element.tag not in ("style", "script"):
            assert words(element.text) == words(plain.text.replace(PLAIN, text))
        for name, value in plain.attributes.items():
            expected = None if value is None else value.replace(PLAIN, text)
            assert element.attributes[name] == expected


def test_the_page_forbids_everything_but_its_own_style_and_script() -> None:
    html = render(everywhere(PLAIN))
    found = read(html)
    (policy,) = found.all("meta", http_equiv="Content-Security-Policy")
    rules = dict(
        rule.strip().split(" ", 1) for rule in str(policy.attributes["content"]).split(";")
    )
    assert rules["default-src"] == "'none'"
    for tag in ("style", "script"):
        texts = re.findall(rf"<{tag}[^>]*>(.*?)</{tag}>", html, re.DOTALL)
        hashes = {f"'sha256-{b64encode(sha256(t.encode()).digest()).decode()}'" for t in texts}
        assert texts
        assert set(rules[f"{tag}-src"].split()) == hashes
    assert rules["img-src"] == "data:"


def test_the_page_refers_to_nothing_outside() -> None:
    html = render(everywhere(PLAIN))
    assert not re.search(r"(?i)https?:|//[a-z]|@import|url\(", html.replace("://", "//"))
    for element in read(html).elements:
        names = set(element.attributes)
        assert not names & {"style", "src", "srcset", "action", "background", "integrity"}
        assert not [name for name in names if name.startswith("on")]
        if "href" in names:
            assert str(element.attributes["href"]).startswith(("#", "data:,"))


def test_numbers_keep_what_sorts_them() -> None:
    columns = (Column("a", "a"), Column("b", "b ms", "number"), Column("c", "MACs", "count"))
    found = read(
        render(
            page(
                Section(
                    "s",
                    "S",
                    tables=[
                        table(
                            [
                                ["x", Interval(9.187, 9.077, 9.297), 300_774_272],
                                [None, "too few runs", None],
                                ["z", 2.5, 0],
                            ],
                            *columns,
                        )
                    ],
                )
            )
        )
    )
    texts = [[cell.text for cell in row] for row in found.rows("s-1")]
    assert texts == [["x", "9.19 ±0.11", "300.8"], ["", "too few runs", "–"], ["z", "2.5", "0"]]
    keys = [[cell.attributes.get("data-key") for cell in row] for row in found.rows("s-1")]
    assert keys[0][0] is None
    assert [float(str(key)) for key in keys[0][1:]] == [9.187, 300_774_272]
    assert keys[1] == [None, None, None]
    assert [float(str(key)) for key in keys[2][1:]] == [2.5, 0]
    assert found.headers("s-1") == ["a", "b ms", "MACs M"]


def test_ids_are_unique_and_labels_point_to_them() -> None:
    one = table([["x"]], Column("a", "a"), title="T")
    sections = [Section("s", "S", tables=[one, one]), Section("t", "T", tables=[one])]
    found = read(render(page(*sections)))
    ids = Counter(e.attributes["id"] for e in found.elements if "id" in e.attributes)
    assert set(ids.values()) == {1}
    for name in ("for", "aria-labelledby", "aria-describedby"):
        used = {e.attributes[name] for e in found.elements if name in e.attributes}
        assert used <= ids.keys()
    links = {str(e.attributes["href"]).removeprefix("#") for e in found.all("a")}
    assert links == {"s", "t"}


def test_headings_are_in_order_and_tables_have_captions() -> None:
    found = read(render(everywhere(PLAIN)))
    headings = [e.tag for e in found.elements if re.fullmatch("h[1-6]", e.tag)]
    assert headings == ["h1", "h2", "h3"]
    assert len(found.all("caption")) == len(found.all("table")) == 1
    assert found.elements[0].attributes["lang"] == "en"


def test_what_is_empty_is_not_shown() -> None:
    found = read(render(page(Section("s", "S"))))
    assert not [e for e in found.elements if e.tag in ("table", "dl", "figure")]


def luminance(colour: str) -> float:
    """Return the relative luminance of a colour, by WCAG 2.2."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_every_text_has_the_contrast_of_wcag_aa(theme: int) -> None:
    style = read(render(page())).all("style")[theme].text
    colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6});", style))
    for back in ("paper", "raised"):
        for text in ("ink", "quiet", "accent"):
            low, high = sorted(luminance(colours[name]) for name in (back, text))
            assert (high + 0.05) / (low + 0.05) >= 4.5, f"{text} on {back}"
