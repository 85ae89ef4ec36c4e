"""Bytes of weights, of activations at their peak and moved by each layer, by naive bookkeeping.

The assumptions are those that the docstring of ``mncost/cost/memory.py`` states.
"""

from __future__ import annotations

from math import prod

import pytest
from hypothesis import given, settings

import mncost
from mncost.cost.memory import PRECISIONS, Precision
from mncost.errors import InputError
from mncost.graph.graph import Graph, Node
from mncost.graph.ops import (
    Activation,
    Attention,
    BatchNorm,
    Conv,
    Dropout,
    Flatten,
    Fold,
    LayerNorm,
    LayerScale,
    Linear,
    MultiHeadAttention,
    Resize,
)
from mncost.network import Network, network_of
from mncost.spec.parse import parse_spec
from mncost.spec.resolve import resolve
from tests.networks import EVERY_DIALECT, Row, network_of_rows, toml
from tests.random_rows import ALPHAS, TAIL, bodies

ELEMENT = {"fp32": 4, "fp16": 2, "bf16": 2, "int8": 1}
VECTOR = {"fp32": 4, "fp16": 2, "bf16": 2, "int8": 4}
SMALL = {"divisor": 1, "minimum": 1, "se_divisor": 1, "classes": 10}


# ----------------------------------------------------------------------- a second, naive simulator


def times_read(graph: Graph, index: int) -> int:
    """Count the inputs, of any node, that are this node."""
    return sum(node.inputs.count(index) for node in graph.nodes)


def buffers_of(graph: Graph) -> list[int]:
    """Return, for each node, the node whose memory its result stands in.

    A batch norm that alone reads a convolution, a linear layer or a batch norm merged into one, and
    an activation likewise, writes to the same memory; flatten and dropout write nothing.
    """
    place: list[int] = []
    for index, node in enumerate(graph.nodes):
        place.append(index)
        if isinstance(node.op, Flatten | Dropout):
            place[index] = place[node.inputs[0]]
        elif isinstance(node.op, BatchNorm | Activation):
            before = node.inputs[0]
            op = graph.nodes[before].op
            merged = isinstance(op, BatchNorm) and place[before] != before
            if (isinstance(op, Conv | Linear) or merged) and times_read(graph, before) == 1:
                place[index] = place[before]
    return place


def scores_of(network: Network, index: int) -> int:
    """Return the elements of the attention scores that a node holds while it runs."""
    node = network.graph.nodes[index]
    if isinstance(node.op, MultiHeadAttention):
        tokens = network.shapes[index][0]
        return node.op.heads * tokens * (tokens // node.op.sequences)
    if not isinstance(node.op, Attention):
        return 0
    queries, keys = (network.shapes[source] for source in node.inputs[:2])
    return node.op.heads * (queries[1] * queries[2]) * (keys[1] * keys[2])


def read_by(node: Node) -> tuple[int, ...]:
    """Return the inputs of a node whose values it needs: of a second image only the size."""
    return node.inputs[:1] if isinstance(node.op, Fold | Resize) else node.inputs


def simulated_peak(network: Network) -> tuple[int, str]:
    """Return the most elements alive at any step, and the first step's name at which they are.

    At each step every buffer is looked at anew: it is alive if it was written at or before that
    step, and is still read at or after it, or is read by nobody.
    """
    nodes, place = network.graph.nodes, buffers_of(network.graph)
    steps = [index for index in range(len(nodes)) if place[index] == index]
    reads = {step: [place[source] for source in read_by(nodes[step])] for step in steps}
    readers = {step: [r for r in steps if step in reads[r]] for step in steps}
    found = []
    for now in steps:
        alive = [b for b in steps if b <= now and (not readers[b] or readers[b][-1] >= now)]
        sizes = [prod(network.shapes[b]) for b in alive]
        found.append((sum(sizes) + scores_of(network, now), nodes[now].name))
    most = max(size for size, _ in found)
    return next((size, name) for size, name in found if size == most)


def simulated_weights(graph: Graph) -> tuple[int, int]:
    """Return the elements of deployed weights, and of biases and other vectors."""
    place = buffers_of(graph)
    weights = vectors = 0
    for index, node in enumerate(graph.nodes):
        folded = any(
            place[other] == index and isinstance(graph.nodes[other].op, BatchNorm)
            for other in range(index + 1, len(place))
        )
        match node.op:
            case Conv(inputs, outputs, (height, width), groups=groups, bias=bias):
                weights += height * width * inputs // groups * outputs
                vectors += outputs if bias or folded else 0
            case Linear(inputs, outputs, bias):
                weights += inputs * outputs
                vectors += outputs if bias or folded else 0
            case LayerNorm(channels):
                vectors += 2 * channels
            case BatchNorm(channels) if place[index] == index:
                vectors += 2 * channels
            case LayerScale(channels):
                vectors += channels
            case _:
                pass
    return weights, vectors


def check(network: Network) -> None:
    """Compare a network with the simulator."""
    elements, name = simulated_peak(network)
    element, vector = ELEMENT[network.precision], VECTOR[network.precision]
    assert network.peak_activation_bytes == elements * element, repr(network)
    assert network.peak_layer == name, repr(network)
    weights, vectors = simulated_weights(network.graph)
    assert network.weight_bytes == weights * element + vectors * vector, repr(network)


@pytest.mark.parametrize(("arch", "dialect"), EVERY_DIALECT)
@pytest.mark.parametrize("resolution", [96, 225])
def test_families(arch: str, dialect: str, resolution: int) -> None:
    """Peak, the layer of the peak, and weights of each family and its twin: the simulator."""
    network = mncost.load(arch, 0.75, resolution, dialect)
    check(network)
    check(network.standard)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("arch", ["v1", "v3-small", "v4-hybrid-m"])
def test_precisions(arch: str, precision: Precision) -> None:
    """Bytes an element, and bytes a bias, at fp32, fp16 and int8: the simulator."""
    check(mncost.load(arch, precision=precision))


@settings(deadline=None, max_examples=60)
@given(rows=bodies(), alpha=ALPHAS)
def test_random_networks(rows: list[Row], alpha: float) -> None:
    """Peak and weights of any valid file and of its twin: the simulator."""
    network = network_of_rows([*rows, *TAIL], 32, alpha)
    check(network)
    check(network.standard)


# ------------------------------------------------------------------------------------ peak, by hand


def test_peak_of_a_residual() -> None:
    """The stem is alive beside the expanded tensor and the depthwise's result: added up by hand."""
    rows: list[Row] = [
        {"block": "conv", "kernel": 3, "out": 8, "activation": "relu"},
        {"block": "inverted_residual", "kernel": 3, "expansion": 6, "out": 8, "activation": "relu"},
    ]
    network = network_of_rows(rows, 8)
    stem, expanded = 8 * 64, 48 * 64
    assert network.peak_activation_bytes == 4 * (stem + expanded + expanded)
    assert network.peak_layer == "row2.depthwise.conv"


def test_peak_of_attention() -> None:
    """Input, queries, keys, values, result and scores are alive at once: added up by hand."""
    rows: list[Row] = [{"block": "mobile_mqa", "heads": 2, "key_dim": 3}]
    network = network_of_rows(rows, 4, in_channels=4)
    pixels = 16
    tensors = [4 * pixels, 6 * pixels, 3 * pixels, 3 * pixels, 6 * pixels, 2 * pixels * pixels]
    assert network.peak_activation_bytes == 4 * sum(tensors)
    assert network.peak_layer == "row1.attention"


def test_peak_of_an_image() -> None:
    """A network that shrinks at once still holds the image and its first result."""
    rows: list[Row] = [{"block": "conv", "kernel": 1, "out": 1, "stride": 2}]
    assert network_of_rows(rows, 8).peak_activation_bytes == 4 * (3 * 64 + 16)


def test_peak_of_v1_and_v2() -> None:
    """V1: the first pointwise, 32 and 64 × 112². V2: the first strided depthwise, 96 × 112² to 56².

    Channels and sizes from the papers' tables.
    """
    v1, v2 = mncost.load("v1"), mncost.load("v2")
    assert v1.peak_activation_bytes == 4 * (32 + 64) * 112**2 == 4_816_896
    assert v1.peak_layer == "row2.pointwise.conv"
    assert v2.peak_activation_bytes == 4 * 96 * (112**2 + 56**2) == 6_021_120
    assert v2.peak_layer == "row3.1.depthwise.conv"


def test_depthwise_in_place() -> None:
    """V2 at 224 in INT8: what expands to 96 channels, and its input; V1's peak is a pointwise."""
    v2 = mncost.load("v2", precision="int8", in_place="depthwise")
    assert v2.peak_activation_bytes == 112**2 * (16 + 96) == 1_404_928
    assert v2.peak_layer == "row3.1.expand.conv"
    assert v2.at(112).peak_activation_bytes == 56**2 * (16 + 96)
    assert mncost.load("v2", precision="int8").peak_activation_bytes == 96 * (112**2 + 56**2)
    v1 = mncost.load("v1", in_place="depthwise")
    assert v1.peak_activation_bytes == mncost.load("v1").peak_activation_bytes


@pytest.mark.parametrize(("read_again", "tensors"), [(False, 8 + 8), (True, 8 + 8 + 8)])
def test_what_is_read_again_is_not_written_over(read_again: bool, tensors: int) -> None:
    """The sum reads one tensor and writes one; or it also needs what the depthwise read."""
    rows: list[Row] = [
        {"block": "conv", "kernel": 1, "out": 8, "name": "stem"},
        {"block": "depthwise", "kernel": 3, "name": "filtered"},
        {"block": "activation", "activation": "relu", "name": "alone"},
        {"block": "add", "from": ["alone", "stem" if read_again else "alone"]},
    ]
    spec = parse_spec(toml(rows), "a test")
    network = network_of(resolve(spec), 4, in_place="depthwise")
    assert network.peak_activation_bytes == 4 * 16 * tensors
    assert network.peak_activation_bytes <= network_of(resolve(spec), 4).peak_activation_bytes


def test_what_is_no_rule() -> None:
    with pytest.raises(InputError, match="did you mean 'depthwise'"):
        mncost.load("v2", in_place="depthwis")


# --------------------------------------------------------------------------------- weights, by hand


@pytest.mark.parametrize(
    ("precision", "expected"), [("fp32", 13_951_264), ("fp16", 6_975_632), ("int8", 3_541_984)]
)
def test_weights_of_v2(precision: Precision, expected: int) -> None:
    """3,469,760 weights, a bias for each of 17,056 batch-norm channels, 1000 for the classifier.

    3,471,040 weights with 1001 classes are published; 3,504,872 parameters with 1000 leave the
    batch norms two for each of their channels.
    """
    weights = 3_471_040 - 1280
    channels = (3_504_872 - weights - 1000) // 2
    element, vector = ELEMENT[precision], VECTOR[precision]
    assert weights * element + (channels + 1000) * vector == expected
    assert mncost.load("v2", precision=precision).weight_bytes == expected


ROWS: list[Row] = [
    {"block": "conv", "kernel": 3, "out": 8, "activation": "relu"},  # folded: 216 + 8
    {"block": "depthwise", "kernel": 3, "batch_norm": False},  # its own bias: 72 + 8
    {"block": "mobile_mqa", "heads": 2, "key_dim": 3, "layer_scale": True},
    {"block": "pool"},
    {"block": "linear", "out": "classes"},  # 80 + 10
    {"block": "linear", "out": 5, "bias": False},  # 50
]
# Of the attention: its batch norm follows no convolution (8 scales, 8 shifts); queries 48,
# keys and values 24 each, output 48; layer scale 8.
WEIGHTS = 216 + 72 + (48 + 24 + 24 + 48) + 80 + 50
VECTORS = 8 + 8 + (2 * 8 + 8) + 10


@pytest.mark.parametrize("precision", PRECISIONS)
def test_weights_of_a_small_network(precision: Precision) -> None:
    """Weights and vectors of seven layers: multiplied out by hand."""
    made = network_of_rows(ROWS, 8, rules=SMALL)
    network = Network(made.label, made.graph, made.inputs, precision)
    expected = WEIGHTS * ELEMENT[precision] + VECTORS * VECTOR[precision]
    assert (WEIGHTS, VECTORS) == (562, 50)
    assert network.weight_bytes == expected


# --------------------------------------------------------------------------------- traffic, by hand

SE_ROW: Row = {
    "block": "inverted_residual",
    "kernel": 3,
    "expansion": 2,
    "out": 3,
    "se": 0.5,
    "activation": "relu",
}
# Elements read, parameters included, and written, on a 4 × 4 image of 3 channels.
TRAFFIC = {
    "row1.expand.conv": (3 * 16 + (18 + 6), 6 * 16),
    "row1.expand.bn": (0, 0),
    "row1.expand.act": (0, 0),
    "row1.depthwise.conv": (6 * 16 + (54 + 6), 6 * 16),
    "row1.depthwise.bn": (0, 0),
    "row1.depthwise.act": (0, 0),
    "row1.se.pool": (6 * 16, 6),
    "row1.se.reduce.conv": (6 + (18 + 3), 3),
    "row1.se.reduce.act": (0, 0),
    "row1.se.expand.conv": (3 + (18 + 6), 6),
    "row1.se.expand.act": (0, 0),
    "row1.se.scale": (6 * 16 + 6, 6 * 16),
    "row1.project.conv": (6 * 16 + (18 + 3), 3 * 16),
    "row1.project.bn": (0, 0),
    "row1.add": (3 * 16 + 3 * 16, 3 * 16),
    "row2.bn": (3 * 16 + 2 * 3, 3 * 16),
    "row2.query.conv": (3 * 16 + 12, 4 * 16),
    "row2.key.down.conv": (3 * 16 + (27 + 3), 3 * 4),
    "row2.key.down.bn": (0, 0),
    "row2.key.conv": (3 * 4 + 6, 2 * 4),
    "row2.value.down.conv": (3 * 16 + (27 + 3), 3 * 4),
    "row2.value.down.bn": (0, 0),
    "row2.value.conv": (3 * 4 + 6, 2 * 4),
    "row2.attention": (4 * 16 + 2 * 4 + 2 * 4, 4 * 16),
    "row2.output.conv": (4 * 16 + 12, 3 * 16),
    "row2.layer_scale": (3 * 16 + 3, 3 * 16),
    "row2.add": (3 * 16 + 3 * 16, 3 * 16),
    "row3.pool": (3 * 16, 3),
    "row4.dropout": (0, 0),
    "row5.flatten": (0, 0),
    "row5.linear": (3 + (30 + 10), 10),
}


def test_traffic_of_each_layer() -> None:
    """What each layer reads and writes, fused ones nothing: multiplied out by hand."""
    rows: list[Row] = [
        SE_ROW,
        {"block": "mobile_mqa", "heads": 2, "key_dim": 2, "kv_stride": 2, "layer_scale": True},
        {"block": "pool"},
        {"block": "dropout", "rate": 0.2},
        {"block": "linear", "out": "classes"},
    ]
    layers = network_of_rows(rows, 4, rules=SMALL).all_layers
    assert {layer.name: (layer.bytes_read, layer.bytes_written) for layer in layers} == {
        name: (4 * read, 4 * written) for name, (read, written) in TRAFFIC.items()
    }
    for layer in layers:
        read, written = TRAFFIC[layer.name]
        expected = layer.macs / (4 * (read + written)) if read + written else None
        assert layer.intensity == expected


@pytest.mark.parametrize(
    ("precision", "read", "written"),
    [
        ("fp32", 4 * (3 * 224**2 + 864 + 32), 4 * 32 * 112**2),
        ("fp16", 2 * (3 * 224**2 + 864 + 32), 2 * 32 * 112**2),
        ("int8", 3 * 224**2 + 864 + 4 * 32, 32 * 112**2),
    ],
)
def test_traffic_of_the_stem(precision: Precision, read: int, written: int) -> None:
    """V2's first convolution reads the image, 864 weights and 32 biases, and writes 32 × 112²."""
    stem = mncost.load("v2", precision=precision).layers[0]
    assert (stem.bytes_read, stem.bytes_written) == (read, written)
    assert stem.intensity == 27 * 32 * 112**2 / (read + written)
