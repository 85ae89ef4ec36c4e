"""How partial counts are shown: lower bounds, because the work of some operators is unknown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from mncost.network import Network
from mncost.render.column import AtLeast

__all__ = ["counted", "partial_notes", "partial_words"]


def counted(network: Network, amount: int) -> int:
    """Return an amount of work; a lower bound if some of the network's is not known."""
    return amount if network.is_complete else AtLeast(amount)


def partial_words(network: Network) -> str | None:
    """Return the operators whose work is not known, e.g. ``If (3), Loop``, or ``None``."""
    return _listed(network.unknown) if network.unknown else None


def partial_notes(networks: Iterable[Network]) -> list[str]:
    """Return a sentence for each network whose count is partial."""
    notes = (
        f"{network.arch}: MACs are a lower bound (≥): no rule for {_listed(network.unknown)}"
        for network in networks
        if not network.is_complete
    )
    return list(dict.fromkeys(notes))


def _listed(operators: Counter[str]) -> str:
    return ", ".join(
        name if count == 1 else f"{name} ({count})" for name, count in operators.most_common()
    )
