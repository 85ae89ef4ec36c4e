"""The runtimes: each computes what the torch module of the same network and seed computes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import mncost
from mncost.errors import MeasureError
from mncost.measure.runtime_names import RUNTIMES
from mncost.measure.runtimes import Call, Setup, runtime_class, seeded_images
from mncost.measure.runtimes.onnxruntime import OnnxRuntime
from mncost.measure.runtimes.resident import Memory
from mncost.measure.runtimes.torch import Torch
from mncost.measure.runtimes.torch_compile import TorchCompile
from mncost.measure.where import Where
from mncost.measure.workers.builder import Builder
from mncost.measure.workers.prepare import Recipe
from mncost.measure.workers.process import start_worker
from mncost.measure.workers.worker import WorkerRefused, WorkerSpec
from mncost.models.formats import format_named
from mncost.network import Network
from tests.measure import asking
from tests.running import Result

SIZE = 64
NET = mncost.load("v3-small", 0.35, SIZE)
TINY = mncost.load(str(Path(__file__).parents[1] / "tiny.toml"), 1.0, 8)  # compiles in seconds


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return models by format, and the tiny network's as ``tiny``."""
    directory = tmp_path_factory.mktemp("models")
    builder = Builder()
    for name, net, kind in (
        ("onnx", NET, "onnx"),
        ("torch", NET, "torch"),
        ("tiny", TINY, "torch"),
    ):
        builder.prepare(
            Recipe(net.graph, net.inputs, format=kind, precision="fp32", seed=5), directory / name
        )
    builder.close()
    return {folder.name: folder for folder in directory.iterdir()}


def logits(net: Network, count: int) -> np.ndarray:
    """Return the logits of so many images, by the module that ``to_torch`` makes."""
    with torch.no_grad():
        images = torch.from_numpy(seeded_images((count, *net.inputs["input"])))
        found: np.ndarray = net.to_torch(seed=5).eval()(images).numpy()
    return found


@pytest.fixture(scope="module")
def expected() -> np.ndarray:
    return logits(NET, 8)


def assert_close(found: np.ndarray, expected: np.ndarray) -> None:
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= 1e-4 * expected.std()


@pytest.mark.parametrize("batch", [1, 8])
def test_onnxruntime(files: dict[str, Path], expected: np.ndarray, batch: int) -> None:
    runtime = OnnxRuntime()
    runtime.start(1)
    call = runtime.load(Setup(files["onnx"], batch, "CPUExecutionProvider"))
    outputs = call()
    assert isinstance(outputs, list)
    assert_close(outputs[0], expected[:batch])


@pytest.mark.parametrize("batch", [1, 8])
def test_torch(files: dict[str, Path], expected: np.ndarray, batch: int) -> None:
    call = Torch().load(Setup(files["torch"], batch))
    found = call()
    assert isinstance(found, torch.Tensor)
    assert found.is_inference()
    assert_close(found.numpy(), expected[:batch])


def test_the_first_images_do_not_depend_on_the_batch() -> None:
    assert (seeded_images((1, 3, 5, 5)) == seeded_images((4, 3, 5, 5))[:1]).all()


def test_torch_runs_channels_last(files: dict[str, Path]) -> None:
    """In the kernels' own words: every convolution gets and returns channels last."""
    layouts: list[bool] = []

    class Watched(Torch):
        def prepared(self, module: torch.nn.Module) -> torch.nn.Module:
            for layer in module.modules():
                if isinstance(layer, torch.nn.Conv2d):
                    layer.register_forward_hook(look)
            return module

    def look(layer: torch.nn.Module, inputs: tuple[torch.Tensor, ...], out: torch.Tensor) -> None:
        tensors = (*inputs, out, *layer.parameters())
        layouts.extend(
            t.is_contiguous(memory_format=torch.channels_last) for t in tensors if t.dim() == 4
        )

    Watched().load(Setup(files["torch"], 2))()
    assert len(layouts) >= 3 * 50
    assert all(layouts)


def in_process(program: str, *arguments: object) -> dict[str, object]:
    """Run a program that prints JSON last; runtimes never share a process."""
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        stdout=subprocess.PIPE,
        check=True,
        timeout=300,
    )
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.fixture(scope="module")
def compiled(files: dict[str, Path]) -> dict[str, object]:
    """Return what torch-compile computes, in a process of its own."""
    program = """
import json, sys
from pathlib import Path
from mncost.measure.runtimes import Setup
from mncost.measure.runtimes.torch_compile import TorchCompile
from mncost.measure.workers.serve import Server
runtime = TorchCompile()
server = Server(runtime, 1)
call = runtime.load(Setup(Path(sys.argv[1]), 2))
logits = call().tolist()
import torch
counted = torch._dynamo.utils.counters
print(json.dumps({"logits": logits, "modules": list(sys.modules),
    "threads": [torch.get_num_threads(), torch.get_num_interop_threads()],
    "graphs": counted["stats"]["unique_graphs"], "breaks": len(counted["graph_break"]),
    "frozen": torch._inductor.config.freezing}))
"""
    return in_process(program, files["tiny"])


@pytest.mark.slow
def test_torch_compile(compiled: dict[str, object]) -> None:
    assert_close(np.array(compiled["logits"], dtype="float32"), logits(TINY, 2))
    assert compiled["frozen"]
    assert (compiled["graphs"], compiled["breaks"]) == (1, 0)  # the network as one piece
    assert compiled["threads"] == [1, 1]


def test_what_is_compiled_belongs_to_the_load(monkeypatch: pytest.MonkeyPatch) -> None:
    """The compiler takes far more memory than any model."""
    runs: list[str] = []

    class Compiling(TorchCompile):
        def load(self, setup: Setup) -> Call:
            return lambda: runs.append(f"{setup.folder} {setup.batch} {setup.provider}")

    def seen(load: Callable[[], Call], times: int) -> Memory:
        call, loaded = load(), len(runs)
        for _ in range(times):
            call()
        return Memory(loaded, len(runs))

    monkeypatch.setattr("mncost.measure.runtimes.torch_compile.resident_memory", seen)
    assert Compiling().memory(Setup(Path("a"), 2), 3) == (1, 4)
    assert runs == ["a 2 None"] * 4


@pytest.mark.slow
def test_a_torch_worker_has_no_onnxruntime(compiled: dict[str, object]) -> None:
    modules = compiled["modules"]
    assert isinstance(modules, list)
    assert "torch" in modules
    assert not {"onnxruntime", "onnx", "typer", "rich", "pandas"} & set(modules)


def test_an_onnxruntime_worker_has_little_else(files: dict[str, Path]) -> None:
    program = """
import json, sys
from mncost.measure.runtimes.onnxruntime import OnnxRuntime
from mncost.measure.workers.serve import Server
server = Server(OnnxRuntime(), 1)
load = {"ask": "LoadModel", "cell": 0, "folder": sys.argv[1]}
print(json.dumps({"answer": server.answer(load), "modules": list(sys.modules)}))
"""
    found = in_process(program, files["onnx"])
    assert "ns" in found["answer"]  # type: ignore[operator]
    modules = {str(name).partition(".")[0] for name in found["modules"]}  # type: ignore[attr-defined]
    assert {"onnxruntime", "numpy"} <= modules
    assert not {"torch", "onnx", "msgspec", "typer", "rich", "psutil", "scipy"} & modules


def test_an_onnxruntime_worker(files: dict[str, Path], tmp_path: Path) -> None:
    worker = start_worker(WorkerSpec("onnxruntime", 2))
    try:
        assert set(worker.hello.versions) == {"python", "onnxruntime", "numpy"}
        loaded = worker.ask(asking.load(0, files["onnx"], batch=3, provider="CPUExecutionProvider"))
        assert all(ns > 0 for ns in (*loaded.warmup_ns, *loaded.ns))
        with pytest.raises(WorkerRefused, match="no OpenVINOExecutionProvider"):
            worker.ask(asking.load(1, files["onnx"], provider="OpenVINOExecutionProvider"))
        content = (files["onnx"] / "model.onnx").read_bytes()
        (tmp_path / "model.onnx").write_bytes(content[:1000])
        with pytest.raises(WorkerRefused, match="ONNXRuntimeError"):
            worker.ask(asking.load(2, tmp_path))
        assert len(worker.ask(asking.burst(0, warmups=1, runs=4)).ns) == 4
    finally:
        worker.close()


class Offering:
    """Stands for an onnxruntime with other providers."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *offered: str) -> None:
        import onnxruntime

        monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: list(offered))
        monkeypatch.setattr(onnxruntime, "InferenceSession", self.session)
        self.used: list[str] = []
        self.given: list[object] = []
        self.options: object = None

    def session(self, file: str, options: object, providers: list[object]) -> Offering:
        self.given, self.options = providers, options
        return self

    def get_providers(self) -> list[str]:
        return self.used


def test_only_providers_for_cpus_are_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    Offering(
        monkeypatch,
        *("AzureExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"),
        *("XnnpackExecutionProvider", "OpenVINOExecutionProvider"),
    )
    assert OnnxRuntime.providers() == (
        "CPUExecutionProvider",
        "OpenVINOExecutionProvider",
        "XnnpackExecutionProvider",
    )


@pytest.mark.parametrize("shared", [True, False])
def test_a_provider_that_is_not_in_use_is_refused(
    monkeypatch: pytest.MonkeyPatch, shared: bool
) -> None:
    """Its threads are given in its own way, and no set of threads is in the way of another."""
    import onnxruntime

    fake = Offering(monkeypatch, "XnnpackExecutionProvider", "CPUExecutionProvider")
    fake.used = ["CPUExecutionProvider"]
    made: list[tuple[int, int]] = []
    name = "set_global_thread_pool_sizes"  # older versions have none
    if shared:
        monkeypatch.setattr(onnxruntime, name, lambda *sizes: made.append(sizes))
    else:
        monkeypatch.delattr(onnxruntime, name)
    runtime = OnnxRuntime()
    runtime.start(4)
    with pytest.raises(RuntimeError, match="does not use XnnpackExecutionProvider"):
        runtime.load(Setup(Path("any"), 1, "XnnpackExecutionProvider"))
    xnnpack = ("XnnpackExecutionProvider", {"intra_op_num_threads": "4"})
    assert fake.given == [xnnpack, "CPUExecutionProvider"]
    assert made == ([(4, 1)] if shared else [])
    options = fake.options
    assert isinstance(options, onnxruntime.SessionOptions)
    assert options.use_per_session_threads != shared
    assert options.intra_op_num_threads == (0 if shared else 4)
    assert options.get_session_config_entry("session.force_spinning_stop") == "1"


def test_threads_that_models_do_not_share_do_not_wait_actively(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where denormal numbers are flushed, each session has threads of its own."""
    import onnxruntime

    Offering(monkeypatch, "CPUExecutionProvider")
    monkeypatch.setattr(onnxruntime, "set_global_thread_pool_sizes", lambda *sizes: None)
    runtime = OnnxRuntime()
    runtime.start(2)
    options = runtime._options(Setup(Path("any"), denormals="flushed"))
    assert (options.use_per_session_threads, options.intra_op_num_threads) == (True, 2)
    assert options.get_session_config_entry("session.force_spinning_stop") == "1"


@pytest.mark.skipif(sys.platform != "linux", reason="counts threads in /proc")
def test_models_share_the_threads(files: dict[str, Path]) -> None:
    program = """
import json, os, sys
from pathlib import Path
from mncost.measure.runtimes import Setup
from mncost.measure.runtimes.onnxruntime import OnnxRuntime
runtime = OnnxRuntime()
runtime.start(3)
load = lambda: runtime.load(Setup(Path(sys.argv[1]), 1))()
counts = [load() and len(os.listdir("/proc/self/task")) for _ in range(4)]
print(json.dumps({"counts": counts}))
"""
    assert len(set(in_process(program, files["onnx"])["counts"])) == 1  # type: ignore[call-overload]


@pytest.mark.parametrize("name", RUNTIMES)
def test_every_runtime_says_what_it_is(name: str) -> None:
    known = runtime_class(name)
    assert set(known.precisions) <= set(format_named(known.format).memory_factor)
    assert known.default_provider in known.providers()
    assert "fp32" in known.precisions
    assert known.virtual == (name == "fake")
    assert known().clock_step() > 0


def test_all_are_those_that_are_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is scripted or a second form of another runtime has to be named."""
    there = {"torch", "torch-compile", "openvino", "fake"}
    monkeypatch.setattr("mncost.measure.where.is_installed", there.__contains__)
    assert Where("all").with_runtimes().runtime == ("torch", "openvino")
    assert Where("all").with_runtimes(by_layer=True).runtime == ("openvino",)
    assert Where("all", flush_denormals=True).with_runtimes().runtime == ("openvino",)
    there.clear()
    with pytest.raises(MeasureError, match="no runtime is installed"):
        Where("all").with_runtimes()


def test_one_runtime_is_not_all(run_cli: Callable[..., Result]) -> None:
    result = run_cli(["plot", "v2", "--y", "latency", "--runtime", "all"])
    assert (result.status, result.err.count("\n")) == (2, 1)
    assert "runtime all: name one" in result.err


def test_every_runtime_has_fp32() -> None:
    """Budgets in fp32 are read without importing a runtime to ask it."""
    assert all("fp32" in runtime_class(name).precisions for name in RUNTIMES)
