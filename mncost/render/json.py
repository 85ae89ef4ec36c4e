"""A table as JSON, with the version of its shape."""

from __future__ import annotations

import json

from mncost.render.escape import json_text
from mncost.render.table import Table

__all__ = ["SCHEMA_VERSION", "render"]

SCHEMA_VERSION = 2


def render(table: Table) -> str:
    """Return the table as one JSON object: its rows are objects under the columns' names."""
    table = table.for_programs()
    names = [column.name for column in table.columns]
    document = {
        "schema_version": SCHEMA_VERSION,
        "table": table.name,
        "columns": names,
        "rows": [dict(zip(names, row, strict=True)) for row in table.rows],
        "notes": list(table.notes),
    }
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
    return json_text(text) + "\n"
