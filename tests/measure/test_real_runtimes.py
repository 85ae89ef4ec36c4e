"""The real runtimes: short runs of everything at once, and what only they can show.

No latency is asserted.
"""

from __future__ import annotations

import csv
import io
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import mncost
from mncost.graph.graph import Builder as GraphBuilder
from mncost.graph.graph import Graph
from mncost.graph.ops import Activation, ActivationName, BatchNorm
from mncost.measure.ceilings import PRODUCT, PRODUCT_BATCH
from mncost.measure.layer_shares import SESSION, layer_shares
from mncost.measure.records import Profile
from mncost.measure.run_file import read_run
from mncost.measure.runtimes import CONVERT, REORDER
from mncost.measure.runtimes.onnxruntime import OnnxRuntime
from mncost.measure.workers.builder import Builder
from mncost.measure.workers.prepare import Recipe
from mncost.measure.workers.process import start_worker
from mncost.measure.workers.worker import Worker, WorkerSpec
from mncost.results.layer_times import own_share
from mncost.results.results import Results
from tests.measure import asking
from tests.networks import conv
from tests.running import Result

Cli = Callable[..., Result]
Built = Callable[..., Path]
Start = Callable[..., Worker]
SMALL = ("--alpha", "0.35", "--resolution", "96")
TWO_HEADS = Path(__file__).parents[2] / "examples/two_heads.toml"
SHORT = ("--processes", "2", "--max-time", "10min")


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let two processes with a few rounds be enough, however busy the machine is."""
    monkeypatch.setattr("mncost.measure.schedule.WORTH", 0)
    monkeypatch.setattr(
        Results, "relative_errors", lambda self: {cell.id: 0.0 for cell in self.run.cells}
    )


def rows(result: Result) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(result.out)))


def test_both_runtimes_both_precisions_and_the_twin(run_cli: Cli, here: Path) -> None:
    options = ["--precision", "fp32,int8", "--batch", "1,2", "-o", "run.json", "-f", "csv"]
    ran = run_cli(["bench", "--arch", "v2", *SMALL, *SHORT, *options])
    assert ran.status == 0
    table = rows(ran)
    kinds = [(row["runtime"], row["precision"], row["batch"], row["twin"]) for row in table]
    assert len(kinds) == len(set(kinds)) == 4 * 3  # runtime and precision: torch has no INT8
    for row in table:
        assert 0 < float(row["min_latency"]) <= float(row["latency"])
        if not row["twin"]:
            assert float(row["speedup"]) > 0
        if row["precision"] == "int8":
            assert float(row["int8_speedup"]) > 0
            assert 0 < float(row["logits_error"]) < 0.2
    full, quantised = (
        next(int(row["file_bytes"]) for row in table if row["precision"] == precision)
        for precision in ("fp32", "int8")
    )
    assert 3 < full / quantised < 4.5
    run = read_run(Path("run.json"))
    for process in run.processes:
        assert ("torch" in process.versions) == (process.worker.runtime == "torch")
        assert process.worker.runtime in process.versions


def test_layers_of_a_real_profile(run_cli: Cli, here: Path) -> None:
    ran = run_cli(["bench", "--arch", "v3-small", *SMALL, *SHORT, "--by", "layer", "-f", "csv"])
    assert ran.status == 0
    table = rows(ran)
    shares = [float(row["time_share"]) for row in table]
    assert sum(shares) == pytest.approx(1, abs=0.05)  # the centres are geometric means
    assert {row["kind"] for row in table} > {"conv", "depthwise", "pointwise", "scale", "linear"}


def test_more_threads_than_cores_is_a_caution(run_cli: Cli, here: Path) -> None:
    threads = f"{(os.cpu_count() or 1) + 1}"
    options = ["--runtime", "onnxruntime", "--no-twin", "--threads", threads]
    ran = run_cli(["bench", "--arch", "v2", *SMALL, *SHORT, *options])
    assert ran.status == 0
    assert f"{threads} threads on " in ran.out


def test_a_model_that_is_too_large_fails_and_the_others_go_on(run_cli: Cli, here: Path) -> None:
    options = [
        "--runtime",
        "onnxruntime",
        "--no-twin",
        "--alpha",
        "0.35,16",
        "-r",
        "96",
        "-f",
        "csv",
    ]
    ran = run_cli(["bench", "--arch", "v2", *SHORT, *options])
    assert ran.status == 1
    small, large = rows(ran)
    assert (small["failure"], large["latency"]) == ("", "")
    assert small["latency"]
    assert "hold at most" in large["failure"] or "memory" in large["failure"]


@pytest.fixture
def built(builder: Builder, tmp_path: Path) -> Built:
    """Write models."""

    def build(graph: Graph, resolution: int, format: str, precision: str = "fp32") -> Path:
        folder = tmp_path / f"{precision}.{format}"
        builder.prepare(
            Recipe(graph, graph.images(resolution), format=format, precision=precision, seed=0),
            folder,
        )
        return folder

    return build


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    """Start one that only profiles models: it loads each anew."""
    worker = start_worker(WorkerSpec("onnxruntime", 1))
    yield worker
    worker.close()


@pytest.fixture
def start() -> Iterator[Start]:
    """Start workers; they are ended after the test."""
    started = []

    def begin(runtime: str, threads: int = 1) -> Worker:
        worker = start_worker(WorkerSpec(runtime, threads))
        started.append(worker)
        return worker

    yield begin
    for worker in started:
        worker.close()


def separable(function: ActivationName | None) -> Graph:
    builder = GraphBuilder(16)
    for builder.block, out, groups, kernel in (("dw", 16, 16, 3), ("pw", 32, 1, 1)):
        builder.add("conv", conv(16, out, kernel, 1, groups, False, "symmetric"))
        builder.add("bn", BatchNorm(out, 1e-5, 0.1))
        if function is not None:
            builder.add("act", Activation(function))
    return builder.finish()


@pytest.mark.parametrize("precision", ["fp32", "int8"])
@pytest.mark.parametrize("function", [None, "relu6", "hardswish", "silu", "gelu"])
def test_every_kernel_of_two_layers_has_its_place(
    built: Built, worker: Worker, function: ActivationName | None, precision: str
) -> None:
    """By the names that this very ONNX Runtime gives to its kernels."""
    graph = separable(function)
    file = built(graph, 28, "onnx", precision)
    found = worker.ask(asking.profile(file, batch=2, rounds=3))
    layers = layer_shares(OnnxRuntime, graph, graph.images(28), found)
    kernels = {layer.layer: layer.kernels for layer in layers}
    assert set(kernels) - {CONVERT} == {"dw.conv", "pw.conv", REORDER, SESSION}
    assert all(name.startswith(("Reorder", "Transpose")) for name in kernels[REORDER])
    assert all(name.startswith("dw.") for name in kernels["dw.conv"])
    assert all(name.startswith(("pw.", "output")) for name in kernels["pw.conv"])
    # gelu is computed in floating point: nothing is left to be dequantised
    conversions = ["input_QuantizeLinear", "output_DequantizeLinear"]
    count = 0 if precision == "fp32" else 1 if function == "gelu" else 2
    assert kernels.get(CONVERT, []) == conversions[:count]
    profile = Profile(
        cell=0,
        generation=0,
        profiled_ns=found.profiled_ns,
        plain_ns=found.plain_ns,
        layers=layers,
    )
    assert 0 < own_share(profile) < 1


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_layers_of_branches(built: Built, worker: Worker, precision: str) -> None:
    """Two outputs, concatenations, attention: each layer with work has its kernels, in a batch."""
    net = mncost.load(str(TWO_HEADS), alpha=0.5, resolution=64)
    file = built(net.graph, 64, "onnx", precision)
    found = worker.ask(asking.profile(file, batch=2, rounds=3))
    layers = layer_shares(OnnxRuntime, net.graph, net.inputs, found)
    own = {layer.layer for layer in layers}
    assert own >= {layer.name for layer in net.all_layers if layer.macs}
    assert own >= {"up.resize", "row12.concat", "encoder.1.attention.heads", "row5.positions"}
    assert sum(layer.macs for layer in layers) == net.macs
    kernels = [kernel for layer in layers for kernel in layer.kernels]
    assert len(kernels) == len(set(kernels))


@pytest.mark.parametrize(
    ("runtime", "format", "precision"),
    [("onnxruntime", "onnx", "fp32"), ("onnxruntime", "onnx", "int8"), ("torch", "torch", "fp32")],
)
def test_the_heaviest_work(
    built: Built, start: Start, runtime: str, format: str, precision: str
) -> None:
    product = built(PRODUCT, 1, format, precision)
    found = start(runtime, 2).ask(asking.heaviest(product, batch=PRODUCT_BATCH, runs=3))
    assert (len(found.product_ns), len(found.copy_ns)) == (3, 3)
    assert min(found.product_ns + found.copy_ns) > 0
    assert found.bytes == 2**29


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
@pytest.mark.parametrize(
    ("runtime", "format", "times"), [("onnxruntime", "onnx", 3.5), ("torch", "torch", 2.0)]
)
def test_memory_of_runs_is_about_that_of_the_activations(
    built: Built, start: Start, runtime: str, format: str, times: float
) -> None:
    """At least what is alive at once; and what a runtime keeps or does not fuse, but no more.

    In ONNX Runtime the blocks of the first run stay beside the one that later runs have; torch
    does not fuse the batch norm.
    """
    batch = 8
    network = mncost.load("v1", 1.0, 224)
    file = built(network.graph, 224, format)
    found = start(runtime).ask(asking.memory(file, batch=batch, runs=3))
    assert found.loaded_bytes > network.weight_bytes + batch * 3 * 224**2 * 4
    alive = batch * network.peak_activation_bytes
    assert alive < found.peak_bytes - found.loaded_bytes < times * alive


@pytest.mark.parametrize("runtime", ["onnxruntime", "torch"])
def test_a_comparison_from_end_to_end(runtime: str) -> None:
    """A small V1: everything that the script of the fake runtime makes up is really measured."""
    found = mncost.bench(
        "v1",
        alpha=0.1,
        resolution=32,
        runtime=runtime,
        pairs=True,
        memory=True,
        processes=2,
        max_time=600,
    )
    assert not found.run.failures
    (network,) = found.savings.networks
    assert network.speedup is not None
    assert network.memory.measured is not None
    assert network.memory.measured > 0
    assert network.sums is not None
    assert network.sums.depthwise_time is not None
    assert 0 < network.sums.depthwise_time.center < 1
    assert found.savings.pairs
    for pair in found.savings.pairs:
        assert pair.speedup is not None
        assert [point.bound is not None for point in pair.points] == [True] * 3
        whole = found.summaries[pair.both.id].latency
        assert pair.time is not None
        assert whole is not None
        assert pair.time.center <= whole.center * (1 + 1e-9)
