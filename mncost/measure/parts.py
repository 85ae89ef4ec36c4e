"""The pairs of layers that a twin has one convolution for, each cut out of its network."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from mncost.cost.pairs import PairCost
from mncost.graph.pairs import Pair
from mncost.graph.pieces import Pieces, pieces
from mncost.graph.twin import SPLITTING
from mncost.network import Network

__all__ = ["CutPair", "cut_pairs"]


class CutPair(NamedTuple):
    """A pair, as it stands in the first network that has it.

    ``places`` are the networks that have it, by their place among those given, each as often as
    the pair stands in it.
    """

    network: Network
    cost: PairCost
    pieces: Pieces
    places: list[int]

    @property
    def names(self) -> tuple[str, str]:
        """What its two layers are called: ``row2.depthwise``, ``row2.pointwise``."""
        first, second = self.cost.first.name, self.cost.second.name
        return first.removesuffix(".conv"), second.removesuffix(".conv")


def cut_pairs(networks: Iterable[Network], twin: str) -> list[CutPair]:
    """Return the distinct pairs of some networks: those that compute the same are one."""
    pairs: dict[object, CutPair] = {}
    for place, network in enumerate(networks):
        for cost in network.pairs_of(twin):
            graphs = network.graph, network.as_twin(twin).graph
            having, merged = reversed(graphs) if twin in SPLITTING else graphs
            cut = pieces(having, merged, _pair(cost))
            new = CutPair(network, cost, cut, [])
            key = (cut, cost.first.in_height, cost.first.in_width)
            pairs.setdefault(key, new).places.append(place)
    return list(pairs.values())


def _pair(cost: PairCost) -> Pair:
    return Pair(cost.first.name, cost.second.name)
