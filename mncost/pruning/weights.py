"""Which channels survive, and what is left of the weights."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from mncost.errors import InputError
from mncost.graph.graph import Graph
from mncost.graph.ops import Conv, Linear, Op, Shape, parameters
from mncost.pruning.units import Units, channels_of, makes_units

if TYPE_CHECKING:
    import numpy

    from mncost.models.weights import Weights

__all__ = ["surviving_weights", "survivors"]


def survivors(graph: Graph, units: Units, wanted: Sequence[Shape], weights: Weights) -> set[int]:
    """Return the units that survive: of those that stand together, the ones with the largest norm.

    The norm of a unit is the sum of the absolute weights of all filters that make it (Li et al.,
    arXiv:1608.08710, Section 3.1).

    Args:
        graph: the original network.
        units: its units.
        wanted: the shape of each result in the pruned network.
        weights: of the original network, by name.

    Raises:
        InputError: no choice gives these widths.
    """
    norms = _norms(graph, units, weights)
    places: dict[int, Counter[int]] = {}  # where each unit is made, and how often
    for index, node in enumerate(graph.nodes):
        if makes_units(node) or not node.inputs:
            for unit, count in Counter(units.of[index]).items():
                places.setdefault(unit, Counter())[index] = count
    groups: dict[tuple[tuple[int, int], ...], list[int]] = {}
    for unit, where in places.items():
        groups.setdefault(tuple(sorted(where.items())), []).append(unit)
    alive = set(units.fixed)
    for made_by, group in groups.items():
        loose = [unit for unit in group if unit not in units.fixed]
        keep = _kept(made_by, groups, wanted) - (len(group) - len(loose))
        alive.update(sorted(loose, key=lambda unit: -norms[unit])[: max(keep, 0)])
    for index, node in enumerate(graph.nodes):
        left = sum(unit in alive for unit in units.of[index])
        if left != channels_of(wanted[index]):
            raise InputError(
                f"{node.name}: {left} channels would survive where these widths leave "
                f"{channels_of(wanted[index])}: accepted are widths that agree there"
            )
    return alive


def _kept(
    made_by: tuple[tuple[int, int], ...],
    groups: Mapping[tuple[tuple[int, int], ...], list[int]],
    wanted: Sequence[Shape],
) -> int:
    """Return how many units of a group survive: what the widths leave to it."""
    for index, count in made_by:
        others = sum(
            len(group) * dict(where)[index]
            for where, group in groups.items()
            if where != made_by and index in dict(where)
        )
        if not others:
            return channels_of(wanted[index]) // count
    return len(groups[made_by])


def _norms(graph: Graph, units: Units, weights: Weights) -> dict[int, float]:
    norms: dict[int, float] = {}
    for index, node in enumerate(graph.nodes):
        if not makes_units(node):
            continue
        filters = abs(weights[f"{node.name}.weight"])
        sums = filters.reshape(len(filters), -1).sum(1)
        if len(sums) == len(units.of[index]):
            for unit, norm in zip(units.of[index], sums, strict=True):
                norms[unit] = norms.get(unit, 0.0) + float(norm)
    return norms


def surviving_weights(graph: Graph, units: Units, alive: set[int], weights: Weights) -> Weights:
    """Return the weights of the pruned network: those of its channels.

    Args:
        graph: the original network.
        units: its units.
        alive: those that survive.
        weights: of the original network, by name.
    """
    import numpy as np

    kept = [np.array([unit in alive for unit in own], bool) for own in units.of]
    left: Weights = {}
    for index, node in enumerate(graph.nodes):
        for leaf in parameters(node.op):
            name = f"{node.name}.{leaf}"
            left[name] = np.ascontiguousarray(
                _sliced(node.op, leaf, weights[name], kept[index], kept[node.inputs[0]])
            )
    return left


def _sliced(
    op: Op, leaf: str, values: numpy.ndarray, kept: numpy.ndarray, read: numpy.ndarray
) -> numpy.ndarray:
    if isinstance(op, Conv | Linear) and leaf == "weight":
        whole: numpy.ndarray = values[kept]
        is_dense = isinstance(op, Linear) or op.groups == 1
        narrowed: numpy.ndarray = whole[:, read] if is_dense else whole
        return narrowed
    return (
        values[kept] if values.shape[0] == len(kept) else values
    )  # a learned vector of tokens, whose features all stay
