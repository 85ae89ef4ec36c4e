"""Quantised models: what is in them, and that they compute nearly the same."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, numpy_helper

import mncost
from mncost.graph.ops import Conv
from mncost.models.int8 import Quantised, quantised
from mncost.network import Network
from tests.models.test_onnx import images, run_onnx

EXAMPLE = Path(__file__).parents[2] / "examples/two_heads.toml"
NETS = {
    "v1": mncost.load("v1", 0.5, 64),
    "v2": mncost.load("v2", 0.5, 64),
    "v3-small": mncost.load("v3-small", 0.5, 64),
    "v4-hybrid-m": mncost.load("v4-hybrid-m", 0.35, 64),
}


def original(net: Network) -> bytes:
    content: bytes = net.to_onnx(dynamic_batch=True).SerializeToString()
    return content


SLOW = {"v4-hybrid-m": pytest.mark.slow}  # it takes as long as all others together


@pytest.fixture(
    scope="module", params=[pytest.param(name, marks=SLOW.get(name, ())) for name in NETS]
)
def case(request: pytest.FixtureRequest) -> tuple[Network, Quantised]:
    net = NETS[request.param]
    return net, quantised(original(net))


def test_every_convolution_has_int8_weights_with_a_scale_a_channel(
    case: tuple[Network, Quantised],
) -> None:
    net, result = case
    graph = onnx.load_from_string(result.model).graph
    written = {node.output[0]: node for node in graph.node}
    values = {tensor.name: tensor for tensor in graph.initializer}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    assert len(convolutions) == sum(isinstance(node.op, Conv) for node in net.graph.nodes)
    for node in convolutions:
        image, weight = (written[name] for name in node.input[:2])
        assert image.op_type == weight.op_type == "DequantizeLinear"
        stored, scale = values[weight.input[0]], values[weight.input[1]]
        assert stored.data_type == TensorProto.INT8
        assert list(scale.dims) == [stored.dims[0]]  # one for each output channel
        assert numpy_helper.to_array(scale).min() > 0
        assert numpy_helper.to_array(stored).min() < -100  # the full range
        assert values[image.input[2]].data_type == TensorProto.UINT8


def test_it_takes_about_a_quarter(case: tuple[Network, Quantised]) -> None:
    net, result = case
    ratio = len(result.model) / len(original(net))
    assert 0.24 < ratio < 0.4


def test_it_computes_nearly_the_same(case: tuple[Network, Quantised]) -> None:
    """On images that neither the calibration nor the reported closeness has seen."""
    net, result = case
    batch = images(8, 64)
    expected = run_onnx(net.to_onnx(dynamic_batch=True), batch)
    found = run_onnx(onnx.load_from_string(result.model), batch)
    error = np.sqrt(np.mean((found - expected) ** 2)) / expected.std()
    assert 0 < error < 0.1
    assert result.closeness.error == pytest.approx(error, rel=0.7)
    assert result.closeness.images == 16
    assert 0 <= result.closeness.same_top1 <= 16


def test_the_seed_decides_the_calibration() -> None:
    model = original(NETS["v1"])
    assert quantised(model, 1) == quantised(model, 1)
    assert quantised(model, 1).model != quantised(model, 2).model


def test_it_says_nothing(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """And logs on as before afterwards."""
    with caplog.at_level(logging.DEBUG):
        quantised(original(NETS["v3-small"]))
        assert caplog.records == []
        logging.info("heard")
    assert [record.message for record in caplog.records] == ["heard"]
    assert capfd.readouterr() == ("", "")


def test_branches_and_several_outputs() -> None:
    """Concatenations, resizing, attention: quantised, run with two images, and nearly the same."""
    net = mncost.load(str(EXAMPLE), alpha=0.5, resolution=64)
    content = original(net)
    result = quantised(content)
    kinds = {node.op_type for node in onnx.load_from_string(result.model).graph.node}
    assert {"QuantizeLinear", "DequantizeLinear", "Concat", "Resize", "Softmax"} <= kinds
    assert 0 < result.closeness.error < 0.2
    batch = images(2, 64)
    outputs = []
    for model in (content, result.model):
        session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
        outputs.append(session.run(None, {"input": batch}))
    for exact, rounded in zip(*outputs, strict=True):
        assert exact.shape == rounded.shape
        assert np.abs(exact - rounded).max() < 0.5 * np.abs(exact).max()
