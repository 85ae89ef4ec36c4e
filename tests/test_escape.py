"""Hostile names in every format: read back with independent readers, nothing has become a command.

The same names go through whole commands in ``test_hostile_names_in_every_command``.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from markdown_it import MarkdownIt

from mncost.errors import one_line
from mncost.render import csv as as_csv
from mncost.render import html as as_html
from mncost.render import json as as_json
from mncost.render import markdown as as_markdown
from mncost.render import plain as as_plain
from mncost.render import terminal as as_terminal
from mncost.render.column import Column
from mncost.render.escape import github_data, github_property, log, markdown
from mncost.render.table import Table
from tests.running import Result

HOSTILE = (
    "::stop-commands::x",
    "a\n::error::y",
    "##vso[task.setvariable variable=PATH]x",
    "###[error]z",
    "![x](http://example.org/p.png)",
    "[l](javascript:alert(1))",
    "see https://example.org or www.example.org",
    "@somebody a@example.org #12",
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-2+3",
    "@SUM(A1)",
    "\t=1",
    "\x1b[31mred\x1b[0m\x07",
    "\x9b31m",
    "\u202eevil",
    "a\x00b\x7f",
    '<script>alert("1")</script>',
    "<!-- & ]]> -->",
    "a|b`c`*d*_e_~f~\\",
    "# heading",
    "\ud800",
)
NUMBERS = ("-2", "+3.5", "1e-3", "-1.5e6")
_COMMAND = re.compile(r"^\s*::|##\[|##vso\[", re.MULTILINE)
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def table(text: str) -> Table:
    """Return a table that says a text wherever it can."""
    return Table("t", [Column("name", text), Column("n", "n", "count")], [[text, 5]], [text], text)


def harmless(output: str) -> str:
    """Check what a CI system or a terminal would see; return it."""
    assert not _COMMAND.search(output), output
    assert not _CONTROL.search(output), repr(output)
    output.encode()
    return output


@pytest.mark.parametrize("text", HOSTILE)
def test_plain_text_and_terminals(text: str) -> None:
    for output in (
        as_plain.render(table(text)),
        as_terminal.render(table(text), width=200, color=False),
    ):
        assert len(harmless(output).splitlines()) <= 6
    coloured = as_terminal.render(table(text), width=200, color=True)
    harmless(re.sub(r"\x1b\[\d*(;\d+)*m", "", coloured))
    assert set(re.findall(r"\x1b\[([\d;]*)m", coloured)) <= {"0", "1", "2"}, "only our own"


@pytest.mark.parametrize("text", HOSTILE)
def test_csv(text: str) -> None:
    written = harmless(as_csv.render(table(text)))
    _, (cell, number) = csv.reader(io.StringIO(written, newline=""))
    assert number == "5"
    assert cell[:1] not in ("=", "+", "-", "@", "\t", "\r")


@pytest.mark.parametrize("number", NUMBERS)
def test_a_number_in_a_csv_stays_one(number: str) -> None:
    assert as_csv.render(table(number)).splitlines()[1] == f"{number},5"


@pytest.mark.parametrize("text", HOSTILE)
def test_json_says_the_same(text: str) -> None:
    document = json.loads(harmless(as_json.render(table(text))))
    assert document["rows"] == [{"name": text, "n": 5}]
    assert document["notes"] == [text]


@pytest.mark.parametrize("text", HOSTILE)
def test_markdown(text: str) -> None:
    written = harmless(as_markdown.render(table(text)))
    assert not re.search(r"https?://|www\.", written), "GitHub makes links of these"
    assert not re.search(r"(^|\W)@\w", written), "and mentions of these"
    reader = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    tokens = [
        token for block in reader.parse(written) for token in [block, *(block.children or [])]
    ]
    kinds = {token.type for token in tokens}
    assert not kinds & {"image", "link_open", "html_inline", "html_block", "heading_open"}
    assert not kinds & {"code_inline", "em_open", "s_open", "fence", "code_block"}
    assert sum(token.type == "td_open" for token in tokens) == 2
    read = [token.content for token in tokens if token.type == "text"]
    assert "".join(read).count("5") >= 1


class _Reader(HTMLParser):
    """Collects the tags and the text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert {name for name, _ in attrs} <= {"style"}

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("text", HOSTILE)
def test_html(text: str) -> None:
    reader = _Reader()
    reader.feed(harmless(as_html.render(table(text))))
    assert reader.tags <= {"div", "table", "caption", "thead", "tbody", "tr", "th", "td", "p"}
    if text.isprintable() and log(text) == text:
        assert reader.text.count(text) == 4


@pytest.mark.parametrize("text", HOSTILE)
def test_xml_and_workflow_commands(text: str) -> None:
    root = ET.Element("a", {"name": one_line(text)})
    root.text = one_line(text)
    written = ET.tostring(root, encoding="unicode")
    written.encode()
    read = ET.fromstring(written)
    assert read.attrib["name"] == read.text
    command = f"::error title={github_property(text)}::{github_data(log(text))}"
    assert "\n" not in command
    assert "\r" not in command
    (properties,) = re.findall(r"^::error title=(.*?)::", command)
    assert ":" not in properties
    assert "," not in properties


def test_words_are_left_alone() -> None:
    for text in ("v3-large α 0.75 @224 px", "MACs: 3 × 2", "ratio 1:2", "a # b"):
        assert log(text) == text
    assert markdown("MACs: 3 × 2, v3-large (α 0.5)") == "MACs: 3 × 2, v3-large (α 0.5)"


# ------------------------------------------------------------------------------- whole commands

ARCH = """
name = {name}
stem = {{ out = 8, stride = 2 }}
"""


@pytest.mark.parametrize("format", ["terminal", "csv", "json", "markdown"])
@pytest.mark.parametrize("text", [t for t in HOSTILE if t != "\ud800"])
def test_hostile_names_in_every_command(
    run_cli: Callable[..., Result], here: Path, text: str, format: str
) -> None:
    """What an architecture and a budget are called reaches no reader as anything but text."""
    tiny = (Path(__file__).parent / "tiny.toml").read_text("utf-8")
    name = json.dumps(text, ensure_ascii=True)
    own = re.sub(r'^name = ".*"$', lambda _: f"name = {name}", tiny, count=1, flags=re.MULTILINE)
    (here / "own.toml").write_text(own, "utf-8")
    budget = f'[[budget]]\narch = "own.toml"\nname = {name}\nmacs = "1 k"\n'
    (here / "b.toml").write_text(budget, "utf-8")
    for line in (
        "table own.toml",
        "layers own.toml",
        "layers own.toml --by pair",
        "explain own.toml",
        "compare own.toml",
        "check b.toml",
    ):
        done = run_cli([*line.split(), "--format", format])
        assert done.status in (0, 1, 2), (line, done.err)
        if format == "csv":
            cells = [cell for row in csv.reader(io.StringIO(done.out)) for cell in row]
            assert not [cell for cell in cells if re.match(r"[=@\t]|[+-](?!\d)", cell)]
        harmless(done.out)
        harmless(done.err)
