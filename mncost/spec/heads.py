"""Heads: what stands on a backbone in the place of its classifier.

A head is an architecture file whose rows read *features* of a backbone that it does not know: its
table ``[features]`` says which. Put together, the two are an ordinary
:class:`~mncost.spec.schema.Spec`, named ``v2+ssdlite``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import Meta, Struct

from mncost.errors import SpecError
from mncost.spec.parse import cross_check, raw_file, row_name, spec_of
from mncost.spec.reading import IMAGE, repeats_of
from mncost.spec.rows import Row
from mncost.spec.schema import Dialect, FamilyName, OutputStride, Spec
from mncost.spec.values import RowName
from mncost.toml import read_limited

__all__ = ["Feature", "Head", "Network", "heads", "is_head", "network_named", "with_head"]

HEADS = Path(__file__).parent / "families" / "heads"
_TOPS = ("pool", "linear", "flatten", "dropout", "tokens")
"""The blocks that a classifier begins with: a backbone's features stand in front of them."""


class Feature(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A result of the backbone that a head reads.

    Attributes:
        stride: pixels of the image from pixel to pixel; by default that of the backbone's last.
        take: of the rows at that stride the last, the first, or what the next stride's first row
            expands to before its stride (where it expands nothing: the last).
    """

    stride: Annotated[int, Meta(ge=1, le=64)] | None = None
    take: Literal["last", "first", "expanded"] = "last"


class Network(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a project's name for a backbone with this head stands for."""

    backbone: FamilyName
    output_stride: OutputStride | None = None


class _Tables(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The tables that a head has and an architecture has not."""

    features: Annotated[
        dict[RowName, Feature], Meta(min_length=1, description="Results of the backbone.")
    ]
    networks: dict[FamilyName, Network] = {}


class Head(NamedTuple):
    """A head: its rows and rules as an architecture, and the features that they read."""

    spec: Spec
    tables: _Tables
    rules: dict[str, Any]  # those that it states, and that hold for the backbone too


def heads() -> dict[str, Path]:
    """Return the files of the built-in heads, by name."""
    return {path.stem: path for path in sorted(HEADS.glob("*.toml"))}


def is_head(name: str) -> bool:
    """Whether a name is that of a built-in head, or of a file."""
    return name.endswith(".toml") or name in heads()


def _head(path: Path) -> Head:
    """Read a head.

    Raises:
        SpecError: the file cannot be read, or is no head; the message says where.
    """
    try:
        raw = raw_file(read_limited(path), str(path))
    except ValueError as error:
        raise SpecError(str(error)) from None
    own = {key: raw.pop(key) for key in _Tables.__struct_fields__ if key in raw}
    try:
        tables = msgspec.convert(own, _Tables)
    except msgspec.ValidationError:
        from mncost.toml_errors import problems, shown_key

        first = next(iter(problems(own, _Tables)))
        where = ".".join(shown_key(part) for part in first.path)
        raise SpecError(f"{path}: {where or 'no head'}: {first.text}") from None
    return Head(spec_of(raw, str(path), whole=False), tables, raw.get("rules", {}))


_built_in = cache(_head)  # a file of somebody's own may change


def network_named(name: str) -> tuple[Network, str] | None:
    """Return the backbone and the head that a project's name stands for: ``fcn_resnet50``."""
    head = name.partition("_")[0].lower()
    path = heads().get(head)
    network = None if path is None else _built_in(path).tables.networks.get(name.lower())
    return None if network is None else (network, head)


def with_head(backbone: Spec, name: str, output_stride: OutputStride | None = None) -> Spec:
    """Return a backbone with a head in the place of its classifier.

    Args:
        backbone: any architecture whose features are images.
        name: a built-in head, or the path of a file.
        output_stride: in the place of the head's.

    Raises:
        SpecError: the file is no head, or the backbone lacks what it reads.
    """
    path = heads().get(name)
    head = _head(Path(name)) if path is None else _built_in(path)
    origin = f"{backbone.name}+{head.spec.name}"
    if backbone.outputs:
        raise SpecError(f"{origin}: {backbone.name} has a head of its own")
    trunk = _Trunk(origin, backbone)
    places = {key: trunk.find(key, feature) for key, feature in head.tables.features.items()}
    if head.spec.rows[0].reads is not None:
        trunk.end_with(places.values())
    kept = {row_name(row, number) for number, row in enumerate(trunk.rows, 1)}
    rules = msgspec.structs.replace(backbone.rules, **head.rules)
    dialects = {key: _cut(one, kept, head.rules) for key, one in backbone.dialects.items()}
    made = msgspec.structs.replace(
        backbone,
        name=origin,
        title=f"{head.spec.title} on {backbone.title or backbone.name}",
        source=f"{head.spec.source}; {backbone.source}",
        rows=(*trunk.rows, *(_reading(row, places) for row in head.spec.rows)),
        outputs=head.spec.outputs,
        resolution=head.spec.resolution,
        resolutions=head.spec.resolutions,
        output_stride=output_stride or head.spec.output_stride,
        rules=rules,
        dialects=dialects,
        checkpoints={},
        variants={},
    )
    for problem in cross_check(made):
        raise SpecError(f"{origin}: {problem}")
    return made


def _cut(dialect: Dialect, kept: Iterable[str], rules: dict[str, Any]) -> Dialect:
    rows = {name: row for name, row in dialect.rows.items() if name in kept}
    changed = msgspec.structs.replace(dialect.rules, **rules)
    return msgspec.structs.replace(dialect, rows=rows, rules=changed)


def _reading(row: Row, places: dict[str, str]) -> Row:
    """Return a row of a head that reads rows of the backbone where it named features."""
    changes: dict[str, Any] = {}
    if isinstance(row.reads, str):
        changes["reads"] = places.get(row.reads, row.reads)
    elif row.reads is not None:
        changes["reads"] = tuple(places.get(name, name) for name in row.reads)
    if (like := getattr(row, "like", None)) is not None:
        changes["like"] = places.get(like, like)
    return msgspec.structs.replace(row, **changes) if changes else row


class _Trunk:
    """The rows of a backbone before its classifier, and by how many pixels each is strided."""

    def __init__(self, origin: str, spec: Spec) -> None:
        self.origin, self.spec = origin, spec
        self.rows = _before_classifier(spec.rows)
        if not self.rows or len(self.rows) == len(spec.rows):
            raise SpecError(f"{origin}: {spec.name} has no classifier that a head could replace")
        if _tag(spec.rows[len(self.rows)]) == "tokens":
            raise SpecError(f"{origin}: {spec.name} has tokens, and a head reads images")
        self.strides: list[int] = []
        apart, at = 1, {IMAGE: 1}
        for place, row in enumerate(self.rows):
            if row.reads is not None:
                first = row.reads if isinstance(row.reads, str) else row.reads[0]
                apart = at[first.partition(".")[0]]
            apart *= max(row.steps)
            at[self._name(place)] = apart
            self.strides.append(apart)

    def find(self, key: str, feature: Feature) -> str:
        """Return the name of the row, or of the repeat or part of one, that is a feature.

        Raises:
            SpecError: the backbone has no row at this stride.
        """
        stride = feature.stride or self.strides[-1]
        at = [place for place, one in enumerate(self.strides) if one == stride]
        if not at:
            has = ", ".join(map(str, dict.fromkeys(self.strides)))
            raise SpecError(
                f"{self.origin}: features.{key}: {self.spec.name} has no features at a stride of "
                f"{stride}; it has: {has}"
            )
        after = at[-1] + 1
        if feature.take == "expanded" and "expand" in self._parts(after):
            return f"{self._first(after)}.expand"
        return self._first(at[0]) if feature.take == "first" else self._name(at[-1])

    def end_with(self, names: Iterable[str]) -> None:
        """Leave out the rows behind the last of these, which no row would read."""
        wanted = {name.partition(".")[0] for name in names}
        while self._name(len(self.rows) - 1) not in wanted:
            self.rows = self.rows[:-1]

    def _parts(self, place: int) -> Sequence[str]:
        return self.rows[place].parts if place < len(self.rows) else ()

    def _name(self, place: int) -> str:
        return row_name(self.rows[place], place + 1)

    def _first(self, place: int) -> str:
        """Return the name of a row's first repeat."""
        name = self._name(place)
        return f"{name}.1" if repeats_of(self.rows[place], self.spec.depth) > 1 else name


def _tag(row: Row) -> str:
    return str(row.__struct_config__.tag)


def _before_classifier(rows: Sequence[Row]) -> tuple[Row, ...]:
    for place, row in enumerate(rows):
        if _tag(row) in _TOPS or getattr(row, "out", None) == "classes":
            return tuple(rows[:place])
    return tuple(rows)
