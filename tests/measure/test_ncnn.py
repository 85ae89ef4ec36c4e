"""ncnn: what it computes is what ONNX Runtime computes; it measures in a worker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from msgspec import structs

import mncost
from mncost.cost.work import count
from mncost.errors import MeasureError
from mncost.graph.graph import Graph, Shapes
from mncost.graph.ops import Conv, Linear
from mncost.graph.shapes import infer_shapes
from mncost.measure.given_models import given_of
from mncost.measure.layer_shares import layer_shares
from mncost.measure.runtimes import Setup, seeded_images
from mncost.measure.runtimes.ncnn import Ncnn, layers_of
from mncost.measure.workers.builder import Builder
from mncost.measure.workers.prepare import Recipe
from mncost.measure.workers.process import start_worker
from mncost.measure.workers.worker import Worker, WorkerRefused, WorkerSpec
from mncost.models.formats import Model, format_named
from mncost.models.weights import random_weights
from mncost.network import Network
from mncost.readers.model import OnnxSource
from tests.measure import asking
from tests.measure.graphs import INPUTS, two_and_two
from tests.measure.test_litert import expected

pytest.importorskip("ncnn")
pytest.importorskip("pnnx")

NETS = {
    name: mncost.load(name, 0.35, 64)
    for name in ("v1", "v2", "v3-small", "v4-conv-s", "efficientnet-lite0")
} | {
    "v4-hybrid-m": mncost.load("v4-hybrid-m", 0.35, 96),
    **{name: mncost.load(name, resolution=64) for name in ("ghostnet", "shufflenet-v2-0.5")},
    "mobileone-s0": mncost.load("mobileone-s0", resolution=33),
}
QUICK = ("v2", "v3-small", "v4-hybrid-m", "shufflenet-v2-0.5")
FAMILIES = pytest.mark.parametrize(
    "net",
    [
        pytest.param(net, id=name, marks=[] if name in QUICK else [pytest.mark.slow])
        for name, net in NETS.items()
    ],
)


def write(graph: Graph, inputs: Shapes, folder: Path) -> Path:
    model = Model(graph, inputs, "fp32", lambda: random_weights(graph, 5))
    format_named("ncnn").write(model, folder)
    return folder


def outputs(folder: Path) -> list[np.ndarray]:
    runtime = Ncnn()
    runtime.start(1)
    results = runtime.load(Setup(folder))()
    assert isinstance(results, list)
    return [np.array(result)[None] for result in results]


@FAMILIES
def test_its_logits_are_those_of_onnx_runtime(tmp_path: Path, net: Network) -> None:
    (logits,) = outputs(write(net.graph, net.inputs, tmp_path))
    (wanted,) = expected(net.graph, net.inputs, 1)
    assert np.abs(logits - wanted).max() <= 1e-4 * wanted.std()


def test_a_graph_of_two_inputs_and_two_outputs(tmp_path: Path) -> None:
    graph = two_and_two()
    ours, wanted = outputs(write(graph, INPUTS, tmp_path)), expected(graph, INPUTS, 1)
    for one, other in zip(ours, wanted, strict=True):
        assert np.abs(one.reshape(-1) - other.reshape(-1)).max() <= 1e-5 * other.std()


@FAMILIES
def test_products_come_in_the_order_of_the_graph(tmp_path: Path, net: Network) -> None:
    """Its own file says how many channels and weights each layer has."""
    write(net.graph, net.inputs, tmp_path)
    layers = layers_of((tmp_path / "model.param").read_text())
    kinds = ("Convolution", "ConvolutionDepthWise", "InnerProduct")
    # 6 is the number of weights of a convolution, 2 that of a product.
    theirs = [
        (int(one.values["0"]), int(one.values["2" if one.kind == "InnerProduct" else "6"]))
        for one in layers
        if one.kind in kinds
    ]
    ours = []
    for node in net.graph.nodes:
        if isinstance(node.op, Conv):
            kernel = node.op.kernel[0] * node.op.kernel[1]
            each = node.op.in_channels // node.op.groups * kernel
            ours.append((node.op.out_channels, node.op.out_channels * each))
        elif isinstance(node.op, Linear):
            ours.append((node.op.out_features, node.op.out_features * node.op.in_features))
    assert theirs == ours


def test_what_it_has_no_layer_for(tmp_path: Path) -> None:
    net = mncost.load("mobilevit-xxs", resolution=64)
    with pytest.raises(ValueError, match=r"^ncnn has no operator Tensor\.reshape$"):
        write(net.graph, net.inputs, tmp_path)


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    worker = start_worker(WorkerSpec("ncnn", 1))
    yield worker
    worker.close()


@FAMILIES
def test_every_layer_with_macs_has_a_time(worker: Worker, tmp_path: Path, net: Network) -> None:
    folder = write(net.graph, net.inputs, tmp_path)
    profiled = worker.ask(asking.profile(folder, rounds=2))
    layers = layer_shares(Ncnn, net.graph, net.inputs, profiled)
    costs = count(net.graph, infer_shapes(net.graph, net.inputs))
    with_macs = {n.name for n, cost in zip(net.graph.nodes, costs, strict=True) if cost.macs}
    assert with_macs <= {layer.layer for layer in layers}
    for run, whole in enumerate(profiled.profiled_ns):
        parts = sum(layer.ns[run] for layer in layers)
        assert parts == whole  # the last one, "(session)", is the rest


def test_a_worker(builder: Builder, worker: Worker, tmp_path: Path) -> None:
    net = NETS["v2"]
    folder = tmp_path / "net"
    builder.prepare(Recipe(net.graph, net.inputs, format="ncnn", precision="fp32", seed=5), folder)
    assert set(worker.hello.versions) == {"python", "ncnn", "numpy"}
    assert all(ns > 0 for ns in worker.ask(asking.load(0, folder)).ns)
    assert len(worker.ask(asking.burst(0, warmups=1, runs=4)).ns) == 4
    for name in ("inputs.json", "model.bin"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    (tmp_path / "model.param").write_bytes(b"no model")
    with pytest.raises(WorkerRefused, match=r"^ncnn does not load model\.param$"):
        worker.ask(asking.load(1, tmp_path))
    assert len(worker.ask(asking.burst(0, runs=2)).ns) == 2


def test_a_given_onnx_file(tmp_path: Path) -> None:
    """Its own weights are converted; images of other types or batches are refused."""
    import onnx

    net = mncost.load("v2", 0.35, 32)
    onnx.save(net.to_onnx(seed=5), tmp_path / "mine.onnx")
    read = mncost.load(str(tmp_path / "mine.onnx"))
    assert read.source is not None
    given = given_of(read.source)
    model = Model(read.graph, read.inputs, "fp32", dict, given)
    format_named("ncnn").write(model, tmp_path)
    (logits,), (wanted,) = outputs(tmp_path), expected(net.graph, net.inputs, 1)
    assert np.abs(logits - wanted).max() <= 1e-4 * wanted.std()
    two = {"input": {**given.inputs["input"], "shape": [2, 3, 32, 32]}}
    with pytest.raises(ValueError, match="input is float32 2x3x32x32; ncnn takes one"):
        format_named("ncnn").write(model._replace(given=given._replace(inputs=two)), tmp_path)


def test_only_one_image() -> None:

    with pytest.raises(MeasureError, match="no models of batch 8; accepted: at most 1"):
        mncost.bench("v2", runtime="ncnn", batch=8, max_time=1)


def test_its_input_has_any_size(tmp_path: Path) -> None:
    net = mncost.load("v1", 0.25, 65)
    assert seeded_images((1, 3, 65, 65)).shape == (1, *net.inputs["input"])
    (logits,) = outputs(write(net.graph, net.inputs, tmp_path))
    (wanted,) = expected(net.graph, net.inputs, 1)
    assert np.abs(logits - wanted).max() <= 1e-4 * wanted.std()


def test_a_converted_twin_leaves_nothing_else_behind(tmp_path: Path) -> None:
    import onnx

    net = mncost.load("v2", 0.35, 32)
    onnx.save(net.to_onnx(), tmp_path / "mine.onnx")
    read = mncost.load(str(tmp_path / "mine.onnx"))
    assert isinstance(read.source, OnnxSource)
    content = structs.replace(read.source, twin="standard")
    recipe = Recipe(read.standard.graph, read.inputs, "ncnn", "fp32", 0, content)
    folder = tmp_path / "folder"
    builder = Builder()
    built = builder.prepare(recipe, folder)
    builder.close()
    names = ["inputs.json", "model.bin", "model.param"]
    assert sorted(file.name for file in folder.iterdir()) == names
    assert built.bytes == sum((folder / name).stat().st_size for name in names)
