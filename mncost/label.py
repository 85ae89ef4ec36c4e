"""What tells one network from another in words, and how each such fact is shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Annotated, Any, Literal, NamedTuple, get_type_hints

from msgspec import Meta, Struct

__all__ = ["Fact", "Label", "Positive", "differing", "fact_words", "facts_of"]

Positive = Annotated[int, Meta(ge=1)]


class Fact(NamedTuple):
    """How a field of an identity is shown; written beside the field's type.

    Attributes:
        title: of its column.
        kind: of its column, as in :mod:`mncost.render.table`.
        words: what a sentence says of it; "{}" is the value. "{} thread|{} threads": of 1, of more.
        usual: the value that no sentence mentions.
    """

    title: str
    kind: Literal["text", "number"] = "text"
    words: str = "{}"
    usual: object = None


class Label(Struct, frozen=True):
    """What a network is called, and what is known about where it comes from.

    Attributes:
        arch: name of the architecture.
        alpha: width multiplier.
        dialect: whose reading of the architecture it is.
        classes: outputs of the classifier; ``None`` if there is none.
        native: the resolution that the architecture is meant for, in pixels.
        output_stride: beyond it strides are dilations; ``None``: none is.
    """

    arch: Annotated[str, Fact("arch")]
    alpha: Annotated[float | None, Fact("α", "number", "α {:g}")] = None
    dialect: Annotated[str | None, Fact("dialect", words="dialect {}", usual="paper")] = None
    classes: Annotated[Positive | None, Fact("classes", "number", "{} classes", 1000)] = None
    native: Positive | None = None
    output_stride: Annotated[
        Positive | None, Fact("output stride", "number", "output stride {}")
    ] = None


@cache
def facts_of(kind: type[Struct]) -> Mapping[str, Fact]:
    """Return the facts of a struct by the names of its fields, in their order."""
    hints = get_type_hints(kind, include_extras=True)
    marks = {name: getattr(hints[name], "__metadata__", ()) for name in kind.__struct_fields__}
    return {
        name: mark for name, listed in marks.items() for mark in listed if isinstance(mark, Fact)
    }


def fact_words(thing: Struct, *names: str) -> list[str]:
    """Return words for the facts that are not the usual ones; without names, of all facts."""
    facts = facts_of(type(thing))
    values: list[tuple[Fact, Any]] = [(facts[n], getattr(thing, n)) for n in names or facts]
    return [
        fact.words.split("|")[0 if value == 1 else -1].format(value)
        for fact, value in values
        if value is not None and value != fact.usual
    ]


def differing(things: Iterable[Struct]) -> Sequence[str]:
    """Return the names of the facts in which structs of one kind differ."""
    listed = list(things)
    names = facts_of(type(listed[0])) if listed else ()
    return [name for name in names if len({getattr(thing, name) for thing in listed}) > 1]
