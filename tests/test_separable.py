"""The separable twin: by the convolutions that torchvision really builds, and by its inverse."""

from __future__ import annotations

import json

import pytest

import mncost
from mncost.graph.separable import separable
from mncost.graph.twin import standard
from tests.networks import network_of_rows
from tests.test_family_witness import records


@pytest.mark.parametrize("arch", ["resnet-18", "resnet-50", "vgg-11-bn", "densenet-121"])
def test_the_recorded_convolutions_as_pairs(arch: str) -> None:
    """Each recorded k×k convolution costs in · (k² + out) for a pixel instead of in · k² · out."""
    record = json.loads(records()["torchvision", arch, "torchvision"][0])
    macs, split, pixels = 0, 0, 0
    for kind, inputs, outputs, kernel, _, groups, _, height, width, _, cost in record["layers"]:
        if kind == "conv" and kernel > 1 and groups == 1:
            split += 1
            pixels = height * width
            macs += inputs * (kernel**2 + outputs) * pixels
        else:
            macs += cost
    network = mncost.load(arch, dialect="torchvision")
    twin = network.as_twin("separable")
    assert pixels
    assert twin.macs == macs
    assert len(network.pairs_of("separable")) == split


def test_parameters_by_hand() -> None:
    """A depthwise kernel and its batch norm more, one k×k kernel less."""
    rows = [{"block": "conv", "kernel": [5, 3], "out": 32, "stride": 2, "activation": "relu"}]
    network = network_of_rows(rows, 9)
    twin = network.as_twin("separable")
    assert network.params == 3 * 32 * 15 + 64
    assert twin.params == 3 * 15 + 2 * 3 + 3 * 32 + 64
    kinds = ["depthwise", "batch_norm", "pointwise", "batch_norm"]
    assert [layer.kind for layer in twin.layers] == kinds
    (pair,) = network.pairs_of("separable")
    assert (pair.macs, pair.merged.macs) == (25 * (3 * 15 + 3 * 32), network.macs)
    assert pair.macs_share == pair.theoretical_share  # 1/N + 1/k²


@pytest.mark.parametrize("arch", ["resnet-18", "vgg-11", "vgg-11-bn", "alexnet", "densenet-121"])
def test_the_standard_twin_of_the_twin_is_the_network(arch: str) -> None:
    """The other direction: graphs are equal, node by node."""
    graph = mncost.load(arch).graph
    twin = separable(graph).graph
    assert twin != graph
    assert standard(twin).graph == graph


def test_what_is_not_split() -> None:
    """Depthwise, grouped and 1×1 convolutions, and those of one channel, stay."""
    rows = [
        {"block": "conv", "kernel": 1, "out": 8},
        {"block": "depthwise", "kernel": 3},
        {"block": "conv", "kernel": 3, "out": 8, "groups": 2},
    ]
    graph = network_of_rows(rows).graph
    assert separable(graph) == (graph, ())
    one = network_of_rows([{"block": "conv", "kernel": 3, "out": 8}], in_channels=1).graph
    assert separable(one).graph == one
