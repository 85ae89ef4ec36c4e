"""Real files that others made: multiply-accumulates that were counted from real executions."""

from __future__ import annotations

import pytest

import mncost
from benchmarks.real_models import REAL, Real, agrees, path_of

pytest.importorskip("onnxruntime")
# Trainable parameters as torchvision documents them, where the network is the same.
PARAMETERS = {
    "light_resnet50.onnx": 25_557_032,
    "light_vgg19.onnx": 143_667_240,
    "light_squeezenet.onnx": 1_235_496,
}


def case(real: Real) -> object:
    name = real.file.rpartition("/")[2]
    return pytest.param(real, id=name, marks=() if real.package == "onnx" else pytest.mark.slow)


@pytest.mark.parametrize("real", [case(real) for real in REAL])
def test_real_models(real: Real) -> None:
    path = path_of(real)
    if path is None:
        pytest.skip(f"{real.package} is not installed")
    network = mncost.load(str(path), input=real.input)
    assert agrees(real, network), network.macs
    if path.name in PARAMETERS:
        assert network.params == PARAMETERS[path.name]
