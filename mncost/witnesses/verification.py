"""Our counts of networks beside those of every witness: torch, fvcore and the ONNX file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from mncost.extras import require
from mncost.in_hand import Networks, grid_of
from mncost.network import Network
from mncost.render.shown import Shown
from mncost.witnesses.verify import Difference, Reading, differences, our_reading

__all__ = ["Verification", "Verified", "verified", "verify"]


class Verified(NamedTuple):
    """One network, our counts of it, and those of the witnesses."""

    network: Network
    ours: Reading
    others: tuple[Reading, ...]

    @property
    def differences(self) -> list[Difference]:
        """What each witness counts differently."""
        return [one for other in self.others for one in differences(self.ours, other)]


class Verification(Shown):
    """What the witnesses count of some networks.

    Attributes:
        networks: each network with our counts and theirs.
        notes: what was left out.
    """

    def __init__(self, networks: Iterable[Verified], notes: Iterable[str] = ()) -> None:
        """Keep the networks; see :func:`mncost.verify`."""
        self.networks = tuple(networks)
        self.notes = tuple(notes)

    def __repr__(self) -> str:
        """Say whether all agree."""
        words = "all agree" if self.ok else f"{len(self.differences)} differences"
        return f"<mncost.Verification of {len(self.networks)} networks: {words}>"

    @property
    def ok(self) -> bool:
        """Whether every witness counts as we do, layer by layer."""
        return not self.differences

    @property
    def differences(self) -> list[tuple[Network, Difference]]:
        """Each difference and its network."""
        return [
            (one.network, difference) for one in self.networks for difference in one.differences
        ]


def verify(networks: Networks, twin: str | None = None, **which: Any) -> Verification:
    """Compare our counts of networks with those of torch, fvcore and the ONNX file.

    Args:
        networks: networks, or names of architectures.
        twin: verify their twins of this name instead: ``"standard"``, ``"fused"``, ``"separable"``.
        which: with names, arguments of :func:`mncost.grid`.

    Raises:
        InputError: an argument cannot be used, or a witness is not installed.
    """
    require("verify")
    grid = grid_of(networks, **which)
    chosen = [network.as_twin(twin) if twin else network for network in grid]
    return Verification(verified(chosen), grid.notes)


def verified(networks: Iterable[Network]) -> Iterator[Verified]:
    """Ask every witness about every network; models are shared along the resolutions."""
    from mncost.models.onnx_model import onnx_model
    from mncost.models.weights import random_weights
    from mncost.witnesses.verify_onnx import onnx_reading
    from mncost.witnesses.verify_torch import (
        emptied,
        fvcore_reading,
        materialised,
        meta_module,
        torch_reading,
    )

    graph = module = None
    for network in networks:
        if network.graph is not graph:
            graph = network.graph
            if module is not None:
                emptied(module)
            names = [node.name for node in graph.nodes]
            shapeless, module = meta_module(graph), materialised(meta_module(graph))
            weights = random_weights(graph)
        inputs = list(network.inputs.values())
        yield Verified(
            network,
            our_reading(graph, network.costs),
            (
                torch_reading(shapeless, inputs, names),
                fvcore_reading(module, inputs, names),
                onnx_reading(onnx_model(graph, network.shapes, weights), names),
            ),
        )
