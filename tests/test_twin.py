"""The twins of a network, operator by operator, against their definition."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from random import Random
from typing import TypeAlias

import pytest

import mncost
from mncost.errors import UnknownNameError
from mncost.graph.graph import Builder, Graph, Node
from mncost.graph.ops import Activation, BatchNorm, Conv, GlobalPool, LayerScale, Op, Scale
from mncost.graph.pairs import Pair
from mncost.graph.twin import TWINS, fused, standard
from tests.brute import Machine, Tensor, ones, pad, shape_of
from tests.networks import EVERY_DIALECT, MOBILENETS, Row, conv, network_of_rows

SMALL = {"divisor": 1, "minimum": 1, "se_divisor": 1}
RELU = {"activation": "relu"}
RELU_OP = Activation("relu")


def described(graph: Graph) -> list[str]:
    """Write each operator as ``name <- inputs``; a convolution with its kernel and stride."""
    return [
        f"{node.name}{_convolution(node.op)} <- "
        + ", ".join(graph.nodes[source].name for source in node.inputs)
        for node in graph.nodes[1:]
    ]


def _convolution(op: object) -> str:
    if not isinstance(op, Conv):
        return ""
    groups = f" g{op.groups}" if op.groups > 1 else ""
    bias = " bias" if op.bias else ""
    return f"({op.in_channels}>{op.out_channels} k{op.kernel[0]} s{op.stride[0]}{groups}{bias})"


def twin_of(rows: list[Row], name: str = "standard") -> Graph:
    """Return a twin of the network of these rows, on an image of 4 channels."""
    network = network_of_rows(rows, 8, in_channels=4, rules=SMALL, defaults=RELU)
    return network.as_twin(name).graph


# --------------------------------------------------------------------------------------- standard


def test_separable() -> None:
    """Depthwise 5×5 stride 2, batch norm, activation, pointwise: one 5×5 of stride 2."""
    rows: list[Row] = [{"block": "separable", "kernel": 5, "out": 6, "stride": 2}]
    assert described(twin_of(rows)) == [
        "row1.pointwise.conv(4>6 k5 s2) <- input",
        "row1.pointwise.bn <- row1.pointwise.conv",
        "row1.pointwise.act <- row1.pointwise.bn",
    ]


def test_inverted_residual() -> None:
    """The expansion and the residual stay; depthwise and projection become one k×k."""
    rows: list[Row] = [
        {"block": "inverted_residual", "kernel": 3, "expansion": 2, "out": 4},
    ]
    assert described(twin_of(rows)) == [
        "row1.expand.conv(4>8 k1 s1) <- input",
        "row1.expand.bn <- row1.expand.conv",
        "row1.expand.act <- row1.expand.bn",
        "row1.project.conv(8>4 k3 s1) <- row1.expand.act",
        "row1.project.bn <- row1.project.conv",
        "row1.add <- input, row1.project.bn",
    ]


def test_squeeze_excite_moves_in_front() -> None:
    """What stood between depthwise and projection now gates what the k×k convolution reads."""
    row = {"block": "inverted_residual", "kernel": 5, "expansion": 2, "out": 6, "stride": 2}
    assert described(twin_of([row | {"se": 0.25}])) == [
        "row1.expand.conv(4>8 k1 s1) <- input",
        "row1.expand.bn <- row1.expand.conv",
        "row1.expand.act <- row1.expand.bn",
        "row1.se.pool <- row1.expand.act",
        "row1.se.reduce.conv(8>2 k1 s1 bias) <- row1.se.pool",
        "row1.se.reduce.act <- row1.se.reduce.conv",
        "row1.se.expand.conv(2>8 k1 s1 bias) <- row1.se.reduce.act",
        "row1.se.expand.act <- row1.se.expand.conv",
        "row1.se.scale <- row1.expand.act, row1.se.expand.act",
        "row1.project.conv(8>6 k5 s2) <- row1.se.scale",
        "row1.project.bn <- row1.project.conv",
    ]


def test_squeeze_excite_without_an_expansion() -> None:
    """V3-Small's first block: the gate now stands on the block's own input."""
    row = {"block": "inverted_residual", "kernel": 3, "expansion": 1, "out": 4, "se": 0.5}
    lines = described(twin_of([row]))
    assert lines[0] == "row1.se.pool <- input"
    assert lines[-4:] == [
        "row1.se.scale <- input, row1.se.expand.act",
        "row1.project.conv(4>4 k3 s1) <- row1.se.scale",
        "row1.project.bn <- row1.project.conv",
        "row1.add <- input, row1.project.bn",
    ]


UIB: dict[str, tuple[Row, list[str]]] = {
    "ExtraDW": (
        {"start_kernel": 3, "middle_kernel": 5, "stride": 2},
        ["row1.expand.conv(4>8 k3 s1)", "row1.project.conv(8>6 k5 s2)"],
    ),
    "IB": (
        {"middle_kernel": 3, "stride": 2},
        ["row1.expand.conv(4>8 k1 s1)", "row1.project.conv(8>6 k3 s2)"],
    ),
    "ConvNext": (
        {"start_kernel": 5, "stride": 2},
        ["row1.expand.conv(4>8 k5 s2)", "row1.project.conv(8>6 k1 s1)"],
    ),
    "FFN": ({}, ["row1.expand.conv(4>8 k1 s1)", "row1.project.conv(8>6 k1 s1)"]),
}


@pytest.mark.parametrize("form", UIB)
def test_universal_inverted_bottleneck(form: str) -> None:
    """V4's four forms: K1 goes into the expansion, K2 into the projection, each with its stride."""
    keys, convolutions = UIB[form]
    graph = twin_of([{"block": "uib", "expanded": 8, "out": 6} | keys])
    expand, project = convolutions
    assert described(graph) == [
        f"{expand} <- input",
        "row1.expand.bn <- row1.expand.conv",
        "row1.expand.act <- row1.expand.bn",
        f"{project} <- row1.expand.act",
        "row1.project.bn <- row1.project.conv",
    ]


def test_mobile_mqa() -> None:
    """The strided depthwise of keys and of values each merge with the 1×1 that follows."""
    row = {"block": "mobile_mqa", "heads": 2, "key_dim": 3, "kv_stride": 2}
    assert described(twin_of([row])) == [
        "row1.bn <- input",
        "row1.query.conv(4>6 k1 s1) <- row1.bn",
        "row1.key.conv(4>3 k3 s2) <- row1.bn",
        "row1.value.conv(4>3 k3 s2) <- row1.bn",
        "row1.attention <- row1.query.conv, row1.key.conv, row1.value.conv",
        "row1.output.conv(6>4 k1 s1) <- row1.attention",
        "row1.add <- input, row1.output.conv",
    ]


def test_a_bias_stays_with_the_pointwise() -> None:
    """Without batch norm the pointwise has a bias, and the convolution that replaces it too."""
    rows: list[Row] = [
        {"block": "depthwise", "kernel": 3, "batch_norm": False, "activation": "relu"},
        {"block": "conv", "kernel": 1, "out": 5, "batch_norm": False},
    ]
    assert described(twin_of(rows)) == [
        "row2.conv(4>5 k3 s1 bias) <- input",
        "row2.act <- row2.conv",
    ]


DEPTHWISE: Row = {"block": "depthwise", "kernel": 3}
UNCHANGED: dict[str, list[Row]] = {
    "at the end": [DEPTHWISE],
    "before a pool": [DEPTHWISE, {"block": "pool"}, {"block": "linear", "out": 3}],
    "before a 3x3": [DEPTHWISE, {"block": "conv", "kernel": 3, "out": 8}],
    "before a strided 1x1": [DEPTHWISE, {"block": "conv", "kernel": 1, "out": 8, "stride": 2}],
    "before a grouped 1x1": [DEPTHWISE, {"block": "conv", "kernel": 1, "out": 8, "groups": 2}],
    # The projection's result is added to what the depthwise wrote: the expansion is not alone.
    "read twice": [
        DEPTHWISE,
        {"block": "inverted_residual", "kernel": 3, "expansion": 2, "out": 4},
    ],
}


@pytest.mark.parametrize("name", UNCHANGED)
def test_what_is_no_pair_stays(name: str) -> None:
    """A depthwise whose result is not read by one pointwise alone stays as it is."""
    rows = UNCHANGED[name]
    network = network_of_rows(rows, 8, in_channels=4, rules=SMALL, defaults=RELU)
    pairs = {pair.first.name for pair in network.pairs}
    assert pairs == ({"row2.depthwise.conv"} if name == "read twice" else set())
    before, after = described(network.graph), described(network.standard.graph)
    assert after[:3] == before[:3]  # the depthwise, its batch norm, its activation
    if not pairs:
        assert network.standard.graph == network.graph


def two_readers(first: Conv, second: Conv) -> Graph:
    """Return a depthwise convolution that two convolutions read."""
    builder = Builder(4)
    builder.add("depthwise", conv(4, 4, 3, 1, 4, False, "same"))
    norm = builder.add("bn", BatchNorm(4, 1e-3, 0.1))
    builder.add("first", first, norm)
    builder.add("second", second, norm)
    return builder.finish()


def test_two_pointwise_readers() -> None:
    """A depthwise that two pointwise convolutions read cannot merge with either."""
    pointwise = conv(4, 8, 1, 1, 1, False, "same")
    graph = two_readers(pointwise, pointwise)
    assert standard(graph) == (graph, ())


def test_the_padding_is_the_depthwise_one() -> None:
    """A 1×1 pads nothing, whatever its row says: the k×k convolution pads as the depthwise did."""
    rows: list[Row] = [
        {"block": "depthwise", "kernel": 3},
        {"block": "conv", "kernel": 1, "out": 8, "padding": "valid"},
    ]
    network = network_of_rows(rows, 7)
    assert network.standard.shapes[-1] == network.shapes[-1] == (8, 7, 7)


def with_multiplier(*, gated: bool) -> Graph:
    """Return a depthwise convolution with two filters a channel, a gate if wanted, a pointwise."""
    builder = Builder(4)
    features = builder.add("depthwise", conv(4, 8, 3, 1, 4, False, "same"))
    if gated:
        builder.add("pool", GlobalPool())
        gate = builder.add("gate", conv(8, 8, 1, 1, 1, True, "same"))
        builder.add("scale", Scale(), features, gate)
    builder.add("pointwise", conv(8, 6, 1, 1, 1, False, "same"))
    return builder.finish()


def test_two_filters_a_channel() -> None:
    """4 → 8 → 6 becomes 4 → 6; but a gate of 8 channels does not fit in front of 4: unchanged."""
    plain, gated = with_multiplier(gated=False), with_multiplier(gated=True)
    assert described(standard(plain).graph) == ["input.pointwise(4>6 k3 s1) <- input"]
    assert standard(gated) == (gated, ())


def test_two_depthwise_in_a_row() -> None:
    """Only the one that the pointwise follows merges; the other stays in front."""
    rows: list[Row] = [DEPTHWISE, {"block": "separable", "kernel": 5, "out": 6}]
    assert described(twin_of(rows))[:4] == [
        "row1.conv(4>4 k3 s1 g4) <- input",
        "row1.bn <- row1.conv",
        "row1.act <- row1.bn",
        "row2.pointwise.conv(4>6 k5 s1) <- row1.act",
    ]


def test_what_stands_between_and_is_no_squeeze_excite() -> None:
    """A pool that the pointwise reads, or a layer scale, is not skipped."""
    for between in (GlobalPool(), LayerScale(4)):
        builder = Builder(4)
        builder.add("depthwise", conv(4, 4, 3, 1, 4, False, "same"))
        builder.add("between", between)
        builder.add("pointwise", conv(4, 8, 1, 1, 1, False, "same"))
        graph = builder.finish()
        assert standard(graph) == (graph, ())


@pytest.mark.parametrize("behind", ["act", "gate"])
def test_what_stands_behind_a_squeeze_excite(behind: str) -> None:
    """An activation or a second squeeze-excite between it and the pointwise: no pair."""
    builder = Builder(4)
    features = builder.add("depthwise", conv(4, 4, 3, 1, 4, False, "same"))
    pool = builder.add("pool", GlobalPool())
    gated = builder.add("scale", Scale(), features, pool)
    if behind == "act":
        builder.add("act", RELU_OP)
    else:
        pool = builder.add("pool2", GlobalPool())
        builder.add("scale2", Scale(), gated, pool)
    builder.add("pointwise", conv(4, 8, 1, 1, 1, False, "same"))
    graph = builder.finish()
    assert standard(graph) == (graph, ())


def test_the_order_of_the_readers_does_not_matter() -> None:
    """A squeeze-excite is found by what its product reads: features first, gate second."""
    builder = Builder(4)
    features = builder.add("depthwise", conv(4, 4, 3, 2, 4, False, "same"))
    builder.add("pool", GlobalPool())
    gate = builder.add("gate", conv(4, 4, 1, 1, 1, True, "same"))
    builder.add("scale", Scale(), features, gate)
    builder.add("pointwise", conv(4, 8, 1, 1, 1, False, "same"))
    twin = standard(builder.finish())
    assert twin.pairs == (Pair("input.depthwise", "input.pointwise"),)
    assert described(twin.graph) == [
        "input.pool <- input",
        "input.gate(4>4 k1 s1 bias) <- input.pool",
        "input.scale <- input, input.gate",
        "input.pointwise(4>8 k3 s2) <- input.scale",
    ]


# ------------------------------------------------------------------------------------------ fused


def anonymous(graph: Graph) -> list[tuple[Op, tuple[int, ...]]]:
    """Return operators and what they read, without names."""
    return [(node.op, node.inputs) for node in graph.nodes]


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("out", [4, 6])
def test_the_fused_twin_is_the_fused_block(stride: int, out: int) -> None:
    """Of inverted residuals it is the network of fused ones, which the rows can say themselves."""
    row = {"kernel": 5, "expansion": 2, "out": out, "stride": stride, "repeats": 2}
    found = twin_of([{"block": "inverted_residual"} | row], "fused")
    fused_rows = [{"block": "fused_inverted_residual"} | row]
    written = network_of_rows(fused_rows, 8, in_channels=4, rules=SMALL, defaults=RELU)
    assert anonymous(found) == anonymous(written.graph)


def test_fused_inverted_residual() -> None:
    """V2: 1×1 and depthwise of stride 2 become one 3×3 of stride 2; the projection stays."""
    row = {"block": "inverted_residual", "kernel": 3, "expansion": 2, "out": 6, "stride": 2}
    assert described(twin_of([row], "fused")) == [
        "row1.depthwise.conv(4>8 k3 s2) <- input",
        "row1.depthwise.bn <- row1.depthwise.conv",
        "row1.depthwise.act <- row1.depthwise.bn",
        "row1.project.conv(8>6 k1 s1) <- row1.depthwise.act",
        "row1.project.bn <- row1.project.conv",
    ]


def test_fused_keeps_the_squeeze_excite_in_its_place() -> None:
    """V3: it still gates what the projection reads; the residual still reads the block's input."""
    row = {"block": "inverted_residual", "kernel": 5, "expansion": 2, "out": 4, "se": 0.25}
    assert described(twin_of([row], "fused")) == [
        "row1.depthwise.conv(4>8 k5 s1) <- input",
        "row1.depthwise.bn <- row1.depthwise.conv",
        "row1.depthwise.act <- row1.depthwise.bn",
        "row1.se.pool <- row1.depthwise.act",
        "row1.se.reduce.conv(8>2 k1 s1 bias) <- row1.se.pool",
        "row1.se.reduce.act <- row1.se.reduce.conv",
        "row1.se.expand.conv(2>8 k1 s1 bias) <- row1.se.reduce.act",
        "row1.se.expand.act <- row1.se.expand.conv",
        "row1.se.scale <- row1.depthwise.act, row1.se.expand.act",
        "row1.project.conv(8>4 k1 s1) <- row1.se.scale",
        "row1.project.bn <- row1.project.conv",
        "row1.add <- input, row1.project.bn",
    ]


def test_fused_extra_depthwise() -> None:
    """V4 ExtraDW: the start depthwise stays, expansion and middle depthwise become one."""
    row = {"block": "uib", "expanded": 8, "out": 6, "start_kernel": 3, "middle_kernel": 5}
    assert described(twin_of([row | {"stride": 2}], "fused")) == [
        "row1.start.conv(4>4 k3 s1 g4) <- input",
        "row1.start.bn <- row1.start.conv",
        "row1.middle.conv(4>8 k5 s2) <- row1.start.bn",
        "row1.middle.bn <- row1.middle.conv",
        "row1.middle.act <- row1.middle.bn",
        "row1.project.conv(8>6 k1 s1) <- row1.middle.act",
        "row1.project.bn <- row1.project.conv",
    ]


NOT_FUSED: dict[str, list[Row]] = {
    "V1: the next block's depthwise": [{"block": "separable", "kernel": 3, "out": 6}] * 2,
    "a row of its own": [{"block": "conv", "kernel": 1, "out": 8}, DEPTHWISE],
    "no expansion": [{"block": "inverted_residual", "kernel": 3, "expansion": 1, "out": 4}],
    "ConvNext": [{"block": "uib", "expanded": 8, "out": 6, "start_kernel": 3}],
    "FFN": [{"block": "uib", "expanded": 8, "out": 6}],
    "attention": [{"block": "mobile_mqa", "heads": 2, "key_dim": 3, "kv_stride": 2}],
}


@pytest.mark.parametrize("name", NOT_FUSED)
def test_what_is_no_fused_pair_stays(name: str) -> None:
    """Without a 1×1 and a depthwise behind it in one block the twin is the network itself."""
    rows = NOT_FUSED[name]
    network = network_of_rows(rows, 8, in_channels=4, rules=SMALL, defaults=RELU)
    assert network.as_twin("fused").graph == network.graph
    assert network.pairs_of("fused") == ()


def in_one_block(*ops: Op) -> Graph:
    """Return a graph of operators that each read the one before, on 4 channels."""
    builder = Builder(4)
    for number, op in enumerate(ops, 1):
        builder.add(f"op{number}", op)
    return builder.finish()


EXPAND = conv(4, 8, 1, 1, 1, False, "same")
BEHIND = conv(8, 8, 3, 1, 8, True, "valid")


def test_fused_takes_bias_and_padding_of_the_depthwise() -> None:
    """The expansion's own padding means nothing; its batch norm and activation go."""
    graph = in_one_block(EXPAND, BatchNorm(8, 1e-3, 0.1), RELU_OP, BEHIND, RELU_OP)
    assert fused(graph) == (
        Graph(
            (
                graph.nodes[0],
                Node("input.op4", "input", conv(4, 8, 3, 1, 1, True, "valid"), (0,)),
                Node("input.op5", "input", RELU_OP, (1,)),
            ),
            (2,),
        ),
        (Pair("input.op1", "input.op4"),),
    )


def test_fused_with_two_filters_a_channel() -> None:
    """4 → 8 → 16 becomes 4 → 16."""
    graph = in_one_block(EXPAND, conv(8, 16, 3, 2, 8, False, "same"))
    assert described(fused(graph).graph) == ["input.op2(4>16 k3 s2) <- input"]


@pytest.mark.parametrize(
    "ops",
    [
        (conv(4, 8, 3, 1, 1, False, "same"), BEHIND),
        (conv(4, 8, 1, 2, 1, False, "same"), BEHIND),
        (conv(4, 8, 1, 1, 2, False, "same"), BEHIND),
        (EXPAND, conv(8, 8, 3, 1, 4, False, "same")),
        (EXPAND, GlobalPool(), BEHIND),
        (EXPAND, LayerScale(8), BEHIND),
    ],
    ids=["3x3", "strided 1x1", "grouped 1x1", "no depthwise", "pool between", "scale between"],
)
def test_what_does_not_fuse(ops: tuple[Op, ...]) -> None:
    """Only a 1×1 of stride 1 over all channels, with a depthwise right behind it, is a pair."""
    graph = in_one_block(*ops)
    assert fused(graph) == (graph, ())


@pytest.mark.parametrize("gated", [False, True])
def test_an_expansion_with_two_readers(gated: bool) -> None:
    """Its result is needed: by another convolution, or by a squeeze-excite (which cannot move)."""
    builder = Builder(4)
    features = builder.add("expand", conv(4, 4, 1, 1, 1, False, "same"))
    if gated:
        pool = builder.add("pool", GlobalPool())
        features = builder.add("scale", Scale(), features, pool)
    else:
        builder.add("other", EXPAND, features)
    builder.add("depthwise", conv(4, 4, 3, 1, 4, False, "same"), features)
    graph = builder.finish()
    assert fused(graph) == (graph, ())


# ------------------------------------------------------------------------------------- both of them


Kernels: TypeAlias = list[Tensor]  # [out][in of a group][y][x]


def run(graph: Graph, image: Tensor, weights: dict[str, Kernels]) -> Tensor:
    """Run a chain of convolutions in plain loops; batch norms and activations do nothing."""
    x = image
    for node in graph.nodes:
        if isinstance(op := node.op, Conv):
            (kernel, _), (stride, _) = op.kernel, op.stride
            padded = [pad(plane, kernel, stride, str(op.padding)) for plane in x]
            many = len(x) // op.groups
            first = [n * op.groups // op.out_channels * many for n in range(op.out_channels)]
            x = [
                Machine().slide(padded[start : start + many], taps, kernel, stride)
                for start, taps in zip(first, weights[node.name], strict=True)
            ]
    return x


def drawn(graph: Graph, random: Random) -> dict[str, Kernels]:
    """Draw small whole numbers for the weights of each convolution."""
    return {
        node.name: [
            [
                [[random.randint(-9, 9) for _ in range(op.kernel[1])] for _ in range(op.kernel[0])]
                for _ in range(op.in_channels // op.groups)
            ]
            for _ in range(op.out_channels)
        ]
        for node in graph.nodes
        if isinstance(op := node.op, Conv)
    }


def product(depthwise: Tensor, pointwise: list[list[int]]) -> list[list[int]]:
    """Multiply the taps of one depthwise filter by one weight of a 1×1."""
    ((weight,),) = pointwise
    return [[weight * tap for tap in row] for row in depthwise[0]]


@pytest.mark.parametrize("padding", ["symmetric", "same", "end", "valid"])
@pytest.mark.parametrize(("kernel", "stride", "size"), [(3, 1, 5), (3, 2, 6), (5, 2, 7), (3, 3, 7)])
def test_one_convolution_can_compute_what_two_do(
    kernel: int, stride: int, size: int, padding: str
) -> None:
    """Without anything between, the products of their weights give the same numbers exactly."""
    block = {"block": "inverted_residual", "kernel": kernel, "expansion": 2, "out": 3}
    rules = SMALL | {"padding": padding}
    network = network_of_rows([block | {"stride": stride}], size, in_channels=2, rules=rules)
    random = Random(f"{kernel} {stride} {size} {padding}")
    weights = drawn(network.graph, random)
    expand, depthwise, project = weights.values()
    image = [[[random.randint(-9, 9) for _ in range(size)] for _ in range(size)] for _ in range(2)]
    expected = run(network.graph, image, weights)
    products = {
        "standard": [
            [product(dw, pw) for dw, pw in zip(depthwise, row, strict=True)] for row in project
        ],
        "fused": [
            [product(dw, pw) for pw in row] for dw, row in zip(depthwise, expand, strict=True)
        ],
    }
    for name, layer in (("standard", "row1.project.conv"), ("fused", "row1.depthwise.conv")):
        twin = network.as_twin(name).graph
        assert run(twin, image, weights | {layer: products[name]}) == expected, name
    assert any(any(row) for plane in expected for row in plane)


@pytest.mark.parametrize(("size", "stride"), [(4, 1), (8, 2), (9, 3), (7, 2), (8, 3)])
def test_ratio_of_a_fused_pair(size: int, stride: int) -> None:
    """Counted in plain loops; s²/k² + 1/C where the stride divides the side, else only about."""
    row = {"block": "inverted_residual", "kernel": 3, "expansion": 2, "out": 6, "stride": stride}
    network = network_of_rows([row], size, in_channels=4, rules=SMALL)
    two, one = Machine(), Machine()
    two.depthwise(two.conv(ones(4, size, size), 8), 3, stride)
    one.conv(ones(4, size, size), 8, 3, stride)
    (pair,) = network.pairs_of("fused")
    assert (pair.macs, pair.merged.macs) == (two.macs, one.macs)
    assert pair.macs_share == Fraction(two.macs, one.macs)
    assert pair.theoretical_share == Fraction(stride**2, 9) + Fraction(1, 4)
    assert (pair.macs_share == pair.theoretical_share) == (size % stride == 0)


def test_ratio_of_a_separable_pair() -> None:
    """Counted in plain loops; 1/N + 1/k² whatever the side."""
    row = {"block": "separable", "kernel": 3, "out": 6, "stride": 2}
    (pair,) = network_of_rows([row], 7, in_channels=4, rules=SMALL).pairs
    two, one = Machine(), Machine()
    two.conv(two.depthwise(ones(4, 7, 7), 3, 2), 6)
    one.conv(ones(4, 7, 7), 6, 3, 2)
    assert pair.macs_share == Fraction(two.macs, one.macs) == Fraction(1, 6) + Fraction(1, 9)
    assert pair.theoretical_share == pair.macs_share


def test_twins_of_a_network() -> None:
    """Each is made once and knows its name; a twin's twins are those of the network itself."""
    network = mncost.load("v3-small", 0.5, 65)
    for name in TWINS:
        twin = network.as_twin(name)
        assert twin is network.as_twin(name)
        assert (twin.twin, twin.arch, twin.alpha, twin.resolution) == (name, "v3-small", 0.5, 65)
        assert [twin.as_twin(other) for other in TWINS] == [network.as_twin(n) for n in TWINS]
        assert twin.pairs_of(name) == ()
    assert network.standard is network.as_twin("standard")
    assert network.pairs == network.pairs_of("standard")


def test_an_unknown_twin() -> None:
    """The closest name is said, and which there are."""
    network = mncost.load("v2")
    with pytest.raises(UnknownNameError, match=r"mean 'fused'.*accepted: standard, fused"):
        network.as_twin("fussed")
    with pytest.raises(UnknownNameError, match="unknown twin 'no'"):
        network.pairs_of("no")


# ---------------------------------------------------------------------------------- whole networks

# How many depthwise convolutions the papers' tables have, counted there by eye.
PAIRS = {"v1": 13, "v2": 17, "v3-large": 15, "v3-small": 11}
PAIRS |= {"v3-large-minimalistic": 15, "v3-small-minimalistic": 11}
PAIRS |= {
    "v4-conv-s": 3 * 2 + 8 + 1,  # ExtraDW (two), IB, ConvNext
    "v4-conv-m": 13 * 2 + 0 + 4,
    "v4-conv-l": 19 * 2 + 0 + 7,
    "v4-hybrid-m": 13 * 2 + 0 + 5 + 4 * 2,  # and attention with strided keys (two)
    "v4-hybrid-l": 19 * 2 + 0 + 8 + 4 * 2,
}


@pytest.mark.parametrize("arch", PAIRS)
def test_number_of_pairs(arch: str) -> None:
    """Each depthwise convolution of the paper's table is one pair: counted there."""
    assert len(mncost.load(arch).pairs) == PAIRS[arch]


# How many blocks with an expansion and a depthwise behind it, counted in the same tables.
FUSED_PAIRS = {"v1": 0, "v2": 16, "v3-large": 14, "v3-small": 10}  # the first does not expand
FUSED_PAIRS |= {"v3-large-minimalistic": 14, "v3-small-minimalistic": 10}
FUSED_PAIRS |= {"v4-conv-s": 3 + 8, "v4-conv-m": 13, "v4-conv-l": 19}  # ExtraDW and IB
FUSED_PAIRS |= {"v4-hybrid-m": 13, "v4-hybrid-l": 19}


@pytest.mark.parametrize("arch", FUSED_PAIRS)
def test_number_of_fused_pairs(arch: str) -> None:
    """Each block that expands and then convolves depthwise is one pair: counted there."""
    assert len(mncost.load(arch).pairs_of("fused")) == FUSED_PAIRS[arch]


@pytest.mark.parametrize(("arch", "dialect"), EVERY_DIALECT)
def test_no_depthwise_is_left(arch: str, dialect: str) -> None:
    """Every built-in network is separable throughout, and its twin nowhere."""
    network = mncost.load(arch, 0.75, dialect=dialect)
    assert "depthwise" in {layer.kind for layer in network.layers}
    assert "depthwise" not in {layer.kind for layer in network.standard.layers}
    assert network.standard.twin == "standard"


@pytest.mark.parametrize(("arch", "dialect"), EVERY_DIALECT)
@pytest.mark.parametrize("resolution", [97, 224])
def test_each_pair_keeps_its_output(arch: str, dialect: str, resolution: int) -> None:
    """The k×k convolution writes what the pointwise wrote, from what the depthwise read."""
    for pair in mncost.load(arch, 1.0, resolution, dialect).pairs:
        new, old, first = pair.merged, pair.second, pair.first
        assert (new.out_height, new.out_width) == (old.out_height, old.out_width)
        assert (new.in_height, new.in_width) == (first.in_height, first.in_width)
        assert (new.kernel, new.stride, new.groups) == (first.kernel, first.stride, 1)
        assert (new.in_channels, new.out_channels) == (first.in_channels, old.out_channels)
        k, m, n = (first.kernel or (0, 0))[0], first.in_channels, old.out_channels
        assert new.macs == k * k * m * n * old.out_height * old.out_width  # V1 paper, equation 2
        assert pair.macs == (k * k * m + m * n) * old.out_height * old.out_width


@pytest.mark.parametrize(("arch", "dialect"), EVERY_DIALECT)
def test_no_expansion_before_a_depthwise_is_left(arch: str, dialect: str) -> None:
    """In the fused twin a depthwise stands first in its block, or reads an attention's input."""
    twin = mncost.load(arch, 0.75, dialect=dialect).as_twin("fused")
    convolutions = [x for x in twin.layers if x.kernel and not x.name.endswith(".down.conv")]
    for before, layer in pairwise(convolutions):
        if layer.kind == "depthwise":
            assert before.block != layer.block, layer.name


@pytest.mark.parametrize(("arch", "dialect"), EVERY_DIALECT)
@pytest.mark.parametrize("resolution", [97, 224])
def test_each_fused_pair_keeps_its_output(arch: str, dialect: str, resolution: int) -> None:
    """The k×k convolution writes what the depthwise wrote, from what the expansion read."""
    for pair in mncost.load(arch, 1.0, resolution, dialect).pairs_of("fused"):
        new, old, first = pair.merged, pair.second, pair.first
        assert (first.kind, old.kind, first.block) == ("pointwise", "depthwise", old.block)
        assert (new.out_height, new.out_width) == (old.out_height, old.out_width)
        assert (new.in_height, new.in_width) == (first.in_height, first.in_width)
        assert (new.kernel, new.stride, new.groups) == (old.kernel, old.stride, 1)
        assert (new.in_channels, new.out_channels) == (first.in_channels, old.out_channels)
        k, c, e = (old.kernel or (0, 0))[0], first.in_channels, old.out_channels
        pixels = old.out_height**2
        assert new.macs == k * k * c * e * pixels
        assert pair.macs == c * e * first.in_height**2 + k * k * e * pixels


@pytest.mark.parametrize("name", TWINS)
@pytest.mark.parametrize("arch", MOBILENETS)
def test_the_twin_of_a_twin_is_itself(arch: str, name: str) -> None:
    """There is nothing left to replace: no pair, the same graph."""
    twin = mncost.load(arch).as_twin(name)
    assert TWINS[name](twin.graph) == (twin.graph, ())


def test_a_twin_in_plain_loops() -> None:
    """MACs and parameters of a block with squeeze-excite, its twin run by hand in plain loops."""
    row = {"block": "inverted_residual", "kernel": 3, "expansion": 2, "out": 6, "stride": 2}
    network = network_of_rows([row | {"se": 0.25}], 7, in_channels=4, rules=SMALL).standard
    machine = Machine()
    x = machine.conv(ones(4, 7, 7), 8)
    x = machine.squeeze_excite(x, 2)
    x = machine.conv(x, 6, 3, 2)
    assert (network.macs, network.params) == (machine.macs, machine.params)
    assert network.shapes[-1] == shape_of(x)


def test_a_fused_twin_in_plain_loops() -> None:
    """MACs and parameters of the same block as a fused one, run by hand in plain loops."""
    row = {"block": "inverted_residual", "kernel": 3, "expansion": 2, "out": 6, "stride": 2}
    network = network_of_rows([row | {"se": 0.25}], 7, in_channels=4, rules=SMALL).as_twin("fused")
    machine = Machine()
    x = machine.conv(ones(4, 7, 7), 8, 3, 2)
    x = machine.squeeze_excite(x, 2)
    x = machine.conv(x, 6)
    assert (network.macs, network.params) == (machine.macs, machine.params)
    assert network.shapes[-1] == shape_of(x)


# ----------------------------------------------------------------------------------------- branches


def test_a_gate_that_another_branch_is_part_of_stays() -> None:
    """A squeeze-excite that reads more than what it pools cannot move in front of the pair."""
    rows: list[Row] = [
        {"block": "conv", "kernel": 3, "out": 8, "name": "stem"},
        {"block": "depthwise", "kernel": 3, "name": "filtered"},
        {"block": "conv", "kernel": 1, "out": 8, "from": "stem", "name": "other"},
        {"block": "pool", "name": "seen"},
        {"block": "pool", "from": "filtered", "name": "pooled"},
        {"block": "add", "from": ["pooled", "seen"], "name": "gate"},
        {"block": "multiply", "from": ["filtered", "gate"]},
        {"block": "conv", "kernel": 1, "out": 4},
    ]
    network = network_of_rows(rows, 8)
    assert network.pairs == ()
    assert network.standard.graph == network.graph
    rows[5] = {"block": "conv", "kernel": 1, "out": 8, "from": "pooled", "name": "gate"}
    rows[3] = {"block": "add", "from": ["other", "filtered"], "name": "seen"}
    network = network_of_rows([*rows], 8, outputs=["row8", "seen"])
    assert network.pairs == ()  # a second branch reads the depthwise's result


def test_pairs_on_branches() -> None:
    """Each branch has its own pair; a result that two rows read is no part of one."""
    rows: list[Row] = [
        {"block": "conv", "kernel": 3, "out": 8, "name": "stem"},
        {"block": "separable", "kernel": 3, "out": 6, "name": "left"},
        {"block": "separable", "kernel": 5, "out": 4, "from": "stem", "name": "right"},
        {"block": "concat", "from": ["left", "right"]},
        {"block": "depthwise", "kernel": 3, "name": "shared"},
        {"block": "conv", "kernel": 1, "out": 3, "name": "a"},
        {"block": "conv", "kernel": 1, "out": 3, "from": "shared", "name": "b"},
    ]
    network = network_of_rows(rows, 8, outputs=["a", "b"])
    assert [(pair.first.name, pair.second.name) for pair in network.pairs] == [
        ("left.depthwise.conv", "left.pointwise.conv"),
        ("right.depthwise.conv", "right.pointwise.conv"),
    ]
    twin = network.standard
    assert [twin.shapes[index] for index in twin.graph.outputs] == [(3, 8, 8), (3, 8, 8)]
    saved = sum(pair.macs - pair.merged.macs for pair in network.pairs)
    assert twin.macs == network.macs - saved
