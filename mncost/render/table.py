"""A table: columns, rows of plain values, notes. It does not know where its numbers come from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, Self, TypeAlias

__all__ = ["Column", "Kind", "Table", "Value", "Written"]


class Written(str):
    """A number as people read it, e.g. with its interval: ``9.19 ±0.11``.

    Attributes:
        bare: the number itself, which is what a column is sorted by.
    """

    bare: float

    def __new__(cls, text: str, bare: float) -> Self:
        """Return the text, with the number that it writes."""
        made = super().__new__(cls, text)
        made.bare = bare
        return made


Value: TypeAlias = str | int | float | bool | tuple[int | float | str, ...] | None
"""A cell. ``None`` is a value that does not exist here, e.g. the kernel of a batch norm."""

Kind: TypeAlias = Literal["text", "number", "count", "bytes", "ratio", "fraction", "share"]
"""How people read a column: ``count`` gets a prefix (M), ``bytes`` a binary one (MiB), ``ratio``
two decimals, ``fraction`` four, ``share`` is a %; machines get the bare value whatever the kind."""


class Column(NamedTuple):
    """A column: its name for machines, its title for people (one word a line), its kind."""

    name: str
    title: str
    kind: Kind = "text"


class Table(NamedTuple):
    """Rows of values under columns; notes are for people and for JSON."""

    name: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Value]]
    notes: Sequence[str] = ()
    title: str = ""
