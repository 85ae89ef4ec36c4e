"""``mncost explain``."""

from __future__ import annotations

from typing import Annotated

from mncost.cli.emit import Out
from mncost.cli.params import Only
from mncost.which import Which

__all__ = ["explain"]


def explain(
    which: Annotated[Which, Only(without=("precision", "in_place"))],
    out: Out,
) -> None:
    """Explain term by term why counting tools print different numbers for one network.

    mncost explain v2
    mncost explain v3-large --alpha 0.75 --dialect keras
    mncost explain v4-hybrid-m --format json
    """
    from mncost.explanation import explain
    from mncost.tables.explain import explain_table

    out.emit(explain_table(explain(which.network()), columns=out.columns))
