"""What is wrong with an architecture file: the first bad piece, in words.

The message names the row and its text, what is accepted, and the closest match.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from types import UnionType
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

import msgspec

from mncost.errors import did_you_mean, one_line
from mncost.spec.schema import BLOCKS, AnyRow, Defaults, Dialect, Rules, Spec

__all__ = ["explain"]


def explain(raw: dict[str, Any], merged: dict[str, Any]) -> str:
    """Say what is wrong with a file that is not a valid :class:`Spec`.

    Args:
        raw: what stands in the file, which the message quotes.
        merged: the same with defaults and rules written in, which is what was checked.
    """
    for piece in _pieces(raw, merged):
        try:
            msgspec.convert(piece.value, piece.type)
        except msgspec.ValidationError as found:
            return one_line(_worded(piece, str(found)))
    raise AssertionError("the file is valid")


class _Piece(NamedTuple):
    where: str
    value: Any
    type: Any
    quoted: Any = None


def _pieces(raw: dict[str, Any], merged: dict[str, Any]) -> Iterator[_Piece]:
    """Take a file apart, small pieces first, so that the first bad one is the culprit."""
    yield _Piece("rules", merged.get("rules", {}), Rules)
    yield _Piece("defaults", merged.get("defaults", {}), Defaults)
    rows = merged.get("rows")
    for number, row in enumerate(rows if isinstance(rows, list) else [], 1):
        yield _Piece(f"row {number}", row, AnyRow, raw["rows"][number - 1])
    dialects = merged.get("dialects")
    for name, dialect in (dialects if isinstance(dialects, dict) else {}).items():
        own = dialect if isinstance(dialect, dict) else {}
        yield _Piece(f"dialects.{name}.rules", own.get("rules", {}), Rules)
        inner = own.get("rows")
        for row, value in (inner if isinstance(inner, dict) else {}).items():
            quoted = raw["dialects"][name]["rows"][row]
            yield _Piece(f"dialects.{name}.rows.{row}", value, AnyRow, quoted)
        yield _Piece(f"dialects.{name}", dialect, Dialect)
    yield _Piece("", merged, Spec)


def _worded(piece: _Piece, message: str) -> str:
    """Word one validation error: place, text of the row, problem, accepted, closest match."""
    problem, _, path = message.partition(" - at `$")
    path = path.rstrip("`").removeprefix(".")
    where = piece.where
    is_row = piece.type is AnyRow
    if is_row:
        where += f" {_as_toml(piece.quoted)}"
    table = _table_type(piece)
    key = path.partition(".")[0].partition("[")[0]
    if is_row and key == "block":
        block = piece.value["block"]
        return f"{where}: unknown block {block!r}{_accepted(str(block), BLOCKS)}"
    if match := re.fullmatch(r"Object contains unknown field `(.*)`", problem):
        accepted = [*(["block"] if is_row else []), *(table.__struct_fields__ if table else ())]
        where += f": {path}" if path and not is_row else ""
        return f"{where}: unknown key {match[1]!r}{_accepted(match[1], accepted)}".lstrip(": ")
    if match := re.fullmatch(r"Object missing required field `(.*)`", problem):
        where += f": {path}" if path and not is_row else ""
        return f"{where}: the key {match[1]!r} is missing".lstrip(": ")
    if match := re.fullmatch(r"Invalid enum value (.*)", problem):
        choices = _choices(table, key)
        value = match[1].strip("'")
        return f"{where}: unknown {key} {value!r}{_accepted(value, choices)}".lstrip(": ")
    problem = re.sub(r"`([\w |]+)`", lambda match: _in_words(match[1]), problem)
    words = f"{key}: {problem}" if key else problem
    return f"{where}: {words}".lstrip(": ")


def _in_words(types: str) -> str:
    """Say in TOML's words what msgspec calls e.g. ``int | str | null``; leave keys as they are."""
    names = [name for name in types.split(" | ") if name != "null"]
    return " or ".join(_WORDS[name] for name in names) if {*names} <= {*_WORDS} else f"`{types}`"


_WORDS = {
    "object": "a table",
    "array": "an array",
    "int": "a whole number",
    "float": "a number",
    "str": "a text",
    "bool": "true or false",
}


def _table_type(piece: _Piece) -> type[msgspec.Struct] | None:
    if piece.type is not AnyRow:
        return piece.type  # type: ignore[no-any-return]  # a Struct class, seen as Any
    return BLOCKS.get(str(piece.value.get("block"))) if isinstance(piece.value, dict) else None


def _choices(table: type | None, key: str) -> list[str]:
    """Return the words that a key of a table accepts, found in its type."""
    if table is None:
        return []
    return [str(word) for word in _literals(get_type_hints(table).get(key))]


def _literals(hint: Any) -> Iterator[Any]:
    if get_origin(hint) is Literal:
        yield from get_args(hint)
    elif get_origin(hint) in (Union, UnionType):
        for member in get_args(hint):
            yield from _literals(member)


def _accepted(name: str, accepted: Iterable[str]) -> str:
    names = list(accepted)
    return f"{did_you_mean(name, names)}; accepted: {', '.join(names)}" if names else ""


def _as_toml(value: Any) -> str:
    """Write a value as it could stand in the file, on one line and not endlessly long."""
    if isinstance(value, dict):
        text = "{ " + ", ".join(f"{k} = {_as_toml(v)}" for k, v in value.items()) + " }"
    elif isinstance(value, bool):
        text = str(value).lower()
    elif isinstance(value, str):
        text = '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    else:
        text = str(value)
    return text if len(text) <= 200 else text[:197] + "..."
