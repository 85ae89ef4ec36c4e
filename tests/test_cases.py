"""Small files that users' questions led to, with the right values and how each was found.

``tests/cases`` holds the files. Where a number is that of a project, it is what the project's own
network of these rows counts.
"""

from __future__ import annotations

from pathlib import Path

import pytest

import mncost
from mncost.errors import InputError
from mncost.graph.ops import Conv
from mncost.spec.build import build
from mncost.spec.catalog import Choice
from mncost.spec.parse import parse_spec
from mncost.spec.resolve import resolve
from mncost.spec.resolved import resolved_file
from tests.networks import Row, toml

CASES = Path(__file__).parent / "cases"

TOTALS = [
    ("fbnet_c", 384_960_160, 5_572_200),  # timm's fbnetc_100, whose blocks with ratio 1 expand
    ("v1_pruned", 371_724_141, 3_187_371),  # torch with these widths
    ("mcunet_320kb", 81_785_520, 737_408),  # the paper: 81.8 M, 0.74 M
    ("efficientnet_b0", 385_814_752, 5_288_548),  # timm's efficientnet_b0
    ("v2_cifar10", 87_976_448, 2_236_682),  # a well-known CIFAR repository, without its shortcuts
    ("v2_cifar10_shortcuts", 91_154_944, 2_296_922),  # with them, and with expansions by 1
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


def test_an_expansion_that_is_left_out_is_said() -> None:
    """FBNet-C without `expand`: the default is V2's, and a note says which rows and what else."""
    text = (CASES / "fbnet_c.toml").read_text(encoding="utf-8")
    said = "rows 2, 4: expansion = 1 makes no expansion convolution, as in MobileNets; expand = tr"
    for expand, notes in (("", 1), ("expand = true, ", 0), ("expand = false, ", 0)):
        spec = parse_spec(text.replace("expand = true, ", expand).encode(), "fbnet_c.toml")
        told = list(Choice(spec).notes(None))
        assert len(told) == notes
        assert all(said in note for note in told)
    assert mncost.grid("all").notes == ()  # the built-in files say it


def test_images_that_are_not_square() -> None:
    """torchvision's V2 on camera frames: height × width, which is not width × height."""
    wide = mncost.load("v2", resolution="224x320")
    assert (wide.macs, wide.inputs) == (429_128_960, {"input": (3, 224, 320)})
    assert (wide.resolution, wide.rho) == ("224x320", None)
    assert mncost.load("v2", resolution="480x640").macs == 1_834_918_400
    assert mncost.load("v2", resolution="224x224").resolution == 224
    mixed = mncost.grid("v2", resolution="192:224,224x320,96")
    assert [network.resolution for network in mixed] == [192, 224, "224x320", 96]


def test_a_file_whose_images_are_not_square() -> None:
    """DS-CNN for keywords: 49 × 10, one channel, a 10 × 4 kernel; SAME leaves 25 × 5."""
    network = mncost.load(str(CASES / "dscnn_s.toml"))
    assert (network.macs, network.params) == (2_656_768, 23_180)
    assert (network.resolution, network.classes) == ("49x10", 12)
    assert network.shapes[1] == (64, 25, 5)


def test_two_numbers_with_a_comma_are_two_images() -> None:
    """They are, and a note says so where somebody might mean one of two sides."""
    networks = mncost.grid("v2", resolution="224,320")
    assert [network.resolution for network in networks] == [224, 320]
    assert networks.notes == ("224,320 are two square images; 224x320 is one, height × width",)
    with pytest.raises(InputError, match=r"needs one network.*; 224x320 is one, height × width"):
        networks.single()
    assert mncost.grid("v2", resolution="192,224").notes == ()  # V2's own


def test_gray_images() -> None:
    """V2 on MNIST: the stem has a third of its weights, and 10 classes; torchvision's 28 px."""
    gray, color = (mncost.load("v2", resolution=28, classes=10, in_channels=n) for n in (1, 3))
    assert color.macs == 5_710_448
    assert color.macs - gray.macs == 2 * 9 * 32 * 14 * 14
    assert color.params - gray.params == 2 * 9 * 32


def test_without_a_classifier() -> None:
    """What timm calls num_classes=0: the pooled features as a vector."""
    whole, headless = mncost.load("v2"), mncost.load("v2", classes=0)
    assert headless.params == whole.params - 1_281_000 == 2_223_872
    assert headless.macs == whole.macs - 1_280_000
    assert headless.shapes[-1] == (1280,)
    assert headless.classes is None
    assert mncost.load("v1", dialect="slim", classes=0).shapes[-1] == (1024,)
    with pytest.raises(InputError, match="no classifier"):
        mncost.load(str(CASES / "e1.toml"), classes=0)


def test_flatten_into_a_linear_layer() -> None:
    """4 × 4 × 64 features at 32 px, four times as many at 64: the weights follow the image."""
    small = mncost.load(str(CASES / "flatten_dense.toml"))
    large = small.at(64)
    assert (small.macs, small.params) == (511_616, 74_634)
    assert large.params - small.params == 3 * 16 * 64 * 64
    assert large.at(32).graph == small.graph
    assert mncost.load(str(CASES / "flatten_dense.toml"), resolution="32x64").shapes[-1] == (10,)


def test_squeezed_channels_that_a_file_states() -> None:
    """9 of 37, as a pruner left them; half of 40, rounded like a width; no ratio beside it."""
    row = {"block": "inverted_residual", "kernel": 3, "expanded": 37, "out": 13}
    assert depthwise_and_squeezed([{**row, "squeezed": 9}], 1.0) == [37, 9, 37]
    assert depthwise_and_squeezed([{**row, "expanded": 80, "squeezed": 40}], 0.5) == [80, 24, 80]
    with pytest.raises(InputError, match="either `se` or `squeezed`, and not both"):
        depthwise_and_squeezed([{**row, "squeezed": 9, "se": 0.25}], 1.0)


def depthwise_and_squeezed(rows: list[Row], alpha: float) -> list[int]:
    """Return the channels that the depthwise and the squeeze-excite's convolutions of rows give."""
    spec = parse_spec(toml(rows), "a test")
    made = resolve(spec, alpha)
    again = resolve(parse_spec(resolved_file(made, 8).encode(), "again"))
    assert build(again) == build(made)
    ops = [node.op for node in build(made).nodes]
    return [op.out_channels for op in ops if isinstance(op, Conv)][1:4]
