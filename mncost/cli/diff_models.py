"""``mncost diff-models``."""

from __future__ import annotations

from typing import Annotated

from mncost.cli.emit import Out
from mncost.cli.params import Only
from mncost.errors import InputError
from mncost.flags import Flag
from mncost.which import Which

__all__ = ["diff_models"]


def diff_models(
    which: Annotated[Which, Only(without=("twin", "in_place"))],
    out: Out,
    every: Annotated[
        bool,
        Flag("Show unchanged layers too.", names=("--all",)),
    ] = False,
) -> None:
    """Print what changed from one network to another: shapes, parameters, MACs, bytes, by layer.

    mncost diff-models old.onnx new.onnx
    mncost diff-models v2 v3-large --resolution 192
    mncost diff-models v2 --alpha 0.75,1.0 --format markdown

    Layers are matched by name, or, if less than half of the names agree, by kind and shape.
    """
    from mncost.tables.model_changes import model_changes_table

    networks = which.grid()
    if len(networks) != 2:
        raise InputError(f"diff-models takes two networks, and these are {len(networks)}")
    old, new = networks
    table = model_changes_table(old, new, every=every, columns=out.columns, notes=networks.notes)
    out.emit(table)
