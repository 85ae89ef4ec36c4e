"""The columns that say which cell a row is about, and the words for what all rows share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from mncost.label import Fact, fact_words, facts_of
from mncost.measure.cell import IDENTITY, Cell, Place
from mncost.render.column import Value
from mncost.render.sources import Source, sources

__all__ = ["NAMES", "cell_columns", "constant", "shared"]

NAMES = ("arch", "alpha", "resolution")  # people see these even if they are constant
_SIDE = Fact("side")


def cell_columns(cell: Callable[[Any], Cell]) -> dict[str, Source]:
    """Return a column for each fact that tells cells apart.

    Args:
        cell: takes the cell from what a row is made of.
    """

    def of(name: str) -> Callable[[Any], Value]:
        return lambda row: cell(row).fact(name)

    facts = {**IDENTITY, "arm": _SIDE}
    return sources(*((name, fact.title, fact.kind, of(name)) for name, fact in facts.items()))


def constant(cells: Iterable[Cell], but: Sequence[str] = NAMES) -> set[str]:
    """Return the names of the columns that are the same for all cells, but for some.

    A runtime without providers differs in its provider from none.
    """
    listed = list(cells)
    same = {name for name in (*IDENTITY, "arm") if len(_values(listed, name)) <= 1}
    empty = {name for name in same if _values(listed, name) == {None}}
    return same - set(but) | empty


def shared(cells: Iterable[Cell]) -> str:
    """Say how all cells were run, as far as they were run in one way: ``fp32, 1 thread``."""
    listed = list(cells)
    if not listed:
        return "no cells"
    same = constant(listed, ())
    first = listed[0]
    words = fact_words(first.label, "dialect") if "dialect" in same else []
    if all(cell.place.has_usual_provider for cell in listed):
        same.discard("provider")
    places = [name for name in facts_of(Place) if name in same]
    return ", ".join([*words, *(fact_words(first.place, *places) if places else [])])


def _values(cells: Iterable[Cell], name: str) -> set[object]:
    values = {cell.fact(name) for cell in cells}
    return values - {None} if name == "provider" and len(values) > 1 else values
