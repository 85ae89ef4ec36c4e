"""Strides that become dilations: what torchvision and timm build, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import mncost
from mncost.errors import InputError, SpecError
from mncost.graph.ops import Conv
from mncost.network import Network, network_of
from mncost.spec.parse import parse_spec
from mncost.spec.resolve import resolve
from mncost.spec.resolved import resolved_file
from tests.networks import Row, network_of_rows, toml

RECORDED = json.loads((Path(__file__).parent / "witness/output_stride.json").read_text())
OURS = {
    "mobilenetv1_100": "v1",
    "mobilenetv2_100": "v2",
    "mobilenetv3_large_100": "v3-large",
    "mobilenetv4_conv_small": "v4-conv-s",
    "mobilenetv4_hybrid_medium": "v4-hybrid-m",
    "mobilenet_v3_large": "v3-large",
}
STEM: list[Row] = [
    {"block": "conv", "kernel": 7, "stride": 2, "out": 64},
    {"block": "max_pool", "kernel": 3, "stride": 2, "padding": 1},
]
RESNETS: dict[str, list[Row]] = {
    "resnet18": [
        *STEM,
        *(
            {"block": "basic", "out": out, "repeats": 2, "stride": stride}
            for out, stride in ((64, 1), (128, 2), (256, 2), (512, 2))
        ),
    ],
    "resnet50": [
        *STEM,
        *(
            {"block": "bottleneck", "out": 4 * width, "width": width}
            | {"repeats": repeats, "stride": stride}
            for width, repeats, stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2))
        ),
    ],
}


def filters(network: Network) -> list[list[int]]:
    """Return, of each convolution that is no 1×1, what the recording has."""
    return [
        [op.in_channels, op.kernel[0], op.stride[0], op.dilation[0], network.shapes[index][1]]
        for index, op in enumerate(node.op for node in network.graph.nodes)
        if isinstance(op, Conv) and op.kernel != (1, 1)
    ]


@pytest.mark.parametrize("name", RECORDED["networks"])
def test_as_they_build_it(name: str) -> None:
    project, model, limit, side = name.split()
    if rows := RESNETS.get(model):
        network = network_of_rows(rows, int(side), output_stride=int(limit))
    else:
        network = mncost.load(OURS[model], 1.0, int(side), project, output_stride=int(limit))
    assert filters(network) == RECORDED["networks"][name]


def test_weights_are_the_same() -> None:
    """Dilation changes no weight: a checkpoint of the network fits."""
    plain, dilated = (mncost.load("v2", output_stride=limit) for limit in (None, 16))
    assert plain.params == dilated.params
    assert dilated.macs > plain.macs
    assert mncost.load("v2", output_stride=32).graph == plain.graph


def test_the_resolved_file_says_so() -> None:
    rows = RESNETS["resnet18"]
    architecture = resolve(parse_spec(toml(rows), "a test"), 0.5, output_stride=8)
    again = resolve(parse_spec(resolved_file(architecture, 64).encode(), "a test"))
    assert network_of(again, 64).graph == network_of(architecture, 64).graph


def test_branches_have_strides_of_their_own() -> None:
    """The second branch starts at the image: its strides are not those of the first."""
    rows: list[Row] = [
        {"block": "conv", "kernel": 3, "out": 4, "stride": 8, "name": "a"},
        {"block": "conv", "kernel": 3, "out": 4, "stride": 2, "name": "b"},
        {"block": "conv", "kernel": 3, "out": 4, "stride": 2, "from": "input", "name": "c"},
        {"block": "upsample", "factor": 2, "from": "b", "name": "d"},
        {"block": "conv", "kernel": 3, "out": 4, "stride": 2, "name": "e"},
    ]
    network = network_of_rows(rows, 64, output_stride=8, outputs=["c", "e"])
    assert [(stride, dilation) for _, _, stride, dilation, _ in filters(network)] == [
        *[(8, 1), (1, 1), (2, 1)],
        (2, 2),  # e: twice as fine as b, so that its own stride is within the limit
    ]


def test_what_cannot_be_dilated() -> None:
    rows: list[Row] = [
        {"block": "conv", "kernel": 3, "out": 4, "stride": 8},
        {"block": "max_pool", "kernel": 2},
    ]
    with pytest.raises(SpecError, match=r"row 2 \(row2\): an output stride of 8 needs dilation"):
        network_of_rows(rows, 64, output_stride=8)
    with pytest.raises(InputError, match="output stride 4: accepted are 8, 16 and 32"):
        mncost.load("v2", output_stride=4)


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        (8, "v2: output stride 8: the strides of row5, row7 are dilations"),
        (32, "v2: output stride 32 is what it has"),
    ],
)
def test_a_note_says_which(limit: int, said: str) -> None:
    assert mncost.grid("v2", output_stride=limit).notes == (said,)
