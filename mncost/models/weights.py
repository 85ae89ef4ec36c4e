"""One seeded set of weights for a graph, shared by every model that is made of it.

They are random, but sensible: He initialisation, batch-norm statistics that fit what arrives there,
and scales, shifts and layer scales far from the identity, so that a model that ignores one of them
computes something else.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, TypeAlias, assert_never

from mncost.graph import ops
from mncost.graph.foreign_op import not_ours
from mncost.graph.graph import Graph, Node
from mncost.graph.ops import Op, Shape, parameters

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
``.running_var``, ``.gamma``, ``.token`` or ``.positions``; the shapes are torch's."""


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
        self.squares.append(_square(node.op, squares))
        self.draw(node, squares[0])

    def draw(self, node: Node, square: float) -> None:
        """Draw the tensors that a node holds; ``square`` is the mean square of what it reads."""
        for leaf, param in parameters(node.op).items():
            name = f"{node.name}.{leaf}"
            if param.role == "weight":
                self.normal(name, param.shape, (_GAIN[node.op.kind] / prod(param.shape[1:])) ** 0.5)
                continue
            match leaf:
                case "bias":
                    self.normal(name, param.shape, 0.1)
                case "token" | "positions":
                    self.normal(name, param.shape, 0.5 * square**0.5)
                case "weight":
                    self.around(name, param.shape, 0.25 if isinstance(node.op, ops.PReLU) else 1.0)
                case "gamma":
                    self.around(name, param.shape, _LAYER_SCALE)
                case "running_mean":
                    self.normal(name, param.shape, 0.1 * square**0.5)
                case "running_var":
                    self.around(name, param.shape, square)
                case _:
                    raise AssertionError(f"{name}: nothing says how it is drawn")

    def normal(self, name: str, shape: Shape, deviation: float) -> None:
        values = self.random.standard_normal(shape, dtype="float32")
        values *= deviation
        self.weights[name] = values

    def around(self, name: str, shape: Shape, value: float) -> None:
        """Draw positive numbers within a half of ``value``."""
        self.weights[name] = (self.random.uniform(0.5, 1.5, shape) * value).astype("float32")


# Variance of a weight times the length of the dot product: 2 before a rectifier (He), 1 after it.
_GAIN = {"conv": 2.0, "depthwise": 2.0, "pointwise": 2.0, "linear": 1.0}


def _square(op: Op, squares: list[float]) -> float:
    """Estimate the mean square of a result from those of what is read."""
    match op:
        case ops.Conv() | ops.Linear():
            return squares[0] * _GAIN[op.kind]
        case ops.BatchNorm():
            return _NORMED
        case ops.L2Norm():
            return _SPREAD  # of what makes it up for the channels: see the layer scale behind it
        case ops.LayerNorm():
            return _SPREAD + 0.1**2
        case ops.Activation() | ops.PReLU():
            return squares[0] * 0.5
        case ops.LayerScale():
            return squares[0] * _LAYER_SCALE**2 * _SPREAD
        case ops.AdaptivePool():
            return squares[0]
        case ops.GlobalPool():
            return squares[0] * 0.32  # E[x]² / E[x²] of a rectified normal distribution
        case ops.Add():
            return squares[0] + squares[1]
        case ops.Scale():
            return squares[0] * 0.25
        case ops.Concat():
            return sum(squares) / len(squares)
        case ops.Positions():
            return squares[0] * 1.25
        case ops.Foreign():
            raise not_ours(op)
        case (
            ops.Input()
            | ops.Flatten()
            | ops.Dropout()
            | ops.Attention()
            | ops.Pool()
            | ops.Slice()
            | ops.Shuffle()
        ) | (
            ops.Resize()
            | ops.MultiHeadAttention()
            | ops.Tokens()
            | ops.ClassToken()
            | ops.Select()
            | ops.Unfold()
            | ops.Fold()
        ):
            return squares[0]
        case _:
            assert_never(op)
