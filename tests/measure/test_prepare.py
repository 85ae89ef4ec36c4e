"""Model files: what is in them, and how too large a model is refused."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import onnxruntime
import psutil
import pytest

import mncost
from mncost.graph.graph import Builder as GraphBuilder
from mncost.graph.graph import Graph
from mncost.graph.ops import Activation
from mncost.measure.ceilings import PRODUCT, PRODUCT_BATCH, PRODUCT_MACS
from mncost.measure.runtimes import Setup, seeded_images
from mncost.measure.workers.builder import Builder
from mncost.measure.workers.prepare import Prepared, Preparer, Recipe, needed_bytes
from mncost.measure.workers.worker import WorkerDied, WorkerRefused
from mncost.models.formats import FORMATS
from mncost.models.weights import random_weights
from mncost.network import Network
from tests.measure.graphs import INPUTS, two_and_two
from tests.models.test_onnx import run_onnx
from tests.networks import conv

SIX = {"input": (5, 6, 6)}
NET = mncost.load("v2", 0.35, 64)


def one_layer(channels: int = 5) -> Graph:
    graph = GraphBuilder(channels)
    graph.block = "only"
    graph.add("conv", conv(channels, 7, 3, 1, 1, True, "symmetric"))
    graph.add("act", Activation("relu"))
    return graph.finish()


def prepared(
    builder: Builder,
    folder: Path,
    net: Network = NET,
    *,
    format: str = "onnx",
    precision: str = "fp32",
    seed: int = 0,
) -> Prepared:
    return builder.prepare(
        Recipe(net.graph, net.inputs, format=format, precision=precision, seed=seed), folder
    )


def test_the_onnx_file_is_the_exported_model(builder: Builder, tmp_path: Path) -> None:
    result = prepared(builder, tmp_path / "net", seed=3)
    file = tmp_path / "net" / "model.onnx"
    exported = NET.to_onnx(dynamic_batch=True, seed=3)
    del exported.metadata_props[:]
    exported.ir_version, exported.opset_import[0].version = 9, 20  # for older runtimes
    assert onnx.load(file) == exported
    assert result.bytes == file.stat().st_size
    assert result.agreement is None
    assert [*tmp_path.iterdir(), *file.parent.iterdir()] == [
        file.parent,
        file,
    ]  # nothing else is left behind


def test_the_batch_is_open(builder: Builder, tmp_path: Path) -> None:
    prepared(builder, tmp_path)
    images = np.zeros((8, 3, 64, 64), dtype="float32")
    assert run_onnx(onnx.load(tmp_path / "model.onnx"), images).shape == (8, 1000)


def test_other_resolutions_and_seeds(builder: Builder, tmp_path: Path) -> None:
    """A graph has the same weights at each resolution, and others for each seed."""

    def weights(net: Network, seed: int) -> bytes:
        prepared(builder, tmp_path, net, seed=seed)
        file = tmp_path / "model.onnx"
        return b"".join(values.raw_data for values in onnx.load(file).graph.initializer)

    larger = mncost.load("v2", 0.35, 96)
    assert larger.graph == NET.graph
    first = weights(NET, 0)
    assert weights(larger, 0) == first
    assert weights(larger, 1) != first
    assert weights(NET.standard, 1) != weights(NET, 1)
    assert weights(NET, 0) == first


def test_the_torch_file(builder: Builder, tmp_path: Path) -> None:
    """The weights follow the graph, as little-endian floats in the order that is said."""
    prepared(builder, tmp_path, format="torch", seed=3)
    with (tmp_path / "model.pickle").open("rb") as stream:
        graph, inputs, shapes = pickle.load(stream)
        values = np.frombuffer(stream.read(), dtype="<f4")
    assert (graph, inputs) == (NET.graph, {"input": (3, 64, 64)})
    state = NET.to_torch(seed=3).state_dict()
    expected = [state[name].numpy().ravel() for name in shapes]
    assert (np.concatenate(expected) == values).all()
    assert len(values) == NET.params + NET.buffers


def test_int8(builder: Builder, tmp_path: Path) -> None:
    original = prepared(builder, tmp_path)
    result = prepared(builder, tmp_path, precision="int8")
    assert result.agreement is not None
    assert result.agreement.images > 0
    assert result.bytes < original.bytes / 2
    assert "QuantizeLinear" in {
        node.op_type for node in onnx.load(tmp_path / "model.onnx").graph.node
    }


def test_the_fakes_file(builder: Builder, tmp_path: Path) -> None:
    prepared(builder, tmp_path, format="fake")
    layers = {layer.name: layer.macs for layer in NET.layers if layer.macs}
    content = json.loads((tmp_path / "model.json").read_text())
    assert (content["macs"], content["precision"], content["layers"]) == (NET.macs, "fp32", layers)
    assert prepared(builder, tmp_path, format="fake", precision="int8").agreement is not None


@pytest.mark.parametrize(("precision", "weights", "activation"), [("fp32", 4, 4), ("int8", 1, 1)])
def test_the_fakes_memory(
    builder: Builder, tmp_path: Path, precision: str, weights: int, activation: int
) -> None:
    """Of one layer: its input and output at once; a bias takes 4 bytes at either precision."""
    builder.prepare(Recipe(one_layer(5), SIX, format="fake", precision=precision, seed=0), tmp_path)
    content = json.loads((tmp_path / "model.json").read_text())
    assert content["weight_bytes"] == 9 * 5 * 7 * weights + 7 * 4
    assert content["peak_activation_bytes"] == (5 + 7) * 6 * 6 * activation


REAL = pytest.mark.parametrize(
    ("form", "precision"), [("onnx", "fp32"), ("onnx", "int8"), ("torch", "fp32")]
)


@REAL
def test_the_matrix_product(builder: Builder, tmp_path: Path, form: str, precision: str) -> None:
    """Whatever the runtime does, it is the product with the matrix that was drawn."""
    from mncost.measure.runtimes.onnxruntime import OnnxRuntime
    from mncost.measure.runtimes.torch import Torch

    builder.prepare(
        Recipe(PRODUCT, PRODUCT.images(1), format=form, precision=precision, seed=4), tmp_path
    )
    (matrix,) = random_weights(PRODUCT, 4).values()
    assert matrix.size == PRODUCT_MACS / PRODUCT_BATCH
    expected = seeded_images((3, len(matrix), 1, 1)).reshape(3, -1) @ matrix.T
    call = (Torch() if form == "torch" else OnnxRuntime()).load(Setup(tmp_path, 3))
    found = call()
    array = np.asarray(found if form == "torch" else found[0])  # type: ignore[index]
    error = float(np.sqrt(np.mean((array - expected) ** 2)) / expected.std())
    assert error < (1e-5 if precision == "fp32" else 0.1)


@pytest.mark.parametrize(("precision", "kernel"), [("fp32", "Gemm"), ("int8", "QGemm")])
def test_onnx_runtime_multiplies_in_the_files_precision(
    builder: Builder, tmp_path: Path, precision: str, kernel: str
) -> None:
    file, optimized = tmp_path / "model.onnx", tmp_path / "optimized"
    builder.prepare(
        Recipe(PRODUCT, PRODUCT.images(1), format="onnx", precision=precision, seed=0), tmp_path
    )
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.optimized_model_filepath = str(optimized)
    onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    kinds = [node.op_type for node in onnx.load(optimized).graph.node]
    assert [kind for kind in kinds if "Gemm" in kind or "MatMul" in kind] == [kernel]


@REAL
def test_graphs_need_not_be_networks_nor_images_have_three_channels(
    builder: Builder, tmp_path: Path, form: str, precision: str
) -> None:
    from mncost.measure.runtimes.onnxruntime import OnnxRuntime
    from mncost.measure.runtimes.torch import Torch

    builder.prepare(Recipe(one_layer(), SIX, format=form, precision=precision, seed=0), tmp_path)
    runtime = Torch() if form == "torch" else OnnxRuntime()
    found = runtime.load(Setup(tmp_path, 2))()
    shape = found.shape if form == "torch" else found[0].shape  # type: ignore[attr-defined, index]
    assert tuple(shape) == (2, 7, 6, 6)


@REAL
def test_a_graph_of_two_inputs_and_two_outputs(
    builder: Builder, tmp_path: Path, form: str, precision: str
) -> None:
    """As torch computes it, which has the same seeded images."""
    import torch

    from mncost.measure.runtimes.onnxruntime import OnnxRuntime
    from mncost.measure.runtimes.torch import Torch
    from mncost.models.torch_model import load_weights, torch_module

    graph = two_and_two()
    builder.prepare(Recipe(graph, INPUTS, format=form, precision=precision, seed=2), tmp_path)
    runtime = Torch() if form == "torch" else OnnxRuntime()
    found = runtime.load(Setup(tmp_path, 2))()
    module = torch_module(graph)
    load_weights(module, random_weights(graph, 2))
    images = [torch.from_numpy(seeded_images((2, *shape))) for shape in INPUTS.values()]
    with torch.no_grad():
        expected = module(*images)
    for ours, theirs in zip(found, expected, strict=True):  # type: ignore[call-overload]
        error = np.abs(np.asarray(ours) - theirs.numpy()).max() / theirs.std().item()
        assert error < (1e-5 if precision == "fp32" else 0.2)


def test_a_model_beyond_what_a_file_holds(builder: Builder, tmp_path: Path) -> None:
    """4 bytes for each parameter and statistic; nothing is built."""
    net = mncost.load("v2", 16, 224).standard
    size = 4 * (net.params + net.buffers)
    with pytest.raises(WorkerRefused) as caught:
        prepared(builder, tmp_path / "net", net)
    assert str(caught.value) == (
        f"the weights have {size:,} bytes: onnx models hold at most 2,146,435,072"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("free", "refused"), [(2**27, True), (2**32, False)])
def test_a_model_beyond_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, refused: bool
) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=free))
    (tmp_path / "graph").write_bytes(pickle.dumps((NET.graph, None)))
    request = {
        "graph": str(tmp_path / "graph"),
        "inputs": NET.inputs,
        "format": "torch",
        "precision": "fp32",
        "seed": 0,
        "folder": str(tmp_path / "net"),
    }
    answer = Preparer().answer(request)
    message = "needs about 0.3 GiB of memory, 0.1 GiB are free"
    assert answer.get("refused") == (message if refused else None)
    assert (tmp_path / "net").exists() != refused


def test_large_images_need_memory_too() -> None:
    """At least the input and the first layer's result, at 4 bytes an element."""
    side = 20_000
    least = 4 * (3 * side**2 + 16 * (side // 2) ** 2)
    assert needed_bytes(NET.graph, NET.graph.images(side), "torch", "fp32") > least


def test_it_is_built_in_another_process_that_may_die(tmp_path: Path) -> None:
    before = set(psutil.Process().children())
    builder = Builder()
    try:
        prepared(builder, tmp_path / "first", format="fake")
        (child,) = set(psutil.Process().children()) - before
        child.kill()
        with pytest.raises(WorkerDied, match="SIGKILL"):
            prepared(builder, tmp_path / "second", format="fake")
        assert prepared(builder, tmp_path / "third", format="fake").bytes > 0
    finally:
        builder.close()
    assert set(psutil.Process().children()) == before


def test_what_cannot_be_built_is_refused(builder: Builder, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(WorkerRefused, match="File exists"):
        prepared(builder, tmp_path / "file")
    with pytest.raises(WorkerRefused, match=r"^no torch models in int8; accepted: fp32$"):
        builder.prepare(
            Recipe(NET.graph, NET.inputs, format="torch", precision="int8", seed=0), tmp_path
        )


def test_the_formats_are_those_that_runtimes_load() -> None:
    from mncost.measure.runtime_names import RUNTIMES
    from mncost.measure.runtimes import runtime_class

    assert {runtime_class(name).format for name in RUNTIMES} == set(FORMATS)
