"""What the types of a TOML file's values are made of: unions, tables, what is annotated."""

from __future__ import annotations

from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from msgspec import Struct

__all__ = ["bare", "members_of", "tables_of", "takes_table"]


def takes_table(kind: Any) -> bool:
    """Whether a type accepts a table with keys of its own."""
    return bool(tables_of(kind))


def tables_of(kind: Any) -> list[type[Struct]]:
    """Return the tables that a type accepts."""
    kinds = [bare(member) for member in members_of(kind)]
    return [one for one in kinds if isinstance(one, type) and issubclass(one, Struct)]


def bare(kind: Any) -> Any:
    """Return a type without its annotations."""
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind


def members_of(kind: Any) -> Iterator[Any]:
    """Yield what a type is a union of; the type itself, if it is none."""
    plain = bare(kind)
    if get_origin(plain) in (Union, UnionType):
        for member in get_args(plain):
            yield from members_of(member)
    elif plain is not type(None):
        yield kind
