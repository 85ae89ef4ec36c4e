"""Small files that users' questions led to, with the right values and how each was found.

``tests/cases`` holds the files. Where a number is that of a project, it is what the project's own
network of these rows counts.
"""

from __future__ import annotations

from pathlib import Path

import pytest

import mncost
from mncost.graph.ops import Conv

CASES = Path(__file__).parent / "cases"

TOTALS = [
    ("fbnet_c", 384_960_160, 5_572_200),  # timm's fbnetc_100, whose blocks with ratio 1 expand
    ("v1_pruned", 371_724_141, 3_187_371),  # torch with these widths
    ("mcunet_320kb", 81_785_520, 737_408),  # the paper: 81.8 M, 0.74 M
    ("efficientnet_b0", 385_814_752, 5_288_548),  # timm's efficientnet_b0
    ("v2_cifar10", 87_976_448, 2_236_682),  # a well-known CIFAR repository, without its shortcuts
]


@pytest.mark.parametrize(("name", "macs", "params"), TOTALS)
def test_totals(name: str, macs: int, params: int) -> None:
    network = mncost.load(str(CASES / f"{name}.toml"))
    assert (network.macs, network.params) == (macs, params)


def depthwise(name: str, alpha: float = 1.0) -> list[int]:
    """Return the channels of each depthwise convolution: the hidden width of each block."""
    ops = [node.op for node in mncost.load(str(CASES / f"{name}.toml"), alpha).graph.nodes]
    return [op.out_channels for op in ops if isinstance(op, Conv) and op.is_depthwise]


def test_stated_widths_are_not_rounded() -> None:
    """6 × 18 by ratio, 108 as stated: both 108, and 3 × 18 channels behind them."""
    network = mncost.load(str(CASES / "odd_width.toml"))
    assert depthwise("odd_width") == [108, 108]
    assert network.layers[-2].out_channels == 54
    assert network.layers[-1].in_channels == 54


def test_a_ratio_of_one() -> None:
    """By default V2's way: no convolution expands nothing; a stated width is one, and uib's is."""
    network = mncost.load(str(CASES / "e1.toml"))
    names = [layer.name for layer in network.layers if layer.name.endswith("expand.conv")]
    assert names == ["row3.expand.conv", "row4.expand.conv"]
