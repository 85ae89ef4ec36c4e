"""Networks of a survey as files for programs: CSV and Parquet, a million rows and more."""

from __future__ import annotations

import csv
import io
from math import isnan
from typing import Any

from mncost.extras import require
from mncost.render.escape import csv_field
from mncost.space.networks import CHUNK
from mncost.space.survey import Survey

__all__ = ["as_csv", "as_parquet"]


def as_csv(survey: Survey) -> bytes:
    """Return the networks as CSV in UTF-8: a row for each, a column for each choice and metric."""
    columns = survey.columns()
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    for start in range(0, len(survey), CHUNK):
        parts = [_fields(column[start : start + CHUNK]) for column in columns.values()]
        writer.writerows(zip(*parts, strict=True))
    return out.getvalue().encode()


def as_parquet(survey: Survey) -> bytes:
    """Return the networks as a Parquet file, with the same columns. Needs pyarrow.

    Raises:
        MissingExtraError: it is not installed.
    """
    require("parquet")
    import pyarrow
    from pyarrow import parquet

    out = pyarrow.BufferOutputStream()
    columns = {name: _array(column) for name, column in survey.columns().items()}
    parquet.write_table(pyarrow.table(columns), out)
    return bytes(out.getvalue())


def _array(column: Any) -> Any:
    """Return a column for Parquet; what is not a number is missing."""
    import pyarrow

    return pyarrow.array(column, from_pandas=True)


def _fields(column: Any) -> list[Any]:
    values = column if isinstance(column, list) else column.tolist()
    return [_field(value) for value in values]


def _field(value: Any) -> Any:
    """Return a value for CSV; what is not a number is an empty field."""
    if isinstance(value, str):
        return csv_field(value)
    return None if isinstance(value, float) and isnan(value) else value
