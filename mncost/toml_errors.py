"""What is wrong with a TOML file: every problem, in words, found by the types that it should have.

The types are msgspec's. Architecture files and budget files share the words.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias, get_args, get_origin

import msgspec
from msgspec import Struct

from mncost.errors import did_you_mean
from mncost.toml_types import bare, members_of, tables_of

__all__ = [
    "Path",
    "Problem",
    "as_toml",
    "problems",
    "shown",
    "shown_key",
    "table_with",
    "unknown_key",
]

Path: TypeAlias = tuple[str | int, ...]
"""Where a value stands: the keys and the places (from 0) that lead to it from the top."""

_MAX_QUOTED, _MAX_DEPTH = 200, 5


class Problem(NamedTuple):
    """One thing that is wrong: where, and what would be accepted there."""

    path: Path
    text: str


def problems(value: object, kind: Any, path: Path = ()) -> Iterator[Problem]:
    """Yield what is wrong with a value, in the order of its type.

    Args:
        value: what tomllib read.
        kind: the type that it should have: of a field of a msgspec struct, or such a struct.
        path: where the value stands.
    """
    wrong = False
    for problem in _inside(value, list(members_of(kind)), path):
        wrong = True
        yield problem
    if not wrong:  # its parts are right: what about the whole?
        yield from _whole(value, kind, path)


def table_with(key: str, fields: Mapping[str, Any]) -> str | None:
    """Return the first field, of a name and a type, that accepts a table with this key."""
    tables = {name: tables_of(kind) for name, kind in fields.items()}
    return next(
        (
            name
            for name, kinds in tables.items()
            if any(key in kind.__struct_encode_fields__ for kind in kinds)
        ),
        None,
    )


def unknown_key(key: str, accepted: Iterable[str]) -> str:
    """Say that a key is unknown, with the closest match."""
    return f"unknown key {_cut(repr(key))}{_choice(key, accepted)}"


def shown_key(part: str | int) -> str:
    """Return a part of a path as messages write it; places count from 1."""
    return str(part + 1) if isinstance(part, int) else _cut(part, 40)


def shown(value: object) -> str:
    """Return a value as messages quote it: short."""
    if isinstance(value, dict | list):
        return "a table" if isinstance(value, dict) else "an array"
    return as_toml(value, 80)


def as_toml(value: object, longest: int = _MAX_QUOTED) -> str:
    """Write a value as it could stand in a file, on one line, cut where it gets too long."""
    return _cut(_written(value, 0), longest)


def _written(value: object, depth: int) -> str:
    match value:
        case dict() | list() if depth >= _MAX_DEPTH:
            return "..."
        case dict():
            return (
                "{ " + ", ".join(f"{k} = {_written(v, depth + 1)}" for k, v in value.items()) + " }"
            )
        case list():
            return "[" + ", ".join(_written(item, depth + 1) for item in value) + "]"
        case bool():
            return str(value).lower()
        case str():
            return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        case int() if value.bit_length() > 4_000:  # Python writes no number of so many digits
            return f"a number of {value.bit_length():,} bits"
        case _:
            return str(value)


def _inside(value: object, members: Sequence[Any], path: Path) -> Iterator[Problem]:
    """Check the parts of a value that is a table or an array."""
    kinds = [bare(member) for member in members]
    tables = [table for member in members for table in tables_of(member)]
    if isinstance(value, dict) and tables:
        yield from _table(value, tables, path)
    elif isinstance(value, dict):
        for kind in (kind for kind in kinds if get_origin(kind) is dict):
            key_type, item = get_args(kind)
            for key, one in value.items():
                yield from problems(key, key_type, path)
                yield from problems(one, item, (*path, key))
    elif isinstance(value, list):
        for kind in (kind for kind in kinds if get_origin(kind) in (list, tuple)):
            for place, one in enumerate(value):
                yield from problems(one, get_args(kind)[0], (*path, place))


def _table(value: dict[str, Any], tables: Sequence[type[Struct]], path: Path) -> Iterator[Problem]:
    """Check the keys of a table and their values."""
    tag = tables[0].__struct_config__.tag_field
    kind = tables[0]
    if tag is not None:
        by_tag = {str(table.__struct_config__.tag): table for table in tables}
        if tag not in value:
            yield Problem(path, f"the key {tag!r} is missing")
            return
        tagged = by_tag.get(value[tag]) if isinstance(value[tag], str) else None
        if tagged is None:
            name = value[tag] if isinstance(value[tag], str) else shown(value[tag])
            yield Problem(path, f"unknown {tag} {_cut(repr(name))}{_choice(name, by_tag)}")
            return
        kind = tagged
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    for key in value:
        if key not in fields and key != tag:
            yield Problem(path, unknown_key(key, [*([tag] if tag else []), *fields]))
    for name, field in fields.items():
        if name in value:
            yield from problems(value[name], field.type, (*path, name))
        elif field.required:
            yield Problem(path, f"the key {name!r} is missing")


def _whole(value: object, kind: Any, path: Path) -> Iterator[Problem]:
    """Check a value as a whole, after its parts."""
    try:
        msgspec.convert(value, kind)
    except (msgspec.ValidationError, ValueError) as error:
        if isinstance(value, dict):  # what the table says about its keys together
            yield Problem(path, str(error).partition(" - at `$")[0])
        elif isinstance(value, str) and (words := _words(kind)):
            what = next((key for key in reversed(path) if isinstance(key, str)), "value")
            yield Problem(path[:-1], f"unknown {what} {_cut(repr(value))}{_choice(value, words)}")
        else:
            yield Problem(path, f"{shown(value)}: accepted is {_accepted(kind)}")


def _words(kind: Any) -> list[str]:
    """Return the words that a type accepts, if words are all that it accepts as a text."""
    members = [bare(member) for member in members_of(kind)]
    if str in members:
        return []
    literals = [get_args(member) for member in members if get_origin(member) is Literal]
    return [str(word) for words in literals for word in words if isinstance(word, str)]


def _accepted(kind: Any) -> str:
    """Say which values a type accepts; of tables with tags, only the tags."""
    members = [bare(member) for member in members_of(kind)]
    tags = [
        one.__struct_config__
        for one in members
        if isinstance(one, type) and issubclass(one, Struct) and one.__struct_config__.tag_field
    ]
    if len(tags) > 1:
        return f"a table with a {tags[0].tag_field}: {', '.join(str(tag.tag) for tag in tags)}"
    return " or ".join(dict.fromkeys(_worded(member) for member in members_of(kind)))


def _worded(kind: Any) -> str:
    plain = bare(kind)
    origin = get_origin(plain)
    if origin is Literal:
        return ", ".join(as_toml(word) for word in get_args(plain))
    if isinstance(plain, type) and issubclass(plain, Struct):
        return f"a table of: {', '.join(plain.__struct_encode_fields__)}"
    names: Mapping[Any, str] = {
        str: "a text",
        int: "a whole number",
        float: "a number",
        bool: "true or false",
        list: "an array",
        tuple: "an array",
        dict: "a table",
    }
    word = names[origin or plain]
    return _limited(word, kind.__metadata__[0]) if plain is not kind else word


def _limited(word: str, meta: msgspec.Meta) -> str:
    """Add the limits of a type; a text that has none of length is described."""
    if meta.ge is not None and meta.le is not None:
        return f"{word} from {meta.ge:g} to {meta.le:g}"
    limits = {"at least": meta.ge, "above": meta.gt, "at most": meta.le, "below": meta.lt}
    given = [f"{name} {limit:g}" for name, limit in limits.items() if limit is not None]
    if given:
        return f"{word}, {' and '.join(given)}"
    if meta.max_length is not None:
        what = "characters" if word == "a text" else "items"
        like = f" like {meta.pattern}" if meta.pattern else ""
        return f"{word} of {meta.min_length or 0} to {meta.max_length:,} {what}{like}"
    if meta.min_length is not None:
        return f"{word} with at least {meta.min_length}"
    return meta.description if word == "a text" and meta.description else word


def _choice(name: str, accepted: Iterable[str]) -> str:
    names = list(accepted)
    return f"{did_you_mean(name, names)}; accepted: {', '.join(names) or 'none'}"


def _cut(text: str, longest: int = 80) -> str:
    return text if len(text) <= longest else text[: longest - 3] + "..."
