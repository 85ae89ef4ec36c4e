"""What a table holds: columns, rows of values, notes.

People and programs read one table. People get a number and its interval in one cell, in a unit that
suits the column; programs get three columns in base units: ``latency``, ``latency_lo``,
``latency_hi``. Each column says whether both see it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product
from typing import NamedTuple, Self

from mncost.errors import UnknownNameError
from mncost.interval import Interval
from mncost.render.column import Column, Show, Value
from mncost.render.marks import Marks

__all__ = ["ALL", "Sheet", "named"]

ALL = "all"
"""Instead of names: every column, also those that have to be asked for."""


class Sheet(NamedTuple):
    """Rows of values under columns; :class:`mncost.render.table.Table` also shows itself.

    Attributes:
        name: for programs.
        columns: in order; without any, a table is its title and its notes.
        rows: as many values as there are columns in each.
        notes: what everybody has to know; CSV leaves them to standard error.
        title: for people.
        legend: for people, before the notes: what the table shows, how it was measured.
        details: notes for programs, and for people who ask (:meth:`in_full`).
        warning: for people who do not: in one line, what is doubtful and what to do.
        rows_for: who sees each row; empty: all see all of them.
    """

    name: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Value]]
    notes: Sequence[str] = ()
    title: str = ""
    legend: Sequence[str] = ()
    rows_for: Sequence[Show] = ()
    details: Sequence[str] = ()
    warning: str = ""

    def for_people(self) -> Self:
        """Return what people see of it: where a column has marks, the texts are notes."""
        table = self._shown("programs")
        warning = [table.warning] if table.warning else []
        table = table._replace(notes=[*table.legend, *table.notes, *warning], legend=())
        marked = [index for index, column in enumerate(table.columns) if column.marks]
        if not marked:
            return table
        mark, rows = Marks(), [list(row) for row in table.rows]
        for row, index in product(rows, marked):
            row[index] = mark(row[index]) if row[index] else row[index]
        columns = [column._replace(marks=False) for column in table.columns]
        return table._replace(columns=columns, rows=rows, notes=[*table.notes, *mark.notes()])

    def for_programs(self) -> Self:
        """Return what programs see of it: plain values only, an interval is three columns."""
        table = self._shown("people")
        table = table._replace(
            notes=[*table.notes, *table.details], legend=(), details=(), warning=""
        )
        if not any(column.interval for column in table.columns):
            return table
        columns = [part for column in table.columns for part in _parts(column)]
        rows = [
            [part for pair in zip(table.columns, row, strict=True) for part in _values(*pair)]
            for row in table.rows
        ]
        return table._replace(columns=columns, rows=rows)

    def in_full(self) -> Self:
        """Return it with all details for people too."""
        return self._replace(notes=[*self.notes, *self.details], details=(), warning="")

    def _shown(self, but: Show) -> Self:
        """Return it without the columns and rows that only the others see."""
        kept = [index for index, column in enumerate(self.columns) if column.show != but]
        rows = self.rows
        if but in self.rows_for:
            rows = [row for row, show in zip(rows, self.rows_for, strict=True) if show != but]
        if len(kept) < len(self.columns):
            rows = [[row[index] for index in kept] for row in rows]
        columns = [self.columns[index] for index in kept]
        return self._replace(columns=columns, rows=rows, rows_for=())

    def select(self, names: str | Sequence[str]) -> Self:
        """Return it with these columns, in this order; people and programs see all of them.

        Args:
            names: of the columns; a text has them with commas.

        Raises:
            UnknownNameError: there is no column of a name.
        """
        places = {column.name: index for index, column in enumerate(self.columns)}
        kept = [places[name] for name in named(names, places)]
        columns = [self.columns[index]._replace(show="all", rank=0) for index in kept]
        return self._replace(columns=columns, rows=[[row[i] for i in kept] for row in self.rows])


def _parts(column: Column) -> list[Column]:
    if not column.interval:
        return [column]
    return [
        column._replace(name=column.name + suffix, interval=False) for suffix in ("", "_lo", "_hi")
    ]


def _values(column: Column, value: Value) -> Sequence[Value]:
    if not column.interval:
        return [value]
    if isinstance(value, Interval):
        return value[:3]
    return [value, value, value] if isinstance(value, int | float) else [None, None, None]


def named(names: str | Iterable[str], columns: Iterable[str]) -> list[str]:
    """Return names of columns, each once; ``"all"`` means all of them.

    Raises:
        UnknownNameError: there is no column of a name.
    """
    if names == ALL:
        return list(columns)
    wanted = dict.fromkeys(map(str.strip, names.split(",")) if isinstance(names, str) else names)
    known = set(columns)
    for name in wanted:
        if name not in known:
            raise UnknownNameError("column", name, columns)
    return list(wanted)
