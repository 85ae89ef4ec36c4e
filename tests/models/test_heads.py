"""Detectors and segmenters: counts and outputs that torchvision's own have, as recorded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import mncost
from mncost.graph.ops import parameters
from mncost.models.torch_model import load_weights, torch_module

RECORDED = json.loads((Path(__file__).parents[1] / "witness/heads.json").read_text())["networks"]
# The size that outputs are recorded at: the last one.
SMALL = {name: [*record["macs"]][-1] for name, record in RECORDED.items()}
ORDER = {"normed": -1, "boxes": 1}  # where state dicts have them
# 33 billion multiply-accumulates.
SOME = [
    pytest.param(name, marks=[pytest.mark.slow] if name == "ssd300_vgg16" else [])
    for name in RECORDED
]


def wave(shape: tuple[int, ...], phase: float = 0.0) -> torch.Tensor:
    """Return the sine that the recorder fills images with."""
    count = torch.Size(shape).numel()
    return (torch.arange(count, dtype=torch.float64) * 0.7 + phase).sin().float().reshape(shape)


def filled(name: str, shape: tuple[int, ...], place: int) -> Any:
    """Return what the recorder fills a tensor with, by its place in the state dict."""
    values = wave(shape, float(place))
    if len(shape) > 1:
        values = values * float((2 / torch.Size(shape[1:]).numel()) ** 0.5)
    elif name.endswith(("bias", "running_mean")):
        values = values * 0.1
    else:
        values = 1 + 0.3 * values
    return values.numpy()


@pytest.mark.parametrize("name", RECORDED)
def test_counts(name: str) -> None:
    """MACs at sizes that are no multiple of the strides, parameters, shapes of all outputs."""
    recorded = RECORDED[name]
    for size, macs in recorded["macs"].items():
        network = mncost.load(name, resolution=size)
        assert (network.macs, network.params) == (macs, recorded["params"])
        found = [list(network.shapes[index]) for index in network.graph.outputs]
        assert sorted(found) == sorted(recorded["shapes"][size])


@pytest.mark.parametrize("name", SOME)
def test_outputs(name: str) -> None:
    """The same weights, in the order of a state dict, give the same outputs."""
    network = mncost.load(name, resolution=SMALL[name])
    tensors = [
        (f"{node.name}.{leaf}", param.shape)
        for node in sorted(network.graph.nodes, key=lambda node: ORDER.get(node.block, 0))
        for leaf, param in parameters(node.op).items()
    ]
    weights = {key: filled(key, shape, place) for place, (key, shape) in enumerate(tensors)}
    module = torch_module(network.graph).eval()
    load_weights(module, weights)
    with torch.no_grad():
        outputs = module(wave((1, *network.inputs["input"])))
    several = outputs if isinstance(outputs, tuple) else (outputs,)
    by_shape = {tuple(output.shape[1:]): output for output in several}
    shapes = RECORDED[name]["shapes"][SMALL[name]]
    for shape, wanted in zip(shapes, RECORDED[name]["outputs"], strict=True):
        output = by_shape[tuple(shape)]
        some = output.flatten()[:: output.numel() // 40].numpy()
        spread = float(np.std(wanted))
        assert spread > 0
        np.testing.assert_allclose(some, wanted, atol=1e-3 * spread, rtol=1e-3)
