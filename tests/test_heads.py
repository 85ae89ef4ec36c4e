"""Heads on backbones: what papers print, what is equal however it is written, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

import mncost
from mncost.errors import InputError, SpecError
from mncost.spec.finding import find
from mncost.spec.heads import heads

MILLION, BILLION = 10**6, 10**9
HEAD = """
name = "mine"
resolution = 96
outputs = ["mask"]
rules = { classes = 3 }
defaults = { batch_norm = false }
rows = [{ block = "conv", kernel = 1, out = "classes", from = "fine", name = "mask" }]
[features]
fine = { stride = 8, take = "last" }
"""


@pytest.mark.parametrize(("arch", "macs", "params"), [("v1", 1.3, 5.1), ("v2", 0.8, 4.3)])
def test_ssdlite_of_the_paper(arch: str, macs: float, params: float) -> None:
    """MobileNetV2's Table 6 (arXiv:1801.04381): 1.3 and 0.8 billion, 5.1 and 4.3 million."""
    network = mncost.load(f"{arch}+ssdlite")
    assert (round(network.macs / BILLION, 1), round(network.params / MILLION, 1)) == (macs, params)
    assert (network.resolution, network.classes) == (320, 81)
    # Boxes and scores of the same anchors: 3 for each pixel of the first, 6 of the others.
    sides = 20, 10, 5, 3, 2, 1
    anchors = sum((3 if side == 20 else 6) * side**2 for side in sides)
    shapes = [network.shapes[index] for index in network.graph.outputs]
    assert shapes == [(anchors, 4), (anchors, 81)]


def test_ssd_and_ssdlite_beside_each_other() -> None:
    """Its Table 5: 14.8 and 2.1 million parameters beside those of V2."""
    backbone = mncost.load("v2", classes=0).params
    printed = {"ssd": 14.8, "ssdlite": 2.1}
    ours = {name: mncost.load(f"v2+{name}").params - backbone for name in printed}
    assert {name: round(count / MILLION, 1) for name, count in ours.items()} == printed


def test_the_head_replaces_the_classifier_only() -> None:
    """What stands before it has the weights of the backbone, in every dialect and at every α."""
    for arch, dialect, alpha in (("v2", "keras", 0.35), ("v3-small", "torchvision", 0.75)):
        alone = mncost.load(arch, alpha, 320, dialect)
        headed = mncost.load(f"{arch}+ssdlite", alpha, 320, dialect)
        before = [layer for layer in alone.layers if not layer.name.startswith(("head", "class"))]
        assert len(before) > 20
        assert [*headed.layers][: len(before)] == before


def test_a_head_of_ones_own(tmp_path: Path) -> None:
    """40 channels at stride 8 of V3-Large; rows behind that are not needed are left out."""
    (tmp_path / "mine.toml").write_text(HEAD)
    network = mncost.load(f"v3-large+{tmp_path / 'mine.toml'}")
    assert (network.arch, network.classes) == ("v3-large+mine", 3)
    assert network.layers[-1].macs == 12 * 12 * 40 * 3
    assert [network.shapes[index] for index in network.graph.outputs] == [(3, 12, 12)]
    assert "row8" not in {layer.block for layer in network.layers}
    own = tmp_path / "net.toml"
    own.write_text(
        'name = "net"\nresolution = 96\n'
        'rows = [{ block = "conv", kernel = 3, out = 4, stride = 8 },'
        ' { block = "pool" }, { block = "linear", out = "classes" }]'
    )
    assert mncost.load(f"{own}+{tmp_path / 'mine.toml'}").macs == 144 * (27 * 4 + 4 * 3)


def test_names_of_torchvision() -> None:
    (choice,) = find("deeplabv3_mobilenet_v3_large")
    assert (choice.spec.name, choice.dialect) == ("v3-large+deeplabv3", "torchvision")
    same = mncost.load("mobilenet_v3_large+deeplabv3", output_stride=16)
    assert same.graph == mncost.load("deeplabv3_mobilenet_v3_large").graph
    assert mncost.load("DeepLabV3_ResNet101").params == 58_630_997  # torchvision's, without aux


@pytest.mark.parametrize(
    ("arch", "alpha", "macs", "params"),
    [
        ("reduced-v3-large", 1.0, 182_302_720, 2_569_352),
        ("reduced-v3-large", 0.75, 120_930_824, 1_620_728),
        ("reduced-v3-small", 1.0, 43_763_584, 1_099_672),
        ("reduced-v3-small", 0.75, 32_022_280, 752_848),
    ],
)
def test_reduced_tails(arch: str, alpha: float, macs: int, params: int) -> None:
    """torchvision 0.28: MobileNetV3(*_mobilenet_v3_conf(..., alpha, reduced_tail=True))."""
    network = mncost.load(arch, alpha, dialect="torchvision")
    assert (network.macs, network.params) == (macs, params)


def test_table_7_of_v3() -> None:
    """What R-ASPP adds to V3-Large's 960 channels, by hand, and what its row 6 halves."""
    whole, backbone = (mncost.load(f"v3-large{head}", classes=19) for head in ("+raspp", "+lraspp"))
    joined = 2 * 960 * 256 + 512 * 256 + 3 * 2 * 256 + 257 * 19  # two branches, their sum, classes
    lite = 2 * 960 * 128 + 2 * 128 + (128 + 40 + 2) * 19
    assert whole.params - backbone.params == joined - lite
    pixels = 64 * 128
    larger = backbone.at(1024, 2048)
    ours = (960 * 256 + 512 * 256 + 256 * 19) * pixels + 960 * 256
    theirs = (960 * 128 + 4 * (128 + 40) * 19) * pixels + 960 * 128
    assert whole.macs - larger.macs == ours - theirs
    half, full = (mncost.load("reduced-v3-large", dialect=name) for name in ("rf2", "paper"))
    convolutions = 336 * (112 + 25 + 80 + 2 * 2)  # 5×5, and two batch norms
    # 672 // 4 = 168 squeezed channels, and 84 rounded to 88 of the half
    squeezed = (2 * 672 * 168 + 672 + 168) - (2 * 336 * 88 + 336 + 88)
    assert full.params - half.params == convolutions + squeezed


@pytest.mark.parametrize(
    ("arch", "said"),
    [
        ("v2+ssdlit", r"unknown head 'ssdlit' \(did you mean 'ssdlite'\?\); accepted: deeplabv3"),
        ("vit-b-16+ssd", "vit-b-16 has tokens, and a head reads images"),
        ("ssdlite-v3-large+ssd", "ssdlite-v3-large has a head of its own"),
        ("ds-cnn-s+ssd", "no features at a stride of 16; it has: 2"),
        ("shufflenet-v2-1.0+fcn", "shuffle_v2 has none; --output-stride 32 keeps the strides"),
        ("v2+tests/tiny.toml", "no head: the key 'features' is missing"),
        ("v2+", "unknown head ''"),
        ("+ssd", "unknown architecture ''"),
    ],
)
def test_refused(arch: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        mncost.load(arch)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "stride = 8,",
            "strid = 8,",
            r"features.fine: unknown key 'strid' \(did you mean 'stride'",
        ),
        (
            "stride = 8,",
            "stride = 3,",
            "features.fine: v2 has no features at a stride of 3; it has: 2",
        ),
        ('"fine", name', '"fin", name', "there is no row 'fin'"),
        ('"last"', '"final"', "features.fine: unknown take 'final'"),
        ("kernel = 1,", "kernal = 1,", "unknown key 'kernal'"),
    ],
)
def test_bad_heads(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in HEAD
    path = tmp_path / "mine.toml"
    path.write_text(HEAD.replace(old, new))
    with pytest.raises(SpecError, match=said) as error:
        mncost.load(f"v2+{path}")
    assert "\n" not in str(error.value)


def test_a_head_that_was_changed_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(HEAD)
    before = mncost.load(f"v2+{path}").params
    assert "kernel = 1," in HEAD
    path.write_text(HEAD.replace("kernel = 1,", "kernel = 3,", 1))
    assert mncost.load(f"v2+{path}").params > before


def test_every_head_stands_on_every_mobilenet() -> None:
    """And is counted at two α."""
    for head in heads():
        for arch in ("v1", "v2", "v3-small", "v4-conv-s", "v4-hybrid-m"):
            half, whole = (mncost.load(f"{arch}+{head}", alpha) for alpha in (0.5, 1.0))
            assert half.macs < whole.macs
