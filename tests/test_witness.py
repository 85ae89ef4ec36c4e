"""Every network that torchvision, timm, Keras and TF-slim built for us, layer by layer."""

from __future__ import annotations

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import mncost
from mncost.cost.layers import Layer
from mncost.graph.ops import Attention, Op
from tests.networks import EVERY_DIALECT, MOBILENETS

WITNESS = Path(__file__).parent / "witness"
FILES = sorted(WITNESS.glob("*.jsonl.gz"))
SHAPE_COLUMNS = ("kernel", "stride", "groups", "bias", "out_h", "out_w")
COLUMNS = ("kind", "in", "out", *SHAPE_COLUMNS, "params", "macs")

# Whose networks the papers' are. V4's paper has α = 1 only.
PAPER_IS = {"v1": "slim", "v2": "slim", "v3": "slim-finegrain", "v4": "timm"}
CONVOLUTIONS = ("conv", "depthwise", "pointwise")

Record = dict[str, Any]
Row = tuple[Any, ...]


@cache
def records() -> dict[tuple[str, str, str], list[Record]]:
    """Return the recorded networks by project (its file's name), architecture and dialect."""
    found: dict[tuple[str, str, str], list[Record]] = {}
    for path in FILES:
        for line in gzip.decompress(path.read_bytes()).decode().splitlines():
            record = json.loads(line)
            key = path.name.partition(".")[0], record["arch"], record["dialect"]
            found.setdefault(key, []).append(record)
    return found


def built(record: Record) -> mncost.Network:
    """Return our network of a record."""
    keys = ("arch", "alpha", "resolution", "dialect", "classes")
    return mncost.load(**{key: record[key] for key in keys})


def as_recorded(layer: Layer, op: Op) -> Row:
    """Write one of our layers as the recordings write it."""
    kind = "conv" if layer.kind in CONVOLUTIONS else layer.kind
    side: Row = None, None, None, None
    size: Row = layer.out_height, layer.out_width
    if kind == "conv":
        assert layer.kernel is not None
        assert layer.stride is not None
        (kernel, width), (stride, right) = layer.kernel, layer.stride
        assert (kernel, stride) == (width, right)  # all that is recorded
        side = kernel, stride, layer.groups, int(layer.bias)
    elif kind == "linear":
        side = 1, 1, 1, int(layer.bias)
    elif isinstance(op, Attention):
        side, size = (None, None, op.heads, None), (None, None)
    counts = layer.params, layer.macs
    return (kind, layer.in_channels, layer.out_channels, *side, *size, *counts)


def recorded_kind(row: Row) -> str:
    """Return the word for a recorded layer, told from its channels, kernel and groups."""
    kind, inputs, _, kernel, _, groups = row[:6]
    if kind != "conv":
        return str(kind)
    if groups == inputs and groups > 1:
        return "depthwise"
    return "pointwise" if kernel == 1 and groups == 1 else "conv"


def totals(record: Record) -> dict[str, int]:
    """Return the recorded totals, in our words."""
    macs = record["macs"] + record["attention_macs"]
    return {"params": record["params"], "buffers": record["buffers"], "macs": macs}


def first_difference(record: Record, network: mncost.Network) -> str:
    """Say where a network first departs from its recording; ``""`` if nowhere."""
    ours, theirs = network.layers, [tuple(row) for row in record["layers"]]
    ops = {node.name: node.op for node in network.graph.nodes}
    for number, (layer, row) in enumerate(zip(ours, theirs, strict=False), 1):
        mine = as_recorded(layer, ops[layer.name])
        wrong = [
            f"{column} {a} is recorded as {b}"
            for column, a, b in zip(COLUMNS, mine, row, strict=True)
            if a != b
        ]
        if layer.kind != recorded_kind(row):
            wrong.append(f"kind {layer.kind} is recorded as {recorded_kind(row)}")
        if wrong:
            return f"{network!r}: layer {number} ({layer.name}): {'; '.join(wrong)}"
    if len(ours) != len(theirs):
        return f"{network!r}: {len(ours)} layers, {len(theirs)} recorded"
    return ""


@pytest.mark.parametrize("key", sorted(records()), ids="-".join)
def test_each_layer_is_what_the_project_built(key: tuple[str, str, str]) -> None:
    """Kinds, channels, kernels, sizes and counts of each layer: the recorded networks."""
    differences = [first_difference(record, built(record)) for record in records()[key]]
    assert [found for found in differences if found] == []


@pytest.mark.parametrize("key", sorted(records()), ids="-".join)
def test_totals_are_what_the_project_built(key: tuple[str, str, str]) -> None:
    """Parameters, buffers and MACs, to the unit: the recorded networks' own totals."""
    for record in records()[key]:
        network = built(record)
        ours = {name: getattr(network, name) for name in ("params", "buffers", "macs")}
        assert ours == totals(record), repr(network)
        assert network.work["attention"] == record["attention_macs"], repr(network)


def released(arch: str) -> list[Record]:
    """Return the recordings of the network that a paper's authors released."""
    (found,) = (
        group for (_, *key), group in records().items() if key == [arch, PAPER_IS[arch[:2]]]
    )
    return [record for record in found if record["alpha"] == 1 or not arch.startswith("v4")]


@pytest.mark.parametrize("arch", MOBILENETS)
def test_the_paper_dialect_is_the_released_network(arch: str) -> None:
    """The default dialect costs what the authors' released network does: its recordings."""
    for record in released(arch):
        network = built(record | {"dialect": None})
        assert network.dialect == "paper"
        assert network.params == record["params"], repr(network)
        assert network.macs == totals(record)["macs"], repr(network)


def test_every_dialect_is_recorded() -> None:
    """Each dialect of each family but the paper's is among the recordings: the catalogue."""
    recorded = {(arch, dialect) for _, arch, dialect in records()}
    recorded |= {("v3-large", "timm-tf"), ("v3-small", "timm-tf")}  # timm's, see the next test
    assert recorded == {(arch, dialect) for arch, dialect in EVERY_DIALECT if dialect != "paper"}


@pytest.mark.parametrize("arch", ["v3-large", "v3-small"])
def test_tensorflows_padding_changes_no_count(arch: str) -> None:
    """timm's models with TensorFlow's padding have the layers and sizes of its others."""
    for record in records()["timm", arch, "timm"]:
        network = built(record | {"dialect": "timm-tf"})
        assert (network.params, network.macs) == (record["params"], totals(record)["macs"])


def test_nothing_was_recorded_twice_or_lost() -> None:
    """The recordings are the 844 networks that their README's grid yields, each once."""
    cells = [
        (key, record["alpha"], record["resolution"])
        for key, found in records().items()
        for record in found
    ]
    assert len(cells) == 844
    assert len(set(cells)) == len(cells)


def test_a_changed_recording_is_noticed() -> None:
    """The comparison itself can fail: one number of one recorded layer is changed."""
    record = json.loads(json.dumps(records()["torchvision", "v2", "torchvision"][0]))
    assert first_difference(record, built(record)) == ""
    record["layers"][3][10] += 1
    assert "layer 4" in first_difference(record, built(record))
    assert "macs" in first_difference(record, built(record))
