"""The columns of the tables: for each its name, its title, and where its value comes from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from mncost.errors import InputError, UnknownNameError
from mncost.render.table import Column, Kind, Value

if TYPE_CHECKING:
    import pandas

__all__ = [
    "Source",
    "chosen",
    "default_columns",
    "need_pandas",
    "sources",
    "to_frame",
]


class Source(NamedTuple):
    """A column, and the function that takes its value from a network, a layer, ...

    ``extra`` columns are shown only when they are asked for.
    """

    column: Column
    value: Callable[[Any], Value]
    extra: bool = False


def sources(
    *columns: tuple[str, str, Kind, Callable[[Any], Value]], extra: Iterable[str] = ()
) -> dict[str, Source]:
    """Return columns by name, each given as name, title, kind and the function of its value."""
    return {
        name: Source(Column(name, title, kind), value, name in extra)
        for name, title, kind, value in columns
    }


def default_columns(
    columns: Mapping[str, Source], left_out: Iterable[str] = (), *, flops: bool = False
) -> list[str]:
    """Return the names of the columns that are shown unless others are asked for."""
    return [
        name
        for name, source in columns.items()
        if (flops and name == "flops") or not (source.extra or name in left_out)
    ]


def chosen(
    columns: Mapping[str, Source], names: str | Sequence[str] | None, default: Iterable[str]
) -> list[Source]:
    """Return the columns of these names (with commas between them), or the default ones.

    Raises:
        UnknownNameError: there is no column of a name.
    """
    if isinstance(names, str):
        names = [name.strip() for name in names.split(",")]
    wanted = list(default) if names is None else names
    for name in wanted:
        if name not in columns:
            raise UnknownNameError("column", name, columns)
    return [columns[name] for name in dict.fromkeys(wanted)]


def to_frame(columns: Mapping[str, Source], things: Iterable[object]) -> pandas.DataFrame:
    """Return a DataFrame with every column, one row for each thing.

    Raises:
        InputError: pandas is not installed.
    """
    rows = [[source.value(thing) for source in columns.values()] for thing in things]
    frame: pandas.DataFrame = need_pandas().DataFrame(rows, columns=list(columns))
    # A kernel that a batch norm does not have must not turn the others into floats.
    return frame.astype({name: "Int64" for name in _WHOLE if name in columns})


def need_pandas() -> Any:
    """Return the module.

    Raises:
        InputError: it is not installed.
    """
    try:
        import pandas
    except ModuleNotFoundError:
        raise InputError("needs pandas: pip install 'mncost[frame]'") from None
    return pandas


_WHOLE = ("kernel", "stride", "groups")
