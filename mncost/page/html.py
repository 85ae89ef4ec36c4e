"""A report as one HTML page, which needs nothing but itself: no network, no other file."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING, NamedTuple

from mncost.interval import Interval
from mncost.render.column import Column, Value
from mncost.render.escape import log
from mncost.render.table import Table
from mncost.render.units import ABSENT, format_column

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["Figure", "Page", "Section", "render"]

_LINE = 24  # characters of a cell that are not folded


class Figure(NamedTuple):
    """A picture.

    Attributes:
        title: above it.
        svg: markup, as it goes into the page: its maker escapes the texts in it.
        note: what there is to see.
    """

    title: str
    svg: str
    note: str = ""


class Section(NamedTuple):
    """A part of a page, under a heading; what is empty is not shown.

    Attributes:
        name: of its anchor: letters and hyphens.
        title: its heading.
        notes: paragraphs.
        figures: pictures.
        tables: with their own titles and notes.
        facts: terms, each with a sentence.
    """

    name: str
    title: str
    notes: Sequence[str] = ()
    figures: Sequence[Figure] = ()
    tables: Sequence[Table] = ()
    facts: Sequence[tuple[str, str]] = ()


class Page(NamedTuple):
    """A whole report.

    Attributes:
        title: of the page.
        summary: lines below it.
        sections: in order.
        generator: the program that made it, and its version.
        cards: what it says first: titles, answers, and what these rest on.
    """

    title: str
    summary: Sequence[str]
    sections: Sequence[Section]
    generator: str
    cards: Sequence[tuple[str, str, str]] = ()


def render(page: Page) -> str:
    """Return a page as HTML. Every string in it is escaped, but for the markup of its pictures."""
    from markupsafe import Markup

    parts = {name: _part(f"page.{name}") for name in ("css", "dark.css", "js")}
    return (
        _environment()
        .get_template("page.html.jinja")
        .render(
            page=page,
            tables=[[_laid_out(table) for table in section.tables] for section in page.sections],
            markup=Markup,
            styles=Markup(parts["css"]),
            dark=Markup(parts["dark.css"]),
            script=Markup(parts["js"]),
            policy=_policy([parts["css"], parts["dark.css"]], parts["js"]),
        )
    )


def _environment() -> Environment:
    from jinja2 import Environment, FunctionLoader, StrictUndefined
    from markupsafe import Markup

    def harmless(value: object) -> object:
        """A page may be printed into the log of a CI server."""
        return log(value) if isinstance(value, str) and not isinstance(value, Markup) else value

    return Environment(
        loader=FunctionLoader(_part),
        autoescape=True,
        finalize=harmless,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _part(name: str) -> str:
    return files("mncost.page").joinpath(name).read_text("utf-8")


def _policy(styles: Sequence[str], script: str) -> str:
    """Return a Content-Security-Policy: these styles and this script, and nothing from anywhere."""
    return "; ".join(
        [
            "default-src 'none'",
            f"style-src {' '.join(map(_hash, styles))}",
            f"script-src {_hash(script)}",
            "img-src data:",  # the empty icon, for which a browser would ask the server else
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


# ---------------------------------------------------------------------------------------- tables


class _Cell(NamedTuple):
    """A cell: its text; what comes after its number; what it is sorted by, if that is a number."""

    text: str
    rest: str = ""
    key: str = ""


class _Header(NamedTuple):
    """The head of a column, as high as it takes to be narrow: a word a line above numbers."""

    title: str
    unit: str
    joint: str  # between the two
    is_text: bool
    is_long: bool  # too long for a line
    rest: int  # characters after the numbers, so that the numbers stand under one another


class _Laid(NamedTuple):
    """A table as the template needs it."""

    title: str
    headers: list[_Header]
    rows: list[tuple[_Cell, ...]]
    notes: Sequence[str]


def _laid_out(table: Table) -> _Laid:
    table = table.for_people()
    columns = [
        _column(column, [row[index] for row in table.rows])
        for index, column in enumerate(table.columns)
    ]
    headers = [header for header, _ in columns]
    rows = list(zip(*(cells for _, cells in columns), strict=True))
    return _Laid(table.title, headers, rows, table.notes)


def _column(column: Column, values: Sequence[Value]) -> tuple[_Header, list[_Cell]]:
    unit, texts = format_column(column, values)
    if column.kind == "text":
        is_long = any(len(text) > _LINE for text in texts)
        words = [_Cell("" if text == ABSENT else text) for text in texts]
        return _Header(column.title, unit, " ", True, is_long, 0), words
    cells = [_number(text, value) for text, value in zip(texts, values, strict=True)]
    rest = max((len(cell.rest) for cell in cells), default=0)
    return _Header(column.title.replace(" ", "\n"), unit, "\n", False, False, rest), cells


def _number(text: str, value: Value) -> _Cell:
    """Split ``9.19 ±0.11``; text among numbers has no key, and comes last."""
    if isinstance(value, Interval):
        key = value.center
    elif isinstance(value, int | float):
        key = value
    else:
        return _Cell(text)
    number, _, rest = text.partition(" ")
    return _Cell(number, rest, repr(float(key)))
