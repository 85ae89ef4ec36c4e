"""From the text of an architecture file to a checked :class:`~mncost.spec.schema.Spec`.

A good file is converted in one go; a bad one is explained in :mod:`mncost.spec.explain`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from mncost.errors import SpecError, did_you_mean, one_line
from mncost.spec.blocks import block_named
from mncost.spec.reading import IMAGE, Table, problems_of
from mncost.spec.rows import Row, changed_row, row_names
from mncost.spec.schema import Spec
from mncost.toml import MAX_FILE_BYTES, load_toml, read_limited

__all__ = [
    "MAX_FILE_BYTES",
    "PAPER",
    "cross_check",
    "parse_spec",
    "raw_file",
    "read_spec",
    "row_name",
    "spec_of",
]

PAPER = "paper"  # the dialect that every architecture has: its rows and rules as they stand


def read_spec(path: Path, variant: str | None = None) -> Spec:
    """Read and check an architecture file: one of its variants, by default the first.

    Raises:
        SpecError: the file is missing, too large, not UTF-8, not TOML, or not an architecture.
    """
    try:
        data = read_limited(path)
    except ValueError as error:
        raise SpecError(str(error)) from None
    return parse_spec(data, str(path), variant)


def parse_spec(data: bytes, origin: str, variant: str | None = None) -> Spec:
    """Check the bytes of an architecture file; ``origin`` names it in messages.

    Args:
        data: what stands in the file.
        origin: names it in messages.
        variant: one of the file's ``variants``; by default the first.

    Raises:
        SpecError: the bytes are too many, not UTF-8, not TOML, or not an architecture.
    """
    raw = raw_file(data, origin)
    if variant is not None or raw.get("variants"):
        from mncost.spec.variants import with_variant  # most files have none

        try:
            raw = with_variant(raw, variant)
        except ValueError as error:
            raise SpecError(f"{origin}: {error}") from None
    return spec_of(raw, origin)


def raw_file(data: bytes, origin: str) -> dict[str, Any]:
    """Return what the bytes of an architecture file hold, unchecked.

    Raises:
        SpecError: they are too many, not UTF-8, or not TOML.
    """
    try:
        return load_toml(data, "architecture file")
    except ValueError as error:
        raise SpecError(f"{origin}: {error}") from None


def spec_of(raw: dict[str, Any], origin: str, *, whole: bool = True) -> Spec:
    """Check what stands in an architecture file.

    Args:
        raw: what TOML holds, with a variant written into it.
        origin: names it in messages.
        whole: whether its rows read no others than its own: those of a head do.

    Raises:
        SpecError: it is not an architecture.
    """
    merged = _merge_defaults(raw)
    try:
        spec = msgspec.convert(_with_rows(merged), Spec)
    except (msgspec.ValidationError, ValueError):  # the latter at a number of thousands of digits
        from mncost.spec.explain import explain  # only on the way to an error message

        raise SpecError(f"{origin}: {explain(raw, merged)}") from None
    for problem in cross_check(spec) if whole else ():
        raise SpecError(f"{origin}: {one_line(problem)}")
    return spec


def _with_rows(merged: dict[str, Any]) -> dict[str, Any]:
    """Return a file whose rows are checked, each by its block.

    Raises:
        ValueError: one of them is wrong, or something is no row, or no table.
    """
    read = dict(merged)
    if isinstance(rows := read.get("rows"), list):
        read["rows"] = [_row(row) for row in rows]
    if isinstance(dialects := read.get("dialects"), dict):
        read["dialects"] = {name: _dialect_with_rows(one) for name, one in dialects.items()}
    return read


def _dialect_with_rows(dialect: Any) -> Any:
    if not isinstance(dialect, dict) or not isinstance(rows := dialect.get("rows"), dict):
        return dialect
    return {**dialect, "rows": {name: _row(row) for name, row in rows.items()}}


def _row(row: Any) -> Row:
    name = row.get("block") if isinstance(row, dict) else None
    kind = block_named(name) if isinstance(name, str) else None
    if kind is None:
        raise ValueError("no row")
    return msgspec.convert(row, kind)


def row_name(row: Row, number: int) -> str:
    """Return the name of a row: its own, or ``row`` and its number in the file, counted from 1."""
    return row.name or f"row{number}"


def _merge_defaults(raw: dict[str, Any]) -> dict[str, Any]:
    """Write ``[defaults]`` into the rows and the file's ``[rules]`` into those of each dialect."""
    merged = dict(raw)
    defaults, rules = raw.get("defaults"), raw.get("rules", {})
    rows, dialects = raw.get("rows"), raw.get("dialects")
    if isinstance(rows, list):
        merged["rows"] = [_with_defaults(row, defaults) for row in rows]
    if isinstance(dialects, dict):
        merged["dialects"] = {
            name: _merge_dialect(dialect, rows, defaults, rules)
            for name, dialect in dialects.items()
        }
    return merged


def _merge_dialect(dialect: Any, table: Any, defaults: Any, rules: Any) -> Any:
    if not isinstance(dialect, dict):
        return dialect
    named = dict(zip(row_names(table), table, strict=True)) if isinstance(table, list) else {}
    merged = dict(dialect)
    own = dialect.get("rules", {})
    if isinstance(own, dict) and isinstance(rules, dict):
        merged["rules"] = {**rules, **own}
    if isinstance(rows := dialect.get("rows"), dict):
        merged["rows"] = {
            name: _with_defaults(changed_row(named.get(name), row), defaults)
            for name, row in rows.items()
        }
    return merged


def _with_defaults(row: Any, defaults: Any) -> Any:
    if not isinstance(row, dict) or not isinstance(defaults, dict):
        return row
    block = block_named(row["block"]) if isinstance(row.get("block"), str) else None
    known = block.__struct_fields__ if block else ()
    return {**{key: value for key, value in defaults.items() if key in known}, **row}


def _readings(spec: Spec) -> Iterator[tuple[str, list[Row]]]:
    """Yield the table, and those of dialects that may read other rows, if any row says what."""
    rows: list[Row] = [*spec.rows]
    if branched := bool(spec.outputs) or _branches(rows):
        yield "", rows
    for dialect, changed in spec.dialects.items():
        if branched or _branches(changed.rows.values()):
            names = [row_name(row, number) for number, row in enumerate(rows, 1)]
            made: list[Row] = [changed.rows.get(*one) for one in zip(names, rows, strict=True)]
            yield f"dialects.{dialect}: ", made


def _branches(rows: Iterable[Row]) -> bool:
    return any(row.reads or row.several or not row.whole for row in rows)


def cross_check(spec: Spec) -> Iterator[str]:
    """Yield what no single piece can know."""
    names = [row_name(row, number) for number, row in enumerate(spec.rows, 1)]
    for number, name in enumerate(names, 1):
        if name in names[: number - 1]:
            yield f"row {number}: the name {name!r} is taken by row {names.index(name) + 1}"
        if name == IMAGE:
            yield f"row {number}: the name {name!r} is the image's"
    for where, rows in _readings(spec):
        for problem in problems_of(Table(rows, names, spec.depth), spec.outputs):
            yield f"{where}{problem}"
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
        for name, row in dialect.rows.items():
            if row.name not in (None, name):
                yield (
                    f"dialects.{dialect_name}.rows.{name}.name: {row.name!r}: a row keeps its name"
                )
    for pattern, implied in spec.checkpoints.items():
        dialect_name = implied if isinstance(implied, str) else implied.dialect
        if dialect_name not in (PAPER, *spec.dialects):
            yield (
                f"checkpoints: {pattern!r} names the unknown dialect {dialect_name!r}"
                f"{did_you_mean(dialect_name, spec.dialects)}"
            )
