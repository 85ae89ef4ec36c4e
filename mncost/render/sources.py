"""Sources: the one list of columns that a table has, and where their values come from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from mncost.render.column import Column, Kind, Show, Value
from mncost.render.sheet import ALL, named
from mncost.render.table import Table

__all__ = ["Source", "chosen", "ranked", "sources", "tabulate"]


class Source(NamedTuple):
    """A column, and the function that takes its value from a network, a layer, a cell, ..."""

    column: Column
    value: Callable[[Any], Value]


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
        extra: those that the terminal shows only on request.
        people: those that CSV and JSON have only on request.
        asked: those that are shown only on request.
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


def ranked(columns: Mapping[str, Source], narrow: Sequence[str]) -> dict[str, Source]:
    """Return columns with those that a narrow terminal leaves out, the first one first."""
    ranks = {name: len(narrow) - place for place, name in enumerate(narrow)}
    return {
        name: source._replace(column=source.column._replace(rank=ranks.get(name, 0)))
        for name, source in columns.items()
    }


def chosen(
    columns: Mapping[str, Source], names: str | Sequence[str] | None, default: Iterable[str] = ()
) -> list[Source]:
    """Return columns by their names; people and programs see all of these, at any width.

    Args:
        columns: all columns.
        names: of the columns; a text has them with commas.
        default: what is returned if no names are given.

    Raises:
        UnknownNameError: there is no column of a name.
    """
    wanted = [columns[name] for name in named(default if names is None else names, columns)]
    return [one._replace(column=one.column._replace(show="all", rank=0)) for one in wanted]


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
        columns: all columns, in order.
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
