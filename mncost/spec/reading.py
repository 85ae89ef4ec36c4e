"""What each row of a table reads: names of rows that stand above it, of repeats, of parts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil

from msgspec import Struct

from mncost.errors import did_you_mean
from mncost.spec.rows import Row

__all__ = ["IMAGE", "Read", "Table", "problems_of", "repeats_of"]

IMAGE = "input"
"""What a row calls the image."""


class Read(Struct, frozen=True, gc=False):
    """A result that a row reads: that of a block, or of a part of it.

    Attributes:
        row: where its row stands, from 0; -1 is the image.
        block: the name of the block: the row's, with the number of the repeat if there are several.
        part: what of it; ``""`` is the block's result.
    """

    row: int
    block: str
    part: str = ""

    def __str__(self) -> str:
        """Return the name that a row gives it."""
        return f"{self.block}.{self.part}" if self.part else self.block


def repeats_of(row: Row, depth: float) -> int:
    """Return how often a row is repeated: what it states, multiplied and rounded up."""
    stated = getattr(row, "repeats", None)
    return 1 if stated is None else ceil(stated * depth)


class Table:
    """The rows of a table, and what they read."""

    def __init__(self, rows: Sequence[Row], names: Sequence[str], depth: float = 1.0) -> None:
        """Take rows with their names; ``depth`` multiplies their repeats."""
        self.rows, self.names, self.depth = rows, names, depth
        self.places = {name: place for place, name in enumerate(names)}
        self.repeats = [repeats_of(row, depth) for row in rows]

    def block_name(self, place: int, repeat: int | None = None) -> str:
        """Return the name of a repeat of a row; by default of the last."""
        repeats = self.repeats[place]
        return f"{self.names[place]}.{repeat or repeats}" if repeats > 1 else self.names[place]

    def sources(self, place: int) -> tuple[Read, ...]:
        """Return what a row reads.

        Raises:
            ValueError: something that it names is not there, or comes later.
        """
        row = self.rows[place]
        if row.reads is None:
            if row.several:
                raise ValueError('`from` is missing: names of rows, e.g. from = ["stem", "row2"]')
            first = self._whole(place - 1)
            return first, *(self.find(name, place, key) for key, name in row.also)
        wanted = (row.reads,) if isinstance(row.reads, str) else row.reads
        if not row.several and len(wanted) > 1:
            raise ValueError(f"`from` names {len(wanted)} rows: this block reads one")
        named = [("from", name) for name in wanted]
        return tuple(self.find(name, place, key) for key, name in [*named, *row.also])

    def outputs(self, wanted: Sequence[str]) -> tuple[Read, ...]:
        """Return the results that are the network's.

        Raises:
            ValueError: something that is named is not there, or is named twice.
        """
        if not wanted:
            return (self._whole(len(self.rows) - 1),)
        outputs = tuple(self.find(name, len(self.rows), "outputs") for name in wanted)
        for name, read in zip(wanted, outputs, strict=True):
            if outputs.count(read) > 1:
                raise ValueError(f"outputs: {name!r} is named twice")
            if read.row < 0:
                raise ValueError(f"outputs: {name!r} is the image: accepted are names of rows")
        return outputs

    def find(self, name: str, before: int, key: str) -> Read:
        """Return what a name stands for, for a row at the place ``before``.

        Raises:
            ValueError: it stands for nothing above that row; the message begins with ``key``.
        """
        if name == IMAGE:
            return Read(-1, IMAGE)
        row, *rest = name.split(".")
        if row not in self.places:
            above = [*self.names[:before], IMAGE]
            raise ValueError(
                f"{key}: there is no row {row!r}{did_you_mean(row, above)}; accepted: "
                f"{', '.join(above)}"
            )
        place = self.places[row]
        if place >= before:
            what = "is this row itself" if place == before else f"comes later, as row {place + 1}"
            raise ValueError(f"{key}: {row!r} {what}: a row reads rows above it")
        repeats, repeat = self.repeats[place], None
        if rest and repeats > 1 and rest[0].isdecimal():
            repeat = int(rest.pop(0)) if len(rest[0]) < 4 else 0
            if not 1 <= repeat <= repeats:
                raise ValueError(f"{key}: {name!r}: {row} has {repeats} repeats, from 1")
        part = ".".join(rest)
        if not part:
            return self._whole(place, repeat)
        parts = self.rows[place].parts
        if part not in parts or (repeats > 1 and repeat is None):
            accepted = self._accepted(place)
            meant = did_you_mean(name, accepted)
            raise ValueError(f"{key}: there is no {name!r}{meant}; accepted: {', '.join(accepted)}")
        return Read(place, self.block_name(place, repeat), part)

    def _whole(self, place: int, repeat: int | None = None) -> Read:
        if place < 0:
            return Read(-1, IMAGE)
        if not self.rows[place].whole:
            accepted = ", ".join(self._accepted(place))
            raise ValueError(f"from: {self.names[place]!r} is in parts; accepted: {accepted}")
        return Read(place, self.block_name(place, repeat))

    def _accepted(self, place: int) -> list[str]:
        row, name = self.rows[place], self.names[place]
        repeats = self.repeats[place]
        blocks = [name] if repeats == 1 else [f"{name}.{n}" for n in range(1, repeats + 1)]
        wholes = [*dict.fromkeys([name, *blocks])] if row.whole else []
        return [*wholes, *(f"{block}.{part}" for block in blocks for part in row.parts)]


def problems_of(table: Table, wanted: Sequence[str]) -> Iterator[str]:
    """Yield what is wrong with what rows read, and with the ``outputs`` that are wanted."""
    reads: list[Read] = []
    for place, name in enumerate(table.names):
        try:
            reads += table.sources(place)
        except ValueError as error:
            yield f"row {place + 1} ({name}): {error}"
            return
    try:
        reads += table.outputs(wanted)
    except ValueError as error:
        yield str(error)
        return
    used = {read.row for read in reads}
    ends = {read.block for read in reads if not read.part}
    for place, name in enumerate(table.names):
        block = table.block_name(place)
        if place in used and (block in ends or not table.rows[place].whole):
            continue
        what = "it" if place not in used else f"its end ({block})"
        yield (
            f"row {place + 1} ({name}): no row reads {what}, and it is no output: name it in a "
            "`from` below it, or in `outputs`"
        )
