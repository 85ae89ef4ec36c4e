"""Networks beside their twins: the exact counts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from mncost.api import Networks, grid_of
from mncost.errors import InputError
from mncost.graph.twin import TWINS
from mncost.grids import Grid
from mncost.network import Network
from mncost.render.shown import Shown

__all__ = ["Comparison", "compare", "fitting_twin", "twin_of", "with_twin"]

_WITHOUT_PAIRS = {
    "standard": "no pointwise convolution follows a depthwise one",
    "fused": "no block expands and then convolves depthwise",
    "separable": "no convolution of one group has a kernel above 1×1",
}
"""Why a network may have no twin, by the twin's name."""


_WORTH = 0.1
"""The least share of its MACs that a network without separable layers could save by them."""


def fitting_twin(network: Network) -> str | None:
    """Return the name of the twin that says what separable convolutions are worth in a network.

    Where it has them it is the standard twin. Where they would save a tenth of its
    multiply-accumulates it is the separable twin: not where the only k×k convolution is a stem or
    cuts patches. Otherwise none.
    """
    if network.standard.macs != network.macs:
        return "standard"
    saved = network.macs - network.as_twin("separable").macs
    return "separable" if saved > _WORTH * network.macs else None


def twin_of(network: Network, name: str | None) -> Network:
    """Return a network's twin of this name; without a name, the network.

    Raises:
        InputError: there is no such twin, or the network has no layers that it would merge.
    """
    if name is None:
        return network
    twin = network.as_twin(name)
    if twin.graph != network.graph:
        return twin
    others = [other for other in TWINS if network.as_twin(other).graph != network.graph]
    accepted = f"; --twin {' or '.join(others)} is accepted" if others else ""
    raise InputError(f"{network.arch} has no {name} twin: {_WITHOUT_PAIRS[name]}{accepted}")


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
    if twin is None:
        twin = next(filter(partial(_any_has, networks), ("standard", "separable")), "standard")
    having = [network for network in networks if network.pairs_of(twin)]
    if not having:
        twin_of(networks[0], twin)  # says why
    without = dict.fromkeys(network.arch for network in networks if network not in having)
    left_out = [f"left out: {arch} has no {twin} twin: {_WITHOUT_PAIRS[twin]}" for arch in without]
    return Comparison(having, twin, [*networks.notes, *left_out])


def _any_has(networks: Grid, twin: str) -> bool:
    return any(network.pairs_of(twin) for network in networks)
