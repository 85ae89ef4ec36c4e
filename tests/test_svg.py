"""A table as a picture of a terminal: well-formed, whole, and with nothing from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from mncost.render import plain, svg
from mncost.render.column import Column
from mncost.render.table import Table
from tests.running import Result

Cli = Callable[..., Result]


def words(picture: str) -> list[str]:
    """Return the words that an SVG shows."""
    root = ElementTree.fromstring(picture)
    texts = root.iter("{http://www.w3.org/2000/svg}text")
    return " ".join("".join(text.itertext()) for text in texts).split()


def table(*cells: str, notes: tuple[str, ...] = ()) -> Table:
    return Table("t", [Column("name", "name")], [[cell] for cell in cells], [*notes])


@pytest.mark.parametrize("command", ["table v2 --alpha 0.35:1.0", "layers v3-small", "compare v1"])
def test_it_shows_what_a_terminal_shows(run_cli: Cli, here: Path, command: str) -> None:
    """At the width that the plain form has, which leaves no column out."""
    text = run_cli(command.split()).out
    assert run_cli([*command.split(), "-o", "t.svg"]).status == 0
    shown = words((here / "t.svg").read_text("utf-8"))
    assert [word for word in shown if word != "mncost"] == text.split()


@pytest.mark.parametrize(
    "name", ["<b>&amp;</b>", "\x1b[31mred", "a\nb", "]]>", "\u202e\x00", "\ud800"]
)
def test_hostile_names_stay_text(name: str) -> None:
    picture = svg.render(table(name)).encode(errors="backslashreplace").decode()
    assert not re.search(r"[\x00-\x08\x0b-\x1f\u202e]", picture)
    assert "".join(plain.render(table(name)).split()) in "".join(words(picture))


def test_nothing_is_fetched() -> None:
    picture = svg.render(table("a"))
    assert "@font-face" not in picture
    assert not re.search(r"""(href|src)=|url\((?!#)""", picture)


def test_several_tables_are_one_picture() -> None:
    both = words(svg.render(table("one", notes=("a note",)), table("two")))
    assert [word for word in both if word in ("one", "note", "two")] == ["one", "note", "two"]


def test_the_same_table_is_the_same_picture() -> None:
    assert svg.render(table("a")) == svg.render(table("a"))
