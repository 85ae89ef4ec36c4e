"""From the text of an architecture file to a checked :class:`~mncost.spec.schema.Spec`.

A good file is converted in one go; a bad one is explained in :mod:`mncost.spec.explain`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from mncost.errors import SpecError, did_you_mean, one_line
from mncost.spec.schema import BLOCKS, Row, Spec

__all__ = ["MAX_FILE_BYTES", "PAPER", "parse_spec", "read_spec", "row_name"]

MAX_FILE_BYTES = 1 << 18
# No architecture needs more, and messages quote what they refuse.
MAX_DEPTH, MAX_TEXT, MAX_BITS = 12, 1_000, 256
MAX_DOTS = 100  # on a line: the time and memory that tomllib takes for a key grow with their square
PAPER = "paper"  # the dialect that every architecture has: its rows and rules as they stand


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
    except ValueError as error:  # a name that no file can have
        raise SpecError(f"{str(path)!r}: cannot be read: {error}") from None
    return parse_spec(data, str(path))


def parse_spec(data: bytes, origin: str) -> Spec:
    """Check the bytes of an architecture file; ``origin`` names it in messages.

    Raises:
        SpecError: the bytes are too many, not UTF-8, not TOML, or not an architecture.
    """
    raw = _load_toml(data, origin)
    if excess := _excess(raw):
        raise SpecError(f"{origin}: {excess}: no architecture file")
    merged = _merge_defaults(raw)
    try:
        spec = msgspec.convert(merged, Spec)
    except msgspec.ValidationError:
        from mncost.spec.explain import explain  # only on the way to an error message

        raise SpecError(f"{origin}: {explain(raw, merged)}") from None
    for problem in _cross_check(spec):
        raise SpecError(f"{origin}: {one_line(problem)}")
    return spec


def row_name(row: Row, number: int) -> str:
    """Return the name of a row: its own, or ``row`` and its number in the file, counted from 1."""
    return row.name or f"row{number}"


def _load_toml(data: bytes, origin: str) -> dict[str, Any]:
    if len(data) > MAX_FILE_BYTES:
        raise SpecError(f"{origin}: larger than {MAX_FILE_BYTES:,} bytes: no architecture file")
    text = ""
    try:
        text = data.decode("utf-8-sig")
        if max(line.count(".") for line in text.split("\n")) > MAX_DOTS:
            raise ValueError(f"a line with more than {MAX_DOTS} dots")
        return tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise SpecError(f"{origin}: not UTF-8 text (byte {error.start})") from None
    except RecursionError:
        raise SpecError(f"{origin}: not TOML: nested too deeply") from None
    except ValueError as error:  # TOMLDecodeError, and what int() and date() raise inside it
        raise SpecError(f"{origin}: not TOML: {_placed(str(error), text)}") from None


def _excess(raw: dict[str, Any]) -> str:
    """Say what in a file is out of all proportion; ``""`` if nothing is."""
    todo: list[tuple[int, Any]] = [(0, raw)]
    while todo:
        depth, value = todo.pop()
        if depth > MAX_DEPTH:
            return f"nested deeper than {MAX_DEPTH} levels"
        if isinstance(value, str) and len(value) > MAX_TEXT:
            return f"a text or key of more than {MAX_TEXT:,} characters"
        if isinstance(value, int) and value.bit_length() > MAX_BITS:
            return f"a number of more than {MAX_BITS} bits"
        if isinstance(value, dict):
            todo += [(depth, key) for key in value]
            value = list(value.values())
        if isinstance(value, list):
            todo += [(depth + 1, item) for item in value]
    return ""


def _placed(message: str, text: str) -> str:
    """Say the line and column of a syntax error even where tomllib says "at end of document"."""
    lines = text.split("\n")
    end = f"at line {len(lines)}, column {len(lines[-1]) + 1}, the end of the file"
    return one_line(message.replace("at end of document", end))


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
