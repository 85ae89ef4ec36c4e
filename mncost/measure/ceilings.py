"""The matrix product whose speed is taken for the most that a runtime can compute."""

from __future__ import annotations

from mncost.graph.graph import Graph, Node
from mncost.graph.ops import Flatten, Input, Linear

__all__ = ["PRODUCT", "PRODUCT_BATCH", "PRODUCT_MACS"]

# Of the squares from 384 to 2048 this was among the fastest on both runtimes.
_WIDTH = PRODUCT_BATCH = 768

PRODUCT = Graph(
    (
        Node("input", "input", Input((_WIDTH, 1, 1)), ()),
        Node("product.flatten", "product", Flatten(), (0,)),
        Node("product.linear", "product", Linear(_WIDTH, _WIDTH, bias=False), (1,)),
    ),
    outputs=(2,),
)
"""768 images (``PRODUCT_BATCH``) of one pixel and 768 channels, times a 768 × 768 matrix."""

PRODUCT_MACS = PRODUCT_BATCH * _WIDTH**2
