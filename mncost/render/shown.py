"""Results that show themselves: as text, in a notebook, as a frame.

Which table shows a result is written where the tables are made, above this floor:
:func:`show_with` takes the name of a module with a dict ``TABLES`` from the name of a class to
``"module:function"``, or with a dict ``REPORTS`` of pages. Nothing is imported before something is
shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, overload

if TYPE_CHECKING:
    import pandas

    from mncost.render.table import Table

__all__ = ["Shown", "ShownSequence", "maker", "show_with"]

T = TypeVar("T")
_registries: list[str] = []


def show_with(module: str) -> None:
    """Add a module whose ``TABLES`` says how results are shown."""
    if module not in _registries:
        _registries.append(module)


class Shown:
    """A result with a table: ``print(result)`` and a notebook show it."""

    __slots__ = ()
    _in_frames: ClassVar[tuple[tuple[str, Any], ...]] = ()  # options of the table of a frame

    def table(self, **options: Any) -> Table:
        """Return the result as a table; the options are those of the table's function.

        Raises:
            InputError: an option cannot be used.
        """
        made: Table = maker(type(self))(self, **options)
        return made

    def to_frame(self, **options: Any) -> pandas.DataFrame:
        """Return the table as a DataFrame, in base units. Needs pandas.

        Raises:
            InputError: pandas is not installed, or an option cannot be used.
        """
        return self.table(**{**dict(self._in_frames), **options}).to_frame()

    def __str__(self) -> str:
        """Return the table as text."""
        return str(self.table())

    def _repr_html_(self) -> str:
        """Return the table for a notebook."""
        return self.table()._repr_html_()


class ShownSequence(Shown, Sequence[T]):
    """A result that is a sequence with a table: each item is a row."""

    def __init__(self, items: Sequence[T]) -> None:
        """Take the items, in order."""
        self._items = tuple(items)

    def __len__(self) -> int:
        """Return the number of items."""
        return len(self._items)

    def __iter__(self) -> Iterator[T]:
        """Iterate over the items, in order."""
        return iter(self._items)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[T]: ...
    def __getitem__(self, index: int | slice) -> T | Sequence[T]:
        """Return one item, or several."""
        return self._items[index]


def maker(kind: type, what: str = "TABLES") -> Any:
    """Return the function that makes the table of a class, or of the nearest class above it.

    Args:
        kind: the class.
        what: the dict that has its name: ``TABLES`` or ``REPORTS``.
    """
    for registry in _registries:
        functions = getattr(import_module(registry), what, {})
        for one in kind.__mro__:
            if one.__qualname__ in functions:
                module, _, function = functions[one.__qualname__].partition(":")
                return getattr(import_module(module), function)
    raise TypeError(f"there is no entry for {kind.__qualname__} in {what}")
