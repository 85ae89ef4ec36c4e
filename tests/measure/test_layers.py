"""From ONNX Runtime's kernels to our layers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

import mncost
from mncost.measure.results.layers import REORDER, SESSION, ProfileError, shares
from mncost.measure.runtimes import KernelTimes
from mncost.measure.runtimes.onnxruntime_profile import read_profile


def profiled(network: mncost.Network, tmp_path: Path, *, runs: int = 3) -> KernelTimes:
    """Run a network under ONNX Runtime's profiler, without any of our worker's code."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.enable_profiling = True
    options.profile_file_prefix = str(tmp_path / "profile")
    session = onnxruntime.InferenceSession(
        network.to_onnx().SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    image = np.zeros((1, 3, network.resolution, network.resolution), np.float32)
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
    found = shares(network.graph, network.resolution, times.runs, times.kernels)
    assert {layer.layer for layer in found} >= {x.name for x in network.layers if x.macs}
    assert sum(layer.macs for layer in found) == network.macs
    unmapped = {kernel for layer in found if layer.layer == REORDER for kernel in layer.kernels}
    assert all(kernel.startswith("Reorder") for kernel in unmapped)


def test_the_layers_add_up_to_the_run(tmp_path: Path) -> None:
    network = mncost.load("v2", alpha=0.35, resolution=64)
    times = profiled(network, tmp_path, runs=5)
    found = shares(network.graph, network.resolution, times.runs, times.kernels)
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
