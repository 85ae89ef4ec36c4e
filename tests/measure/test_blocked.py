"""The blocked layout: beside the graphs that ONNX Runtime itself makes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

import mncost
from mncost.graph.graph import Graph
from mncost.graph.ops import Activation, Input
from mncost.graph.shapes import infer_shapes
from mncost.measure.machine import machine
from mncost.measure.runtimes.blocked import layout_of
from mncost.models.onnx_model import onnx_model
from mncost.models.weights import random_weights
from mncost.network import Network
from tests.measure.scripted import instead_of_processes
from tests.networks import chain, conv
from tests.running import Result

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
FLAGS = machine().flags
pytestmark = pytest.mark.skipif(
    not {"avx", "avx512f"} & set(FLAGS), reason="no blocked layout on this CPU"
)
BLOCK = 16 if "avx512f" in FLAGS else 8


def unblocked_of(graph: Graph, shape: tuple[int, int, int], folder: Path) -> set[str]:
    """Return the convolutions that ONNX Runtime leaves in the plain layout."""
    weights = random_weights(graph, 0)
    model = onnx_model(graph, infer_shapes(graph, {"input": shape}), weights)
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(folder / "optimised.onnx")
    options.log_severity_level = 4
    onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    nodes = onnx.load(folder / "optimised.onnx").graph.node
    # A fused node has the name of its last part: row2.depthwise.act_nchwc is row2.depthwise.conv.
    blocked = {
        node.name.removesuffix("_nchwc").rpartition(".")[0]
        for node in nodes
        if node.domain == "com.microsoft.nchwc" and node.op_type == "Conv"
    }
    convolutions = [node.name for node in model.graph.node if node.op_type == "Conv"]
    assert convolutions
    # What writes the output of a graph has the output's name.
    if "output" in {node.name.removesuffix("_nchwc") for node in nodes}:
        blocked.add("a")
    return {name for name in convolutions if name.rpartition(".")[0] not in blocked}


@pytest.mark.parametrize("alpha", [0.25, 0.35, 0.4, 0.5])
def test_v1(tmp_path: Path, alpha: float) -> None:
    net = mncost.load("v1", alpha, 32)
    layout = layout_of(net.graph, BLOCK)
    assert set(layout.unblocked) == unblocked_of(net.graph, (3, 32, 32), tmp_path)
    assert layout.convolutions == 27
    if alpha == 0.35 and BLOCK == 16:
        assert len(layout.unblocked) == 21  # as it was seen when V1 was found to be slow there


@pytest.mark.parametrize("name", ["v2", "v3-small", "v4-conv-s"])
def test_other_families(tmp_path: Path, name: str) -> None:
    net: Network = mncost.load(name, 0.35, 64)
    assert set(layout_of(net.graph, BLOCK).unblocked) == unblocked_of(
        net.graph, (3, 64, 64), tmp_path
    )


@pytest.mark.parametrize("seed", range(40))
def test_one_convolution(tmp_path: Path, seed: int) -> None:
    random = Random(seed)
    groups = random.choice([1, 1, 0, 2, 4])
    inputs = random.choice([1, 3, 4, 7, 12, 15, 16, 17, 18, 20, 31, 32, 64, 128])
    outputs = inputs if groups == 0 else random.choice([1, 5, 8, 16, 30, 32, 64])
    if groups > 1:
        inputs, outputs = groups * inputs, groups * outputs
    op = conv(inputs, outputs, random.choice([1, 3]), groups=groups or inputs)
    graph = chain(Input((inputs, None, None)), op, Activation("relu"))  # which is the output
    expected = unblocked_of(graph, (inputs, 9, 9), tmp_path)
    assert set(layout_of(graph, BLOCK).unblocked) == expected


def test_bench_says_where_and_which_widths_fit(
    monkeypatch: pytest.MonkeyPatch, run_cli: Callable[..., Result]
) -> None:
    """At α 0.25 and 0.5 all widths are multiples of 8: these are the next that fit."""
    instead_of_processes(monkeypatch)
    words = "bench v1 --alpha 0.35 --resolution 32 --runtime onnxruntime --no-twin --max-time 1"
    said = run_cli(words.split()).out
    assert "layout: 21 convolutions of v1 α 0.35 leave the blocked layout of onnxruntime" in said
    assert "(row2.depthwise.conv, row3.depthwise.conv, row3.pointwise.conv ...)" in said
    assert "; α 0.25 and 0.5 keep all in it" in said
