"""Flags: fields of frozen dataclasses that are options of the command line and of Python alike.

::

    class Effort(Flags):
        panel = "Measure"

        max_time: float | None = flag("Stop after it.", metavar="TIME", parse=seconds)

    mncost.bench("v2", max_time=20)         # in Python
    mncost bench v2 --max-time 20s          # on the command line: mncost.cli.params

A new flag is one field here and nothing else but its test and its documentation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, Field, FrozenInstanceError, dataclass, field, fields, replace
from typing import Any, ClassVar, NamedTuple, NoReturn, TypeVar, dataclass_transform

__all__ = ["Flag", "Flags", "Parse", "flag", "flags_of", "given", "none_left", "taken"]

T = TypeVar("T")

Parse = Callable[[str, str], Any]
"""From an option's name and the text after it to a value; raises InputError."""


class Flag(NamedTuple):
    """What the command line says about a field.

    Attributes:
        help: one or two sentences, with the default.
        metavar: stands for the value in the help, e.g. ``TIME``.
        names: the option's names; empty: ``--`` and the field's name with dashes.
        parse: reads the text; without it, typer reads it by the field's type.
        panel: the heading of the help under which it stands; empty: the ``panel`` of its class.
        completes: what a shell completes: a name in :mod:`mncost.cli.completion`.
        positional: the words without an option's name mean it too.
        several: it may be given more than once; the texts are joined with commas.
        least, most: the range of a whole number.
    """

    help: str
    metavar: str = ""
    names: tuple[str, ...] = ()
    parse: Parse | None = None
    panel: str = ""
    completes: str = ""
    positional: bool = False
    several: bool = False
    least: int | None = None
    most: int | None = None


def flag(help: str, *, default: Any = None, **more: Any) -> Any:
    """Return a dataclass field that is a flag of the command line too.

    Args:
        help: what the command line says about it.
        default: of the field.
        more: the other fields of :class:`Flag`.
    """
    return field(default=default, metadata={"flag": Flag(help, **more)})


@dataclass_transform(frozen_default=True)
class Flags:
    """Base of the frozen dataclasses of flags.

    Its methods serve all of them: what ``dataclass`` writes for each class has to be compiled at
    every start, which takes several times as long as to import the class.
    """

    panel: ClassVar[str] = ""
    """The heading of the help under which its flags stand."""
    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    def __init_subclass__(cls) -> None:
        """Register the fields, as those of a dataclass."""
        dataclass(init=False, repr=False, eq=False)(cls)

    def __init__(self, *values: Any, **named: Any) -> None:
        """Set the fields, in order or by name.

        Raises:
            TypeError: one is missing, unknown or given twice.
        """
        own = type(self).__qualname__
        known = {one.name: one.default for one in fields(self)}
        for name, value in zip(known, values, strict=False):
            if name in named:
                raise TypeError(f"{own}() got multiple values for argument {name!r}")
            named[name] = value
        if len(values) > len(known):
            raise TypeError(f"{own}() takes {len(known)} arguments but {len(values)} were given")
        none_left(own, named.keys() - known.keys())
        for name, default in known.items():
            value = named.get(name, default)
            if value is MISSING:
                raise TypeError(f"{own}() missing a required argument: {name!r}")
            object.__setattr__(self, name, value)
        self.__post_init__()

    def __post_init__(self) -> None:
        """Check the values."""

    def __setattr__(self, name: str, value: object) -> NoReturn:
        """Refuse a change."""
        raise FrozenInstanceError(f"cannot assign to field {name!r}")

    def __delattr__(self, name: str) -> NoReturn:
        """Refuse a change."""
        raise FrozenInstanceError(f"cannot delete field {name!r}")

    def __repr__(self) -> str:
        """Return the call that makes it."""
        named = zip(self.__dataclass_fields__, _values(self), strict=True)
        values = ", ".join(f"{name}={value!r}" for name, value in named)
        return f"{type(self).__qualname__}({values})"

    def __eq__(self, other: object) -> bool:
        """Whether it is of the same class and has equal values."""
        return type(other) is type(self) and _values(other) == _values(self)

    def __hash__(self) -> int:
        """Return a hash of the values."""
        return hash(_values(self))


def _values(options: Flags) -> tuple[Any, ...]:
    return tuple(getattr(options, one.name) for one in fields(options))


def flags_of(options: Any) -> Mapping[str, Field[Any]]:
    """Return the fields of a dataclass, or of an instance, that are flags, by name."""
    return {one.name: one for one in fields(options) if "flag" in one.metadata}


def given(options: Any) -> dict[str, Any]:
    """Return the flags that differ from their default, with their values."""
    values = {name: getattr(options, name) for name in flags_of(options)}
    defaults = {name: one.default for name, one in flags_of(options).items()}
    return {name: value for name, value in values.items() if value != defaults[name]}


def taken(options: T, keywords: dict[str, Any]) -> T:
    """Return a dataclass of flags with the keywords that are its fields; they leave the dict.

    ``None`` stands for the default.
    """
    names = [one.name for one in fields(options) if one.name in keywords]  # type: ignore[arg-type]
    values = {name: keywords.pop(name) for name in names}
    changes = {name: value for name, value in values.items() if value is not None}
    return replace(options, **changes)  # type: ignore[type-var]


def none_left(function: str, keywords: Iterable[str]) -> None:
    """Refuse keywords that no dataclass of flags has taken.

    Raises:
        TypeError: there is one, as Python itself says it.
    """
    for name in keywords:
        raise TypeError(f"{function}() got an unexpected keyword argument {name!r}")
