"""One file a table: from a result to a :class:`mncost.render.table.Table`."""

TABLES: dict[str, str] = {}
"""Which function makes the table of a class; see :mod:`mncost.render.shown`."""
