"""A table for a terminal: aligned, with unit prefixes; plain text where there is no terminal."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from mncost.report.table import Table
from mncost.report.units import format_column

if TYPE_CHECKING:
    from rich.table import Table as RichTable

__all__ = ["render"]

_PIPED_WIDTH = 10_000  # nothing is folded or cut where nobody's screen is the limit


def render(table: Table, *, width: int | None = None, color: bool = False) -> str:
    """Return the table as text.

    Args:
        table: what to show.
        width: columns of the terminal; ``None`` where the output is not a terminal.
        color: whether the terminal shows colours.
    """
    from rich.console import Console
    from rich.measure import Measurement
    from rich.text import Text

    out = io.StringIO()
    console = Console(
        file=out,
        width=width or _PIPED_WIDTH,
        force_terminal=color,
        color_system="standard" if color else None,
        highlight=False,
        emoji=False,
        markup=False,
        legacy_windows=False,
    )
    body = _body(table)
    # Numbers are never folded or cut: a terminal that is too narrow folds whole lines itself.
    needed = Measurement.get(console, console.options, body).minimum
    if table.title:
        console.print(Text(table.title, style="bold"), soft_wrap=width is None)
    console.print(body, width=max(width or _PIPED_WIDTH, needed), crop=False)
    for note in table.notes:
        console.print(Text(note, style="dim"), soft_wrap=width is None)
    return "".join(line.rstrip() + "\n" for line in out.getvalue().splitlines())


def _body(table: Table) -> RichTable:
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    body = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    cells = []
    for index, column in enumerate(table.columns):
        unit, texts = format_column(column, [row[index] for row in table.rows])
        words = [*column.title.split(" "), *([unit] if unit else [])]
        title = "\n".join(words) if column.kind != "text" else column.title
        is_text = column.kind == "text"
        body.add_column(
            Text(title),
            justify="left" if is_text else "right",
            no_wrap=not (is_text and any(" " in text for text in texts)),
            overflow="fold",
            vertical="top" if is_text else "bottom",
        )
        cells.append(texts)
    for row in zip(*cells, strict=True):
        body.add_row(*(Text(cell) for cell in row))
    return body
