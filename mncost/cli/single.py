"""What the commands that show a single network share."""

from __future__ import annotations

from mncost.api import Grid
from mncost.errors import InputError
from mncost.graph.twin import TWINS
from mncost.network import Network

__all__ = ["WITHOUT_PAIRS", "single", "title", "twin_of"]

WITHOUT_PAIRS = {
    "standard": "no pointwise convolution follows a depthwise one",
    "fused": "no block expands and then convolves depthwise",
}
"""Why a network may have no twin, by the twin's name."""


def single(networks: Grid, command: str) -> Network:
    """Return the only network of a grid.

    Raises:
        InputError: it holds several.
    """
    if len(networks) != 1:
        first, second = (title(network) for network in networks[:2])
        raise InputError(
            f"{command} takes one network, and these are {len(networks)}: {first}; {second} ..."
        )
    return networks[0]


def twin_of(network: Network, name: str | None) -> Network:
    """Return the twin of a network that ``--twin`` names, or the network itself.

    Raises:
        InputError: there is no such twin, or the network has no pair for it.
    """
    if name is None:
        return network
    twin = network.as_twin(name)
    if twin.graph != network.graph:
        return twin
    others = [other for other in TWINS if network.as_twin(other).graph != network.graph]
    accepted = f"; --twin {' or '.join(others)} is accepted" if others else ""
    raise InputError(f"{network.arch} has no {name} twin: {WITHOUT_PAIRS[name]}{accepted}")


def title(network: Network) -> str:
    """Say in words which network it is."""
    twin = f", {network.twin} twin" if network.twin else ""
    return (
        f"{network.arch} α {network.alpha} at {network.resolution} px, dialect "
        f"{network.dialect}{twin}"
    )
