"""Branches that shapes or constants choose, beside the same model without a choice."""

from __future__ import annotations

import onnx
import pytest
from onnx import TensorProto, helper

import mncost
from mncost.readers.given import GivenInput
from mncost.readers.onnx import read_proto
from tests.readers.small import floats, model, node

pytest.importorskip("onnxruntime")

BOOL = helper.make_tensor("b", TensorProto.BOOL, (), [True])


def body(name: str, *nodes: onnx.NodeProto, out: str = "z", weights: int = 0) -> onnx.GraphProto:
    """Return a branch; with weights of 8 × so many columns, called ``w``."""
    entry = helper.make_tensor_value_info(out, TensorProto.FLOAT, None)
    return helper.make_graph(nodes, name, [], [entry], [floats("w", 8, weights)] * bool(weights))


def choice(condition: str, then: onnx.GraphProto, otherwise: onnx.GraphProto) -> onnx.NodeProto:
    return node("If", condition, "y", then_branch=then, else_branch=otherwise)


WIDE = body("wide", node("MatMul", "x w", "z"), weights=5)
NARROW = body("narrow", node("MatMul", "x w", "z"), weights=3)
BY_SHAPE = [
    node("Shape", "x", "s"),
    node("Constant", "", "i", value_int=0),
    node("Constant", "", "four", value_int=4),
    node("Gather", "s i", "rows"),
    node("Equal", "rows four", "c"),
]


@pytest.mark.parametrize(("rows", "columns"), [(4, 5), (6, 3)])
def test_a_shape_chooses(rows: int, columns: int) -> None:
    made = model([*BY_SHAPE, choice("c", WIDE, NARROW)], {"x": ("n", 8)}, ["y"])
    read = mncost.from_onnx(made, (rows, 8))
    plain = model([node("MatMul", "x w", "y")], {"x": (rows, 8)}, ["y"], [floats("w", 8, columns)])
    expected = mncost.from_onnx(plain)
    assert (
        (read.macs, read.params)
        == (expected.macs, expected.params)
        == (
            rows * 8 * columns,
            8 * columns,
        )
    )
    assert read.is_complete


def test_a_stored_condition_and_names_that_both_have() -> None:
    """The weight of the branch has the name of one of the graph."""
    nodes = [node("MatMul", "x w", "a"), choice("b", WIDE, NARROW), node("Add", "y a", "out")]
    made = model(nodes, {"x": (2, 8)}, ["out"], [BOOL, floats("w", 8, 5)])
    read = mncost.from_onnx(made)
    assert read.macs == 2 * (2 * 8 * 5)
    assert read.params == 2 * 40
    assert read.is_complete


def test_a_branch_in_a_branch() -> None:
    inner = choice("c", WIDE, NARROW)
    outer = body("outer", inner, node("Relu", "y", "z"))
    made = model(
        [*BY_SHAPE, node("If", "b", "out", then_branch=outer, else_branch=NARROW)],
        {"x": (4, 8)},
        ["out"],
        [BOOL],
    )
    read = mncost.from_onnx(made)
    assert read.macs == 4 * 8 * 5
    assert [one.op.kind for one in read.graph.nodes[1:]] == ["linear", "activation"]


def test_what_only_a_run_knows_may_choose() -> None:
    """The shape of what NonZero finds follows from no inference."""
    nodes = [
        node("NonZero", "x", "found"),
        node("Shape", "found", "s"),
        node("Constant", "", "i", value_int=0),
        node("Constant", "", "two", value_int=2),
        node("Gather", "s i", "rank"),
        node("Equal", "rank two", "c"),
        choice("c", WIDE, NARROW),
    ]
    read = mncost.from_onnx(model(nodes, {"x": (4, 8)}, ["y"]))
    assert read.macs == 4 * 8 * 5  # a tensor of two dimensions


def test_a_branch_that_passes_something_on() -> None:
    passing = body("passing", out="x")
    made = model(
        [choice("b", passing, WIDE), node("Relu", "y", "out")], {"x": (4, 8)}, ["out"], [BOOL]
    )
    read = read_proto(made, [GivenInput("x", (4, 8))])
    assert [entry.op.kind for entry in read.graph.nodes][-1] == "activation"
    assert mncost.from_onnx(made).macs == 0


def test_values_of_inputs_choose_nothing() -> None:
    nodes = [node("ReduceMax", "x", "m", keepdims=0), node("Cast", "m", "c", to=TensorProto.BOOL)]
    read = mncost.from_onnx(model([*nodes, choice("c", WIDE, NARROW)], {"x": (4, 8)}, ["y"]))
    assert read.unknown == {"If": 1}
