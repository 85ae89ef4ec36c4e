"""Weights of which many are 0, and how many bytes a file of them needs."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import TYPE_CHECKING

from mncost.graph.graph import Graph
from mncost.graph.ops import parameters

if TYPE_CHECKING:
    from mncost.models.weights import Weights

__all__ = ["sparse", "sparse_bytes"]


def sparse(graph: Graph, weights: Weights, share: float) -> Weights:
    """Return weights with a share of each layer's set to 0: those nearest to it.

    Biases, scales and shifts stay.

    Args:
        graph: whose weights they are.
        weights: by name; they are not changed.
        share: of each layer's weights; how many is rounded down.
    """
    if not share:
        return weights
    import numpy as np

    made = dict(weights)
    for name, size in _prunable(graph):
        values = weights[name].copy()
        smallest = np.argsort(abs(values).ravel(), kind="stable")[: int(share * size)]
        values.ravel()[smallest] = 0
        made[name] = values
    return made


def sparse_bytes(graph: Graph, share: float) -> int:
    """Return the bytes of float32 weights without their zeros: a bit says where each one is.

    Biases and other vectors are whole. This is what a file could have; a compressor gets near it.

    Args:
        graph: the network.
        share: of each layer's weights that is 0.
    """
    whole = sum(prod(param.shape) for node in graph.nodes for param in parameters(node.op).values())
    sizes = [size for _, size in _prunable(graph)]
    zeros = sum(int(share * size) for size in sizes)
    places = sum(-(-size // 8) for size in sizes) if share else 0
    return 4 * (whole - zeros) + places


def _prunable(graph: Graph) -> Iterator[tuple[str, int]]:
    """Yield the names and sizes of the weights that may become 0."""
    for node in graph.nodes:
        for leaf, param in parameters(node.op).items():
            if param.role == "weight":
                yield f"{node.name}.{leaf}", prod(param.shape)
