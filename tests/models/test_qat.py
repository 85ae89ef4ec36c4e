"""INT8 models from quantisation-aware training, beside torch's own rounding."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

import mncost
from mncost.graph.shapes import infer_shapes
from mncost.models.int8 import quantised
from mncost.models.onnx_model import onnx_model
from mncost.models.qat import Learned, folded, learned
from mncost.models.torch_model import load_weights, torch_module
from mncost.models.weights import random_weights
from tests.running import in_process

TINY = str(Path(__file__).parents[1] / "tiny.toml")


@pytest.fixture(scope="module")
def net() -> mncost.Network:
    return mncost.load(TINY, 1.0, 32)


def weights_of(net: mncost.Network) -> dict[str, np.ndarray]:
    """Return random weights whose batch norms really do something."""
    random = np.random.default_rng(3)
    made = {}
    for name, values in random_weights(net.graph, 5).items():
        is_norm = name.endswith(("running_mean", "running_var")) or ".norm" in name
        noise = random.uniform(0.5, 1.5, values.shape).astype("float32")
        made[name] = values + noise if is_norm else values
    return made


def outputs(net: mncost.Network, weights: dict[str, np.ndarray]) -> np.ndarray:
    module = torch_module(net.graph).eval()
    load_weights(module, weights)
    images = np.random.default_rng(0).standard_normal((4, 3, 32, 32), dtype="float32")
    with torch.no_grad():
        return np.asarray(module(torch.from_numpy(images)))


def test_folding_keeps_the_outputs(net: mncost.Network) -> None:
    weights = weights_of(net)
    assert any(values.mean() > 0.9 for name, values in weights.items() if "running_mean" in name)
    made = folded(net.graph, weights)
    assert any(not np.array_equal(made[name], weights[name]) for name in weights)
    np.testing.assert_allclose(outputs(net, made), outputs(net, weights), rtol=2e-4, atol=2e-5)


@pytest.fixture(scope="module")
def after(net: mncost.Network) -> Learned:
    return learned(net.graph, net.inputs, weights_of(net), steps=3)


def test_training_gives_new_weights_and_ranges(net: mncost.Network, after: Learned) -> None:
    start = folded(net.graph, weights_of(net))
    assert set(after.weights) == set(start)
    convs = [name.removesuffix(".weight") for name, w in start.items() if w.ndim == 4]
    assert set(convs) < set(after.ranges)
    changed = [
        not np.array_equal(after.weights[f"{name}.weight"], start[f"{name}.weight"])
        for name in after.ranges
    ]
    assert sum(changed) > len(changed) / 2  # a gate that saturates has no gradient
    assert len(after.losses) == 3
    assert all(0 < loss < 0.1 for loss in after.losses)


def test_the_file_has_the_scales_and_weights_of_training(
    net: mncost.Network, after: Learned
) -> None:
    """Its weights are those that torch's own rounding gives, its scales those of the modules."""
    shapes = infer_shapes(net.graph, net.inputs)
    fp32, trained = (
        onnx_model(net.graph, shapes, weights, dynamic_batch=True, portable=True)
        for weights in (weights_of(net), after.weights)
    )
    made = quantised(
        trained.SerializeToString(), ranges=after.ranges, original=fp32.SerializeToString()
    )
    graph = onnx.load_from_string(made.model).graph
    held = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    makers = {name: node for node in graph.node for name in node.output}
    layers = [node for node in graph.node if node.name in after.ranges]
    assert {node.name for node in layers} == set(after.ranges)
    for node in layers:
        known, weight = (
            after.ranges[node.name],
            torch.from_numpy(after.weights[f"{node.name}.weight"]),
        )
        read, own = (makers[name] for name in node.input[:2])
        assert read.op_type == own.op_type == "DequantizeLinear"
        assert float(held[read.input[1]]) == pytest.approx(known.scale, rel=1e-4)  # two may read it
        assert int(held[read.input[2]]) == known.zero_point
        scales = torch.tensor(known.weight_scales)
        np.testing.assert_allclose(held[own.input[1]], scales, rtol=1e-6)
        zeros = torch.zeros(len(scales), dtype=torch.int32)
        rounded = torch.fake_quantize_per_channel_affine(weight, scales, zeros, 0, -128, 127)
        shape = (-1, *[1] * (weight.dim() - 1))
        theirs = held[own.input[0]] * held[own.input[1]].reshape(shape)
        # Batch norms are folded anew, by 1 / sqrt(1 + eps) * sqrt(1 + eps): one step at most.
        assert np.abs(theirs.reshape(weight.shape) - rounded.numpy()).max() <= 1.01 * max(
            known.weight_scales
        )
        assert np.mean(np.abs(theirs.reshape(weight.shape) - rounded.numpy()) > 1e-6) < 0.01
    assert 1e-3 < made.closeness.error < 0.3


def test_channels_with_weights_of_one_sign_keep_their_largest(net: mncost.Network) -> None:
    """A symmetric scale is the largest weight / 127.5, whatever its sign."""
    weights = weights_of(net)
    name = next(n for n, w in weights.items() if w.ndim == 4)
    weights[name] = np.abs(weights[name])
    made = learned(net.graph, net.inputs, weights, steps=1)
    conv = name.removesuffix(".weight")
    largest = np.abs(folded(net.graph, weights)[name]).reshape(len(weights[name]), -1).max(1)
    np.testing.assert_allclose(made.ranges[conv].weight_scales, largest / 127.5, rtol=1e-3)


def test_export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["export", TINY, "--resolution", "32"]
    made = in_process([*words, "--precision", "int8", "--qat", "-o", "q.onnx"])
    assert made.status == 0, made.err
    assert "int8" in made.out
    plain = in_process([*words, "--precision", "int8", "-o", "p.onnx"])
    assert plain.status == 0, plain.err
    ops = [
        sorted(node.op_type for node in onnx.load(file).graph.node) for file in ("q.onnx", "p.onnx")
    ]
    assert ops[0] == ops[1]  # the same kernels
    assert Path("q.onnx").read_bytes() != Path("p.onnx").read_bytes()
    for more, said in (
        (["--qat", "-o", "x.onnx"], "accepted with --precision int8"),
        (["--precision", "int8", "--qat", "-o", "x.tflite"], "--qat means nothing to a .tflite"),
    ):
        bad = in_process([*words, *more])
        assert bad.status == 2
        assert said in bad.err
        assert not list(tmp_path.glob("x.*"))


def test_training_without_the_classifier(tmp_path: Path) -> None:
    file = tmp_path / "f.onnx"
    words = ["export", TINY, "--resolution", "32", "--features", "--precision", "int8", "--qat"]
    made = in_process([*words, "-o", str(file)])
    assert made.status == 0, made.err
    assert file.exists()


def test_which_runtimes_take_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["bench", TINY, "--resolution", "32", "--no-twin", "--max-time", "2s"]
    bad = in_process([*words, "--runtime", "torch", "--precision", "int8-qat"])
    assert bad.status == 2
    assert "torch has no models in int8-qat; accepted: fp32" in bad.err
    bad = in_process(["table", "v2", "--precision", "int8-qat"])
    assert bad.status == 2
    assert "unknown precision 'int8-qat'" in bad.err
