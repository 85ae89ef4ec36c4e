"""A table as Markdown, for issues, pull requests and job summaries."""

from __future__ import annotations

from mncost.render.escape import markdown
from mncost.render.table import Table
from mncost.render.units import format_column

__all__ = ["render"]


def render(table: Table) -> str:
    """Return the table in GitHub's Markdown, with its title above and its notes below.

    Without columns it is the title and the notes.
    """
    table = table.for_people()
    titles, cells = [], []
    for index, column in enumerate(table.columns):
        unit, texts = format_column(column, [row[index] for row in table.rows])
        titles.append(markdown(f"{column.title} ({unit})" if unit else column.title))
        cells.append([markdown(text) for text in texts])
    rules = ["---" if column.kind == "text" else "---:" for column in table.columns]
    lines = [_line(titles), _line(rules), *(_line(row) for row in zip(*cells, strict=True))]
    head = [f"**{markdown(table.title)}**"] if table.title else []
    foot = ["\n".join(f"- {markdown(note)}" for note in table.notes)] if table.notes else []
    parts = [*head, *(["\n".join(lines)] if table.columns else []), *foot]
    return "\n\n".join(parts) + "\n"


def _line(cells: object) -> str:
    assert isinstance(cells, list | tuple)
    return "| " + " | ".join(cells) + " |"
