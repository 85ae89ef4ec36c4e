"""Counts against plain loops that multiply one by one, and sizes against a window that slides."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mncost.cost.work import OpCost, count
from mncost.errors import GridError
from mncost.graph.graph import Builder, Graph, Node
from mncost.graph.misfits import as_image
from mncost.graph.ops import (
    Attention,
    BatchNorm,
    Input,
    LayerScale,
    Linear,
    Op,
    PaddingRule,
    Shape,
)
from mncost.graph.shapes import infer_shapes, pads
from tests.brute import Machine, Tensor, ones, shape_of, windows
from tests.networks import Row, conv, network_of_rows

MODES: tuple[PaddingRule, ...] = ("symmetric", "same", "end", "valid")


def cost(op: Op, *inputs: Shape) -> tuple[OpCost, Shape]:
    """Return the cost and output shape of one operator on inputs of these shapes."""
    places = range(len(inputs))
    nodes = [Node(f"input{i}", "input", Input(inputs[i]), ()) for i in places]
    graph = Graph((*nodes, Node("op", "a", op, tuple(places))), (len(inputs),))
    shapes = infer_shapes(graph, graph.images(1))
    return count(graph, shapes)[-1], shapes[-1]


# ------------------------------------------------------------------------------------------- sizes


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("stride", [1, 2, 3, 4])
@pytest.mark.parametrize("kernel", [1, 3, 5, 7])
def test_output_side(kernel: int, stride: int, mode: PaddingRule) -> None:
    """Output sides of images of 1 to 40 pixels: a window that slides over a padded row."""
    for size in range(1, 41):
        left = size + sum(pads(size, kernel, stride, 1, mode)) - kernel
        ours = max(0, left // stride + 1)  # less than none is none
        assert ours == windows(size, kernel, stride, mode), size


@pytest.mark.parametrize("mode", MODES)
def test_output_shape_of_a_graph(mode: PaddingRule) -> None:
    """A rectangle keeps its two sides apart, and no output is an error: the same window."""
    for height, width in [(9, 6), (2, 7), (5, 5), (1, 12)]:
        builder = Builder(2)
        builder.add("conv", conv(2, 4, 5, 2, 2, False, mode))
        graph = builder.finish()
        sides = windows(height, 5, 2, mode), windows(width, 5, 2, mode)
        if all(sides):
            assert infer_shapes(graph, graph.images(height, width))[-1] == (4, *sides)
        else:
            with pytest.raises(GridError, match="too small"):
                infer_shapes(graph, graph.images(height, width))


# --------------------------------------------------------------------------------------- operators

# in, out, kernel, stride, groups
CONVOLUTIONS = [
    (3, 4, 3, 1, 1),
    (3, 4, 3, 2, 1),
    (2, 5, 1, 1, 1),
    (4, 6, 5, 2, 2),  # grouped
    (6, 3, 3, 1, 3),
    (4, 4, 3, 2, 4),  # depthwise
    (3, 6, 3, 1, 3),  # depthwise with two filters a channel
    (5, 5, 5, 3, 5),
    (1, 1, 3, 2, 1),
]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("shape", CONVOLUTIONS, ids=str)
def test_convolution(shape: tuple[int, int, int, int, int], mode: PaddingRule) -> None:
    """MACs, parameters and output of a 7×6 image: loops over pixels, channels and taps."""
    channels, out, kernel, stride, groups = shape
    for bias in (False, True):
        machine = Machine()
        x = ones(channels, 7, 6)
        result = machine.conv(x, out, kernel, stride, groups, mode, norm=False, bias=bias)
        op = conv(channels, out, kernel, stride, groups, bias, mode)
        ours, size = cost(op, (channels, 7, 6))
        assert (ours.work["conv"], ours.params) == (machine.macs, machine.params)
        assert ours.macs == machine.macs
        assert size == shape_of(result)


@pytest.mark.parametrize("bias", [False, True])
def test_linear(bias: bool) -> None:
    """MACs and parameters of a 12 → 5 layer: a matrix times a vector, product by product."""
    machine = Machine()
    result = machine.linear(ones(12, 1, 1), 5, bias=bias)
    ours, size = cost(Linear(12, 5, bias), (12,))
    assert (ours.work["linear"], ours.params) == (machine.macs, machine.params)
    assert (ours.macs, (*size, 1, 1)) == (machine.macs, shape_of(result))


@pytest.mark.parametrize("keys", [(4, 3), (2, 2), (1, 1)])
@pytest.mark.parametrize(("heads", "depth"), [(1, 4), (3, 2), (2, 5)])
def test_attention(heads: int, depth: int, keys: tuple[int, int]) -> None:
    """MACs of both attention products: each query with each key, each score with each value."""
    machine = Machine()
    queries = ones(heads * depth, 4, 3)
    result = machine.attention(queries, ones(depth, *keys), ones(depth, *keys), heads)
    side = (depth, *keys)
    ours, size = cost(Attention(heads, depth), (heads * depth, 4, 3), side, side)
    assert (ours.work["attention"], ours.macs) == (machine.macs, machine.macs)
    assert (ours.params, size) == (0, shape_of(result))


def test_vectors_of_parameters() -> None:
    """Batch norm: scale, shift, mean, variance; layer scale: one each. Nested lists, counted."""
    machine = Machine()
    machine.norm(7)
    norm, _ = cost(BatchNorm(7, 1e-3, 0.1), (7, 2, 2))
    assert (norm.params, norm.buffers) == (machine.params, machine.buffers)
    scale, _ = cost(LayerScale(7), (7, 2, 2))
    assert (scale.params, scale.buffers) == (7, 0)
    assert norm.macs == scale.macs == 0


# ---------------------------------------------------------------------------------- whole networks


def v1_like(m: Machine, x: Tensor) -> Tensor:
    """Run the separable network below."""
    x = m.conv(x, 4, 3, 2, mode="same")
    for out, stride in [(6, 1), (8, 2), (8, 1)]:
        x = m.depthwise(x, 3, stride, mode="same")
        x = m.conv(x, out)
    return m.linear(m.pool(x), 10)


V1_LIKE: list[Row] = [
    {"block": "conv", "kernel": 3, "out": 4, "stride": 2, "activation": "relu6"},
    {"block": "separable", "kernel": 3, "out": 6, "activation": "relu6"},
    {"block": "separable", "kernel": 3, "out": 8, "stride": 2, "repeats": 2},
    {"block": "pool"},
    {"block": "dropout", "rate": 0.5},
    {"block": "linear", "out": "classes"},
]


def v2_like(m: Machine, x: Tensor) -> Tensor:
    """Run the inverted residuals below: t = 1, then 3 with a stride, then 3 with a residual."""
    x = m.conv(x, 4, 5, 2)
    x = m.conv(m.depthwise(x, 3), 2)
    for stride in (2, 1):
        x = m.conv(x, 3 * len(x))
        x = m.conv(m.depthwise(x, 5, stride), 4)
    x = m.conv(x, 12)
    return m.conv(m.pool(x), 10, norm=False, bias=True)


V2_LIKE: list[Row] = [
    {"block": "conv", "kernel": 5, "out": 4, "stride": 2},
    {"block": "inverted_residual", "kernel": 3, "expansion": 1, "out": 2},
    {
        "block": "inverted_residual",
        "kernel": 5,
        "expansion": 3,
        "out": 4,
        "stride": 2,
        "repeats": 2,
    },
    {"block": "conv", "kernel": 1, "out": 12, "activation": "hardswish"},
    {"block": "pool"},
    {"block": "conv", "kernel": 1, "out": "classes", "batch_norm": False},
]


def v3_like(m: Machine, x: Tensor) -> Tensor:
    """Run squeeze-excite with and without an expansion, a grouped convolution and a fused block."""
    x = m.conv(x, 4, 3)
    x = m.squeeze_excite(m.depthwise(x, 3, 2), 1)
    x = m.conv(x, 4)
    x = m.squeeze_excite(m.depthwise(m.conv(x, 8), 3), 2)
    x = m.conv(x, 4)
    x = m.conv(x, 6, 3, 1, groups=2)
    x = m.conv(m.conv(x, 12, 3, 2), 6)
    x = m.depthwise(x, 3, norm=False, bias=True)
    x = m.linear(m.pool(x), 5)
    return m.linear(x, 10, bias=False)


V3_LIKE: list[Row] = [
    {"block": "conv", "kernel": 3, "out": 4},
    {"block": "inverted_residual", "kernel": 3, "expansion": 1, "out": 4, "se": 0.25, "stride": 2},
    {"block": "inverted_residual", "kernel": 3, "expanded": 8, "out": 4, "se": 0.25},
    {"block": "conv", "kernel": 3, "out": 6, "groups": 2},
    {"block": "fused_inverted_residual", "kernel": 3, "expansion": 2, "out": 6, "stride": 2},
    {"block": "depthwise", "kernel": 3, "batch_norm": False},
    {"block": "pool"},
    {"block": "linear", "out": 5, "activation": "relu"},
    {"block": "linear", "out": "classes", "bias": False},
]


def v4_like(m: Machine, x: Tensor) -> Tensor:
    """Run the four forms of UIB, and attention with and without a stride of its keys."""
    x = m.conv(x, 4, 3)
    x = m.depthwise(m.conv(m.depthwise(x, 3), 8), 5, 2)  # ExtraDW: the stride is in the middle
    x = m.conv(x, 4)
    x = m.conv(m.depthwise(m.conv(x, 8), 3), 4)  # IB
    x = m.conv(m.conv(m.depthwise(x, 3, 2), 8), 6)  # ConvNext: the stride is at the start
    x = m.conv(m.conv(x, 12), 6)  # FFN
    m.weights(6)  # its layer scale
    for stride in (2, 1):
        m.norm(len(x))
        queries = m.conv(x, 2 * 3, norm=False)
        keys = m.depthwise(x, 3, stride) if stride > 1 else x
        values = m.depthwise(x, 3, stride) if stride > 1 else x
        keys, values = m.conv(keys, 3, norm=False), m.conv(values, 3, norm=False)
        x = m.conv(m.attention(queries, keys, values, 2), 6, norm=False)
    m.weights(6)
    return m.linear(m.pool(x), 10)


V4_LIKE: list[Row] = [
    {"block": "conv", "kernel": 3, "out": 4},
    {"block": "uib", "start_kernel": 3, "middle_kernel": 5, "expanded": 8, "out": 4, "stride": 2},
    {"block": "uib", "middle_kernel": 3, "expanded": 8, "out": 4},
    {"block": "uib", "start_kernel": 3, "expanded": 8, "out": 6, "stride": 2},
    {"block": "uib", "expansion": 2, "out": 6, "layer_scale": True},
    {"block": "mobile_mqa", "heads": 2, "key_dim": 3, "kv_stride": 2},
    {"block": "mobile_mqa", "heads": 2, "key_dim": 3, "layer_scale": True},
    {"block": "pool"},
    {"block": "linear", "out": "classes"},
]

NETWORKS: dict[str, tuple[Callable[[Machine, Tensor], Tensor], list[Row], PaddingRule]] = {
    "v1": (v1_like, V1_LIKE, "same"),
    "v2": (v2_like, V2_LIKE, "symmetric"),
    "v3": (v3_like, V3_LIKE, "symmetric"),
    "v4": (v4_like, V4_LIKE, "symmetric"),
}


@pytest.mark.parametrize("resolution", [8, 11])
@pytest.mark.parametrize("name", NETWORKS)
def test_whole_network(name: str, resolution: int) -> None:
    """Counts and output of small networks: written by hand beside the file, run in plain loops."""
    run, rows, padding = NETWORKS[name]
    rules = {"padding": padding, "classes": 10, "divisor": 1, "minimum": 1, "se_divisor": 1}
    network = network_of_rows(rows, resolution, rules=rules)
    machine = Machine()
    result = run(machine, ones(3, resolution, resolution))
    assert as_image(network.shapes[-1]) == shape_of(result)
    assert network.macs == machine.macs
    assert (network.params, network.buffers) == (machine.params, machine.buffers)


def test_linear_without_a_pool() -> None:
    """A linear layer on 4 × 4 pixels has a weight for each of them."""
    machine = Machine()
    machine.linear(ones(3, 4, 4), 10)
    network = network_of_rows([{"block": "linear", "out": 10}], 4)
    assert (network.macs, network.params) == (machine.macs, machine.params)


# --------------------------------------------------------------------------------------- the terms


def test_each_kind_of_work_has_its_term() -> None:
    """Elements passed over by each kind of operator, on 4 × 4 pixels: worked out by hand."""
    rows: list[Row] = [
        {
            "block": "inverted_residual",
            "kernel": 3,
            "expansion": 2,
            "out": 3,
            "se": 0.5,
            "activation": "relu",
        },
        {"block": "mobile_mqa", "heads": 2, "key_dim": 2, "kv_stride": 2, "layer_scale": True},
        {"block": "pool"},
        {"block": "linear", "out": 5, "activation": "relu"},
    ]
    rules = {"divisor": 1, "minimum": 1, "se_divisor": 1}
    work = network_of_rows(rows, 4, rules=rules).work
    wide, narrow, keys = 6 * 16, 3 * 16, 3 * 4
    expected = {
        "conv": 18 * 16 + 54 * 16 + 18 + 18 + 18 * 16  # expand, depthwise, both of SE, project
        + 12 * 16 + 2 * (27 * 4 + 6 * 4) + 12 * 16,  # query; key and value, down first; output
        "linear": 15,
        "attention": 2 * (2 * 16 * 4) * 2,  # two products of 2 heads, 16 queries, 4 keys, depth 2
        "bias": 3 + 6 + 5,  # SE's two and the linear layer's
        "batch_norm": wide + wide + narrow + narrow + 2 * keys,
        "batch_norm_params": 2 * (6 + 6 + 3 + 3 + 3 + 3),
        "layer_scale": narrow,
        "relu": wide + wide + 3 + 5,  # one of SE's, the linear layer's
        "hardsigmoid": 6,
        "softmax": 2 * 16 * 4,
        "query_scale": 4 * 16,
        "pool": wide + narrow,
        "pool_output": 6 + 3,
        "add": 2 * narrow,
        "scale": wide,
    }  # fmt: skip
    assert work == expected
