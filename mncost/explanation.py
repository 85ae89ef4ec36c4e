"""Why counting tools print different numbers for one network."""

from __future__ import annotations

from typing import Any

from mncost.in_hand import Networks, grid_of
from mncost.network import Network
from mncost.render.shown import Shown
from mncost.titles import title

__all__ = ["Explanation", "explain"]


class Explanation(Shown):
    """Why counting tools print different numbers for one network.

    Attributes:
        network: which.
        seen: its work as counting tools see it, by module and functions.
    """

    def __init__(self, network: Network) -> None:
        """Use :func:`explain`."""
        self.network = network
        self.seen = network.seen

    def __repr__(self) -> str:
        """Name the network."""
        return f"<mncost.Explanation of {title(self.network)}>"


def explain(network: Networks, **which: Any) -> Explanation:
    """Return why counting tools print different numbers for one network.

    Args:
        network: the network, or the name of an architecture.
        which: with a name, arguments of :func:`load`.

    Raises:
        InputError: an argument cannot be used.
    """
    return Explanation(grid_of(network, **which).single())
