"""What the commands that show a single network share."""

from __future__ import annotations

from mncost.api import Grid
from mncost.errors import InputError, UnknownNameError
from mncost.network import Network

__all__ = ["TWINS", "single", "title", "twin_of"]

TWINS = ("standard",)


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
        UnknownNameError: there is no such twin.
    """
    if name is None:
        return network
    if name not in TWINS:
        raise UnknownNameError("twin", name, TWINS)
    return network.standard


def title(network: Network) -> str:
    """Say in words which network it is."""
    twin = f", {network.twin} twin" if network.twin else ""
    return (
        f"{network.arch} α {network.alpha} at {network.resolution} px, dialect "
        f"{network.dialect}{twin}"
    )
