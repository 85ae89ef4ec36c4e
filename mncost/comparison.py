"""Networks beside their twins: the exact counts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from mncost.errors import InputError
from mncost.grids import Grid
from mncost.in_hand import Networks, grid_of
from mncost.network import Network
from mncost.render.shown import Shown
from mncost.twins import WITHOUT_PAIRS, twin_of

__all__ = ["Comparison", "compare", "with_twin"]


class Comparison(Shown):
    """Networks beside their twins: the exact counts.

    Attributes:
        networks: those that have such a twin.
        twin: ``"standard"``, ``"fused"`` or ``"separable"``.
        notes: which networks have none, and why.
    """

    def __init__(self, networks: Sequence[Network], twin: str, notes: Sequence[str] = ()) -> None:
        """Use :func:`compare`."""
        self.networks = tuple(networks)
        self.twin = twin
        self.notes = tuple(notes)

    def __repr__(self) -> str:
        """Say how many networks they are."""
        return f"<mncost.Comparison of {len(self.networks)} networks, beside the {self.twin} twin>"


def compare(networks: Networks, twin: str | None = None, **which: Any) -> Comparison:
    """Return what depthwise-separable convolutions save in MACs and parameters.

    Args:
        networks: networks, or names of architectures.
        twin: compare with the ``"standard"``, the ``"fused"`` or the ``"separable"`` twin. By
            default the standard one, or the separable one if no network has separable layers.
        which: with names, arguments of :func:`grid`.

    Raises:
        InputError: an argument cannot be used, or no network has such a twin.
    """
    return with_twin(grid_of(networks, **which), twin)


def with_twin(networks: Grid, twin: str | None) -> Comparison:
    """Return the networks of a grid that have a twin.

    Without a name it is the standard twin, or the separable one if no network has separable layers.

    Raises:
        InputError: there is no such twin, or no network has it.
    """
    for network in networks:
        if network.twin:
            raise InputError(f"{network.arch}: a {network.twin} twin has no twins")
    if twin is None:
        twin = next(filter(partial(_any_has, networks), ("standard", "separable")), "standard")
    having = [network for network in networks if network.pairs_of(twin)]
    if not having:
        twin_of(networks[0], twin)  # says why
    without = dict.fromkeys(network.arch for network in networks if network not in having)
    left_out = [f"left out: {arch} has no {twin} twin: {WITHOUT_PAIRS[twin]}" for arch in without]
    return Comparison(having, twin, [*networks.notes, *left_out])


def _any_has(networks: Grid, twin: str) -> bool:
    return any(network.pairs_of(twin) for network in networks)
