"""Images that are not square, of 1, 3 or 4 channels, and kernels, strides and dilations as pairs.

The expected values are those of plain loops here, which count each product that they make.
"""

from __future__ import annotations

from itertools import product
from math import prod
from typing import NamedTuple

import numpy as np
import pytest
import torch
from onnxruntime import InferenceSession
from torch import nn

from mncost.cost.memory import peak, schedule, weight_bytes
from mncost.cost.work import count
from mncost.errors import InputError
from mncost.graph.graph import Graph, Node
from mncost.graph.ops import (
    Activation,
    Add,
    BatchNorm,
    Conv,
    GlobalPool,
    Input,
    Linear,
    Padding,
    Pool,
    PReLU,
)
from mncost.graph.pairs import Pair
from mncost.graph.pieces import pieces
from mncost.graph.shapes import infer_shapes
from mncost.graph.twin import fused, standard
from mncost.models.int8 import quantised
from mncost.models.onnx_model import onnx_model
from mncost.models.torch_model import load_weights, torch_module
from mncost.models.weights import Weights, random_weights
from mncost.witnesses.verify import our_reading
from mncost.witnesses.verify_onnx import onnx_reading
from mncost.witnesses.verify_torch import fvcore_reading, materialised, meta_module, torch_reading
from tests.networks import Row, chain, network_of_rows

IMAGES = [(7, 12), (9, 4)]
CHANNELS = [1, 3, 4]


class Convolved(NamedTuple):
    """What the loops found."""

    image: np.ndarray
    products: int


def around(size: int, kernel: int, stride: int, dilation: int, padding: str) -> tuple[int, int]:
    """Return the zeros before and after a side; ``same`` is TensorFlow's manual, word by word."""
    reach = (kernel - 1) * dilation + 1
    if padding == "same":
        out = -(-size // stride)
        total = max((out - 1) * stride + reach - size, 0)
        return total // 2, total - total // 2
    if padding == "valid":
        return 0, 0
    half = (reach - 1) // 2
    return (0, half) if padding == "end" and stride > 1 else (half, half)


def convolve(op: Conv, x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None) -> Convolved:
    """Convolve pixel by pixel and tap by tap."""
    (kh, kw), (sh, sw), (dh, dw) = op.kernel, op.stride, op.dilation
    if isinstance(op.padding, str):
        rows = around(x.shape[1], kh, sh, dh, op.padding)
        columns = around(x.shape[2], kw, sw, dw, op.padding)
    else:
        rows, columns = op.padding[:2], op.padding[2:]
    x = np.pad(x, ((0, 0), rows, columns))
    tops = range(0, x.shape[1] - dh * (kh - 1), sh)
    lefts = range(0, x.shape[2] - dw * (kw - 1), sw)
    out = np.zeros((op.out_channels, len(tops), len(lefts)), "float64")
    of_group = op.out_channels // op.groups
    products = 0
    for o, (i, top), (j, left) in product(
        range(op.out_channels), list(enumerate(tops)), list(enumerate(lefts))
    ):
        first = o // of_group * weight.shape[1]
        for c, y, z in product(range(weight.shape[1]), range(kh), range(kw)):
            out[o, i, j] += x[first + c, top + y * dh, left + z * dw] * weight[o, c, y, z]
            products += 1
    return Convolved(out if bias is None else out + bias[:, None, None], products)


def run_torch(graph: Graph, weights: Weights, *images: np.ndarray) -> list[np.ndarray]:
    """Run one image a graph's input."""
    module = torch_module(graph).eval()
    load_weights(module, weights)
    with torch.no_grad():
        results = module(*(torch.from_numpy(x[None]) for x in images))
    return [r[0].numpy() for r in (results if isinstance(results, tuple) else (results,))]


def run_onnx(graph: Graph, weights: Weights, *images: np.ndarray) -> list[np.ndarray]:
    """Run one image a graph's input, by name."""
    names = [graph.nodes[index].name for index in graph.inputs]
    shapes = infer_shapes(graph, {n: x.shape for n, x in zip(names, images, strict=True)})
    model = onnx_model(graph, shapes, weights, portable=True)
    session = InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    assert [out.name for out in session.get_outputs()] == list(graph.output_names)
    assert [tuple(out.shape[1:]) for out in session.get_outputs()] == [
        shapes[index] for index in graph.outputs
    ]
    feed = {name: x[None] for name, x in zip(names, images, strict=True)}
    return [result[0] for result in session.run(None, feed)]


def drawn(*shape: int) -> np.ndarray:
    """Return numbers that differ."""
    return np.random.default_rng(sum(shape)).standard_normal(shape, dtype="float32")


OPTIONS: list[tuple[tuple[int, int], tuple[int, int], tuple[int, int], Padding]] = [
    ((3, 5), (1, 2), (1, 1), "symmetric"),
    ((3, 5), (2, 1), (1, 1), "same"),
    ((4, 2), (2, 2), (1, 1), "same"),  # even
    ((4, 3), (1, 1), (1, 1), "same"),
    ((2, 3), (1, 3), (1, 1), "symmetric"),
    ((3, 3), (2, 1), (1, 1), "end"),
    ((3, 2), (1, 2), (1, 1), "valid"),
    ((3, 3), (1, 1), (2, 1), "symmetric"),  # dilated
    ((3, 3), (2, 1), (2, 1), "same"),
    ((3, 3), (2, 3), (1, 1), (0, 1, 2, 1)),  # pixels: top, bottom, left, right
    ((1, 1), (1, 1), (1, 1), (1, 1, 0, 2)),
    ((1, 3), (2, 2), (1, 2), (0, 0, 2, 2)),
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("groups", ["one", "depthwise"])
def test_convolution(
    channels: int, groups: str, options: tuple[tuple[int, int], ...] | tuple[object, ...]
) -> None:
    """Shape, MACs, parameters, torch and ONNX of one convolution: the loops."""
    kernel, stride, dilation, padding = options
    many = channels if groups == "depthwise" else 1
    op = Conv(channels, 2 * channels, kernel, stride, dilation, many, True, padding)  # type: ignore[arg-type]
    graph = chain(Input((channels, None, None)), op)
    weight, bias = drawn(*(2 * channels, channels // many, *op.kernel)), drawn(2 * channels)
    weights = {"a.1.weight": weight, "a.1.bias": bias}
    for size in IMAGES:
        image = drawn(channels, *size)
        expected = convolve(op, image, weight, bias)
        shapes = infer_shapes(graph, graph.images(*size))
        cost = count(graph, shapes)[-1]
        assert shapes[-1] == expected.image.shape
        assert (cost.macs, cost.params) == (expected.products, weight.size + bias.size)
        for run in (run_torch, run_onnx):
            (got,) = run(graph, weights, image)
            assert np.allclose(got, expected.image, atol=1e-4), run.__name__


ROWS: list[Row] = [
    {"block": "conv", "kernel": [3, 5], "out": 8, "stride": [1, 2], "activation": "relu"},
    {"block": "separable", "kernel": [5, 3], "out": 16, "stride": [2, 1], "activation": "relu"},
    {"block": "inverted_residual", "kernel": 3, "out": 16, "expansion": 2, "se": 0.25},
    {"block": "mobile_mqa", "heads": 2, "key_dim": 4, "kv_stride": 2},
    {"block": "pool"},
    {"block": "linear", "out": "classes", "activation": "relu"},
]


@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("twin", [None, "standard", "fused"])
def test_a_network_on_a_rectangle(channels: int, twin: str | None) -> None:
    """Each layer's shape, and the MACs and parameters by three witnesses; torch and ONNX agree."""
    square = network_of_rows(ROWS, 8, in_channels=channels, rules={"classes": 5})
    network = square.at(10, 14)
    network = network.as_twin(twin) if twin else network
    graph, names = network.graph, [node.name for node in network.graph.nodes]
    inputs = list(network.inputs.values())
    assert inputs == [(channels, 10, 14)]
    shapeless = meta_module(graph)
    seen: dict[str, tuple[int, ...]] = {}
    for name, layer in shapeless.named_modules():
        layer.register_forward_hook(
            lambda _, __, result, name=name: seen.update({name: tuple(result.shape[1:])})
        )
    readings = [
        torch_reading(shapeless, inputs, names),
        fvcore_reading(materialised(meta_module(graph)), inputs, names),
        onnx_reading(onnx_model(graph, network.shapes, random_weights(graph)), names),
    ]
    ours = dict(zip(names, network.shapes, strict=True))
    layers = {name: shape for name, shape in seen.items() if name in ours}
    assert layers == {name: ours[name] for name in layers}
    assert len(layers) > 15
    for reading in readings:
        mine = our_reading(graph, network.costs)
        assert {k: v for k, v in mine.macs.items() if v} == dict(reading.macs), reading.witness
        assert {k: v for k, v in mine.params.items() if v} == dict(reading.params), reading.witness
    image, weights = drawn(channels, 10, 14), random_weights(graph)
    (by_torch,), (by_onnx,) = run_torch(graph, weights, image), run_onnx(graph, weights, image)
    assert by_torch.shape == (5,)
    assert np.allclose(by_torch, by_onnx, atol=1e-4 * max(1.0, float(by_torch.std())))


@pytest.mark.parametrize("channels", CHANNELS)
def test_twins_compute_the_same(channels: int) -> None:
    """Without anything between the two, one k×k convolution of their product does what both do."""
    depthwise = Conv(channels, channels, (3, 2), (2, 1), (1, 2), channels, padding="same")
    pointwise = Conv(channels, 6, (1, 1))
    image, dw, pw = drawn(channels, 9, 7), drawn(channels, 1, 3, 2), drawn(6, channels, 1, 1)
    graph = chain(Input((channels, None, None)), depthwise, pointwise)
    (expected,) = run_torch(graph, {"a.1.weight": dw, "a.2.weight": pw}, image)
    twin = standard(graph)
    if channels == 1:  # one group is no depthwise convolution
        assert twin.pairs == ()
        return
    (got,) = run_torch(twin.graph, {"a.2.weight": pw * dw[:, 0][None]}, image)
    assert np.allclose(got, expected, atol=1e-4)
    both = pieces(graph, twin.graph, Pair("a.1", "a.2")).both
    assert infer_shapes(both, both.images(9, 7))[-1] == expected.shape


def test_the_fused_twin_computes_the_same() -> None:
    """Likewise expansion and depthwise, without padding, whose zeros are expanded otherwise."""
    expand, depthwise = Conv(3, 8, (1, 1)), Conv(8, 8, (2, 3), (1, 2), groups=8, padding="valid")
    image, pw, dw = drawn(3, 6, 9), drawn(8, 3, 1, 1), drawn(8, 1, 2, 3)
    graph = chain(Input((3, None, None)), expand, depthwise)
    (expected,) = run_torch(graph, {"a.1.weight": pw, "a.2.weight": dw}, image)
    (got,) = run_torch(fused(graph).graph, {"a.2.weight": pw * dw}, image)
    assert np.allclose(got, expected, atol=1e-4)


POOLS = [
    Pool(function, kernel, stride, pads, ceil)
    for function in ("max", "average")
    for kernel, stride, pads in [
        ((2, 2), (2, 2), (0, 0, 0, 0)),
        ((3, 2), (2, 1), (1, 1, 0, 0)),
        ((3, 3), (2, 2), (1, 1, 1, 1)),
        ((2, 3), (3, 2), (0, 0, 1, 1)),
    ]
    for ceil in (False, True)
]


@pytest.mark.parametrize("op", POOLS, ids=str)
def test_pools(op: Pool) -> None:
    """Largest and average of each window: torch's functions, whose shapes ours are."""
    for size in IMAGES:
        image = drawn(3, *size)
        graph = chain(Input((3, None, None)), op)
        shape = infer_shapes(graph, graph.images(*size))[-1]
        pads = op.pads[0], op.pads[2]
        function = {"max": nn.functional.max_pool2d, "average": nn.functional.avg_pool2d}
        expected = function[op.function](
            torch.from_numpy(image), op.kernel, op.stride, pads, ceil_mode=op.ceil
        ).numpy()
        assert shape == expected.shape
        for run in (run_torch, run_onnx):
            reach = [
                (n - 1) * s + k for n, s, k in zip(shape[1:], op.stride, op.kernel, strict=True)
            ]
            beyond = any(r > n + 2 * p for r, n, p in zip(reach, size, pads, strict=True))
            if beyond and op.function == "average" and run is run_onnx:
                with pytest.raises(InputError, match="beyond the image"):
                    run(graph, {}, image)  # ONNX divides by another number of pixels there
                continue
            (got,) = run(graph, {}, image)
            assert np.allclose(got, expected, atol=1e-5), run.__name__


@pytest.mark.parametrize("shape", [(4, 3, 5), (4,)])
def test_prelu(shape: tuple[int, ...]) -> None:
    """One slope a channel where the input is negative, of an image and of a vector."""
    graph, image, slopes = chain(Input(shape), PReLU(4)), drawn(*shape), drawn(4)
    expected = np.where(image > 0, image, image * slopes.reshape(4, *(1,) * (len(shape) - 1)))
    cost = count(graph, infer_shapes(graph, graph.images(1)))[-1]
    assert (cost.macs, cost.params, cost.work["prelu"]) == (0, 4, prod(shape))
    for run in (run_torch, run_onnx):
        (got,) = run(graph, {"a.1.weight": slopes}, image)
        assert np.allclose(got, expected, atol=1e-6), run.__name__


def two_outputs() -> Graph:
    """Return two images in, and out: a sum before its activation, and a vector."""
    nodes = (
        Node("left", "left", Input((3, None, None)), ()),
        Node("right", "right", Input((1, None, None)), ()),
        Node("a.conv", "a", Conv(3, 4, (3, 3), (2, 2)), (0,)),
        Node("b.conv", "b", Conv(1, 4, (3, 3), (2, 2), bias=True), (1,)),
        Node("c.add", "c", Add(), (2, 3)),
        Node("c.bn", "c", BatchNorm(4, 1e-5, 0.1), (4,)),
        Node("c.act", "c", Activation("relu"), (5,)),
        Node("d.pool", "d", GlobalPool(), (6,)),
        Node("d.conv", "d", Conv(4, 2, (1, 1), bias=True), (7,)),
    )
    return Graph(nodes, (4, 8))


def test_several_inputs_and_outputs() -> None:
    """Shapes, costs, bytes by hand; torch and ONNX give both outputs, under their names."""
    graph = two_outputs()
    assert graph.output_names == ("c.add", "d.conv")
    inputs = {"left": (3, 6, 8), "right": (1, 6, 8)}
    assert graph.images(6, 8) == inputs
    shapes = infer_shapes(graph, inputs)
    assert [shapes[i] for i in graph.outputs] == [(4, 3, 4), (2, 1, 1)]
    costs = count(graph, shapes)
    assert sum(cost.macs for cost in costs) == 27 * 4 * 12 + 9 * 4 * 12 + 4 * 2
    assert sum(cost.params for cost in costs) == 27 * 4 + 9 * 4 + 4 + 2 * 4 + 4 * 2 + 2
    plan = schedule(graph)
    assert weight_bytes(plan, "fp32") == 4 * (27 * 4 + 9 * 4 + 4 + 2 * 4 + 4 * 2 + 2)
    # Both images and the first result; the sum, an output, lives until the end.
    most = peak(graph, plan, shapes, "fp32")
    assert (most.bytes, most.node) == (4 * (48 * 3 + 48 + 48), 2)
    assert plan[-1].frees == (7,)
    assert all(4 not in step.frees for step in plan)
    weights = random_weights(graph)
    images = [drawn(3, 6, 8), drawn(1, 6, 8)]
    for by_torch, by_onnx in zip(
        run_torch(graph, weights, *images), run_onnx(graph, weights, *images), strict=True
    ):
        assert np.allclose(by_torch, by_onnx, atol=1e-5)


def test_an_output_is_neither_fused_away_nor_merged_away() -> None:
    """A convolution whose own result is an output keeps it apart from its norm and its twin."""
    ops = (
        Input((4, None, None)),
        Conv(4, 4, (3, 3), groups=4),
        BatchNorm(4, 1e-5, 0.1),
        Conv(4, 8, (1, 1)),
    )
    graph = chain(*ops)
    assert len(schedule(graph)) == 2
    assert standard(graph).pairs
    seen = Graph(graph.nodes, (1, 3))
    assert [step.node for step in schedule(seen)] == [1, 2, 3]
    assert standard(seen).pairs == ()
    assert standard(seen).graph == seen


def test_batch_norm_of_a_vector() -> None:
    """Behind a linear layer: 2 a channel to train, 2 to keep; torch and ONNX agree."""
    graph = chain(Input((6,)), Linear(6, 5, bias=False), BatchNorm(5, 1e-3, 0.1, dimensions=0))
    costs = count(graph, infer_shapes(graph, graph.images(1)))
    assert [(cost.params, cost.buffers) for cost in costs] == [(0, 0), (30, 0), (10, 10)]
    weights = random_weights(graph)
    (by_torch,), (by_onnx,) = (run(graph, weights, drawn(6)) for run in (run_torch, run_onnx))
    assert np.allclose(by_torch, by_onnx, atol=1e-5)


@pytest.mark.parametrize("channels", CHANNELS)
def test_quantised(channels: int) -> None:
    """INT8 of a rectangle: the same shapes, and mostly the same numbers."""
    network = network_of_rows(ROWS[:3] + ROWS[4:], 8, in_channels=channels).at(9, 14)
    model = onnx_model(network.graph, network.shapes, random_weights(network.graph), portable=True)
    result = quantised(model.SerializeToString())
    assert result.closeness.error < 0.2
    session = InferenceSession(result.model, providers=["CPUExecutionProvider"])
    assert session.get_inputs()[0].shape == [1, channels, 9, 14]
    assert prod(session.get_outputs()[0].shape) == 1000
