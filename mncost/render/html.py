"""A table as HTML, for notebooks: what people see of it, without a style of its own."""

from __future__ import annotations

from html import escape

from mncost.render.escape import plain
from mncost.render.sheet import Sheet
from mncost.render.units import format_column

__all__ = ["render"]


def render(table: Sheet) -> str:
    """Return the table as HTML, with its title above and its notes below. Nothing is a tag."""
    table = table.for_people()
    head, columns = [], []
    for index, column in enumerate(table.columns):
        unit, cells = format_column(column, [row[index] for row in table.rows])
        side = "left" if column.kind == "text" else "right"
        style = f' style="text-align: {side}"'
        head.append(
            f"<th{style}>{_safe(f'{column.title} ({unit})' if unit else column.title)}</th>"
        )
        columns.append([f"<td{style}>{_safe(cell)}</td>" for cell in cells])
    lines = [f"<tr>{''.join(row)}</tr>" for row in (head, *zip(*columns, strict=True))]
    title = f"<caption>{_safe(table.title)}</caption>" if table.title else ""
    notes = "".join(f"<p>{_safe(note)}</p>" for note in table.notes)
    if not table.columns:
        return f"<div><p>{_safe(table.title)}</p>{notes}</div>"
    body = f"<thead>{lines[0]}</thead><tbody>{''.join(lines[1:])}</tbody>"
    return f"<div><table>{title}{body}</table>{notes}</div>"


def _safe(text: str) -> str:
    return escape(plain(text))
