"""The pairs of the papers' tables, cut out of their networks: written down by hand."""

from __future__ import annotations

from typing import Any

import pytest

import mncost
from mncost.cost.pairs import PairCost
from mncost.cost.work import count
from mncost.graph.graph import Builder, Graph, Node
from mncost.graph.ops import Activation, BatchNorm, Conv, Input, Op
from mncost.graph.pairs import Pair
from mncost.graph.pieces import Pieces, pieces
from mncost.graph.shapes import infer_shapes
from mncost.graph.twin import SPLITTING, TWINS, fused, standard
from mncost.network import Network
from tests.networks import MOBILENETS, conv

ROLES = ("conv", "bn", "act")


def pieces_of(network: Network, twin: str) -> list[tuple[PairCost, Pieces]]:
    """Return the pairs of a network, each with its pieces."""
    other = network.as_twin(twin).graph
    return [
        (cost, pieces(network.graph, other, Pair(cost.first.name, cost.second.name)))
        for cost in network.pairs_of(twin)
    ]


def found_at(network: Network, twin: str, first: str) -> Pieces:
    """Return the pieces of the pair whose first convolution has this name."""
    return next(cut for cost, cut in pieces_of(network, twin) if cost.first.name == first)


def written(channels: int, *ops: tuple[str, Op]) -> Graph:
    """Return a chain of operators, given as ``first.conv`` and the like."""
    nodes = [Node("input", "input", Input((channels, None, None)), ())]
    for name, op in ops:
        nodes.append(Node(name, name.partition(".")[0], op, (len(nodes) - 1,)))
    return Graph(tuple(nodes), (len(nodes) - 1,))


def test_v1() -> None:
    """Row 3, torch's padding: 3×3 depthwise on 64 channels with stride 2, pointwise to 128."""
    depthwise = conv(64, 64, 3, 2, 64, False, "symmetric")
    pointwise = conv(64, 128, 1, 1, 1, False, "symmetric")
    merged = conv(64, 128, 3, 2, 1, False, "symmetric")
    norm_64, norm_128 = BatchNorm(64, 1e-5, 0.1), BatchNorm(128, 1e-5, 0.1)
    relu6 = Activation("relu6")
    first = ("first.conv", depthwise), ("first.bn", norm_64), ("first.act", relu6)
    second = ("second.conv", pointwise), ("second.bn", norm_128), ("second.act", relu6)
    cut = found_at(mncost.load("v1", dialect="timm"), "standard", "row3.depthwise.conv")
    assert cut == Pieces(
        both=written(64, *first, *second),
        first=written(64, *first),
        second=written(64, *second),
        merged=written(64, ("merged.conv", merged), ("merged.bn", norm_128), ("merged.act", relu6)),
    )


def test_v2_projects_linearly() -> None:
    """Row 3 of Table 2, first repeat: 16 → 96, 3×3 of stride 2, → 24 without an activation."""
    cut = found_at(mncost.load("v2"), "standard", "row3.1.depthwise.conv")
    assert [node.name for node in cut.both.nodes] == [
        *("input", "first.conv", "first.bn", "first.act", "second.conv", "second.bn")
    ]
    assert [node.name for node in cut.merged.nodes] == ["input", "merged.conv", "merged.bn"]
    assert cut.second.nodes[0] == Node("input", "input", Input((96, None, None)), ())
    assert cut.merged.nodes[1].op == conv(96, 24, 3, 2, 1, False, "symmetric")


def test_v2_fused() -> None:
    """The same block: the expansion and the depthwise, both with batch norm and ReLU6."""
    cut = found_at(mncost.load("v2"), "fused", "row3.1.expand.conv")
    expand = conv(16, 96, 1, 1, 1, False, "symmetric")
    depthwise = conv(96, 96, 3, 2, 96, False, "symmetric")
    merged = conv(16, 96, 3, 2, 1, False, "symmetric")
    behind: list[Op] = [BatchNorm(96, 1e-3, 3e-3), Activation("relu6")]
    first = [(f"first.{role}", op) for role, op in zip(ROLES, [expand, *behind], strict=True)]
    second = [(f"second.{role}", op) for role, op in zip(ROLES, [depthwise, *behind], strict=True)]
    in_place = [(f"merged.{role}", op) for role, op in zip(ROLES, [merged, *behind], strict=True)]
    assert cut == Pieces(
        both=written(16, *first, *second),
        first=written(16, *first),
        second=written(96, *second),
        merged=written(16, *in_place),
    )


@pytest.mark.parametrize("twin", sorted(TWINS.keys() - SPLITTING))
def test_v3_without_its_squeeze_excite(twin: str) -> None:
    """Between depthwise and projection, or behind the depthwise: it is in none of the pieces."""
    graphs = [graph for _, cut in pieces_of(mncost.load("v3-small"), twin) for graph in cut]
    names = {node.name for graph in graphs for node in graph.nodes}
    roles = {f"{part}.{role}" for part in ("first", "second", "merged") for role in ROLES}
    without = set() if twin == "fused" else {"second.act", "merged.act"}  # projections are linear
    assert names == {"input"} | roles - without


def test_v3_keeps_the_activation_that_a_squeeze_excite_reads() -> None:
    """Sixth row of the V3 paper's Table 2: 240 channels, 5×5, h-swish, (the gate), then → 40."""
    cut = found_at(mncost.load("v3-small"), "standard", "row6.depthwise.conv")
    assert [node.op for node in cut.both.nodes if isinstance(node.op, Conv)] == [
        conv(240, 240, 5, 1, 240, False, "symmetric"),
        conv(240, 40, 1, 1, 1, False, "symmetric"),
    ]
    assert cut.both.nodes[3].op == Activation("hardswish")


def test_repeated_blocks_are_equal_graphs() -> None:
    """V1's five repeats of row 8 compute the same; row 7 and row 9 do not."""
    found = {cost.first.block: cut for cost, cut in pieces_of(mncost.load("v1"), "standard")}
    repeats = [found[f"row8.{number}"] for number in range(1, 6)]
    assert len(set(repeats)) == 1
    assert len({repr(cut) for cut in repeats}) == 1  # what a digest is made of
    assert len({repeats[0], found["row7"], found["row9"]}) == 3


@pytest.mark.parametrize("twin", sorted(TWINS.keys() - SPLITTING))
@pytest.mark.parametrize("arch", MOBILENETS)
def test_macs_are_those_of_the_layers(arch: str, twin: str) -> None:
    """Each piece costs, at the side that it has in the network, what its layers cost there."""
    for cost, cut in pieces_of(mncost.load(arch, resolution=97), twin):
        sides = cost.first.in_height, cost.second.in_height
        assert macs(cut.first, sides[0]) == cost.first.macs
        assert macs(cut.second, sides[1]) == cost.second.macs
        assert macs(cut.both, sides[0]) == cost.first.macs + cost.second.macs
        assert macs(cut.merged, sides[0]) == cost.merged.macs


def macs(graph: Graph, side: int) -> int:
    """Count a graph on square images."""
    return sum(cost.macs for cost in count(graph, infer_shapes(graph, graph.images(side))))


NORM, RELU = BatchNorm(4, 1e-3, 0.1), Activation("relu")
DEPTHWISE = conv(4, 4, 3, 1, 4, False, "same")
POINTWISE = conv(4, 4, 1, 1, 1, False, "same")


def test_what_others_read_too_is_left_out() -> None:
    """The activation behind the pointwise is one of two readers: no runtime could fuse it."""
    builder = Builder(4)
    builder.add("depthwise", DEPTHWISE)
    builder.add("pointwise", POINTWISE)
    norm = builder.add("bn", NORM)
    builder.add("act", RELU)
    builder.add("other", DEPTHWISE, norm)
    graph = builder.finish()
    twin = standard(graph)
    cut = pieces(graph, twin.graph, *twin.pairs)
    assert cut.second == written(4, ("second.conv", POINTWISE), ("second.bn", NORM))
    assert [node.name for node in cut.merged.nodes] == ["input", "merged.conv", "merged.bn"]


def test_one_batch_norm_and_one_activation() -> None:
    """What stands behind the activation belongs to something else."""
    builder = Builder(4)
    ops: tuple[Op, ...] = (POINTWISE, DEPTHWISE, NORM, RELU, NORM, RELU)
    for number, op in enumerate(ops):
        builder.add(str(number), op)
    graph = builder.finish()
    twin = fused(graph)
    cut = pieces(graph, twin.graph, *twin.pairs)
    assert cut.first == written(4, ("first.conv", POINTWISE))
    assert cut.second == written(
        4, ("second.conv", DEPTHWISE), ("second.bn", NORM), ("second.act", RELU)
    )


@pytest.mark.parametrize("twin", sorted(TWINS.keys() - SPLITTING))
def test_a_pair_computes_what_its_halves_do(twin: str) -> None:
    """In onnxruntime: ``second`` of ``first`` is ``both``; ``merged`` writes the same shape."""
    np = pytest.importorskip("numpy")
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from mncost.models.weights import random_weights

    cost, cut = pieces_of(mncost.load("v2", 0.35, 96), twin)[1]
    weights = random_weights(cut.both) | random_weights(cut.merged)
    shape = (1, cost.first.in_channels, cost.first.in_height, cost.first.in_width)
    image = np.random.default_rng(0).standard_normal(shape).astype("float32")
    both, first, merged = (run(g, weights, image) for g in (cut.both, cut.first, cut.merged))
    assert both.std() > 0.01  # no constant
    assert np.abs(run(cut.second, weights, first) - both).max() <= 1e-5 * both.std()
    side = cost.merged.out_height
    assert merged.shape == both.shape == (1, cost.merged.out_channels, side, side)


def run(graph: Graph, weights: dict[str, Any], image: Any) -> Any:
    """Run a graph as ONNX on one image."""
    import onnxruntime

    from mncost.models.onnx_model import onnx_model

    model = onnx_model(graph, infer_shapes(graph, graph.images(image.shape[2])), weights)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    (result,) = session.run(None, {"input": image})
    return result
