"""Which twin stands beside a network."""

from __future__ import annotations

from collections.abc import Callable

from mncost.errors import InputError
from mncost.network import Network

__all__ = ["WITHOUT_PAIRS", "fitting_twin", "of_twin", "twin_of", "twin_ratio"]

WITHOUT_PAIRS = {
    "standard": "no pointwise convolution follows a depthwise one",
    "fused": "no block expands and then convolves depthwise",
    "separable": "no convolution of one group has a kernel above 1×1",
}
"""The twins by name, and why a network may have none."""


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
    others = [other for other in WITHOUT_PAIRS if network.as_twin(other).graph != network.graph]
    accepted = f"; --twin {' or '.join(others)} is accepted" if others else ""
    raise InputError(f"{network.arch} has no {name} twin: {WITHOUT_PAIRS[name]}{accepted}")


def of_twin(value: Callable[[Network], int]) -> Callable[[Network], int | None]:
    """Return a value of the twin that fits a network; ``None`` if none does."""

    def of(network: Network) -> int | None:
        twin = fitting_twin(network)
        return None if twin is None else value(network.as_twin(twin))

    return of


def twin_ratio(value: Callable[[Network], int]) -> Callable[[Network], float | None]:
    """Return a value of the twin that fits a network, in units of the network's."""

    def ratio(network: Network) -> float | None:
        twin, own = of_twin(value)(network), value(network)
        return None if twin is None or not own else twin / own

    return ratio
