"""From ONNX Runtime's kernels to our layers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

import mncost
from mncost.graph.graph import Builder, Graph
from mncost.graph.ops import Activation, BatchNorm, Dropout, Flatten, Op
from mncost.measure.bursts import Counts
from mncost.measure.layer_shares import SESSION, ProfileError, layer_shares
from mncost.measure.records import LayerShare, Profile
from mncost.measure.runtimes import CONVERT, REORDER, KernelTimes
from mncost.measure.runtimes.onnxruntime import OnnxRuntime
from mncost.measure.runtimes.onnxruntime_profile import read_profile
from mncost.measure.workers.messages import Profiled
from tests.networks import conv


def shares(
    graph: Graph, resolution: int, runs: list[int], kernels: dict[str, list[int]]
) -> list[LayerShare]:
    """Return the layers of a profile of ONNX Runtime's."""
    times = Profiled(plain_ns=runs, profiled_ns=runs, kernels=kernels)
    return layer_shares(OnnxRuntime, graph, graph.images(resolution), times)


def profiled(network: mncost.Network, tmp_path: Path, *, runs: int = 3) -> KernelTimes:
    """Run a network under ONNX Runtime's profiler, without any of our worker's code."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.enable_profiling = True
    options.profile_file_prefix = str(tmp_path / "profile")
    session = onnxruntime.InferenceSession(
        network.to_onnx().SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    image = np.zeros((1, *network.inputs["input"]), np.float32)
    for _ in range(runs):
        session.run(None, {"input": image})
    return read_profile(Path(session.end_profiling()))


@pytest.mark.parametrize(
    "arch", ["v1", "v2", "v3-small", "v3-large-minimalistic", "v4-conv-s", "v4-hybrid-m"]
)
@pytest.mark.parametrize("twin", [False, True])
def test_every_layer_with_macs_has_its_kernel(arch: str, twin: bool, tmp_path: Path) -> None:
    network = mncost.load(arch, alpha=0.25 if arch != "v4-hybrid-m" else 0.5, resolution=64)
    network = network.standard if twin else network
    times = profiled(network, tmp_path)
    found = shares(network.graph, 64, times.runs, times.kernels)
    assert {layer.layer for layer in found} >= {x.name for x in network.layers if x.macs}
    assert sum(layer.macs for layer in found) == network.macs
    unmapped = {kernel for layer in found if layer.layer == REORDER for kernel in layer.kernels}
    assert all(kernel.startswith("Reorder") for kernel in unmapped)


def test_the_layers_add_up_to_the_run(tmp_path: Path) -> None:
    network = mncost.load("v2", alpha=0.35, resolution=64)
    times = profiled(network, tmp_path, runs=5)
    found = shares(network.graph, 64, times.runs, times.kernels)
    for run, whole in enumerate(times.runs):
        assert sum(layer.ns[run] for layer in found) == whole
    assert found[-1].layer == SESSION


def test_a_layer_with_macs_that_has_no_kernel_is_an_error() -> None:
    """A name that changed in another version of the runtime must not become a time of zero."""
    graph = mncost.load("v1", alpha=0.25, resolution=64).graph
    with pytest.raises(ProfileError, match=r"no kernel for stem\.conv, which has MACs"):
        shares(graph, 64, [10_000], {"fused_0": [9_000]})


def test_kernels_are_told_apart_by_whole_names() -> None:
    """``row1`` is not where ``row10.conv`` belongs."""
    network = mncost.load("v1", alpha=0.25, resolution=64)
    kernels = {f"{x.name}_nchwc": [1_000 + i] for i, x in enumerate(network.layers) if x.macs}
    found = shares(network.graph, 64, [10**9], kernels)
    for layer in (x for x in network.layers if x.macs):
        (mine,) = (share for share in found if share.layer == layer.name)
        assert mine.kernels == [f"{layer.name}_nchwc"]
        assert mine.macs == layer.macs


def separable(*last: Op, names: tuple[str, str] = ("dw", "pw")) -> Graph:
    """Return a depthwise and a pointwise convolution with all that belongs to them."""
    builder = Builder(8)
    for builder.block, groups, kernel in ((names[0], 8, 3), (names[1], 1, 1)):
        builder.add("conv", conv(8, 8, kernel, 1, groups, False, "symmetric"))
        builder.add("bn", BatchNorm(8, 1e-5, 0.1))
        builder.add("act", Activation("relu6"))
    for op in last:
        builder.add(type(op).__name__.lower(), op)
    return builder.finish()


def mapped(graph: Graph, kernels: dict[str, int]) -> dict[str, int]:
    """Return the time of each layer in a run of 100."""
    found = shares(graph, 8, [100], {name: [ns] for name, ns in kernels.items()})
    return {layer.layer: layer.ns[0] for layer in found}


@pytest.mark.parametrize("last", [[], [Dropout(0.2)], [Dropout(0.2), Flatten()]])
def test_the_output_is_the_last_layers(last: list[Op]) -> None:
    """ONNX Runtime calls what ends a model after the model's output."""
    kernels = {"ReorderInput": 3, "dw.act_nchwc": 20, "output_nchwc": 40, "ReorderOutput": 4}
    found = mapped(separable(*last), kernels)
    assert found == {"dw.conv": 20, "pw.conv": 40, REORDER: 7, SESSION: 33}


def test_a_block_called_output_is_not_the_output() -> None:
    kernels = {"output.act_nchwc": 20, "output_nchwc": 40}
    found = mapped(separable(names=("output", "pw")), kernels)
    assert found == {"output.conv": 20, "pw.conv": 40, SESSION: 40}


def test_only_the_models_own_ends_are_converted() -> None:
    """Between an integer and a floating-point kernel it is the layer that wants it."""
    kernels = {
        "input_QuantizeLinear": 1,
        "Transpose": 2,
        "dw.conv_token_1": 20,
        "dw.bn_DequantizeLinear": 5,
        "dw.act": 6,
        "dw.act_QuantizeLinear": 7,
        "pw.conv_token_5": 30,
        "Transpose_token_4": 4,
        "output_DequantizeLinear": 8,
    }
    found = mapped(separable(), kernels)
    assert found == {"dw.conv": 38, "pw.conv": 30, REORDER: 6, CONVERT: 9, SESSION: 17}


def profile(runs: list[int], **layers: list[int]) -> Profile:
    return Profile(
        cell=0,
        generation=0,
        profiled_ns=runs,
        plain_ns=runs,
        layers=[
            LayerShare(layer=name, kind=name, macs=0, kernels=[], ns=Counts(ns))
            for name, ns in layers.items()
        ],
    )


def event(name: str, ts: int, dur: int, cat: str = "Node") -> dict[str, object]:
    return {"cat": cat, "name": name, "ts": ts, "dur": dur}


def test_kernels_belong_to_the_run_that_they_are_in(tmp_path: Path) -> None:
    file = tmp_path / "profile.json"
    file.write_text(
        json.dumps(
            [
                event("a_kernel_time", 110, 30),
                event("b_kernel_time", 150, 20),
                event("model_run", 100, 90, "Session"),
                event("a_kernel_time", 310, 40),
                event("a_kernel_time", 360, 5),
                event("model_run", 300, 100, "Session"),
                event("session_initialization", 0, 50, "Session"),
            ]
        )
    )
    assert read_profile(file) == ([90_000, 100_000], {"a": [30_000, 45_000], "b": [20_000, 0]})


def test_a_kernel_outside_of_every_run_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "profile.json"
    file.write_text(
        json.dumps([event("a_kernel_time", 250, 1), event("model_run", 100, 90, "Session")])
    )
    with pytest.raises(ValueError, match="outside of every run"):
        read_profile(file)
