"""``mncost list``."""

from __future__ import annotations

from mncost.cli.emit import Out

__all__ = ["list_"]


def list_(out: Out) -> None:
    """List every architecture: native resolution, published α and resolutions, dialects, cost.

    mncost list
    mncost list --format csv
    """
    from mncost.tables.list import list_table

    out.emit(list_table(columns=out.columns))
