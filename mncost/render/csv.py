"""A table as CSV: exact values under plain names, for programs."""

from __future__ import annotations

import csv
import io

from mncost.render.column import Value
from mncost.render.escape import csv_field
from mncost.render.table import Table

__all__ = ["render"]


def render(table: Table) -> str:
    """Return the table as CSV; a value that does not exist is an empty field."""
    table = table.for_programs()
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([column.name for column in table.columns])
    writer.writerows([_field(value) for value in row] for row in table.rows)
    return out.getvalue()


def _field(value: Value) -> str:
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case tuple():
            return csv_field(" ".join(map(str, value)))
        case str():
            return csv_field(value)
        case _:
            return str(value)
