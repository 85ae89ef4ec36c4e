"""A table as plain aligned text, for pipes and files."""

from __future__ import annotations

from mncost.render.escape import plain
from mncost.render.sheet import Sheet
from mncost.render.units import format_column

__all__ = ["render", "titled_cells"]


def render(table: Sheet) -> str:
    """Return the table as aligned text without colours, folds or trailing spaces.

    Without columns it is the title and the notes.
    """
    table = table.for_people()
    head = [plain(table.title)] if table.title else []
    return "\n".join([*head, *_body(table), *map(plain, table.notes)]) + "\n"


def _body(table: Sheet) -> list[str]:
    if not table.columns:
        return []
    columns = []
    for is_text, title, cells in titled_cells(table):
        width = max(map(len, [*title, *cells]))
        put = str.ljust if is_text else str.rjust
        columns.append([put(text, width) for text in [*title, "─" * width, *cells]])
    lines = ["  ".join(row).rstrip() for row in zip(*columns, strict=True)]
    rule = len(lines) - len(table.rows) - 1
    lines[rule] = "─" * max(map(len, lines))
    return lines


def titled_cells(table: Sheet) -> list[tuple[bool, list[str], list[str]]]:
    """Return, for each column, whether it is text, the lines of its title, and its cells.

    Every title has the same number of lines, the unit on the last.
    """
    columns = []
    for index, column in enumerate(table.columns):
        unit, cells = format_column(column, [row[index] for row in table.rows])
        is_text = column.kind == "text"
        title = plain(column.title)
        words = [title] if is_text else [*title.split(" "), *([unit] if unit else [])]
        columns.append((is_text, words, [plain(cell) for cell in cells]))
    height = max(len(words) for _, words, _ in columns)
    return [
        (is_text, [""] * (height - len(words)) + words, cells) for is_text, words, cells in columns
    ]
