"""The columns of a table, and what a cell may hold."""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

from mncost.interval import Interval

__all__ = ["AtLeast", "Column", "Kind", "Show", "Value"]

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


class AtLeast(int):
    """A count that is a lower bound: people read ``≥``, programs the number."""


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
