"""``mncost verify``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

from mncost.cli.emit import Out
from mncost.cli.params import Only
from mncost.cli.streams import tell
from mncost.extras import require
from mncost.flags import Flag
from mncost.which import Which

if TYPE_CHECKING:
    from mncost.network import Network
    from mncost.witnesses.verification import Verified

__all__ = ["verify"]

DIFFERENT = 1


def verify(
    which: Annotated[Which, Only(without=("precision", "in_place"))],
    out: Out,
    layers: Annotated[
        bool,
        Flag("Print one line for each layer instead of each network."),
    ] = False,
) -> int:
    """Compare our counts with those of torch, fvcore and the ONNX file; exit 1 if any differs.

    mncost verify v2 --alpha 0.35:1.4
    mncost verify all --dialect timm --twin standard
    mncost verify v4-hybrid-m --layers --format csv -o layers.csv
    """
    from mncost.tables.verify import verify_table
    from mncost.titles import title
    from mncost.witnesses.verification import Verification, verified

    networks = which.grid()
    require("verify")
    # Of many networks some may have no such pairs: their twins are verified as they are.
    chosen = [network.as_twin(which.twin) if which.twin else network for network in networks]
    verification = Verification(_with_progress(verified(chosen), chosen), networks.notes)
    out.emit(verify_table(verification, layers=layers, columns=out.columns))
    for network, difference in verification.differences:
        tell(f"mncost: {title(network)}: {difference}")
    return 0 if verification.ok else DIFFERENT


def _with_progress(work: Iterator[Verified], networks: Sequence[Network]) -> Iterator[Verified]:
    """Pass the work on; on a terminal, a bar on standard error shows how far it is."""
    from mncost.cli.progress import counting

    with counting(len(networks), "verifying") as progress:
        for done, one in enumerate(work, 1):
            yield one
            if progress is not None:
                progress(done, len(networks))
