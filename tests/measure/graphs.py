"""A graph that is no MobileNet."""

from __future__ import annotations

from mncost.graph.graph import Graph, Node
from mncost.graph.ops import Activation, Add, Conv, Input

__all__ = ["INPUTS", "two_and_two"]

INPUTS = {"left": (4, 9, 14), "right": (1, 9, 14)}


def two_and_two() -> Graph:
    """Return a graph of two inputs, neither square nor of three channels, and two outputs."""
    tall = Conv(4, 6, (3, 1), (2, 1), bias=True)
    wide = Conv(1, 6, (1, 5), (2, 1), dilation=(1, 2), bias=True)
    return Graph(
        (
            Node("left", "left", Input((4, None, None)), ()),
            Node("right", "right", Input((1, None, None)), ()),
            Node("tall.conv", "tall", tall, (0,)),
            Node("wide.conv", "wide", wide, (1,)),
            Node("sum.add", "sum", Add(), (2, 3)),
            Node("sum.act", "sum", Activation("relu"), (4,)),
            Node("end.conv", "end", Conv(6, 3, (1, 1), bias=True), (5,)),
        ),
        (5, 6),
    )
