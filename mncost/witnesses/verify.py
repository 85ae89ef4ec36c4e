"""Witnesses: the counts of one network by others, layer by layer, and where they differ."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple, TypeAlias

from mncost.cost.work import OpCost
from mncost.graph.graph import Graph

__all__ = [
    "ELSEWHERE",
    "QUANTITIES",
    "Difference",
    "Quantity",
    "Reading",
    "differences",
    "gather",
    "our_reading",
]

ELSEWHERE = "(in no layer of ours)"

Quantity: TypeAlias = Literal["macs", "params"]
QUANTITIES: tuple[Quantity, ...] = ("macs", "params")


class Reading(NamedTuple):
    """What one witness counts, by layer; a layer that is not listed has none."""

    witness: str
    macs: Mapping[str, int]
    params: Mapping[str, int]

    def of(self, quantity: Quantity) -> Mapping[str, int]:
        """Return the counts of one quantity."""
        return self.macs if quantity == "macs" else self.params

    def total(self, quantity: Quantity) -> int:
        """Return the sum over all layers."""
        return sum(self.of(quantity).values())


class Difference(NamedTuple):
    """The layers in which a witness disagrees with us on one quantity, in execution order."""

    witness: str
    quantity: Quantity
    layers: tuple[str, ...]
    ours: int
    theirs: int

    def __str__(self) -> str:
        """Name the first layer, and both counts of it."""
        noun = "MACs" if self.quantity == "macs" else "parameters"
        more = len(self.layers) - 1
        rest = f"; {more} more layer{'s' * (more > 1)} differ{'s' * (more == 1)}" if more else ""
        return (
            f"{self.layers[0]}: {self.theirs:,} {noun} by {self.witness}, {self.ours:,} by us{rest}"
        )


def our_reading(graph: Graph, costs: Sequence[OpCost]) -> Reading:
    """Return our own counts, in execution order."""
    names = [node.name for node in graph.nodes]
    return Reading(
        "mncost",
        {name: cost.macs for name, cost in zip(names, costs, strict=True)},
        {name: cost.params for name, cost in zip(names, costs, strict=True)},
    )


def differences(ours: Reading, theirs: Reading) -> Iterator[Difference]:
    """Yield, for each quantity that differs, the layers in which it does."""
    for quantity in QUANTITIES:
        mine, other = ours.of(quantity), theirs.of(quantity)
        layers = [name for name in {**mine, **other} if mine.get(name, 0) != other.get(name, 0)]
        if layers:
            first = layers[0]
            yield Difference(
                theirs.witness,
                quantity,
                tuple(layers),
                mine.get(first, 0),
                other.get(first, 0),
            )


def gather(counts: Mapping[str, int], layers: Iterable[str]) -> dict[str, int]:
    """Add counts up by layer: each belongs to the longest layer's name that its own starts with."""
    known, gathered = set(layers), dict[str, int]()
    for name, count in counts.items():
        layer = name
        while layer and layer not in known:
            layer = layer.rpartition(".")[0]
        if count:
            gathered[layer or ELSEWHERE] = gathered.get(layer or ELSEWHERE, 0) + count
    return gathered
