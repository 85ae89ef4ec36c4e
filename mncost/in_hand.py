"""Networks as functions take them: by name, or in hand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

from mncost.api import grid, load
from mncost.errors import InputError
from mncost.grids import Grid
from mncost.network import Network
from mncost.readers import is_model
from mncost.spec.axis import size_of_image
from mncost.titles import told_apart

__all__ = ["Networks", "grid_of", "teacher_of"]

Networks: TypeAlias = str | Network | Grid | Sequence[str] | Sequence[Network]
"""What functions take for networks: names as :func:`grid` has them, or networks in hand."""


def grid_of(networks: Networks, **which: Any) -> Grid:
    """Return networks as a grid.

    Args:
        networks: names of architectures, or networks in hand.
        which: with names, arguments of :func:`grid`.

    Raises:
        InputError: something cannot be used, or networks in hand are described once more.
    """
    if isinstance(networks, str):
        return grid(networks, **which)
    every = [*networks] if isinstance(networks, Iterable) else [networks]
    names = [one for one in every if isinstance(one, str)]
    if names and len(names) == len(every):
        return grid(names, **which)
    if which:
        raise InputError(f"{', '.join(which)}: networks in hand have theirs already")
    in_hand = [one for one in every if isinstance(one, Network)]
    if not in_hand or len(in_hand) != len(every):
        raise InputError("accepted are names of architectures, or networks of mncost.load")
    return networks if isinstance(networks, Grid) else Grid(told_apart(in_hand))


def teacher_of(network: Network, name: str | None) -> Network | None:
    """Return the network that another one is distilled from: of this name, for the same images.

    Raises:
        InputError: there is none of this name, or it takes no such images.
    """
    if name is None:
        return None
    channels = next(iter(network.inputs.values()))[0]
    if is_model(name):
        return load(name, resolution=network.resolution)
    teacher, size = load(name, in_channels=channels), network.resolution
    return teacher if size is None else teacher.at(*size_of_image(size))
