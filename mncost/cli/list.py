"""``mncost list``."""

from __future__ import annotations

from typing import Annotated

from mncost.cli.emit import Out
from mncost.cli.params import Only

__all__ = ["list_"]


def list_(out: Annotated[Out, Only(without=("columns",))]) -> None:
    """List every architecture: native resolution, published α and resolutions, dialects, cost.

    mncost list
    mncost list --format csv
    """
    from mncost.tables.list import list_table

    out.emit(list_table(for_people=out.kind == "terminal"))
