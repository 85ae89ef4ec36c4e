"""What is wrong with a budget file: every problem, in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from mncost.errors import QuantityError, one_line
from mncost.toml_types import takes_table

__all__ = ["Problems", "TooManyError"]

MAX_PROBLEMS = 100
T = TypeVar("T", int, float)


class TooManyError(Exception):
    """There are more problems than one reads at once."""


class Problems:
    """What is wrong with a file, and the checks that hold for any table in it."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.where = ""  # the budget that is being read: "budget 2 (line 7)"
        self.lines: list[str] = []

    def add(self, *words: object) -> None:
        """Add a problem: its place, from the whole to the part, and what is wrong there."""
        places = (self.origin, self.where, *words)
        self.lines.append(one_line(": ".join(str(word) for word in places if word)))
        if len(self.lines) >= MAX_PROBLEMS:
            raise TooManyError

    def unknown(self, where: str, key: str, accepted: Sequence[str]) -> None:
        """Add an unknown key, with the closest of those that are accepted."""
        from mncost.toml_errors import unknown_key

        self.add(where, unknown_key(key, accepted))

    def table(
        self, where: str, raw: Mapping[str, Any], kind: type[Struct], also: Sequence[str] = ()
    ) -> dict[str, Any]:
        """Return the values whose types are right; tables among them are not checked yet.

        ``also`` are keys that are offered where one is unknown, beside those of ``kind``.
        """
        fields = {field.name: field for field in msgspec.structs.fields(kind)}
        for key in raw:
            if key in fields:
                continue
            from mncost.toml_errors import as_toml, table_with

            if owner := table_with(key, {name: field.type for name, field in fields.items()}):
                belongs = f"{owner} = {{ {key} = {as_toml(raw[key], 80)} }}"
                self.add(where, f"the key {key!r} belongs elsewhere: {belongs}")
            else:
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
        """Check the type of a value; the reader of a table checks what is in it."""
        if isinstance(value, dict) and takes_table(hint):
            return True
        if not isinstance(value, dict | list) and _is_of(value, hint):
            return True
        from mncost.toml_errors import problems

        before = len(self.lines)
        for problem in problems(value, hint):
            self.add(where, problem.text)
        return len(self.lines) == before

    def quantity(self, where: str, given: Any, read: Callable[[str, Any], T]) -> T | None:
        """Read a number with a unit, if there is one."""
        try:
            return None if given is None else read(f"{where}:", given)
        except QuantityError as error:
            self.add(error)
            return None


def _is_of(value: object, hint: Any) -> bool:
    try:
        msgspec.convert(value, hint)
    except ValueError:
        return False
    return True
