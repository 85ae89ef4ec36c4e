"""``mncost list``."""

from __future__ import annotations

from typing import Annotated

from mncost.cli.emit import Out
from mncost.cli.params import Only
from mncost.flags import flags_of
from mncost.which import Which

__all__ = ["list_"]

_OTHERS = tuple(name for name in flags_of(Which) if name != "arch")
_ARCH = "Families (resnet), groups (mobile, all) or networks; by default the MobileNets."


def list_(which: Annotated[Which, Only(without=_OTHERS, help={"arch": _ARCH})], out: Out) -> None:
    """List the MobileNets, or the networks of other families: sizes, published α, dialects, cost.

    mncost list
    mncost list resnet efficientnet
    mncost list all --format csv
    """
    from mncost.tables.list import list_table

    out.emit(list_table(which.arch, columns=out.columns))
