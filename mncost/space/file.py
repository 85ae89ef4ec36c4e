"""A design-space file: which architecture, which α and resolutions, and what its rows may be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import Meta, Struct

from mncost.errors import SpecError, did_you_mean, one_line
from mncost.selection import Selection
from mncost.spec.catalog import Choice
from mncost.spec.finding import find
from mncost.spec.resolve import names_of, rows_of
from mncost.spec.rows import Row
from mncost.spec.schema import Depth, OutputStride, Spec
from mncost.toml import load_toml, read_limited
from mncost.toml_errors import as_toml, problems, shown_key, unknown_key

__all__ = ["Axis", "Choices", "Design", "SpaceFile", "design_of", "read_design"]

_NOT_CHOSEN = ("block", "name", "from")  # what makes a row the row that it is
_EITHER = {"expansion": "expanded", "expanded": "expansion"}  # a row states one of them

Names = Annotated[tuple[str, ...], Meta(min_length=1, max_length=500)]
Values = Annotated[tuple[Any, ...], Meta(min_length=1, max_length=10_000)]


class SpaceFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What stands in a design-space file beside its ``choices``."""

    arch: Annotated[str, Meta(min_length=1, max_length=400, description="A name, or a file.")]
    format: Literal[1] = 1
    dialect: str | None = None
    classes: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    in_channels: Annotated[int, Meta(ge=1, le=1024)] | None = None
    output_stride: OutputStride | None = None
    alpha: str | float | tuple[float, ...] | None = None
    resolution: str | int | tuple[int, ...] | None = None
    depth: Annotated[tuple[Depth, ...], Meta(min_length=1, max_length=1000)] | None = None
    choices: tuple[dict[str, Any], ...] = ()


class Choices(Struct, frozen=True, kw_only=True):
    """One of the file's ``choices``: rows, and the values that their keys may have.

    Attributes:
        rows: names of rows.
        tied: all of the rows take the same value; else each takes its own.
        keys: by key of the rows, the values.
    """

    rows: Names
    tied: bool = False
    keys: dict[str, Values] = {}


class Axis(NamedTuple):
    """One choice that every network of a space has made.

    Attributes:
        name: ``alpha``, ``resolution``, ``depth``, or e.g. ``row3.kernel``.
        values: in order.
        places: the rows that it changes, from 0; none for the first three.
        key: what it changes there.
    """

    name: str
    values: tuple[Any, ...]
    places: tuple[int, ...] = ()
    key: str = ""


class Design(NamedTuple):
    """A design space as it was read.

    Attributes:
        origin: what messages call it.
        spec: the architecture; its rows and rules are those of the dialect.
        dialect, classes, in_channels, output_stride: of all its networks.
        names: of the rows.
        axes: α, resolution and depth first, then those of the rows.
    """

    origin: str
    spec: Spec
    dialect: str
    classes: int
    in_channels: int
    output_stride: int | None
    names: tuple[str, ...]
    axes: tuple[Axis, ...]


def read_design(path: Path) -> Design:
    """Read a design-space file.

    Raises:
        SpecError: it is missing, too large, not TOML, or no design space.
        InputError: its architecture cannot be used.
    """
    try:
        raw = load_toml(read_limited(path), "design-space file")
    except ValueError as error:
        message = str(error)
        raise SpecError(
            message if message.startswith(str(path)) else f"{path}: {message}"
        ) from None
    return design_of(raw, str(path), path.parent)


def design_of(raw: Mapping[str, Any], origin: str, folder: Path = Path()) -> Design:
    """Check what stands in a design-space file.

    Args:
        raw: its keys and values.
        origin: names it in messages.
        folder: where the file of its architecture is looked for.

    Raises:
        SpecError: it is no design space; the message says the first thing that is wrong.
        InputError: its architecture cannot be used.
    """
    try:
        file = msgspec.convert(dict(raw), SpaceFile)
    except (msgspec.ValidationError, ValueError):
        for problem in problems(dict(raw), SpaceFile):
            where = ".".join(map(shown_key, problem.path))
            said = ": ".join(filter(None, (where, problem.text)))
            raise SpecError(one_line(f"{origin}: {said}")) from None
        raise
    choice = _architecture(file.arch, origin, folder)
    try:
        return _design(file, choice, origin)
    except ValueError as error:
        raise SpecError(one_line(f"{origin}: {error}")) from None


def _architecture(arch: str, origin: str, folder: Path) -> Choice:
    """Return the only architecture of a name, or of a file beside the design space."""
    is_file = arch.endswith(".toml") or ".toml:" in arch
    if arch == "-":
        raise SpecError(f"{origin}: arch: '-' is no name and no file")
    chosen = find(str(folder / arch) if is_file else arch)
    if len(chosen) != 1:
        listed = ", ".join(one.spec.name for one in chosen[:8])
        raise SpecError(f"{origin}: arch: {arch!r} are {len(chosen)} architectures: {listed} ...")
    return chosen[0]


def _design(file: SpaceFile, choice: Choice, origin: str) -> Design:
    """Put a design together.

    Raises:
        ValueError: something does not fit; the message says where.
    """
    dialect = file.dialect or choice.dialect
    rules, rows = rows_of(choice.spec, dialect)
    names = names_of(choice.spec, rows)
    selection = Selection.of(choice, file.alpha, file.resolution, None)
    sizes = selection.resolutions or [choice.native or choice.spec.native]
    axes = [
        Axis("alpha", tuple(selection.alphas or [1.0])),
        Axis("resolution", tuple(sizes)),
        Axis("depth", tuple(file.depth or [choice.spec.depth])),
    ]
    for number, table in enumerate(file.choices, 1):
        try:
            axes += _axes(_choices(table), rows, names)
        except ValueError as error:
            raise ValueError(f"choices {number}: {error}") from None
    _no_doubles(axes)
    named = tuple(
        msgspec.structs.replace(row, name=name) for row, name in zip(rows, names, strict=True)
    )
    spec = msgspec.structs.replace(choice.spec, rows=named, rules=rules, dialects={}, variants={})
    return Design(
        origin,
        spec,
        dialect,
        file.classes or choice.classes or rules.classes,
        file.in_channels or spec.in_channels,
        file.output_stride or spec.output_stride,
        tuple(names),
        tuple(axes),
    )


def _choices(table: Mapping[str, Any]) -> Choices:
    """Check one of the ``choices``, as far as no row is needed for it."""
    head = {key: value for key, value in table.items() if key in ("rows", "tied")}
    keys = {key: value for key, value in table.items() if key not in head}
    if isinstance(head.get("rows"), str):
        head["rows"] = [head["rows"]]
    for problem in problems({**head, "keys": keys}, Choices):
        path = [part for part in problem.path if part != "keys"]
        raise ValueError(": ".join(filter(None, (".".join(map(shown_key, path)), problem.text))))
    if not keys:
        raise ValueError("no key of a row is chosen, e.g. kernel = [3, 5]")
    return msgspec.convert({**head, "keys": keys}, Choices)


def _axes(choices: Choices, rows: Sequence[Row], names: Sequence[str]) -> Iterator[Axis]:
    """Yield the axes of one of the ``choices``; each value is tried in each row."""
    places = []
    for name in choices.rows:
        if name not in names:
            accepted = ", ".join(names)
            raise ValueError(
                f"rows: there is no row {name!r}{did_you_mean(name, names)}; accepted: {accepted}"
            )
        places.append(names.index(name))
    for key, values in choices.keys.items():
        for place in places:
            _try(key, values, rows[place], names[place])
        made = tuple(tuple(value) if isinstance(value, list) else value for value in values)
        if len(set(map(repr, made))) < len(made):
            raise ValueError(f"{key}: a value stands there twice")
        if choices.tied:
            yield Axis(f"{'+'.join(choices.rows)}.{key}", made, tuple(places), key)
        else:
            yield from (Axis(f"{names[place]}.{key}", made, (place,), key) for place in places)


def _try(key: str, values: Sequence[Any], row: Row, name: str) -> None:
    """Refuse a key or a value that a row does not take."""
    known = [one for one in row.__struct_encode_fields__ if one not in _NOT_CHOSEN]
    if key not in known:
        raise ValueError(f"{name}: {unknown_key(key, known)}")
    for value in values:
        raw = stated(row) | {key: list(value) if isinstance(value, tuple) else value}
        raw.pop(_EITHER.get(key, ""), None)
        for problem in problems(raw, type(row)):
            raise ValueError(f"{name}: {key} = {as_toml(value)}: {problem.text}")


def _no_doubles(axes: Sequence[Axis]) -> None:
    seen: dict[tuple[int, str], str] = {}
    for axis in axes:
        for place in axis.places:
            for key in (axis.key, _EITHER.get(axis.key, axis.key)):
                if (place, key) in seen:
                    raise ValueError(
                        f"choices: {axis.name} and {seen[place, key]} change the same thing"
                    )
        for place in axis.places:
            seen[place, axis.key] = axis.name


def stated(row: Row) -> dict[str, Any]:
    """Return a row as it would stand in a file: its block, and the keys that are no default."""
    values: dict[str, Any] = msgspec.to_builtins(row)
    defaults = {
        one.encode_name: one.default for one in msgspec.structs.fields(row) if not one.required
    }
    return {key: value for key, value in values.items() if value != defaults.get(key, ...)}


def changed(row: Row, changes: Mapping[str, Any]) -> Row:
    """Return a row with other values, which were tried when the design was read."""
    raw = stated(row)
    for key in changes:
        raw.pop(_EITHER.get(key, ""), None)
    return msgspec.convert({**raw, **changes}, type(row))
