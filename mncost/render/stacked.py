"""Several tables in one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mncost.render.column import Column, Show, Value
from mncost.render.table import Table

__all__ = ["stacked"]


def stacked(name: str, level: str, tables: Mapping[str, Sequence[Table]]) -> Table:
    """Return several tables in one: people see the first with rows, programs see all.

    Args:
        name: of the table.
        level: the name of a column that says which table a row comes from.
        tables: by what that column says.
    """
    every = [(word, table) for word, listed in tables.items() for table in listed]
    first = next((table for _, table in every if table.rows), every[0][1])
    columns = {column.name: column for column in first.columns}
    for _, table in every:
        for column in table.columns:
            columns.setdefault(column.name, column._replace(show="programs"))
    rows: list[list[Value]] = []
    rows_for: list[Show] = []
    for word, table in every:
        places = {column.name: index for index, column in enumerate(table.columns)}
        order = [places.get(key) for key in columns]
        rows += [[word, *(None if i is None else row[i] for i in order)] for row in table.rows]
        rows_for += ["all" if table is first else "programs"] * len(table.rows)
    head = [Column(level, level, show="programs"), *columns.values()]
    notes = [note for _, table in every for note in table.notes]
    return Table(name, head, rows, notes, first.title, first.legend, rows_for)
