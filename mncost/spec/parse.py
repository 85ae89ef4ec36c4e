"""From the text of an architecture file to a checked :class:`~mncost.spec.schema.Spec`.

A good file is converted in one go. A bad one is taken apart piece by piece, so that the message can
name the file, the row and its text, what is accepted, and the closest match.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import ValidationError

from mncost.errors import SpecError, did_you_mean
from mncost.spec.schema import AnyRow, Defaults, Dialect, Row, Rules, Spec

__all__ = ["MAX_FILE_BYTES", "PAPER", "parse_spec", "read_spec", "row_name"]

MAX_FILE_BYTES = 1 << 20
PAPER = "paper"  # the dialect that every architecture has: its rows and rules as they stand

BLOCKS: dict[str, type[Row]] = {
    str(block.__struct_config__.tag): block for block in get_args(AnyRow)
}


def read_spec(path: Path) -> Spec:
    """Read and check an architecture file.

    Raises:
        SpecError: the file is missing, too large, not UTF-8, not TOML, or not an architecture.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise SpecError(f"{path}: cannot be read: {error.strerror or error}") from None
    return parse_spec(data, str(path))


def parse_spec(data: bytes, origin: str) -> Spec:
    """Check the bytes of an architecture file; ``origin`` names it in messages.

    Raises:
        SpecError: the bytes are too many, not UTF-8, not TOML, or not an architecture.
    """
    raw = _load_toml(data, origin)
    merged = _merge_defaults(raw)
    try:
        spec = msgspec.convert(merged, Spec)
    except ValidationError as error:
        raise SpecError(f"{origin}: {_locate(merged, error)}") from None
    for problem in _cross_check(spec):
        raise SpecError(f"{origin}: {problem}")
    return spec


def row_name(row: Row, number: int) -> str:
    """Return the name of a row: its own, or ``row`` and its number in the file, counted from 1."""
    return row.name or f"row{number}"


def _load_toml(data: bytes, origin: str) -> dict[str, Any]:
    if len(data) > MAX_FILE_BYTES:
        raise SpecError(f"{origin}: larger than {MAX_FILE_BYTES:,} bytes: no architecture file")
    try:
        return tomllib.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise SpecError(f"{origin}: not UTF-8 text (byte {error.start})") from None
    except RecursionError:
        raise SpecError(f"{origin}: not TOML: nested too deeply") from None
    except (
        ValueError
    ) as error:  # TOMLDecodeError, and what tomllib lets through from int() and date()
        raise SpecError(f"{origin}: not TOML: {_one_line(str(error))}") from None


def _merge_defaults(raw: dict[str, Any]) -> dict[str, Any]:
    """Write ``[defaults]`` into the rows and the file's ``[rules]`` into those of each dialect."""
    merged = dict(raw)
    defaults, rules = raw.get("defaults"), raw.get("rules", {})
    rows, dialects = raw.get("rows"), raw.get("dialects")
    if isinstance(rows, list):
        merged["rows"] = [_with_defaults(row, defaults) for row in rows]
    if isinstance(dialects, dict):
        merged["dialects"] = {
            name: _merge_dialect(dialect, defaults, rules) for name, dialect in dialects.items()
        }
    return merged


def _merge_dialect(dialect: Any, defaults: Any, rules: Any) -> Any:
    if not isinstance(dialect, dict):
        return dialect
    merged = dict(dialect)
    own = dialect.get("rules", {})
    if isinstance(own, dict) and isinstance(rules, dict):
        merged["rules"] = {**rules, **own}
    if isinstance(rows := dialect.get("rows"), dict):
        merged["rows"] = {name: _with_defaults(row, defaults) for name, row in rows.items()}
    return merged


def _with_defaults(row: Any, defaults: Any) -> Any:
    if not isinstance(row, dict) or not isinstance(defaults, dict):
        return row
    block = BLOCKS.get(row["block"]) if isinstance(row.get("block"), str) else None
    known = block.__struct_fields__ if block else ()
    return {**{key: value for key, value in defaults.items() if key in known}, **row}


def _cross_check(spec: Spec) -> Iterator[str]:
    """Yield what no single piece can know."""
    names = [row_name(row, number) for number, row in enumerate(spec.rows, 1)]
    for number, name in enumerate(names, 1):
        if name in names[: number - 1]:
            yield f"row {number}: the name {name!r} is taken by row {names.index(name) + 1}"
    if not spec.name.isprintable() or not spec.name.strip():
        yield f"name: {spec.name!r} cannot be printed on one line"
    if PAPER in spec.dialects:
        yield f"dialects.{PAPER}: taken: it is the table as it stands"
    for dialect_name, dialect in spec.dialects.items():
        for name in dialect.rows.keys() - set(names):
            yield (
                f"dialects.{dialect_name}.rows.{name}: there is no such row"
                f"{did_you_mean(name, names)}; accepted: {', '.join(names)}"
            )
    for pattern, dialect_name in spec.checkpoints.items():
        if dialect_name not in (PAPER, *spec.dialects):
            yield (
                f"checkpoints: {pattern!r} names the unknown dialect {dialect_name!r}"
                f"{did_you_mean(dialect_name, spec.dialects)}"
            )


class _Piece(NamedTuple):
    where: str
    value: Any
    type: Any


def _pieces(raw: dict[str, Any]) -> Iterator[_Piece]:
    """Take a file apart, small pieces first, so that the first bad one is the culprit."""
    yield _Piece("rules", raw.get("rules", {}), Rules)
    yield _Piece("defaults", raw.get("defaults", {}), Defaults)
    rows = raw.get("rows")
    for number, row in enumerate(rows if isinstance(rows, list) else [], 1):
        yield _Piece(f"row {number}", row, AnyRow)
    dialects = raw.get("dialects")
    for name, dialect in (dialects if isinstance(dialects, dict) else {}).items():
        own = dialect if isinstance(dialect, dict) else {}
        yield _Piece(f"dialects.{name}.rules", own.get("rules", {}), Rules)
        inner = own.get("rows")
        for row, value in (inner if isinstance(inner, dict) else {}).items():
            yield _Piece(f"dialects.{name}.rows.{row}", value, AnyRow)
        yield _Piece(f"dialects.{name}", dialect, Dialect)
    yield _Piece("", raw, Spec)


def _locate(raw: dict[str, Any], error: ValidationError) -> str:
    for piece in _pieces(raw):
        try:
            msgspec.convert(piece.value, piece.type)
        except ValidationError as found:
            return _explain(piece, str(found))
    return _one_line(str(error))


def _explain(piece: _Piece, message: str) -> str:
    """Word one validation error: place, text of the row, problem, accepted, closest match."""
    problem, _, path = message.partition(" - at `$")
    path = path.rstrip("`").removeprefix(".")
    where = piece.where
    is_row = piece.type is AnyRow
    if is_row:
        where += f" {_as_toml(piece.value)}"
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
    words = f"{key}: {problem}" if key else problem
    return _one_line(f"{where}: {words}".lstrip(": "))


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


def _accepted(name: str, accepted: Any) -> str:
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
    return _one_line(text if len(text) <= 200 else text[:197] + "...")


def _one_line(text: str) -> str:
    """Escape what could break a line or drive a terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
