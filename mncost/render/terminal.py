"""A table for a terminal: aligned, bold titles, long texts folded to the terminal's width."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from mncost.render.column import Column
from mncost.render.escape import plain
from mncost.render.plain import titled_cells
from mncost.render.table import Table

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table as RichTable

__all__ = ["least_width", "render", "show"]

_WORD = 24  # longer words are broken where there is no room
_GAP = 2  # between columns
_MANY = 1000  # rows


def render(table: Table, *, width: int, color: bool) -> str:
    """Return the table as text; without columns it is the title and the notes.

    Args:
        table: what to show.
        width: columns of the terminal.
        color: whether the terminal shows colours and bold type.
    """
    from rich.console import Console

    out = io.StringIO()
    console = Console(
        file=out,
        width=width,
        force_terminal=color,
        color_system="standard" if color else None,
        highlight=False,
        emoji=False,
        markup=False,
        legacy_windows=False,
    )
    show(table.for_people(), console, width)
    return "".join(line.rstrip() + "\n" for line in out.getvalue().splitlines())


def show(table: Table, console: Console, width: int) -> None:
    """Print a table for people on a console.

    Args:
        table: what to show.
        console: where to.
        width: what fits into a line.
    """
    from rich.text import Text

    if table.title:
        console.print(Text(plain(table.title), style="bold"))
    left_out: list[Column] = []
    if table.columns:
        columns, left_out = _fitting(table, width)
        # Numbers are never folded or cut: a terminal that is too narrow folds whole lines itself.
        console.width = max(width, _least(columns))
        _print(columns, console)
        console.width = width
    for note in [*_hidden(left_out), *table.notes]:
        console.print(Text(plain(note), style="yellow" if note == table.warning else "dim"))


def least_width(table: Table) -> int:
    """Return how wide a terminal has to be for all columns of a table for people."""
    return _least(_laid_out(table))


class _Column(NamedTuple):
    is_text: bool
    title: list[str]
    cells: list[str]
    folds: bool  # where there is no room
    word: int  # width of the longest word, or of the longest cell of what is never folded
    whole: int  # width of the longest cell


def _laid_out(table: Table) -> list[_Column]:
    from rich.cells import cell_len

    columns = []
    for is_text, title, cells in titled_cells(table):
        folds = is_text and any(" " in cell for cell in cells)
        whole = max(map(cell_len, [*title, *cells]))
        words = {word for text in (*title, *cells) for word in text.split()} if folds else ()
        columns.append(
            _Column(is_text, title, cells, folds, max(map(cell_len, words), default=whole), whole)
        )
    return columns


def _least(columns: Sequence[_Column]) -> int:
    return sum(column.word for column in columns) + _GAP * (len(columns) - 1)


def _fitting(table: Table, width: int) -> tuple[list[_Column], list[Column]]:
    """Return the columns that fit, and those that are left out."""
    kept = list(zip(table.columns, _laid_out(table), strict=True))
    left_out: list[Column] = []
    while _least([laid_out for _, laid_out in kept]) > width:
        ranks = [column.rank for column, _ in kept]
        if not max(ranks):
            break
        left_out.insert(0, kept.pop(ranks.index(max(ranks)))[0])
    height = max(sum(map(bool, column.title)) for _, column in kept)
    return [column._replace(title=column.title[-height:]) for _, column in kept], left_out


def _hidden(columns: Sequence[Column]) -> Iterator[str]:
    if columns:
        names = ", ".join(column.name for column in columns)
        yield f"no room for: {names} (a wider terminal or --columns shows them)"


def _print(columns: Sequence[_Column], console: Console) -> None:
    """Print columns with their titles.

    rich takes a minute for 50,000 rows. So of many rows that need no folding it gets one, as wide
    as all of them, and the others are put below the titles here.
    """
    rows = len(columns[0].cells)
    width = sum(column.whole for column in columns) + _GAP * (len(columns) - 1)
    if rows <= _MANY or width > console.width:
        console.print(_body(columns))
        return
    from rich.cells import cell_len

    with console.capture() as captured:
        console.print(_body([c._replace(cells=["x" * c.whole]) for c in columns]))
    *head, _ = captured.get().splitlines()
    console.out("\n".join(head), highlight=False)
    padded = []
    for column in columns:
        rooms = [" " * (column.whole - cell_len(cell)) for cell in column.cells]
        pairs = zip(column.cells, rooms, strict=True)
        padded.append([a + b if column.is_text else b + a for a, b in pairs])
    lines = ((" " * _GAP).join(row).rstrip() for row in zip(*padded, strict=True))
    console.out("\n".join(lines), highlight=False)


def _body(columns: Sequence[_Column]) -> RichTable:
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    body = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    for column in columns:
        body.add_column(
            Text("\n".join(column.title)),
            justify="left" if column.is_text else "right",
            no_wrap=not column.folds,
            overflow="fold",
            min_width=min(_WORD, column.word) if column.folds else column.whole,
        )
    for row in zip(*(column.cells for column in columns), strict=True):
        body.add_row(*(Text(cell) for cell in row))
    return body
