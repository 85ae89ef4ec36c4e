"""LiteRT: what its files compute is what ONNX Runtime computes; it measures in a worker."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

import mncost
from mncost.errors import GridError, InputError
from mncost.graph.graph import Graph, Shapes
from mncost.graph.shapes import infer_shapes
from mncost.measure.given_models import given_of
from mncost.measure.layer_shares import layer_shares
from mncost.measure.runtimes import Setup, seeded_images
from mncost.measure.runtimes.litert import LiteRt
from mncost.measure.runtimes.litert_pieces import pieces_of
from mncost.measure.workers.builder import Builder
from mncost.measure.workers.messages import Profiled
from mncost.measure.workers.prepare import Recipe
from mncost.measure.workers.process import start_worker
from mncost.measure.workers.worker import WorkerRefused, WorkerSpec
from mncost.models.export import FILES, Choices
from mncost.models.formats import Model, format_named
from mncost.models.onnx_model import onnx_model
from mncost.models.tflite_values import as_floats
from mncost.models.weights import random_weights
from mncost.network import Network
from tests.measure import asking
from tests.measure.graphs import INPUTS, two_and_two
from tests.models.test_operators import CASES, graph_of
from tests.models.test_rows import drawn
from tests.networks import network_of_rows

pytest.importorskip("ai_edge_litert")
flatbuffers = pytest.importorskip("flatbuffers")
onnxruntime = pytest.importorskip("onnxruntime")

NETS = {name: mncost.load(name, 0.35, 64) for name in ("v1", "v2", "v3-small", "v4-conv-s")} | {
    "v4-hybrid-m": mncost.load("v4-hybrid-m", 0.35, 96)
}


def write(net: Network, folder: Path, precision: str = "fp32") -> Any:
    model = Model(net.graph, net.inputs, precision, lambda: random_weights(net.graph, 5))
    return format_named("tflite").write(model, folder)


def outputs(folder: Path, batch: int, provider: str | None = None) -> list[np.ndarray]:
    """Return what LiteRT computes, with the channels first."""
    runtime = LiteRt()
    runtime.start(1)
    interpreter = runtime.interpreter(Setup(folder, batch, provider))
    interpreter.invoke()
    details = interpreter.get_output_details()
    arrays = [as_floats(interpreter.get_tensor(one["index"]), one) for one in details]
    return [array.transpose(0, 3, 1, 2) if array.ndim == 4 else array for array in arrays]


def expected(graph: Graph, inputs: Shapes, batch: int) -> list[np.ndarray]:
    """Return what ONNX Runtime computes."""
    weights = random_weights(graph, 5)
    model = onnx_model(graph, infer_shapes(graph, inputs), weights, dynamic_batch=True)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    feed = {name: seeded_images((batch, *shape)) for name, shape in inputs.items()}
    arrays: list[np.ndarray] = session.run(None, feed)
    return arrays


@pytest.mark.parametrize("net", NETS.values(), ids=NETS)
@pytest.mark.parametrize("provider", LiteRt.providers())
def test_its_logits_are_those_of_onnx_runtime(
    tmp_path: Path, net: Network, provider: str | None
) -> None:
    write(net, tmp_path)
    (logits,), (wanted,) = outputs(tmp_path, 2, provider), expected(net.graph, net.inputs, 2)
    assert np.abs(logits - wanted).max() <= 1e-4 * wanted.std()


@pytest.mark.parametrize("name", ["resnet-18", "efficientnet-lite0", "shufflenet-v2-0.5"])
def test_other_families(tmp_path: Path, name: str) -> None:
    """Padded max pooling and channel splits are quantised, too."""
    net = mncost.load(name, resolution=32)
    write(net, tmp_path)
    (logits,), (wanted,) = outputs(tmp_path, 1), expected(net.graph, net.inputs, 1)
    assert np.abs(logits - wanted).max() <= 1e-4 * wanted.std()
    write(net, tmp_path, "int8")
    (quantised,) = outputs(tmp_path, 1)
    assert 1e-3 < np.sqrt(((quantised - wanted) ** 2).mean()) / wanted.std() < 0.2


@pytest.mark.parametrize("seed", range(60))
def test_rows(tmp_path: Path, seed: int) -> None:
    """Random rows: widths that are odd, prime, 1; kernels of two sides, pooling, attention."""
    try:
        net = network_of_rows(drawn(seed), 13).at(13, 10)
    except GridError:
        pytest.skip("a pooling of which nothing would be left")
    try:
        write(net, tmp_path)
    except InputError as error:
        with pytest.raises(InputError):
            net.to_onnx()
        assert "ceil" in str(error)  # noqa: PT017
        return
    (ours,), (wanted,) = outputs(tmp_path, 2), expected(net.graph, net.inputs, 2)
    assert ours.shape == wanted.shape
    assert np.abs(ours - wanted).max() <= 1e-4 * max(np.abs(wanted).max(), 1e-3)


@pytest.mark.parametrize("name", CASES)
def test_operators_of_branches_and_transformers(tmp_path: Path, name: str) -> None:
    op, shapes, _ = CASES[name]
    graph = graph_of(op, *shapes)
    inputs = {graph.nodes[index].name: shapes[index] for index in graph.inputs}
    model = Model(graph, inputs, "fp32", lambda: random_weights(graph, 5))
    format_named("tflite").write(model, tmp_path)
    (ours,), (wanted,) = outputs(tmp_path, 2), expected(graph, inputs, 2)
    assert ours.shape == wanted.shape
    assert np.abs(ours - wanted).max() <= 1e-5 * max(np.abs(wanted).max(), 1e-3)


def test_a_graph_of_two_inputs_and_two_outputs(tmp_path: Path) -> None:
    graph = two_and_two()
    model = Model(graph, INPUTS, "fp32", lambda: random_weights(graph, 5))
    format_named("tflite").write(model, tmp_path)
    for ours, wanted in zip(outputs(tmp_path, 3), expected(graph, INPUTS, 3), strict=True):
        assert np.abs(ours - wanted).max() <= 1e-5 * wanted.std()


@pytest.mark.parametrize("name", ["v2", "v3-small"])
def test_int8_is_close_to_fp32(tmp_path: Path, name: str) -> None:
    """How close is measured here anew, on other images."""
    pytest.importorskip("ai_edge_quantizer")
    net = NETS[name]
    said = write(net, tmp_path, "int8")
    (logits,), (wanted,) = outputs(tmp_path, 8), expected(net.graph, net.inputs, 8)
    error = math.sqrt(((logits - wanted) ** 2).mean()) / wanted.std()
    assert 5e-3 < error < 0.15
    assert 5e-3 < said.error < 0.15
    assert said.images == 16
    full = (tmp_path / "model.tflite").stat().st_size
    assert 4 * net.params / full > 3


@pytest.fixture(scope="module")
def builder() -> Iterator[Builder]:
    builder = Builder()
    yield builder
    builder.close()


def test_a_worker(builder: Builder, tmp_path: Path) -> None:
    net, folder = NETS["v2"], tmp_path / "net"
    builder.prepare(
        Recipe(net.graph, net.inputs, format="tflite", precision="fp32", seed=5), folder
    )
    worker = start_worker(WorkerSpec("litert", 1))
    try:
        assert set(worker.hello.versions) == {"python", "ai_edge_litert", "numpy"}
        assert all(ns > 0 for ns in worker.ask(asking.load(0, folder, batch=3)).ns)
        assert len(worker.ask(asking.burst(0, warmups=1, runs=4)).ns) == 4
        (tmp_path / "model.tflite").write_bytes((folder / "model.tflite").read_bytes()[:1000])
        with pytest.raises(WorkerRefused):
            worker.ask(asking.load(1, tmp_path))
        assert len(worker.ask(asking.burst(0, runs=2)).ns) == 2
    finally:
        worker.close()


def layers_by(net: Network, folder: Path, precision: str = "fp32", batch: int = 1) -> Any:
    """Time the pieces of a model, which compute what the whole does, to the last bit."""
    runtime = LiteRt()
    runtime.start(1)
    setup = Setup(folder, batch, precision=precision)
    call, finish = runtime.profiled(setup)
    computed = cast("dict[int, np.ndarray]", call())
    whole = runtime.interpreter(setup)
    whole.invoke()
    (out,) = whole.get_output_details()
    assert np.array_equal(computed[out["index"]], whole.get_tensor(out["index"]))
    times = finish()
    asked = Profiled(profiled_ns=times.runs, plain_ns=times.runs, kernels=times.kernels)
    layers = layer_shares(LiteRt, net.graph, net.inputs, asked)
    assert [sum(layer.ns[0] for layer in layers)] == times.runs
    return layers


@pytest.mark.parametrize("precision", LiteRt.precisions)
@pytest.mark.parametrize("name", ["v3-small", "shufflenet-v2-0.5"])
def test_every_layer_with_macs_has_its_time(tmp_path: Path, name: str, precision: str) -> None:
    net = NETS.get(name) or mncost.load(name, resolution=64)
    write(net, tmp_path, precision)
    layers = layers_by(net, tmp_path, precision, batch=2)
    assert {layer.layer for layer in layers} >= {one.name for one in net.layers if one.macs}
    assert sum(layer.macs for layer in layers) == net.macs


def test_layers_of_a_given_file(tmp_path: Path) -> None:
    ours, file = NETS["v2"], tmp_path / "mine.tflite"
    file.write_bytes(FILES[".tflite"].export(ours, Choices()).content)
    net = mncost.load(str(file))
    assert net.source is not None
    given_of(net.source).write(tmp_path)
    macs = [layer.macs for layer in layers_by(net, tmp_path) if layer.macs]
    assert macs == [layer.macs for layer in ours.layers if layer.macs]


def test_a_model_with_a_state_has_no_times_of_layers() -> None:
    """Its pieces would not share it."""
    from ai_edge_litert import schema_py_generated as schema

    from mncost.models.tflite_writer import Writer

    writer = Writer()
    source = writer.tensor("input", 1, 4)
    result = writer.operator("RELU", [source], writer.tensor("out", 1, 4))
    content = writer.finish({"input": source}, {"out": result}, {})
    assert [piece.name for piece in pieces_of(content)] == ["out"]
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    model.subgraphs[0].tensors[0].isVariable = True
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    with pytest.raises(RuntimeError, match="keeps a state"):
        list(pieces_of(bytes(builder.Output())))


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_memory_is_that_of_the_activations(builder: Builder, tmp_path: Path) -> None:
    """XNNPACK fuses batch norms and activations, and plans memory as mncost does."""
    net = mncost.load("v1", 0.5, 160)
    folder = tmp_path / "net"
    builder.prepare(
        Recipe(net.graph, net.inputs, format="tflite", precision="fp32", seed=5), folder
    )
    worker = start_worker(WorkerSpec("litert", 1))
    try:
        found = worker.ask(asking.memory(folder, batch=8, runs=2))
    finally:
        worker.close()
    alive = 8 * net.peak_activation_bytes
    assert 0.9 * alive < found.peak_bytes - found.loaded_bytes < 1.3 * alive


def test_a_file_for_phones(tmp_path: Path) -> None:
    net = mncost.load("v2", 0.35, 64).as_twin("standard")
    content = FILES[".tflite"].export(net, Choices(seed=5)).content
    (tmp_path / "model.tflite").write_bytes(content)
    (logits,), (wanted,) = outputs(tmp_path, 1), expected(net.graph, net.inputs, 1)
    assert np.abs(logits - wanted).max() <= 1e-4 * wanted.std()
