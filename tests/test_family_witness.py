"""The other families, layer by layer: what torchvision, timm and the authors' code really build."""

from __future__ import annotations

import gzip
import json
from functools import cache
from typing import Any

import pytest

import mncost
from mncost.cost.layers import Layer
from mncost.spec.build import build
from mncost.spec.catalog import groups, load_spec, networks
from mncost.spec.parse import parse_spec
from mncost.spec.resolve import dialects, resolve
from mncost.spec.resolved import resolved_file
from tests.test_witness import COLUMNS, WITNESS, Record, built, totals

FILES = sorted((WITNESS / "families").glob("*.jsonl.gz"))
Key = tuple[str, str, str]
Row = tuple[Any, ...]

# Of these there is no record of another project. Counts: theirs, by hand.
UNRECORDED = {
    # 25·5 positions: 40·64, then four times 9·64 + 64²; 12 words. Weights and biases, batch norms.
    "ds-cnn-s": (2_656_768, 23_180),
    # 25·10 positions before the stride, 13·5 behind it.
    "ds-cnn-m": (250 * 40 * 172 + 65 * 4 * (9 * 172 + 172**2) + 172 * 12, 136_580),
    "ds-cnn-l": (250 * 40 * 276 + 65 * 5 * (9 * 276 + 276**2) + 276 * 12, 413_736),
    # What its Figure 4 says, worked out in test_fbnets.
    "fbnet-a": (249_921_848, 4_321_464),
    "fbnet-b": (306_210_888, 4_863_288),
    # By a loop over V2's Table 2 with 80 and 160 channels at stride 32, and without the last row.
    "reduced-v2": (237_177_312, 1_100_712),
    # torchvision's MobileNetV3(..., reduced_tail=True) on one with the dialect; see test_heads.py.
    "reduced-v3-large": (182_302_720, 2_569_352),
    "reduced-v3-small": (43_763_584, 1_099_672),
    # What its authors print: 81.8 M, 0.74 M.
    "mcunet-320kb": (81_785_520, 737_408),
}


@cache
def records() -> dict[Key, list[str]]:
    """Return the recorded networks, as lines, by project, architecture and dialect."""
    found: dict[Key, list[str]] = {}
    for path in FILES:
        for line in gzip.decompress(path.read_bytes()).decode().splitlines():
            head = json.loads(line[: line.index(',"layers"')] + "}")
            key = path.name.partition(".")[0], head["arch"], head["dialect"]
            found.setdefault(key, []).append(line)
    return found


def as_recorded(layer: Layer) -> Row:
    """Write one of our layers as the recordings write it.

    A linear layer over the channels of each pixel is our 1×1 convolution.
    """
    kind, kernel, stride = layer.kind, layer.kernel, layer.stride
    if kind in ("conv", "depthwise", "pointwise"):
        assert kernel is not None
        assert stride is not None
        side: Row = (*kernel, *stride, layer.groups, int(layer.bias))
    else:
        side = (1, 1, 1, 1, 1, int(layer.bias)) if kind == "linear" else (None,) * 6
    counts = layer.params, layer.macs
    inputs = layer.out_channels if kind == "attention" else layer.in_channels
    return (kind, inputs, layer.out_channels, *side, *counts)


def ours_as(row: list[Any]) -> Row:
    """Write a recorded layer as :func:`as_recorded` does."""
    kind, inputs, outputs, kernel, stride, groups, bias, _, columns, *counts = row
    on_image = kind == "linear" and columns != 1
    if kind == "conv" or on_image:
        word = "pointwise" if kernel == 1 and groups == 1 else "conv"
        word = "depthwise" if groups == inputs and groups > 1 else word
        return (word, inputs, outputs, kernel, kernel, stride, stride, groups, bias, *counts)
    side: Row = (1, 1, 1, 1, 1, bias) if kind == "linear" else (None,) * 6
    return (kind, inputs, outputs, *side, *counts)


def size_of(layer: Layer) -> tuple[int | None, int | None]:
    return layer.out_height, layer.out_width


def first_difference(record: Record, network: mncost.Network) -> str:
    """Say where a network first departs from its recording; ``""`` if nowhere."""
    names = ("kind", "in", "out", "kernel", "width", "stride", "right", "groups", "bias")
    for number, (layer, row) in enumerate(zip(network.layers, record["layers"], strict=False), 1):
        mine, theirs = as_recorded(layer), ours_as(row)
        wrong = [
            f"{name} {a} is recorded as {b}"
            for name, a, b in zip((*names, *COLUMNS[-2:]), mine, theirs, strict=True)
            if a != b
        ]
        if row[0] in ("conv", "batch_norm") and size_of(layer) != (row[7], row[8]):
            wrong.append(f"size {size_of(layer)} is recorded as {row[7:9]}")
        if wrong:
            return f"{network!r}: layer {number} ({layer.name}): {'; '.join(wrong)}"
    if len(network.layers) != len(record["layers"]):
        return f"{network!r}: {len(network.layers)} layers, {len(record['layers'])} recorded"
    return ""


@pytest.mark.parametrize("key", sorted(records()), ids="-".join)
def test_each_layer_is_what_the_project_built(key: Key) -> None:
    """Kinds, channels, kernels, sizes and counts of each layer, and the totals, to the unit."""
    for line in records()[key]:
        record = json.loads(line)
        network = built(record)
        assert first_difference(record, network) == ""
        ours = {name: getattr(network, name) for name in ("params", "buffers", "macs")}
        assert ours == totals(record), repr(network)


@pytest.mark.parametrize("arch", UNRECORDED)
def test_what_nobody_builds_for_us(arch: str) -> None:
    """MACs and parameters by hand, or as the authors count them."""
    network = mncost.load(arch)
    assert (network.macs, network.params) == UNRECORDED[arch]


def test_shufflenets_complexity() -> None:
    """The paper's Table 1 (arXiv:1707.01083), whose last row leaves the classifier out."""
    for groups_, printed in {1: 143, 2: 140, 3: 137, 4: 133, 8: 137}.items():
        network = mncost.load(f"shufflenet-v1-g{groups_}")
        without = network.macs - network.layers[-1].macs
        assert without == mncost.load(network.arch, classes=0).macs
        assert round(without / 1e6) == printed


# FBNet's Figure 4: kernel, ratio, groups of the 1×1 convolutions, channels, stride; no skips.
FBNET_A = """
3 3 1 24 2, 3 1 1 24 1, 5 6 1 32 2, 3 3 1 32 1, 5 1 1 32 1, 3 3 1 32 1, 5 6 1 64 2, 5 3 1 64 1,
5 1 2 64 1, 5 6 1 64 1, 3 6 1 112 1, 5 1 2 112 1, 5 3 1 112 1, 3 1 2 112 1, 5 6 1 184 2,
5 6 1 184 1, 5 3 1 184 1, 5 6 1 184 1, 5 6 1 352 1
"""
FBNET_B = """
3 1 1 16 1, 3 6 1 24 2, 5 1 1 24 1, 3 1 1 24 1, 3 1 1 24 1, 5 6 1 32 2, 5 3 1 32 1, 3 6 1 32 1,
5 6 1 32 1, 5 6 1 64 2, 5 6 1 64 1, 5 3 1 64 1, 5 6 1 112 1, 3 1 1 112 1, 5 1 1 112 1, 5 3 1 112 1,
5 6 1 184 2, 5 1 1 184 1, 5 6 1 184 1, 5 6 1 184 1, 3 6 1 352 1
"""


@pytest.mark.parametrize(("name", "blocks", "last"), [("a", FBNET_A, 1504), ("b", FBNET_B, 1984)])
def test_fbnets(name: str, blocks: str, last: int) -> None:
    """By a formula for the searched blocks. The paper prints 249 M, 4.3 M for FBNet-A."""
    side, channels = 112, 16
    macs, params = 112**2 * 27 * 16, 27 * 16 + 32
    for block in blocks.split(","):
        kernel, ratio, groups, out, stride = map(int, block.split())
        inner, pixels = channels * ratio, side * side
        side = -(-side // stride)
        first, last_one = channels * inner // groups, inner * out // groups
        macs += pixels * first + side * side * (kernel**2 * inner + last_one)
        params += first + kernel**2 * inner + last_one + 4 * inner + 2 * out
        channels = out
    macs += side * side * channels * last + last * 1000
    params += channels * last + 2 * last + last * 1000 + 1000
    network = mncost.load(f"fbnet-{name}")
    assert (network.macs, network.params) == (macs, params) == UNRECORDED[network.arch]
    if name == "a":
        assert (macs // 10**6, round(params / 1e6, 1)) == (249, 4.3)


def test_every_network_is_recorded() -> None:
    """Each network of each family, in each dialect that is a project's: the catalogue."""
    recorded = {(arch, dialect) for _, arch, dialect in records()}
    missing = [
        name
        for name in networks()
        if name not in groups()["mobilenets"]
        and name not in (*UNRECORDED, *(f"shufflenet-v1-g{n}" for n in (1, 2, 4)))
        and not any((name, dialect) in recorded for dialect in dialects(load_spec(name)))
    ]
    assert missing == []
    heads = {f"{head}_mobilenet_v3_large" for head in ("lraspp", "deeplabv3")}
    assert {arch for arch, _ in recorded} <= {*networks(), *heads}


def test_a_changed_recording_is_noticed() -> None:
    """The comparison itself can fail: one number of one recorded layer is changed."""
    record = json.loads(records()["torchvision", "resnet-18", "torchvision"][0])
    assert first_difference(record, built(record)) == ""
    record["layers"][3][10] += 1
    assert "layer 4" in first_difference(record, built(record))


def test_resolved_files_build_the_same_graphs() -> None:
    """Every network at half its width, written as a file and read again."""
    for name in networks():
        spec = load_spec(name)
        architecture = resolve(spec, 0.5)
        text = resolved_file(architecture, spec.native)
        again = resolve(parse_spec(text.encode(), name))
        assert build(again) == build(architecture), name


# What keras.io prints of its models, in millions: batch norm's moving averages are counted too.
KERAS = {
    "vgg-16": 138.4,
    "vgg-19": 143.7,
    "densenet-121": 8.1,
    "densenet-169": 14.3,
    "densenet-201": 20.2,
    "efficientnet-b0": 5.3,
    "efficientnet-b1": 7.9,
    "efficientnet-b7": 66.7,
    "efficientnet-v2-s": 21.6,
    "efficientnet-v2-m": 54.4,
    "efficientnet-v2-l": 119.0,
}


@pytest.mark.parametrize("arch", KERAS)
def test_what_keras_prints(arch: str) -> None:
    network = mncost.load(arch)
    assert round((network.params + network.buffers) / 1e6, 1) == KERAS[arch]
