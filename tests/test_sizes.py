"""Counts at many sizes of image, which are sums of pixels, beside a walk over the operators."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mncost
from mncost.cost import memory
from mncost.cost.sizes import places_of
from mncost.cost.work import macs_of, work_of
from mncost.errors import GridError, SpecError
from mncost.graph.shapes import infer_shapes
from mncost.network import Network
from mncost.spec.catalog import index
from tests.networks import Row, network_of_rows
from tests.random_rows import PADDINGS, bodies

NOT_SUMS = ("alexnet", "vgg", "vit", "deit", "v4-hybrid", "mobilevit", "ssd")
"""What attends to something, has tokens, or has a weight for each pixel."""
NETWORKS = [name for name in index() if not name.startswith(NOT_SUMS)]


def _walked(network: Network) -> tuple[int, int, str]:
    graph, inputs = network.graph, network.inputs
    shapes = infer_shapes(graph, inputs)
    assert network.shapes == shapes
    pairs = zip(graph.nodes, shapes, strict=True)
    peak = memory.peak(graph, memory.schedule(graph), shapes, network.precision)
    macs = sum(macs_of(work_of(node, shapes, out)) for node, out in pairs)
    return macs, peak.bytes, graph.nodes[peak.node].name


def _told(network: Network) -> tuple[int, int, str]:
    return network.macs, network.peak_activation_bytes, network.peak_layer


def _fits(network: Network, size: tuple[int, int]) -> bool:
    try:
        infer_shapes(network.graph, network.graph.images(*size))
    except (GridError, SpecError):
        return False
    return True


@pytest.mark.parametrize("name", NETWORKS)
def test_every_size_costs_what_the_operators_cost_there(name: str) -> None:
    """MACs, the peak and its layer, of the network and of its standard twin."""
    sizes = random.Random(name)
    first = mncost.load(name)
    assert places_of(first.graph) is not None
    for _ in range(4):
        size = sizes.randint(1, 600), sizes.randint(1, 600)
        if not _fits(first, size):
            with pytest.raises(GridError):
                first.at(*size)
            continue
        for network in (first.at(*size), first.at(*size).standard):
            assert _told(network) == _walked(network)


@given(rows=bodies(), padding=PADDINGS, size=st.tuples(st.integers(1, 90), st.integers(1, 90)))
@settings(deadline=None, max_examples=60)
def test_random_networks_cost_at_every_size_what_their_operators_cost(
    rows: list[Row], padding: str, size: tuple[int, int]
) -> None:
    """Paddings of all kinds, and attention among them, for which nothing is a sum."""
    first = network_of_rows(rows, 64, rules={"padding": padding})
    if not _fits(first, size):
        with pytest.raises((GridError, SpecError)):
            first.at(*size)
        return
    network = first.at(*size)
    assert _told(network) == _walked(network)


def test_sizes_that_only_sometimes_agree_are_refused_where_they_do_not() -> None:
    """A 2x2 convolution and a pool that rounds up have one size for even images only."""
    rows: list[Row] = [
        {"block": "conv", "name": "stem", "kernel": 1, "out": 8},
        {"block": "conv", "name": "left", "from": "stem", "kernel": 2, "stride": 2, "out": 8,
         "padding": "valid"},
        {"block": "conv", "name": "right", "from": "stem", "kernel": 1, "stride": 2, "out": 8},
        {"block": "add", "name": "sum", "from": ["left", "right"]},
    ]  # fmt: skip
    first = network_of_rows(rows, 8)
    assert _told(first.at(12, 20)) == _walked(first.at(12, 20))
    with pytest.raises(SpecError, match="adds"):
        first.at(13)


def test_what_is_in_place_is_no_sum() -> None:
    """There the smaller of two results counts."""
    other = mncost.load("v2", in_place="depthwise").at(97, 130)
    graph, shapes = other.graph, infer_shapes(other.graph, other.inputs)
    peak = memory.peak(graph, memory.schedule(graph), shapes, "fp32", "depthwise")
    assert other.peak_activation_bytes == peak.bytes
