"""OpenVINO: in a process of its own, as all runtimes that measure."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import mncost
from mncost.measure.layer_shares import layer_shares
from mncost.measure.machine import machine
from mncost.measure.runtimes import CONVERT, REORDER, Setup, seeded_images
from mncost.measure.runtimes.kernel_names import node_of, steps_by_name
from mncost.measure.workers.builder import Builder
from mncost.measure.workers.prepare import Recipe
from mncost.measure.workers.process import start_worker
from mncost.measure.workers.worker import Worker, WorkerRefused, WorkerSpec
from mncost.network import Network
from tests.measure import asking
from tests.measure.graphs import INPUTS, two_and_two
from tests.models.test_onnx import run_onnx

pytest.importorskip("openvino")

SIZE = 64
NETS = {name: mncost.load(name, 0.35, SIZE) for name in ("v1", "v2", "v3-small", "v4-conv-s")} | {
    "v4-hybrid-m": mncost.load("v4-hybrid-m", 0.35, 96)
}
OTHERS = ("resnet-18", "efficientnet-lite0", "shufflenet-v2-0.5")
FAMILIES = pytest.mark.parametrize("net", NETS.values(), ids=NETS)


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    worker = start_worker(WorkerSpec("openvino", 1))
    yield worker
    worker.close()


def write(builder: Builder, net: Network, folder: Path, precision: str = "fp32") -> Path:
    builder.prepare(
        Recipe(net.graph, net.inputs, format="onnx", precision=precision, seed=5), folder
    )
    return folder


def logits(folder: Path, batch: int, precision: str = "fp32") -> np.ndarray:
    from mncost.measure.runtimes.openvino import OpenVino

    runtime = OpenVino()
    runtime.start(1)
    call = runtime.load(Setup(folder, batch, None, precision))
    (values,) = call().values()  # type: ignore[attr-defined]
    return np.array(values)  # of its own: the request's memory ends with it


def error(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.sqrt(np.mean((found - expected) ** 2)) / expected.std())


@FAMILIES
def test_its_logits_are_those_of_onnx_runtime(
    builder: Builder, tmp_path: Path, net: Network
) -> None:
    """In float32, though it would choose bfloat16 by itself on some CPUs."""
    model = net.to_onnx(dynamic_batch=True, seed=5)
    expected = run_onnx(model, seeded_images((2, *net.inputs["input"])))
    found = logits(write(builder, net, tmp_path), 2)
    assert np.abs(found - expected).max() <= 1e-4 * expected.std()


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
def test_logits_of_other_families(builder: Builder, tmp_path: Path, name: str) -> None:
    test_its_logits_are_those_of_onnx_runtime(builder, tmp_path, mncost.load(name, resolution=SIZE))


def test_bfloat16_is_a_precision_of_its_own(builder: Builder, tmp_path: Path) -> None:
    """It has 8 bits: an error of some thousandths; int8 has a larger one."""
    net = NETS["v2"]
    write(builder, net, tmp_path)
    exact = logits(tmp_path, 2)
    if {"avx512_bf16", "amx_bf16"} & set(machine().flags):
        assert 5e-4 < error(logits(tmp_path, 2, "bf16"), exact) < 2e-2
    else:
        with pytest.raises(RuntimeError, match=r"^this CPU does not compute in bf16, but in f32$"):
            logits(tmp_path, 2, "bf16")
    quantised = logits(write(builder, net, tmp_path / "int8", "int8"), 2, "int8")
    assert 5e-3 < error(quantised, exact) < 0.1


@pytest.mark.parametrize(
    ("net", "precision"),
    [
        # Quantised, it takes as long as all others together.
        pytest.param(
            net,
            precision,
            marks=[pytest.mark.slow] if name + precision == "v4-hybrid-mint8" else [],
        )
        for name, net in NETS.items()
        for precision in ("fp32", "int8")
    ],
)
def test_every_layer_with_macs_has_its_kernel(
    builder: Builder, worker: Worker, tmp_path: Path, net: Network, precision: str
) -> None:
    """That its kernels add up to less than a run is not asserted: it counts microseconds."""
    from mncost.measure.runtimes.openvino import OpenVino

    folder = write(builder, net, tmp_path / "net", precision)
    profiled = worker.ask(asking.profile(folder, precision=precision, rounds=2))
    layers = layer_shares(OpenVino, net.graph, net.inputs, profiled)
    assert {layer.layer for layer in layers} >= {x.name for x in net.layers if x.macs}
    assert sum(layer.macs for layer in layers) == net.macs
    kernels = {layer.layer: layer.kernels for layer in layers}
    assert set(kernels.get(REORDER, [])) <= {"Reorder", "Transpose", "Reshape"}
    assert (CONVERT in kernels) == (precision == "int8")


def test_a_graph_of_two_inputs_and_two_outputs(
    builder: Builder, worker: Worker, tmp_path: Path
) -> None:
    from mncost.measure.runtimes.onnxruntime import OnnxRuntime
    from mncost.measure.runtimes.openvino import OpenVino

    graph = two_and_two()
    builder.prepare(Recipe(graph, INPUTS, format="onnx", precision="fp32", seed=2), tmp_path)
    runtime = OpenVino()
    runtime.start(1)
    call, reference = runtime.load(Setup(tmp_path, 2)), OnnxRuntime().load(Setup(tmp_path, 2))
    for ours, theirs in zip(call().values(), reference(), strict=True):  # type: ignore[attr-defined, call-overload]
        assert np.abs(ours - theirs).max() <= 1e-5 * theirs.std()
    profiled = worker.ask(asking.profile(tmp_path, rounds=2))
    layers = {layer.layer for layer in layer_shares(OpenVino, graph, INPUTS, profiled)}
    assert layers >= {"tall.conv", "wide.conv", "end.conv"}


def test_a_kernel_is_about_the_first_node_that_it_was_made_of() -> None:
    steps = steps_by_name(NETS["v2"].graph)
    assert node_of(["Multiply_9840", "stem.bn", "stem.act"], steps) == "stem.conv"
    assert node_of(["row2.project.conv/WithoutBiases", "output"], steps) == "row2.project.conv"
    assert node_of(["Reorder"], steps) == REORDER
    assert node_of(["input_QuantizeLinear"], steps) == CONVERT


def test_a_worker(builder: Builder, worker: Worker, tmp_path: Path) -> None:
    folder = write(builder, NETS["v2"], tmp_path / "net")
    assert set(worker.hello.versions) == {"python", "openvino", "numpy"}
    assert all(ns > 0 for ns in worker.ask(asking.load(0, folder, batch=3)).ns)
    assert len(worker.ask(asking.burst(0, warmups=1, runs=4)).ns) == 4
    (tmp_path / "model.onnx").write_bytes((folder / "model.onnx").read_bytes()[:1000])
    with pytest.raises(WorkerRefused):
        worker.ask(asking.load(1, tmp_path))
    assert len(worker.ask(asking.burst(0, runs=2)).ns) == 2
