"""A table for a terminal: aligned, bold titles, long texts folded to the terminal's width."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from mncost.render.escape import plain
from mncost.render.plain import titled_cells
from mncost.render.table import Column, Table

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table as RichTable

__all__ = ["least_width", "render", "show"]

_UNBOUNDED = 10_000
_WORD = 24  # longer words are broken where there is no room


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
        table, left_out = _fitting(table, console, width)
        # Numbers are never folded or cut: a terminal that is too narrow folds whole lines itself.
        console.width = max(width, least_width(table, console))
        console.print(_body(table))
        console.width = width
    for note in [*_hidden(left_out), *table.notes]:
        console.print(Text(plain(note), style="dim"))


def _fitting(table: Table, console: Console, width: int) -> tuple[Table, list[Column]]:
    """Return the table without the columns that there is no room for, and these columns."""
    left_out: list[Column] = []
    while least_width(table, console) > width:
        ranks = [column.rank for column in table.columns]
        if not max(ranks):
            break
        last = ranks.index(max(ranks))
        left_out.insert(0, table.columns[last])
        columns = [*table.columns[:last], *table.columns[last + 1 :]]
        rows = [[*row[:last], *row[last + 1 :]] for row in table.rows]
        table = table._replace(columns=columns, rows=rows)
    return table, left_out


def _hidden(columns: Sequence[Column]) -> Iterator[str]:
    if columns:
        names = ", ".join(column.name for column in columns)
        yield f"no room for: {names}; a wider terminal or --columns shows them"


def least_width(table: Table, console: Console) -> int:
    """Return how wide a terminal has to be for all columns of a table for people."""
    from rich.measure import Measurement

    unbounded = console.options.update(max_width=_UNBOUNDED)
    return Measurement.get(console, unbounded, _body(table)).minimum


def _body(table: Table) -> RichTable:
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    body = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    columns = titled_cells(table)
    for is_text, title, cells in columns:
        folds = is_text and any(" " in cell for cell in cells)
        whole = [word for text in (*title, *cells) for word in (text.split() if folds else [text])]
        longest = max(map(len, whole))
        body.add_column(
            Text("\n".join(title)),
            justify="left" if is_text else "right",
            no_wrap=not folds,
            overflow="fold",
            min_width=min(_WORD, longest) if folds else longest,
        )
    for row in zip(*(cells for _, _, cells in columns), strict=True):
        body.add_row(*(Text(cell) for cell in row))
    return body
