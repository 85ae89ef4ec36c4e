"""The variants of an architecture file: each is a change of the file, made before it is checked.

So a variant is an ordinary :class:`~mncost.spec.schema.Spec` with a name of its own, and nothing
that reads a spec knows of variants.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mncost.errors import UnknownNameError, did_you_mean
from mncost.spec.rows import changed_row, row_names
from mncost.spec.schema import Variant

__all__ = ["with_variant"]

_MERGED = ("rules", "defaults", "dialects")  # tables, whose keys are changed one by one


def with_variant(raw: dict[str, Any], name: str | None) -> dict[str, Any]:
    """Return a file's content with one of its variants written into it.

    Args:
        raw: what a TOML file holds.
        name: of the variant; ``None`` is the first one. A file without variants is left as it is.

    Raises:
        UnknownNameError: the file has no such variant.
        ValueError: the variant does not fit the file; the message says where.
    """
    variants = raw.get("variants")
    if not isinstance(variants, dict) or not variants:
        if name is not None:
            raise ValueError(f"{name!r} is asked for, and the file has no variants")
        return raw
    name = next(iter(variants)) if name is None else name
    if name not in variants:
        raise UnknownNameError(f"variant of {raw.get('name')}", name, list(variants))
    variant = variants[name]
    if not isinstance(variant, dict):
        return raw  # the check of the whole file says so
    try:
        return {**raw, "name": name, **_changed(raw, variant)}
    except ValueError as error:
        raise ValueError(f"variants.{name}: {error}") from None


def _changed(raw: dict[str, Any], variant: dict[str, Any]) -> dict[str, Any]:
    """Return the keys of a file that a variant changes."""
    known = Variant.__struct_fields__  # the check of the whole file refuses other keys
    own = {key: value for key, value in variant.items() if key in known}
    rows, repeats = own.pop("rows", {}), own.pop("repeats", {})
    drop = own.pop("drop", [])
    for key in _MERGED:
        if isinstance(own.get(key), dict) and isinstance(raw.get(key), dict):
            own[key] = {**raw[key], **own[key]}
    if isinstance(raw.get("rows"), list) and isinstance(rows, dict) and isinstance(repeats, dict):
        changes = {row: {"repeats": count} for row, count in repeats.items()}
        for row, change in rows.items():
            stated = changes.get(row, {})
            changes[row] = {**change, **stated} if isinstance(change, dict) else change
        own["rows"] = _with_rows(raw["rows"], changes)
        if isinstance(drop, list):
            own["rows"] = _without_rows(own["rows"], drop)
    return own


def _with_rows(rows: list[Any], changes: dict[str, Any]) -> list[Any]:
    """Return rows of which some are changed: see :func:`changed_row`."""
    names = row_names(rows)
    _check_names(changes, names)
    return [
        changed_row(row, changes[name]) if name in changes else row
        for name, row in zip(names, rows, strict=True)
    ]


def _without_rows(rows: list[Any], drop: list[Any]) -> list[Any]:
    """Return the other rows, under the names that they have: some are numbers of rows."""
    names = row_names(rows)
    _check_names(drop, names)
    return [
        {**row, "name": name} if drop and isinstance(row, dict) else row
        for name, row in zip(names, rows, strict=True)
        if name not in drop
    ]


def _check_names(given: Iterable[Any], names: list[str]) -> None:
    for name in given:
        if name not in names:
            meant = did_you_mean(str(name), names)
            raise ValueError(f"{name}: there is no such row{meant}; accepted: {', '.join(names)}")
