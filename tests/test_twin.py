"""The standard-convolution twin, operator by operator, against its definition."""

from __future__ import annotations

import pytest

import mncost
from mncost.graph.graph import Builder, Graph
from mncost.graph.ops import BatchNorm, Conv, GlobalPool, LayerScale, Scale
from mncost.graph.twin import Pair, standard
from mncost.spec.catalog import families
from tests.brute import Machine, ones, shape_of
from tests.networks import EVERY_DIALECT, Row, network_of_rows

SMALL = {"divisor": 1, "minimum": 1, "se_divisor": 1}
RELU = {"activation": "relu"}


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
    return f"({op.in_channels}>{op.out_channels} k{op.kernel} s{op.stride}{groups}{bias})"


def twin_of(rows: list[Row]) -> Graph:
    """Return the twin of the network of these rows, on an image of 4 channels."""
    network = network_of_rows(rows, 8, in_channels=4, rules=SMALL, defaults=RELU)
    return network.standard.graph


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
    pairs = {pair.depthwise.name for pair in network.pairs}
    assert pairs == ({"row2.depthwise.conv"} if name == "read twice" else set())
    before, after = described(network.graph), described(network.standard.graph)
    assert after[:3] == before[:3]  # the depthwise, its batch norm, its activation
    if not pairs:
        assert network.standard.graph == network.graph


def two_readers(first: Conv, second: Conv) -> Graph:
    """Return a depthwise convolution that two convolutions read."""
    builder = Builder(4)
    builder.add("depthwise", Conv(4, 4, 3, 1, 4, False, "same"))
    norm = builder.add("bn", BatchNorm(4, 1e-3, 0.1))
    builder.add("first", first, norm)
    builder.add("second", second, norm)
    return builder.finish()


def test_two_pointwise_readers() -> None:
    """A depthwise that two pointwise convolutions read cannot merge with either."""
    pointwise = Conv(4, 8, 1, 1, 1, False, "same")
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
    features = builder.add("depthwise", Conv(4, 8, 3, 1, 4, False, "same"))
    if gated:
        builder.add("pool", GlobalPool())
        gate = builder.add("gate", Conv(8, 8, 1, 1, 1, True, "same"))
        builder.add("scale", Scale(), features, gate)
    builder.add("pointwise", Conv(8, 6, 1, 1, 1, False, "same"))
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
        builder.add("depthwise", Conv(4, 4, 3, 1, 4, False, "same"))
        builder.add("between", between)
        builder.add("pointwise", Conv(4, 8, 1, 1, 1, False, "same"))
        graph = builder.finish()
        assert standard(graph) == (graph, ())


def test_the_order_of_the_readers_does_not_matter() -> None:
    """A squeeze-excite is found by what its product reads: features first, gate second."""
    builder = Builder(4)
    features = builder.add("depthwise", Conv(4, 4, 3, 2, 4, False, "same"))
    builder.add("pool", GlobalPool())
    gate = builder.add("gate", Conv(4, 4, 1, 1, 1, True, "same"))
    builder.add("scale", Scale(), features, gate)
    builder.add("pointwise", Conv(4, 8, 1, 1, 1, False, "same"))
    twin = standard(builder.finish())
    assert twin.pairs == (Pair("input.depthwise", "input.pointwise"),)
    assert described(twin.graph) == [
        "input.pool <- input",
        "input.gate(4>4 k1 s1 bias) <- input.pool",
        "input.scale <- input, input.gate",
        "input.pointwise(4>8 k3 s2) <- input.scale",
    ]


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
        new, old, first = pair.standard, pair.pointwise, pair.depthwise
        assert (new.out_height, new.out_width) == (old.out_height, old.out_width)
        assert (new.in_height, new.in_width) == (first.in_height, first.in_width)
        assert (new.kernel, new.stride, new.groups) == (first.kernel, first.stride, 1)
        assert (new.in_channels, new.out_channels) == (first.in_channels, old.out_channels)
        k, m, n = first.kernel or 0, first.in_channels, old.out_channels
        assert new.macs == k * k * m * n * old.out_height * old.out_width  # V1 paper, equation 2
        assert pair.separable_macs == (k * k * m + m * n) * old.out_height * old.out_width


@pytest.mark.parametrize("arch", families())
def test_the_twin_of_a_twin_is_itself(arch: str) -> None:
    """There is nothing left to replace: no pair, the same graph, the same cost."""
    twin = mncost.load(arch).standard
    assert standard(twin.graph) == (twin.graph, ())
    assert twin.pairs == ()
    assert (twin.standard.macs, twin.standard.params) == (twin.macs, twin.params)


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
