"""What is wrong with a budget file: every problem, in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

import msgspec
from msgspec import Struct

from mncost.errors import QuantityError, did_you_mean, one_line

__all__ = ["Problems", "TooManyError", "shown"]

MAX_PROBLEMS = 100
T = TypeVar("T", int, float)


class TooManyError(Exception):
    """There are more problems than anybody reads at once."""


class Problems:
    """What is wrong with a file, and the checks that hold for any table in it."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.where = ""  # the budget that is being read: "budget 2 (line 7)"
        self.lines: list[str] = []

    def add(self, *words: object) -> None:
        """Add one: the place, from the whole to the part, and what is wrong there."""
        places = (self.origin, self.where, *words)
        self.lines.append(one_line(": ".join(str(word) for word in places if word)))
        if len(self.lines) >= MAX_PROBLEMS:
            raise TooManyError

    def unknown(self, where: str, key: str, accepted: Sequence[str]) -> None:
        """Add an unknown key, with the closest of those that are accepted."""
        hint = f"{did_you_mean(key, accepted)}; accepted: {', '.join(accepted)}"
        self.add(where, f"unknown key {_cut(repr(key))}{hint}")

    def table(
        self, where: str, raw: Mapping[str, Any], kind: type[Struct], also: Sequence[str] = ()
    ) -> dict[str, Any]:
        """Return the values that are of their types; the tables among them as they stand.

        ``also`` are keys that are offered where one is unknown, beside those of ``kind``.
        """
        fields = {field.name: field for field in msgspec.structs.fields(kind)}
        for key in raw:
            if key not in fields:
                self.unknown(where, key, [*fields, *also])
        for name, field in fields.items():
            if field.required and name not in raw:
                self.add(where, f"the key {name!r} is missing")
        return {
            name: raw[name]
            for name, field in fields.items()
            if name in raw and self.fits(f"{where}.{name}".lstrip("."), raw[name], field.type)
        }

    def fits(self, where: str, value: object, hint: Any) -> bool:
        """Check the type of a value; what is in a table is checked by whoever reads it."""
        if isinstance(value, dict) and any(_is_table(member) for member in _members(hint)):
            return True
        try:
            msgspec.convert(value, hint)
        except msgspec.ValidationError:
            self.add(where, f"{shown(value)}: accepted is {_accepted(hint)}")
            return False
        return True

    def quantity(self, where: str, given: Any, read: Callable[[str, Any], T]) -> T | None:
        """Read a number with a unit, if there is one."""
        try:
            return None if given is None else read(f"{where}:", given)
        except QuantityError as error:
            self.add(error)
            return None


def _members(hint: Any) -> Iterator[Any]:
    """Yield what a type is a union of; the type itself, if it is none."""
    if get_origin(hint) in (Union, UnionType):
        for member in get_args(hint):
            yield from _members(member)
    elif hint is not type(None):
        yield hint


def _is_table(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, Struct)


def _accepted(hint: Any) -> str:
    """Say which values a type accepts."""
    return " or ".join(_worded(member) for member in _members(hint))


def _worded(hint: Any) -> str:
    if get_origin(hint) is Annotated:
        return str(hint.__metadata__[0].description)
    if _is_table(hint):
        return f"a table of: {', '.join(hint.__struct_fields__)}"
    return {str: "a text", int: "a whole number", float: "a number"}[hint]


def shown(value: object) -> str:
    """Return a value as messages quote it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict | list):
        return "a table" if isinstance(value, dict) else "an array"
    return _cut(repr(value) if isinstance(value, str) else str(value))


def _cut(text: str) -> str:
    return text if len(text) <= 80 else text[:77] + "..."
