"""Pruning: the narrow network computes what the original does with its channels masked."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import mncost
from mncost.errors import InputError
from mncost.graph.ops import BatchNorm, Conv, Linear
from mncost.models.weights import random_weights
from mncost.network import Network
from mncost.pruning.prune import Pruned, prune
from mncost.spec.parse import parse_spec
from tests.networks import Row, network_of_rows, network_of_spec

QUICK = ["v1", "v2", "v3-small", "ghostnet", "resnet-18", "squeezenet-1.1"]
LONG = [
    *("v4-conv-s", "v4-hybrid-m", "resnet-50", "resnext-50-32x4d", "densenet-121", "vgg-11-bn"),
    *("efficientnet-b0", "shufflenet-v2-0.5", "mobileone-s0", "mobilevit-xxs", "mnasnet-a1"),
    *("fbnet-c", "v3-large"),
]

TINY = Path(__file__).parents[1] / "tiny.toml"


def masked(pruned: Pruned, weights: dict[str, Any]) -> torch.nn.Module:
    """Return the original whose removed channels are 0: their filters, scales and shifts are."""
    module = pruned.original.to_torch(weights=weights).eval()
    with torch.no_grad():
        for node in pruned.original.graph.nodes:
            if isinstance(node.op, Conv | Linear | BatchNorm):
                kept = torch.tensor(pruned.kept[node.name], dtype=torch.long)
                for leaf in ("weight", "bias"):
                    values = getattr(module.get_submodule(node.name), leaf)
                    if values is not None:
                        left = torch.zeros_like(values)
                        left[kept] = values[kept]
                        values.copy_(left)
    return module


def check(network: Network, channels: str | float, **given: Any) -> Pruned:
    """Prune; hold the outputs, and those of the file that is written, against masked channels."""
    weights = random_weights(network.graph, 1)
    pruned = prune(network, channels, weights=weights, **given)
    again = network_of_spec(
        parse_spec(pruned.file.encode(), "written"), int(network.resolution or 0)
    )
    assert again.graph.nodes == pruned.network.graph.nodes
    assert again.macs < network.macs
    images = torch.randn(2, *next(iter(network.inputs.values())))
    with torch.no_grad():
        expected = masked(pruned, weights)(images)
        got = again.to_torch(weights=pruned.weights).eval()(images)
    for one, other in zip(_several(got), _several(expected), strict=True):
        assert float((one - other).abs().max()) <= 1e-4 * float(other.abs().max())
    return pruned


def _several(result: Any) -> tuple[torch.Tensor, ...]:
    return result if isinstance(result, tuple) else (result,)


@pytest.mark.parametrize("arch", QUICK)
def test_it_computes_what_masking_computes(arch: str) -> None:
    check(mncost.load(arch, resolution=64), 0.5)


@pytest.mark.slow
@pytest.mark.parametrize("arch", LONG)
@pytest.mark.parametrize(("share", "step"), [(0.7, 8), (0.4, 1)])
def test_other_families(arch: str, share: float, step: int) -> None:
    check(mncost.load(arch, resolution=64), share, round=step)


def test_widths_are_multiples() -> None:
    pruned = check(mncost.load("v2", resolution=64), 0.6, round=16)
    widths = {
        node.op.out_channels
        for node in pruned.network.graph.nodes
        if isinstance(node.op, Conv) and node.op.groups == 1 and "project" in node.name
    }
    assert widths == {16, 32, 64, 96, 192}  # 9.6, 14.4, 19.2, 38.4, 57.6, 96, 192 at 0.6


def test_rows_by_name() -> None:
    pruned = check(mncost.load("v2", resolution=64), "row8=100,row8.expanded=333,row4=30")
    ops = {node.name: node.op for node in pruned.network.graph.nodes}
    project, depthwise, narrow = (
        ops[name] for name in ("row8.project.conv", "row8.depthwise.conv", "row4.3.project.conv")
    )
    assert isinstance(project, Conv)
    assert isinstance(depthwise, Conv)
    assert isinstance(narrow, Conv)
    assert (project.in_channels, project.out_channels) == (333, 100)
    assert (depthwise.groups, narrow.out_channels) == (333, 30)
    both = check(mncost.load("v2", resolution=64), "0.5,last=1000")
    last = {node.name: node.op for node in both.network.graph.nodes}["last.conv"]
    assert isinstance(last, Conv)
    assert last.out_channels == 1000


def test_the_largest_filters_survive() -> None:
    """By hand: of two convolutions' four filters, those with the largest sums of |w|."""
    rows: list[Row] = [
        {"block": "conv", "kernel": 1, "out": 4, "activation": "relu"},
        {"block": "pool"},
        {"block": "linear", "out": "classes"},
    ]
    network = network_of_rows(rows)
    weights = random_weights(network.graph)
    weights["row1.conv.weight"][:, :, 0, 0] = np.array(
        [[1, -1, 1], [0.5, 0.5, 0.5], [-3, 0, 0.5], [0.1, 2, -0.2]], np.float32
    )
    pruned = prune(network, 0.5, round=1, weights=weights)  # sums 3, 1.5, 3.5, 2.3
    assert pruned.kept["row1.conv"] == (0, 2)
    assert np.array_equal(pruned.weights["row1.conv.weight"], weights["row1.conv.weight"][[0, 2]])
    assert np.array_equal(
        pruned.weights["row3.linear.weight"], weights["row3.linear.weight"][:, [0, 2]]
    )


def test_a_sum_keeps_the_same_channels_on_both_sides() -> None:
    pruned = check(mncost.load("v2", resolution=32), 0.5)
    kept = pruned.kept
    assert kept["row4.1.project.conv"] == kept["row4.2.project.conv"] == kept["row4.3.add"]
    assert kept["row4.1.expand.conv"] == kept["row4.1.depthwise.conv"]


def test_no_sum_appears() -> None:
    """24 channels are left on both sides of V3-Small's row8, whose input was not added before."""
    pruned = check(mncost.load("v3-small", resolution=32), 0.5)
    ops = {node.name: node.op for node in pruned.network.graph.nodes}
    assert "row8.add" not in ops
    reads, makes = ops["row8.expand.conv"], ops["row8.project.conv"]
    assert isinstance(reads, Conv)
    assert isinstance(makes, Conv)
    assert reads.in_channels == makes.out_channels
    wider = check(mncost.load("v2", resolution=32), 0.7, round=32)  # row6: a row of repeats
    (widened,) = [n.op for n in wider.network.graph.nodes if n.name == "row6.1.project.conv"]
    assert isinstance(widened, Conv)
    assert widened.in_channels // 6 != widened.out_channels


GROUPED: list[Row] = [
    {"block": "conv", "kernel": 3, "out": 32, "activation": "relu"},
    {"block": "bottleneck", "width": 16, "out": 64, "groups": 4, "activation": "relu"},
    {"block": "conv", "kernel": 1, "out": 32, "activation": "relu", "name": "last"},
    {"block": "pool"},
    {"block": "linear", "out": "classes"},
]


def test_groups_stay_whole() -> None:
    pruned = check(network_of_rows(GROUPED), 0.5)
    widths = {n.name: n.op for n in pruned.network.graph.nodes}
    middle, last = widths["row2.middle.conv"], widths["last.conv"]
    assert isinstance(middle, Conv)
    assert isinstance(last, Conv)
    assert (middle.in_channels, middle.out_channels, middle.groups) == (16, 16, 4)
    assert (last.in_channels, last.out_channels) == (32, 16)
    assert pruned.whole == {"row2": "row2.middle.conv"}


def test_shuffles_stay_whole() -> None:
    pruned = check(mncost.load("shufflenet-v2-0.5", resolution=32), 0.5)
    assert "shuffle" in " ".join(pruned.notes)


@pytest.mark.parametrize(
    ("arch", "channels", "said"),
    [
        ("v2", "1.5", "one share"),
        ("v2", "0.5,0.6", "one share"),
        ("v2", "", "one share"),
        ("v2", "rwo3=8", "did you mean 'row3"),
        ("v2", "row3=25", "1 to 24"),
        ("v2", "row3=0", "one share"),
        ("v2", "classifier=10", "unknown row"),
        ("deit-ti", "0.5", "nothing can be pruned"),
        ("v2", "0.999", "no width changes"),
        (str(TINY), "row3=7", "operators"),  # row 2, which cannot leave its sum, is named
        ("v2", "row6=64", "operators"),  # row6.1 would add what it reads, the 64 of row 5
    ],
)
def test_what_cannot_be_done(arch: str, channels: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        prune(mncost.load(arch, resolution=32 if arch == "v2" else None), channels)


def test_a_named_row_with_groups_is_refused() -> None:
    with pytest.raises(InputError, match="cannot be pruned"):
        prune(network_of_rows(GROUPED), "row2.width=8")


def test_models_and_twins_have_no_rows() -> None:
    net = mncost.load("v2", resolution=32)
    with pytest.raises(InputError, match="architecture files"):
        prune(net.standard, 0.5)


def test_the_command(here: Path, run_cli: Callable[..., Any]) -> None:
    words = "prune v2 --alpha 0.35 --resolution 96 --channels 0.5 -o small.toml --seed 3"
    result = run_cli([*words.split(), "--format", "json"])
    assert result.status == 0, result
    original, pruned, same = json.loads(result.out)["rows"]
    assert (original["what"], pruned["what"], same["what"]) == ("original", "pruned", "same MACs")
    assert original["macs"] > pruned["macs"]
    # No α between is nearer; hundredths are tried.
    for alpha in (same["alpha"] - 0.01, same["alpha"] + 0.01):
        near = mncost.load("v2", alpha=round(alpha, 2), resolution=96)
        assert abs(near.macs - pruned["macs"]) >= abs(same["macs"] - pruned["macs"])
    counted = run_cli(["table", "small.toml", "--format", "json"])
    assert json.loads(counted.out)["rows"][0]["macs"] == pruned["macs"]
    exported = run_cli(["export", "small.toml", "--weights", "small.safetensors", "-o", "small.pt"])
    assert exported.status == 0, exported
    state = torch.load(here / "small.pt")
    assert tuple(state["stem.conv.weight"].shape) == (8, 3, 3, 3)


@pytest.mark.parametrize(
    "words",
    [
        "-o x.pt --channels 0.5",
        "-o x.toml",
        "--channels 0.5",
        "-o x.toml --channels 0.5 --round 0",
        "-o x.toml --channels 0.5 --weights-key ema",
        "-o x.toml --channels 0.5 --weights nowhere.pt",
        "-o x.toml --channels 0.5 --weights nowhere.pt --seed 1",
        "-o no/where/x.toml --channels 0.5",
    ],
)
def test_bad_input(here: Path, run_cli: Callable[..., Any], words: str) -> None:
    result = run_cli(["prune", "v2", *words.split()])
    assert (result.status, result.out) == (2, "")
    assert len(result.err.splitlines()) == 1
    assert [*here.iterdir()] == []
