"""What each layer is called, and how layers are added up, against the papers' tables."""

from __future__ import annotations

import pytest

import mncost
from mncost.cost.groups import group
from mncost.cost.layers import Layer
from tests.networks import Row, conv, network_of_rows


def by_name(network: mncost.Network) -> dict[str, Layer]:
    """Return the layers by their names, which are unique."""
    layers = {layer.name: layer for layer in network.all_layers}
    assert len(layers) == len(network.all_layers)
    return layers


@pytest.mark.parametrize(
    ("arch", "kinds"),
    [
        ("v1", "conv depthwise pointwise linear batch_norm"),
        ("v2", "conv depthwise pointwise linear batch_norm"),
        ("v3-large", "conv depthwise pointwise linear batch_norm"),
        ("v4-conv-s", "conv depthwise pointwise linear batch_norm"),
        (
            "v4-hybrid-l",
            "conv depthwise pointwise linear batch_norm attention layer_scale",
        ),
    ],
)
def test_kinds(arch: str, kinds: str) -> None:
    """The words for what has MACs or parameters: the issue's list of them."""
    assert {layer.kind for layer in mncost.load(arch).layers} == set(kinds.split())


@pytest.mark.parametrize(
    ("inputs", "outputs", "kernel", "groups", "kind"),
    [
        (4, 8, 3, 1, "conv"),
        (4, 8, 3, 2, "conv"),
        (4, 4, 3, 4, "depthwise"),
        (4, 8, 3, 4, "depthwise"),  # two filters a channel
        (4, 4, 1, 4, "depthwise"),
        (4, 8, 1, 1, "pointwise"),
        (4, 8, 1, 2, "conv"),
        (1, 8, 3, 1, "conv"),
    ],
)
def test_kinds_of_convolutions(
    inputs: int, outputs: int, kernel: int, groups: int, kind: str
) -> None:
    """Depthwise is one group a channel (as torch's Conv2d says), pointwise 1×1 in one group."""
    assert conv(inputs, outputs, kernel, 1, groups, False, "same").kind == kind


@pytest.mark.parametrize(
    ("keys", "channels"),
    [
        ({}, 32),
        ({"scale": False}, 64),
        ({"keep_below": 0.5}, 32),  # 0.5 is not below 0.5
        ({"keep_below": 0.6}, 64),
        ({"out": 44}, 24),  # 22: 24 is nearest
        ({"out": 40}, 24),  # 20: halfway, up
        ({"out": 36}, 24),  # 18: 16 is nearest, but over 10 % below
        ({"out": 35}, 16),  # 17.5: 16 is 8.6 % below
        ({"out": 44, "rounding": "down"}, 16),
    ],
)
def test_how_a_row_follows_alpha(keys: Row, channels: int) -> None:
    """64 channels at α 0.5, scaled or kept as the row says: by hand."""
    row = {"block": "conv", "kernel": 1, "out": 64} | keys
    network = network_of_rows([row], 8, 0.5)
    assert network.layers[0].out_channels == channels


def test_layers_without_cost_are_kept_apart() -> None:
    """``layers`` has what costs something, ``all_layers`` activations, sums and pools too."""
    network = mncost.load("v3-small")
    free = {layer.kind for layer in network.all_layers} - {layer.kind for layer in network.layers}
    assert free == {"activation", "add", "scale", "pool", "dropout", "flatten"}
    assert all(layer.macs or layer.params for layer in network.layers)


def test_names_of_v2() -> None:
    """Row 3, second repeat, of the V2 paper's Table 2: 24 → 144, 3×3, → 24 at 56 × 56."""
    layers = by_name(mncost.load("v2"))
    expand, depthwise, project = (
        layers[f"row3.2.{role}.conv"] for role in ("expand", "depthwise", "project")
    )
    assert [x.kind for x in (expand, depthwise, project)] == ["pointwise", "depthwise", "pointwise"]
    assert [x.in_channels for x in (expand, depthwise, project)] == [24, 144, 144]
    assert [x.out_channels for x in (expand, depthwise, project)] == [144, 144, 24]
    assert (depthwise.kernel, depthwise.stride, depthwise.groups) == ((3, 3), (1, 1), 144)
    assert {x.out_height for x in (expand, depthwise, project)} == {56}
    assert {x.block for x in (expand, depthwise, project)} == {"row3.2"}
    assert layers["row3.2.add"].kind == "add"
    assert "row3.1.add" not in layers


def test_residuals_of_v2() -> None:
    """A sum for each repeat after the first of the V2 paper's Table 2: 1 + 2 + 3 + 2 + 2."""
    kinds = [layer.kind for layer in mncost.load("v2").all_layers]
    assert kinds.count("add") == 1 + 2 + 3 + 2 + 2


@pytest.mark.parametrize(("arch", "gates"), [("v3-large", 8), ("v3-small", 9)])
def test_squeeze_excites_of_v3(arch: str, gates: int) -> None:
    """A gate for each check mark of the V3 paper's Tables 1 and 2, the 576 one's apart."""
    layers = mncost.load(arch).all_layers
    assert [layer.kind for layer in layers].count("scale") == gates


V3_SQUEEZED = {
    "v3-large": [24, 32, 32, 120, 168, 168, 240, 240],
    "v3-small": [8, 24, 64, 64, 32, 40, 72, 144, 144],
}


@pytest.mark.parametrize("arch", V3_SQUEEZED)
def test_squeezed_widths_of_v3(arch: str) -> None:
    """A quarter of the expanded channels, to eight: what TF-slim, torchvision and timm build."""
    layers = mncost.load(arch).layers
    squeezed = [layer.out_channels for layer in layers if layer.name.endswith("se.reduce.conv")]
    assert squeezed == V3_SQUEEZED[arch]


def test_stages_of_v2() -> None:
    """A stage for each run of one output size, 112 to 7 and 1: the V2 paper's Table 2."""
    groups = group(mncost.load("v2").all_layers, "stage")
    assert [found.name for found in groups] == ["1", "2", "3", "4", "5", "6"]
    assert [found.out_height for found in groups] == [112, 56, 28, 14, 7, 1]
    assert [found.out_channels for found in groups] == [16, 24, 32, 96, 1280, 1000]


def test_blocks_of_v1() -> None:
    """A block for each row of the V1 paper's Table 1, its five repeats numbered."""
    groups = group(mncost.load("v1").all_layers, "block")
    repeats = [f"row8.{number}" for number in range(1, 6)]
    rows = [f"row{number}" for number in range(2, 8)]
    tail = ["row9", "row10", "row11", "classifier"]
    assert [found.name for found in groups] == ["stem", *rows, *repeats, *tail]
    sizes = [112, 112, 56, 56, 28, 28, 14, 14, 14, 14, 14, 14, 7, 7, 1, 1]
    assert [found.out_height for found in groups] == sizes


# V1 paper, Table 1: input and output channels of each separable pair, and its output side.
V1_PAIRS = [
    (32, 64, 112),
    (64, 128, 56),
    (128, 128, 56),
    (128, 256, 28),
    (256, 256, 28),
    (256, 512, 14),
    *[(512, 512, 14)] * 5,
    (512, 1024, 7),
    (1024, 1024, 7),
]


def test_kinds_of_v1() -> None:
    """MACs and weights by kind of layer, added up from the rows of the V1 paper's Table 1."""
    kinds = {found.name: found for found in group(mncost.load("v1").all_layers, "kind")}
    expected = {
        "conv": (27 * 32 * 112**2, 27 * 32),
        "depthwise": (
            sum(9 * inputs * side**2 for inputs, _, side in V1_PAIRS),
            sum(9 * inputs for inputs, _, _ in V1_PAIRS),
        ),
        "pointwise": (
            sum(inputs * outputs * side**2 for inputs, outputs, side in V1_PAIRS),
            sum(inputs * outputs for inputs, outputs, _ in V1_PAIRS),
        ),
        "linear": (1024 * 1000, 1024 * 1000 + 1000),
    }
    assert {name: (kinds[name].macs, kinds[name].params) for name in expected} == expected
