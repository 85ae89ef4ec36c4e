"""A table that shows itself. It does not know where its numbers come from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mncost.render.column import Value
from mncost.render.sheet import Sheet

if TYPE_CHECKING:
    import pandas

__all__ = ["Table"]


class Table(Sheet):
    """Rows of values under columns, as text, as HTML or as a frame."""

    __slots__ = ()

    def to_frame(self) -> pandas.DataFrame:
        """Return what programs see as a DataFrame.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        from mncost.extras import require

        require("frame")
        import pandas

        table = self.for_programs()
        names = [column.name for column in table.columns]
        frame = pandas.DataFrame([list(row) for row in table.rows], columns=names)
        # A kernel that a batch norm does not have must not turn the others into floats.
        by_column = (
            dict(zip(names, zip(*table.rows, strict=True), strict=True)) if table.rows else {}
        )
        whole = [name for name, values in by_column.items() if _is_whole(values)]
        return frame.astype(dict.fromkeys(whole, "Int64"))

    def __str__(self) -> str:
        """Return it as plain text."""
        from mncost.render.plain import render

        return render(self).rstrip("\n")

    def _repr_html_(self) -> str:
        """Return it as HTML, for notebooks."""
        from mncost.render.html import render

        return render(self)


def _is_whole(values: Sequence[Value]) -> bool:
    """Whether values are whole numbers of which some do not exist."""
    present = [value for value in values if value is not None]
    return 0 < len(present) < len(values) and all(
        isinstance(value, int) and not isinstance(value, bool) for value in present
    )
