"""``import mncost``: one network, a grid of them, their names, and what cannot be used."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

import mncost
from mncost import errors
from mncost.graph.shapes import infer_shapes
from mncost.published.figures import Figure, read_published
from mncost.spec.catalog import families, groups, networks
from tests.networks import EVERY_DIALECT, MOBILENETS, Row, toml

# ------------------------------------------------------------------------------------------- names


def test_public_names() -> None:
    """What ``from mncost import *`` gives, and that it is all there."""
    expected = [
        *("Baseline", "Comparison", "Effort", "Explanation", "Grid", "InputError", "MncostError"),
        *(
            "ModelChanges",
            "Network",
            "Outcome",
            "Pick",
            "Picked",
            "Picture",
            "Prediction",
            "Predictions",
        ),
        *("Predictor", "Pruned", "Results", "Search", "Space", "Survey", "Table", "Verdicts"),
        *("Verification", "Where", "Which", "__version__", "bench", "check", "compare"),
        *(
            "diff_models",
            "explain",
            "from_onnx",
            "from_torch",
            "grid",
            "load",
            "pick",
            "plot",
            "prune",
            "read_space",
        ),
        *("search", "verify"),
    ]
    assert sorted(mncost.__all__) == expected
    assert all(hasattr(mncost, name) for name in mncost.__all__)


def test_version() -> None:
    """The version of the code is that of the installed package."""
    assert mncost.__version__ == version("mncost")


def test_families_and_groups() -> None:
    """The canonical names, in the papers' order, and the groups that stand for several."""
    v3 = ["v3-large", "v3-small", "v3-large-minimalistic", "v3-small-minimalistic"]
    v4 = ["v4-conv-s", "v4-conv-m", "v4-conv-l", "v4-hybrid-m", "v4-hybrid-l"]
    mobilenets = ["v1", "v2", *v3, *v4]
    assert networks()[:11] == (*mobilenets,)
    assert list(families().values())[:4] == [("v1",), ("v2",), (*v3,), (*v4,)]
    own = {name: groups()[name] for name in ("v3", "v4", "mobilenets", "all")}
    assert own == {"v3": v3, "v4": v4, "mobilenets": mobilenets, "all": [*networks()]}


DIALECTS = {
    "v1": {"paper", "timm", "slim", "keras"},
    "v2": {"paper", "torchvision", "timm", "slim", "slim-plain", "keras"},
    "v3-large": {"paper", "torchvision", "timm", "timm-tf", "slim", "slim-finegrain", "keras"},
    "v3-small": {"paper", "torchvision", "timm", "timm-tf", "slim", "slim-finegrain", "keras"},
    "v3-large-minimalistic": {"paper", "timm", "slim", "slim-finegrain", "keras"},
    "v3-small-minimalistic": {"paper", "timm", "slim", "slim-finegrain", "keras"},
    "v4-conv-s": {"paper", "timm"},
    "v4-conv-m": {"paper", "timm"},
    "v4-conv-l": {"paper", "timm"},
    "v4-hybrid-m": {"paper", "timm"},
    "v4-hybrid-l": {"paper", "timm"},
}


def test_dialects() -> None:
    """Which project has which family: torchvision no V1 and V4, slim and Keras no V4."""
    found = {arch: {d for a, d in EVERY_DIALECT if a == arch} for arch in MOBILENETS}
    assert found == DIALECTS


@pytest.mark.parametrize(("arch", "dialect"), EVERY_DIALECT)
def test_classes_of_a_dialect(arch: str, dialect: str) -> None:
    """TF-slim's checkpoints have 1001 classes, all others 1000; ``classes`` changes either."""
    network = mncost.load(arch, dialect=dialect)
    assert network.classes == (1001 if dialect.startswith("slim") else 1000)
    assert network.shapes[-1][0] == network.classes
    ten = mncost.load(arch, dialect=dialect, classes=10)
    width = network.layers[-1].in_channels
    assert network.params - ten.params == (network.classes - 10) * (width + 1)
    assert network.macs - ten.macs == (network.classes - 10) * width


# --------------------------------------------------------------------------------- checkpoint names

CHECKPOINTS = {
    # TF-slim
    "mobilenet_v1_1.0_224": ("v1", 1.0, 224, "paper"),
    "MobileNet_v1_0.50_160": ("v1", 0.5, 160, "paper"),
    "mobilenet_v1_0.25_128_quant": ("v1", 0.25, 128, "paper"),
    "mobilenet_v2_0.75_160": ("v2", 0.75, 160, "paper"),
    "mobilenet_v2_1.4_224": ("v2", 1.4, 224, "paper"),
    "mobilenet_v2_0.35_96": ("v2", 0.35, 96, "paper"),
    "v3-large_224_1.0_float": ("v3-large", 1.0, 224, "paper"),
    "v3-large_224_0.75_float": ("v3-large", 0.75, 224, "paper"),
    "v3-small_224_0.75_float": ("v3-small", 0.75, 224, "paper"),
    "v3-large-minimalistic_224_1.0_float": ("v3-large-minimalistic", 1.0, 224, "paper"),
    "v3-small-minimalistic_224_1.0_float": ("v3-small-minimalistic", 1.0, 224, "paper"),
    # Keras
    "mobilenet_v3_large_1.0_224": ("v3-large", 1.0, 224, "paper"),
    "mobilenet_v3_small_0.75_224": ("v3-small", 0.75, 224, "paper"),
    "mobilenet_v3_large_minimalistic_1.0_224": ("v3-large-minimalistic", 1.0, 224, "paper"),
    "mobilenet_v3_small_minimalistic_1.0_224": ("v3-small-minimalistic", 1.0, 224, "paper"),
    # torchvision
    "mobilenet_v2": ("v2", 1.0, 224, "torchvision"),
    "mobilenet_v3_large": ("v3-large", 1.0, 224, "torchvision"),
    "mobilenet_v3_small": ("v3-small", 1.0, 224, "torchvision"),
    # timm
    "mobilenetv1_100": ("v1", 1.0, 224, "timm"),
    "mobilenetv1_125.ra4_e3600_r224_in1k": ("v1", 1.25, 224, "timm"),
    "mobilenetv2_050.lamb_in1k": ("v2", 0.5, 224, "timm"),
    "mobilenetv2_140": ("v2", 1.4, 224, "timm"),
    "mobilenetv3_large_100.miil_in21k_ft_in1k": ("v3-large", 1.0, 224, "timm"),
    "mobilenetv3_small_075.lamb_in1k": ("v3-small", 0.75, 224, "timm"),
    "tf_mobilenetv3_large_075.in1k": ("v3-large", 0.75, 224, "timm-tf"),
    "tf_mobilenetv3_small_minimal_100.in1k": ("v3-small-minimalistic", 1.0, 224, "timm"),
    "tf_mobilenetv3_large_minimal_100": ("v3-large-minimalistic", 1.0, 224, "timm"),
    "mobilenetv4_conv_small.e2400_r224_in1k": ("v4-conv-s", 1.0, 224, "timm"),
    "mobilenetv4_conv_small_035": ("v4-conv-s", 0.35, 224, "timm"),
    "mobilenetv4_conv_medium.e500_r256_in1k": ("v4-conv-m", 1.0, 256, "timm"),
    "mobilenetv4_conv_large.e600_r384_in1k": ("v4-conv-l", 1.0, 384, "timm"),
    "mobilenetv4_hybrid_medium.ix_e550_r256_in1k": ("v4-hybrid-m", 1.0, 256, "timm"),
    "mobilenetv4_hybrid_large.ix_e600_r384_in1k": ("v4-hybrid-l", 1.0, 384, "timm"),
}


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_checkpoint_name(name: str) -> None:
    """The network that a project's own name for a checkpoint stands for."""
    network = mncost.load(name)
    found = network.arch, network.alpha, network.resolution, network.dialect
    assert found == CHECKPOINTS[name]


IMPLIED = {  # resolution, classes
    "mobilenetv4_conv_large.e500_r256_in1k": (256, 1000),  # native 384; the model card: 2.9 GMACs
    "timm/mobilenetv4_conv_medium.e250_r384_in12k": (384, 11_821),
    "mobilenetv4_conv_medium.e250_r384_in12k_ft_in1k": (384, 1000),
    "mobilenetv3_large_100.miil_in21k": (224, 11_221),
    "mobilenetv3_large_100.miil_in21k_ft_in1k": (224, 1000),
    "mobilenetv4_hybrid_medium_075": (224, 1000),  # timm's default_cfgs
    "mobilenetv4_hybrid_large_075": (256, 1000),
    # timm's default_cfgs: the side behind the data sets; Google's 21,843 classes, Meta's 21,841.
    "convnext_tiny.in12k_ft_in1k_384": (384, 1000),
    "convnext_base.fb_in22k_ft_in1k_384": (384, 1000),
    "convnext_base.fb_in22k": (224, 21_841),
    "vit_base_patch16_224.augreg_in21k": (224, 21_843),
    "vit_base_patch16_224.mae": (224, None),
    "vit_base_patch32_224.orig_in21k": (224, None),
    "tf_efficientnet_lite3.in1k": (300, 1000),
    "efficientnet_lite4": (380, 1000),
    "mobilenet_v2_1.4_224": (224, 1001),  # TF-slim and Hugging Face: with a class for background
    "google/mobilenet_v1_0.75_192": (192, 1001),
    "mobilenet_v3_large_1.0_224": (224, 1000),  # Keras
}


@pytest.mark.parametrize("name", IMPLIED)
def test_what_a_checkpoint_name_implies(name: str) -> None:
    network = mncost.load(name)
    assert (network.resolution, network.classes) == IMPLIED[name]


def test_totals_of_checkpoints() -> None:
    """What timm counts for the model card, and TF-slim's checkpoint with its 1,001 classes."""
    assert mncost.load("mobilenetv4_conv_large.e500_r256_in1k").macs == 2_835_269_632
    slim = mncost.load("mobilenet_v2_1.4_224")
    assert (slim.macs, slim.params) == (582_197_616, 6_110_569)


SAID = {
    "mobilenetv4_conv_large.e500_r256_in1k": "v4-conv-l, dialect timm, 256 px",
    "mobilenet_v2_1.4_224": "v2, α 1.4, 224 px, 1,001 classes",
    "mobilenetv3_large_100.ra_in1k": "v3-large, dialect timm, α 1",
}


@pytest.mark.parametrize("name", SAID)
def test_what_a_name_implies_is_said_in_one_note(name: str) -> None:
    """The dialect, α, the resolution and the classes, as far as they follow from it."""
    assert mncost.grid(name).notes == (f"{name}: {SAID[name]}, as its name implies",)


@pytest.mark.parametrize(
    ("name", "macs", "resolution"),
    [
        ("keras/ResNet50", 3_857_973_248, 224),  # keras.applications: strides on the first 1×1
        ("timm/resnet50", 4_089_184_256, 224),
        ("torchvision/resnet50", 4_089_184_256, 224),
        ("torchvision/efficientnet_b2", 1_087_529_456, 288),
        ("timm/efficientnet_b2", 993_561_872, 260),
        ("timm/tf_efficientnet_b0", 385_814_752, 224),
    ],
)
def test_the_owner_of_a_checkpoint_decides_the_dialect(
    name: str, macs: int, resolution: int
) -> None:
    network = mncost.load(name)
    assert (network.macs, network.resolution) == (macs, resolution)
    assert str(network.dialect).startswith(name.partition("/")[0])


def test_a_size_that_only_the_project_knows_is_said_to_be_its_default() -> None:
    """No size stands in these names: torchvision's weights say 288 px, timm's configuration 224."""
    (said,) = mncost.grid("efficientnet_b2").notes
    assert said.endswith("as its name implies; 288 px is torchvision's default")
    (said,) = mncost.grid("efficientnet_b1.ft_in1k").notes
    assert said.endswith("as its name implies; 224 px is timm's default")
    assert "px" not in mncost.grid("efficientnet_b2", resolution=224).notes[0]


def test_what_is_asked_for_is_not_implied() -> None:
    assert "classes" not in mncost.grid("mobilenet_v2_1.4_224", classes=10).notes[0]
    assert mncost.grid("v2").notes == ()


def test_what_contradicts_a_name_is_an_error() -> None:
    with pytest.raises(errors.GridError, match="256"):
        mncost.load("mobilenetv4_conv_large.e500_r256_in1k", resolution=384)
    with pytest.raises(errors.GridError, match="11,821"):
        mncost.load("mobilenetv4_conv_medium.e250_r384_in12k", classes=1000)
    assert mncost.load("mobilenetv4_hybrid_large_075", resolution=384).resolution == 384
    assert mncost.load("mobilenetv2_050", classes=10).classes == 10


def published_checkpoints() -> list[Figure]:
    """Return the published rows whose variant is a checkpoint's name."""
    starts = ("mobilenet_v", "mobilenetv", "tf_mobilenetv")
    return [
        figure
        for figure in read_published()
        if figure.arch and figure.variant.lower().startswith(starts) and " " not in figure.variant
        if figure.variant not in ("MobileNetV1", "MobileNetV2")
    ]


def test_published_checkpoint_names() -> None:
    """Every checkpoint of the published tables: its row says which network and α it is."""
    figures = published_checkpoints()
    assert len({figure.variant for figure in figures}) > 60
    for figure in figures:
        network = mncost.load(figure.variant)
        assert network.arch == figure.arch, figure.variant
        assert network.alpha == float(figure.alpha), figure.variant
        assert network.dialect == (figure.dialect or "paper"), figure.variant


@pytest.mark.parametrize(
    "name",
    [
        "mobilenetv1_100h",  # another head
        "mobilenetv2_110d",  # deeper
        "mobilenetv2_120d",
        "mobilenetv3_rw.rmsp_in1k",  # other squeeze-excite widths
        "mobilenetv3_large_150d",
        "mobilenetv4_conv_aa_large",  # anti-aliased
        "mobilenetv4_conv_blur_medium",
        "mobilenet_edgetpu_v2_xxs",
        "mobilenet_v2_1.0_224x",
        "mobilenet_v5_1.0_224",
    ],
)
def test_other_networks_are_not_taken_for_ours(name: str) -> None:
    """A checkpoint that is built otherwise, or by nobody, is no architecture of ours."""
    with pytest.raises(errors.UnknownNameError, match="unknown architecture"):
        mncost.load(name)


def test_a_checkpoint_says_alpha_and_resolution_itself() -> None:
    """What the name says cannot be said again; what it leaves open can."""
    with pytest.raises(errors.GridError, match=r"0\.75"):
        mncost.load("mobilenet_v2_0.75_160", alpha=0.5)
    with pytest.raises(errors.GridError, match="160"):
        mncost.load("mobilenet_v2_0.75_160", resolution=224)
    assert mncost.load("mobilenetv2_050", resolution=96).resolution == 96
    assert mncost.load("mobilenet_v2", alpha=0.5, dialect="keras").dialect == "keras"


# -------------------------------------------------------------------------------------------- load


def test_load_defaults() -> None:
    """α 1.0, the native resolution, the paper's network, fp32."""
    network = mncost.load("v4-conv-m")
    assert (network.alpha, network.resolution, network.rho) == (1.0, 256, 1.0)
    assert (network.dialect, network.precision, network.twin) == ("paper", "fp32", None)
    assert "v4-conv-m" in repr(network)
    assert "twin='standard'" in repr(network.standard)


def test_load_a_file(tmp_path: Path) -> None:
    """A user's own file and its dialect, on 2 × 2 pixels: worked out by hand."""
    rows: list[Row] = [
        {"block": "conv", "kernel": 3, "out": 8},
        {"block": "pool"},
        {"block": "linear", "out": "classes"},
    ]
    path = tmp_path / "my_net.toml"
    path.write_bytes(toml(rows, dialects={"mine": {"rules": {"classes": 7}}}))
    network = mncost.load(str(path), resolution=2, dialect="mine")
    assert (network.arch, network.dialect, network.classes) == ("tiny", "mine", 7)
    assert network.macs == 3 * 9 * 8 * 4 + 8 * 7
    assert network.params == 3 * 9 * 8 + 2 * 8 + 8 * 7 + 7
    assert mncost.load(str(path)).classes == 1000


def test_an_image_smaller_than_the_total_stride() -> None:
    """V2 on MNIST ends at 1×1, as in torchvision, which has these MACs."""
    assert mncost.load("v2", resolution=28, classes=10).macs == 5_710_448
    assert mncost.load("v2", resolution=1).shapes[-1] == (1000,)


def test_an_image_of_which_nothing_would_be_left(tmp_path: Path) -> None:
    """Without padding a 3×3 kernel needs three pixels."""
    path = tmp_path / "valid.toml"
    path.write_bytes(toml([{"block": "conv", "kernel": 3, "out": 8, "padding": "valid"}]))
    assert mncost.load(str(path), resolution=3).shapes[-1] == (8, 1, 1)
    with pytest.raises(errors.GridError, match=r"row1\.conv .* gets 2×2 pixels"):
        mncost.load(str(path), resolution=2)


# -------------------------------------------------------------------------------------------- grid


def cells(found: mncost.Grid) -> list[tuple[str, float | None, int | str | None]]:
    """Return architecture, α and resolution of each network."""
    return [(network.arch, network.alpha, network.resolution) for network in found]


def test_grid_of_published_values() -> None:
    """A range picks the published α and resolutions: V1's four by four, TF-slim's checkpoints."""
    found = mncost.grid("v1", "0.25:1.0", "128:224")
    alphas, sizes = (0.25, 0.5, 0.75, 1.0), (128, 160, 192, 224)
    assert cells(found) == [("v1", alpha, size) for alpha in alphas for size in sizes]
    assert found.notes == ()


def test_grid_is_a_sequence() -> None:
    """Length, index, slice, iteration."""
    found = mncost.grid("v2", [0.5, 1.0], [96, 224])
    assert len(found) == 4
    assert found[0] is next(iter(found))
    assert [network.resolution for network in found[1:3]] == [224, 96]
    assert found[-1].alpha == 1.0


def test_grid_of_ratios() -> None:
    """ρ is a ratio of each family's own resolution: half of 224 is 112, of 256 it is 128."""
    assert cells(mncost.grid("v2,v4-conv-m", rho=0.5)) == [
        ("v2", 1.0, 112),
        ("v4-conv-m", 1.0, 128),
    ]
    assert [n.resolution for n in mncost.grid("v1", rho="0.6:1.0")] == [160, 192, 224]


def test_stepped_alphas_are_clean() -> None:
    """0.35:1.0:0.05 is fourteen decimals without float dust, the ends included."""
    found = mncost.grid("v2", "0.35:1.0:0.05")
    assert [network.alpha for network in found] == [n / 100 for n in range(35, 101, 5)]


def test_collapsed_alphas_are_noted() -> None:
    """0.35 and 0.36 round to [16, 8, 8, 16, 24, 32, 56, 112], worked out by hand; 0.5 does not."""
    found = mncost.grid("v2", [0.35, 0.36, 0.5])
    (note,) = found.notes
    assert "0.35, 0.36" in note
    assert "0.5" not in note
    assert found[0].macs == found[1].macs < found[2].macs
    assert mncost.grid("v2", [0.35, 0.5]).notes == ()


def test_what_has_no_published_alpha_is_left_out() -> None:
    """V4 is published at 1.0 only: a range below leaves it out, and a note says so."""
    found = mncost.grid("v1,v4-conv-s", "0.25:0.5")
    assert [network.arch for network in found] == ["v1", "v1"]
    (note,) = found.notes
    assert note.startswith("left out: v4-conv-s")
    assert "1.0" in note
    with pytest.raises(errors.NothingPublishedError, match="v4-conv-s"):
        mncost.grid("v4-conv-s", "0.25:0.5")


def test_group_is_its_members() -> None:
    """``v3`` is four families; a name given twice counts once."""
    assert [network.arch for network in mncost.grid("v3")] == groups()["v3"]
    assert len(mncost.grid("v3,v3-large,v3-small")) == 4


def test_precision_is_for_bytes_only() -> None:
    """fp16 halves fp32's bytes; counts stay."""
    full, half = mncost.load("v2"), mncost.load("v2", precision="fp16")
    assert full.weight_bytes == 2 * half.weight_bytes
    assert full.peak_activation_bytes == 2 * half.peak_activation_bytes
    assert (full.macs, full.params) == (half.macs, half.params)


# ------------------------------------------------------------------------------------------ frames

TABLE_COLUMNS = [
    "arch", "dialect", "alpha", "resolution", "macs", "params", "standard_macs", "standard_params",
    "macs_ratio", "params_ratio", "weight_bytes", "peak_activation_bytes",
]  # fmt: skip
LAYER_COLUMNS = [
    "name", "block", "kind", "in_channels", "out_channels", "kernel", "stride", "groups",
    "out_height", "out_width", "bias", "params", "macs", "bytes_read", "bytes_written", "intensity",
]  # fmt: skip


def test_grid_frame() -> None:
    """One row a network; the promised columns; counts are integers, ratios standard / separable."""
    pytest.importorskip("pandas")
    frame = mncost.grid("v1", "0.5:1.0").to_frame()
    assert set(TABLE_COLUMNS) <= set(frame.columns)
    assert list(frame["alpha"]) == [0.5, 0.75, 1.0]
    whole = ["resolution", "macs", "params", "standard_macs", "weight_bytes"]
    assert {str(frame[name].dtype) for name in whole} == {"int64"}
    assert {str(frame[name].dtype) for name in ("alpha", "macs_ratio")} == {"float64"}
    assert frame["macs"].iloc[-1] == 568_740_352
    assert round(frame["macs_ratio"].iloc[-1], 2) == 8.56  # 4867.29 / 568.74, V1 paper, Table 4
    assert round(frame["params_ratio"].iloc[-1], 2) == 6.92  # 29.294 / 4.232


def test_layers_frame() -> None:
    """One row a layer; the promised columns; kernels stay integers beside those that have none."""
    pytest.importorskip("pandas")
    network = mncost.load("v4-hybrid-m")
    frame = network.to_frame()
    assert set(LAYER_COLUMNS) <= set(frame.columns)
    assert len(frame) == len(network.layers)
    for name in ("kernel", "stride", "groups"):
        assert str(frame[name].dtype) == "Int64"
        assert frame[name].isna().sum() == sum(layer.kernel is None for layer in network.layers)
    assert {str(frame[name].dtype) for name in ("params", "macs", "bytes_read")} == {"int64"}
    assert str(frame["bias"].dtype) == "bool"
    assert frame["macs"].sum() == network.macs
    assert frame["params"].sum() == network.params


# ------------------------------------------------------------------------------------------ errors


@pytest.mark.parametrize(
    ("kind", "keys"),
    [
        (errors.UnknownNameError, {"arch": "v9"}),
        (errors.UnknownNameError, {"arch": ""}),
        (errors.InputError, {"arch": "v3"}),  # a group is not one network
        (errors.UnknownNameError, {"arch": "v2", "dialect": "kerras"}),
        (errors.UnknownNameError, {"arch": "v1", "dialect": "torchvision"}),
        (errors.UnknownNameError, {"arch": "v2", "precision": "int4"}),
        (errors.SpecError, {"arch": "no_such_file.toml"}),
        (errors.GridError, {"arch": "v2", "alpha": 0}),
        (errors.GridError, {"arch": "v2", "alpha": -1.0}),
        (errors.GridError, {"arch": "v2", "alpha": math.nan}),
        (errors.GridError, {"arch": "v2", "alpha": math.inf}),
        (errors.GridError, {"arch": "v2", "alpha": 17.0}),
        (errors.GridError, {"arch": "v2", "resolution": 0}),
        (errors.GridError, {"arch": "v2", "resolution": 10**6}),
        (errors.GridError, {"arch": "v2", "resolution": 224.5}),
        (errors.GridError, {"arch": "v2", "classes": -1}),
        (errors.GridError, {"arch": "v2", "classes": 10**7}),
    ],
    ids=str,
)
def test_errors_of_load(kind: type[Exception], keys: dict[str, object]) -> None:
    """What cannot be used raises its documented error: one line, and an InputError."""
    with pytest.raises(kind) as caught:
        mncost.load(**keys)  # type: ignore[arg-type]
    assert isinstance(caught.value, mncost.InputError)
    assert isinstance(caught.value, mncost.MncostError)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("given", ["1.0:0.5", "0.5:1.0:0", "a", "", ",", "0.5:", "1:2:3:4", "0:1"])
def test_errors_of_an_axis(given: str) -> None:
    """What the grammar does not know is a GridError, for α, resolution and ρ alike."""
    for axis in ("alpha", "resolution", "rho"):
        with pytest.raises(errors.GridError):
            mncost.grid("v2", **{axis: given})  # type: ignore[arg-type]


def test_resolution_and_rho_exclude_each_other() -> None:
    """Both at once is an error, whatever they are."""
    with pytest.raises(errors.GridError, match="both"):
        mncost.grid("v2", resolution=224, rho=1.0)


def test_a_grid_has_a_limit() -> None:
    """A grid that would take for ever is refused before it is built."""
    with pytest.raises(errors.GridError, match="50,000 blocks"):
        mncost.grid("all", "0.01:16:0.01", "32:1024:1")


def test_nothing_heavy_is_imported() -> None:
    """Counting a grid and its twins needs no torch, onnx, numpy, pandas or scipy: sys.modules."""
    script = (
        "import sys, mncost\n"
        "for net in mncost.grid('mobilenets', '0.35:1.0', rho='0.4:1.0'): net.standard.macs\n"
        "heavy = {'torch', 'onnx', 'onnxruntime', 'numpy', 'pandas', 'scipy', 'rich', 'typer'}\n"
        "sys.exit(', '.join(heavy & set(sys.modules)) or None)\n"
    )
    run = [sys.executable, "-c", script]
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.strip()) == (0, "")


# ------------------------------------------------------------------------- results show themselves


def test_a_network_prints_its_layers() -> None:
    text = str(mncost.load("v2"))
    title, *rows = text.splitlines()
    assert "300,774,272 MACs" in title
    names = [row.split()[0] for row in rows]
    assert names[names.index("stem.conv") :][:3] == [
        "stem.conv",
        "row2.depthwise.conv",
        "row2.project.conv",
    ]


def test_a_grid_prints_its_networks_and_says_what_it_is() -> None:
    grid = mncost.grid(["v1", "v2"])
    assert repr(grid).startswith("<mncost.Grid of 2 networks: v1 ")
    assert [line.split()[:3] for line in str(grid).splitlines()[-2:]] == [
        ["v1", "1.0", "224"],
        ["v2", "1.0", "224"],
    ]


@pytest.mark.parametrize(
    "result",
    [
        lambda net: net,
        lambda net: mncost.grid("v2", alpha="0.35:1.0"),
        mncost.explain,
        mncost.compare,
    ],
)
def test_results_have_a_table_for_people_programs_and_notebooks(result: Callable[..., Any]) -> None:
    pytest.importorskip("pandas")
    shown = result(mncost.load("v2"))
    table = shown.table()
    assert len(table.rows) > 0
    assert str(shown) == str(table)
    assert shown._repr_html_().count("<tr") >= len(table.for_people().rows)
    assert len(shown.to_frame()) == len(table.for_programs().rows)
    assert "\n" not in repr(shown)


def test_frames_have_every_column() -> None:
    pytest.importorskip("pandas")
    frame = mncost.grid("v2").to_frame()
    assert {"rho", "flops", "buffers", "classes", "peak_layer"} <= set(frame.columns)


def test_questions_take_networks_in_hand_or_names() -> None:
    net = mncost.load("v1", alpha=0.5)
    for asked in (mncost.compare(net), mncost.compare([net]), mncost.compare("v1", alpha=0.5)):
        (own,) = asked.networks
        assert own.macs == net.macs
        table = asked.table().for_programs()
        (row,) = [dict(zip([c.name for c in table.columns], r, strict=True)) for r in table.rows]
        assert (row["macs"], row["twin_macs"]) == (net.macs, net.standard.macs)
    assert mncost.explain("v1", alpha=0.5).network.macs == net.macs


@pytest.mark.parametrize(
    "call",
    [
        lambda net: mncost.compare([net, "v2"]),
        lambda net: mncost.compare([]),
        lambda net: mncost.compare(net, alpha=0.5),
        lambda net: mncost.explain([net, net]),
        lambda net: mncost.compare(net, twin="fused"),
        lambda net: mncost.compare(net.macs),
    ],
)
def test_questions_refuse_what_is_no_network(call: Callable[..., Any]) -> None:
    with pytest.raises(errors.InputError):
        call(mncost.load("v1"))


@pytest.mark.parametrize("arch", ["v1", "v3-small", "v4-hybrid-m"])
def test_networks_of_a_grid_count_as_they_do_alone(arch: str) -> None:
    """A grid works out what its images have in common once; a network alone has nothing of it."""
    for network in mncost.grid(arch, resolution="97:240:11", alpha=[0.5, 1.0]):
        alone = mncost.load(arch, network.alpha, network.resolution)
        assert network.shapes == infer_shapes(network.graph, network.inputs)
        assert network.macs == alone.macs == sum(cost.macs for cost in network.costs)
        assert network.standard.macs == sum(cost.macs for cost in alone.standard.costs)


def test_the_largest_grids() -> None:
    """91 α × 544 ρ of V2 would be accepted; here are a few of them, and too many."""
    large = mncost.grid("v2", alpha="0.1:1.0:0.1", resolution="97:640:11")
    assert len(large) == 500
    with pytest.raises(errors.GridError, match="1,200,000 at all resolutions"):
        mncost.grid("v2", alpha="0.1:1.0:0.01", resolution="97:897:1")


def test_another_size_keeps_what_was_set(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    network = mncost.load("v2", 0.35, 96)
    torch.save(network.to_torch().state_dict(), tmp_path / "net.pth")
    trained = network.with_weights(tmp_path / "net.pth")
    assert trained.at(128).trained == trained.trained is not None


def test_twins_have_no_twins() -> None:
    with pytest.raises(mncost.InputError):
        mncost.compare(mncost.load("v2").as_twin("fused"))
