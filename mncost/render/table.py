"""A table: columns, rows of values, notes. It does not know where its numbers come from.

People and programs read one table. People get a number and its interval in one cell, in a unit that
suits the column; programs get three columns in base units: ``latency``, ``latency_lo``,
``latency_hi``. Each column says whether both see it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from mncost.errors import UnknownNameError
from mncost.interval import Interval
from mncost.render.marks import Marks

if TYPE_CHECKING:
    import pandas

__all__ = [
    "Column",
    "Kind",
    "Show",
    "Source",
    "Table",
    "Value",
    "chosen",
    "default_columns",
    "named",
    "sources",
    "stacked",
    "tabulate",
]

Value: TypeAlias = str | int | float | bool | tuple[int | float | str, ...] | Interval | None
"""A cell. ``None`` is a value that does not exist here, e.g. the kernel of a batch norm."""

Kind: TypeAlias = Literal[
    "text", "number", "count", "bytes", "ratio", "fraction", "share", "time", "rate"
]
"""How people read a column: ``count`` and ``rate`` get a prefix (M), ``bytes`` a binary one (MiB),
``time`` is in s, ms, µs or ns, ``ratio`` has two decimals, ``fraction`` four, ``share`` is a %.
Values are in base units whatever the kind: counts, bytes, seconds, plain ratios."""

Show: TypeAlias = Literal["all", "people", "programs", "asked"]
"""Who sees a column or a row unless it is asked for by name; ``asked``: nobody."""
ALL = "all"
"""Instead of names: every column, also those that have to be asked for."""


class Column(NamedTuple):
    """A column.

    Attributes:
        name: for programs.
        title: for people, one word a line.
        kind: how people read its numbers.
        interval: its values are intervals, which programs get as three columns.
        bounds: people see the bounds, as in ``9.2 (9.1–9.9)``, and not ``±``: for percentiles.
        marks: its texts are long and repeat: people see marks, ``[1]``, that point below the table.
        show: who sees it.
        rank: a terminal that is too narrow leaves out the highest rank first; 0 is never left out.
    """

    name: str
    title: str
    kind: Kind = "text"
    interval: bool = False
    bounds: bool = False
    marks: bool = False
    show: Show = "all"
    rank: int = 0


class Table(NamedTuple):
    """Rows of values under columns.

    Attributes:
        name: for programs.
        columns: in order; without any, a table is its title and its notes.
        rows: as many values as there are columns in each.
        notes: what everybody has to know, e.g. warnings; CSV leaves them to standard error.
        title: for people.
        legend: for people, before the notes: what the table shows, how it was measured.
        rows_for: who sees each row; empty: all see all of them.
    """

    name: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Value]]
    notes: Sequence[str] = ()
    title: str = ""
    legend: Sequence[str] = ()
    rows_for: Sequence[Show] = ()

    def for_people(self) -> Table:
        """Return what people see of it: where a column has marks, the texts are notes."""
        table = self._shown("programs")
        table = table._replace(notes=[*table.legend, *table.notes], legend=())
        marked = [index for index, column in enumerate(table.columns) if column.marks]
        if not marked:
            return table
        mark, rows = Marks(), [list(row) for row in table.rows]
        for row, index in product(rows, marked):
            row[index] = mark(row[index]) if row[index] else row[index]
        columns = [column._replace(marks=False) for column in table.columns]
        return table._replace(columns=columns, rows=rows, notes=[*table.notes, *mark.notes()])

    def for_programs(self) -> Table:
        """Return what programs see of it: plain values only, an interval is three columns."""
        table = self._shown("people")._replace(legend=())
        if not any(column.interval for column in table.columns):
            return table
        columns = [part for column in table.columns for part in _parts(column)]
        rows = [
            [part for pair in zip(table.columns, row, strict=True) for part in _values(*pair)]
            for row in table.rows
        ]
        return table._replace(columns=columns, rows=rows)

    def _shown(self, but: Show) -> Table:
        """Return it without the columns and rows that only the others see."""
        kept = [index for index, column in enumerate(self.columns) if column.show != but]
        rows = self.rows
        if but in self.rows_for:
            rows = [row for row, show in zip(rows, self.rows_for, strict=True) if show != but]
        if len(kept) < len(self.columns):
            rows = [[row[index] for index in kept] for row in rows]
        columns = [self.columns[index] for index in kept]
        return self._replace(columns=columns, rows=rows, rows_for=())

    def select(self, names: str | Sequence[str]) -> Table:
        """Return it with these columns, in this order; people and programs see all of them.

        Args:
            names: of the columns; a text has them with commas.

        Raises:
            UnknownNameError: there is no column of a name.
        """
        places = {column.name: index for index, column in enumerate(self.columns)}
        kept = [places[name] for name in named(names, places)]
        columns = [self.columns[index]._replace(show="all") for index in kept]
        return self._replace(columns=columns, rows=[[row[i] for i in kept] for row in self.rows])

    def to_frame(self) -> pandas.DataFrame:
        """Return what programs see as a DataFrame.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        from mncost.extras import require

        require("frame")
        import pandas

        table = self.for_programs()
        names = [column.name for column in table.columns]
        frame = pandas.DataFrame([list(row) for row in table.rows], columns=names)
        # A kernel that a batch norm does not have must not turn the others into floats.
        by_column = (
            dict(zip(names, zip(*table.rows, strict=True), strict=True)) if table.rows else {}
        )
        whole = [name for name, values in by_column.items() if _is_whole(values)]
        return frame.astype(dict.fromkeys(whole, "Int64"))

    def __str__(self) -> str:
        """Return it as plain text."""
        from mncost.render.plain import render

        return render(self).rstrip("\n")

    def _repr_html_(self) -> str:
        """Return it as HTML, for notebooks."""
        from mncost.render.html import render

        return render(self)


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


def _is_whole(values: Sequence[Value]) -> bool:
    """Whether values are whole numbers of which some do not exist."""
    present = [value for value in values if value is not None]
    return 0 < len(present) < len(values) and all(
        isinstance(value, int) and not isinstance(value, bool) for value in present
    )


# --------------------------------------------------------------------------------------- sources


class Source(NamedTuple):
    """A column, and the function that takes its value from a network, a layer, a cell, ..."""

    column: Column
    value: Callable[[Any], Value]

    @property
    def extra(self) -> bool:
        """Whether people see it only if they ask for it."""
        return self.column.show == "programs"


def sources(
    *columns: tuple[str, str, Kind, Callable[[Any], Value]],
    extra: Iterable[str] = (),
    people: Iterable[str] = (),
    asked: Iterable[str] = (),
    intervals: Iterable[str] = (),
    bounds: Iterable[str] = (),
    marks: Iterable[str] = (),
    narrow: Sequence[str] = (),
) -> dict[str, Source]:
    """Return columns by name, each given as name, title, kind and the function of its value.

    Args:
        columns: in order.
        extra: those that people see only if they ask for them.
        people: those that programs see only if they ask for them.
        asked: those that nobody sees who does not ask for them.
        intervals: those whose values are intervals.
        bounds: those of intervals that people see with their bounds.
        marks: those of long texts that repeat.
        narrow: those that a narrow terminal leaves out, the first one first.
    """
    made = {}
    who: dict[str, Show] = {
        **dict.fromkeys(extra, "programs"),
        **dict.fromkeys(people, "people"),
        **dict.fromkeys(asked, "asked"),
    }
    intervals, bounds, marks = set(intervals), set(bounds), set(marks)
    for name, title, kind, value in columns:
        with_bounds = name in bounds
        column = Column(
            name,
            title,
            kind,
            interval=with_bounds or name in intervals,
            bounds=with_bounds,
            marks=name in marks,
            show=who.get(name, "all"),
            rank=len(narrow) - narrow.index(name) if name in narrow else 0,
        )
        made[name] = Source(column, value)
    return made


def default_columns(
    columns: Mapping[str, Source], left_out: Iterable[str] = (), *, flops: bool = False
) -> list[str]:
    """Return the names of the columns that people see unless others are asked for."""
    return [
        name
        for name, source in columns.items()
        if (flops and name == "flops") or not (source.extra or name in left_out)
    ]


def chosen(
    columns: Mapping[str, Source], names: str | Sequence[str] | None, default: Iterable[str] = ()
) -> list[Source]:
    """Return columns by their names; people and programs see all of these.

    Args:
        columns: that there are.
        names: of the columns; a text has them with commas.
        default: what is returned if no names are given.

    Raises:
        UnknownNameError: there is no column of a name.
    """
    wanted = [columns[name] for name in named(default if names is None else names, columns)]
    return [one._replace(column=one.column._replace(show="all")) for one in wanted]


def named(names: str | Iterable[str], columns: Iterable[str]) -> list[str]:
    """Return names of columns, each once.

    Raises:
        UnknownNameError: there is no column of a name.
    """
    wanted = dict.fromkeys(map(str.strip, names.split(",")) if isinstance(names, str) else names)
    known = set(columns)
    for name in wanted:
        if name not in known:
            raise UnknownNameError("column", name, columns)
    return list(wanted)


def tabulate(  # noqa: PLR0913  the fields of a table, and which columns it has
    name: str,
    columns: Mapping[str, Source],
    things: Iterable[object],
    *,
    names: str | Sequence[str] | None = None,
    hide: Iterable[str] = (),
    show: Iterable[str] = (),
    notes: Sequence[str] = (),
    title: str = "",
    legend: Sequence[str] = (),
) -> Table:
    """Return a table with a row for each thing.

    Args:
        name: of the table.
        columns: that there are, in order.
        things: networks, layers, cells, ...
        names: the columns that are asked for, or ``"all"``; without them each column says who sees
            it.
        hide: columns that people do not see here unless they ask, e.g. those that are constant.
        show: columns that people see here although they usually have to ask.
        notes: of the table, and so are the next two.
        title: likewise.
        legend: likewise.

    Raises:
        UnknownNameError: there is no column of a name.
    """
    if names is not None and names != ALL:
        shown = chosen(columns, names)
    else:
        who: dict[str, Show] = {**dict.fromkeys(hide, "programs"), **dict.fromkeys(show, "all")}
        shown = [
            source._replace(column=source.column._replace(show=who.get(key, source.column.show)))
            for key, source in columns.items()
            if names == ALL or who.get(key, source.column.show) != "asked"
        ]
    rows = [[source.value(thing) for source in shown] for thing in things]
    return Table(name, [source.column for source in shown], rows, notes, title, legend)


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
