"""The matrix product whose speed is taken for the most that a runtime can compute."""

from __future__ import annotations

from mncost.graph.graph import Graph, Node
from mncost.graph.ops import Flatten, Input, Linear

__all__ = ["PRODUCT", "PRODUCT_BATCH", "PRODUCT_MACS"]

_WIDTH = 1024
PRODUCT_BATCH = 2048  # rows

PRODUCT = Graph(
    (
        Node("input", "input", Input(_WIDTH), ()),
        Node("product.flatten", "product", Flatten(), (0,)),
        Node("product.linear", "product", Linear(_WIDTH, _WIDTH, bias=False), (1,)),
    )
)
"""``PRODUCT_BATCH`` images of one pixel and 1024 channels times a 1024 × 1024 matrix."""

PRODUCT_MACS = PRODUCT_BATCH * _WIDTH**2
