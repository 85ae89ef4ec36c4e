"""One seeded set of weights for a graph, shared by every model that is made of it.

They are random, but sensible: He initialisation, batch-norm statistics that fit what arrives there,
and scales, shifts and layer scales far from the identity, so that a model that ignores one of them
computes something else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from mncost.graph.graph import Graph, Node
from mncost.graph.ops import (
    Activation,
    Add,
    BatchNorm,
    Conv,
    GlobalPool,
    LayerScale,
    Linear,
    Scale,
)

if TYPE_CHECKING:
    import numpy

__all__ = ["Weights", "random_weights"]

# Small, as it is for: at 1 the attention layers amplify rounding errors from one to the next.
_LAYER_SCALE = 0.1

# E[u²] and E[1/u] of a u uniform from 0.5 to 1.5; the mean square that a batch norm then gives.
_SPREAD, _INVERSE = 13 / 12, 1.0986
_NORMED = _SPREAD * _INVERSE * (1 + 0.1**2) + 0.1**2

Weights: TypeAlias = "dict[str, numpy.ndarray]"
"""Float32 arrays by name: the node's name, then ``.weight``, ``.bias``, ``.running_mean``,
``.running_var`` or ``.gamma``; the shapes are torch's."""


def random_weights(graph: Graph, seed: int = 0) -> Weights:
    """Return weights for every node of a graph that has any, in the order of the graph."""
    draw = _Draw(seed)
    for node in graph.nodes:
        draw.node(node)
    return draw.weights


class _Draw:
    """Walks down a graph, draws weights, and estimates the mean square of each tensor."""

    def __init__(self, seed: int) -> None:
        import numpy as np

        self.random = np.random.default_rng(seed)
        self.weights: Weights = {}
        self.squares: list[float] = []

    def node(self, node: Node) -> None:
        squares = [self.squares[source] for source in node.inputs] or [1.0]
        match node.op:
            case Conv() as op:
                fan_in = op.in_channels // op.groups * op.kernel**2
                shape = (op.out_channels, op.in_channels // op.groups, op.kernel, op.kernel)
                squares[0] *= self.affine(node.name, shape, 2 / fan_in, fan_in, bias=op.bias)
            case Linear() as op:
                fan_in = op.in_features
                squares[0] *= self.affine(
                    node.name, (op.out_features, fan_in), 1 / fan_in, fan_in, bias=op.bias
                )
            case BatchNorm() as op:
                self.norm(node.name, op.channels, squares[0])
                squares[0] = _NORMED
            case Activation():
                squares[0] *= 0.5
            case LayerScale() as op:
                self.weights[f"{node.name}.gamma"] = self.around(op.channels, _LAYER_SCALE)
                squares[0] *= _LAYER_SCALE**2 * _SPREAD
            case GlobalPool():
                squares[0] *= 0.32  # E[x]² / E[x²] of a rectified normal distribution
            case Add():
                squares[0] += squares[1]
            case Scale():
                squares[0] *= 0.25
            case _:
                pass
        self.squares.append(squares[0])

    def affine(
        self, name: str, shape: tuple[int, ...], variance: float, fan_in: int, *, bias: bool
    ) -> float:
        """Draw a weight, and a bias; return by how much the mean square grows."""
        self.normal(f"{name}.weight", shape, variance**0.5)
        if bias:
            self.normal(f"{name}.bias", shape[:1], 0.1)
        return variance * fan_in

    def norm(self, name: str, channels: int, square: float) -> None:
        self.weights[f"{name}.weight"] = self.around(channels, 1.0)
        self.normal(f"{name}.bias", (channels,), 0.1)
        self.normal(f"{name}.running_mean", (channels,), 0.1 * square**0.5)
        self.weights[f"{name}.running_var"] = self.around(channels, square)

    def normal(self, name: str, shape: tuple[int, ...], deviation: float) -> None:
        values = self.random.standard_normal(shape, dtype="float32")
        values *= deviation
        self.weights[name] = values

    def around(self, size: int, value: float) -> numpy.ndarray:
        """Draw positive numbers within a half of ``value``."""
        return (self.random.uniform(0.5, 1.5, size) * value).astype("float32")
