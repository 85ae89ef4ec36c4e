"""The price list of ONNX operators, beside what ONNX Runtime computes from ones.

A product of ones is one: without padding the sum of what an operator writes is the number of its
multiply-accumulates.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import onnx
import pytest
from onnx import TensorProto

import mncost
from tests.readers.small import floats, model, node, one_operator

pytest.importorskip("onnxruntime")


def sum_of_a_run(made: onnx.ModelProto) -> int:
    """Return the sum of what a model writes when it reads ones."""
    import onnxruntime

    session = onnxruntime.InferenceSession(
        made.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    types = {"tensor(float)": "float32", "tensor(uint8)": "uint8", "tensor(int8)": "int8"}
    feed = {one.name: np.ones(one.shape, types[one.type]) for one in session.get_inputs()}
    return round(sum(float(value.astype("float64").sum()) for value in session.run(None, feed)))


ONE_OPERATOR: dict[str, onnx.ModelProto] = {
    "conv": one_operator("Conv", {"x": (1, 3, 9, 8)}, [floats("w", 4, 3, 3, 2)]),
    "grouped": one_operator(
        "Conv", {"x": (1, 4, 9, 9)}, [floats("w", 6, 2, 3, 3)], group=2, strides=[2, 1]
    ),
    "depthwise": one_operator("Conv", {"x": (1, 4, 9, 9)}, [floats("w", 4, 1, 3, 3)], group=4),
    "dilated": one_operator(
        "Conv", {"x": (1, 2, 9, 9)}, [floats("w", 3, 2, 3, 3)], dilations=[2, 2]
    ),
    "conv of a batch": one_operator("Conv", {"x": (5, 3, 6, 6)}, [floats("w", 4, 3, 3, 3)]),
    "conv 1-d": one_operator("Conv", {"x": (1, 3, 20)}, [floats("w", 4, 3, 5)], strides=[2]),
    "conv 3-d": one_operator("Conv", {"x": (1, 2, 5, 6, 7)}, [floats("w", 3, 2, 2, 3, 2)]),
    "transposed": one_operator(
        "ConvTranspose", {"x": (1, 3, 5, 4)}, [floats("w", 3, 2, 3, 3)], strides=[2, 2]
    ),
    "transposed, grouped": one_operator(
        "ConvTranspose", {"x": (1, 4, 5, 4)}, [floats("w", 4, 3, 2, 2)], group=2, strides=[2, 3]
    ),
    "gemm": one_operator("Gemm", {"x": (1, 7)}, [floats("w", 7, 5)]),
    "gemm, transposed": one_operator(
        "Gemm", {"x": (7, 3)}, [floats("w", 5, 7)], transA=1, transB=1
    ),
    "linear": one_operator("MatMul", {"x": (1, 6, 7)}, [floats("w", 7, 5)]),
    "matmul": one_operator("MatMul", {"x": (2, 3, 4), "y0": (2, 4, 5)}),
    "matmul, broadcast": one_operator("MatMul", {"x": (6, 2, 3, 4), "y0": (4, 5)}),
    "matmul with a vector": one_operator("MatMul", {"x": (3, 4), "y0": (4,)}),
    "einsum": one_operator("Einsum", {"a": (2, 3, 4), "b": (2, 4, 5)}, equation="bij,bjk->bik"),
    "einsum, heads": one_operator(
        "Einsum", {"a": (2, 3, 4, 5), "b": (2, 6, 4, 5)}, equation="bqhd,bkhd->bhqk"
    ),
    "einsum, ellipsis": one_operator(
        "Einsum", {"a": (2, 3, 4)}, [floats("w", 4, 5)], equation="...d,de->...e"
    ),
}


@pytest.mark.parametrize("name", ONE_OPERATOR)
def test_one_operator_has_the_products_that_a_run_adds_up(name: str) -> None:
    made = ONE_OPERATOR[name]
    network = mncost.from_onnx(made)
    assert network.macs == sum_of_a_run(made)
    assert network.is_complete
    assert network.params == sum(int(np.prod(one.dims)) for one in made.graph.initializer)


def test_integer_operators() -> None:
    """Those of quantised files, in which one times one is one as well."""
    weights = [floats("w", 3, 2, 3, 3, dtype="uint8")]
    conv = model(
        [node("ConvInteger", "x w", "y")],
        {"x": (1, 2, 6, 6)},
        ["y"],
        weights,
        types={"x": TensorProto.UINT8, "y": TensorProto.INT32},
    )
    matmul = model(
        [node("MatMulInteger", "x w", "y")],
        {"x": (1, 6)},
        ["y"],
        [floats("w", 6, 5, dtype="int8")],
        types={"x": TensorProto.UINT8, "y": TensorProto.INT32},
    )
    for made in (conv, matmul):
        network = mncost.from_onnx(made)
        assert network.macs == sum_of_a_run(made)
        assert network.weight_bytes == network.params  # a byte each


@pytest.mark.parametrize(("kind", "gates"), [("LSTM", 4), ("GRU", 3), ("RNN", 1)])
@pytest.mark.parametrize("directions", [1, 2])
def test_recurrent_layers_by_their_definition(kind: str, gates: int, directions: int) -> None:
    """Each step: for each gate, a matrix times the input, and one times the state."""
    steps, batch, inputs, hidden = 5, 2, 3, 4
    weights = [
        floats("W", directions, gates * hidden, inputs),
        floats("R", directions, gates * hidden, hidden),
    ]
    direction = "bidirectional" if directions == 2 else "forward"
    made = one_operator(
        kind, {"x": (steps, batch, inputs)}, weights, hidden_size=hidden, direction=direction
    )
    products = 0
    for _ in product(range(steps), range(batch), range(directions), range(gates), range(hidden)):
        products += inputs + hidden
    network = mncost.from_onnx(made)
    assert network.macs == network.work["recurrent"] == products
    assert network.params == directions * gates * hidden * (inputs + hidden)


def test_attention_of_onnx_by_its_definition() -> None:
    """Two products for each head: queries × keys × depth, and queries × keys × width."""
    heads, rows, columns, depth, width = 3, 4, 5, 6, 7
    made = model(
        [node("Attention", "q k v", "y")],
        {
            "q": (1, heads, rows, depth),
            "k": (1, heads, columns, depth),
            "v": (1, heads, columns, width),
        },
        ["y"],
        opset=23,
    )
    products = sum(depth + width for _ in product(range(heads), range(rows), range(columns)))
    assert mncost.from_onnx(made).macs == products


def test_attention_of_onnxruntime_is_what_it_was_fused_from() -> None:
    """com.microsoft.Attention holds the projection of queries, keys and values."""
    rows, width, heads = 4, 6, 2
    fused = model(
        [node("Attention", "x w b", "y", domain="com.microsoft", num_heads=heads)],
        {"x": (1, rows, width)},
        ["y"],
        [floats("w", width, 3 * width), floats("b", 3 * width)],
    )
    plain = model(
        [
            node("MatMul", "x w", "qkv"),
            node("Split", "qkv", "q k v", axis=2, num_outputs=3),
            node("Reshape", "q s", "q1"),
            node("Reshape", "k s", "k1"),
            node("Reshape", "v s", "v1"),
            node("Transpose", "q1", "q2", perm=[0, 2, 1, 3]),
            node("Transpose", "k1", "k2", perm=[0, 2, 3, 1]),
            node("Transpose", "v1", "v2", perm=[0, 2, 1, 3]),
            node("MatMul", "q2 k2", "a"),
            node("Softmax", "a", "p"),
            node("MatMul", "p v2", "y"),
        ],
        {"x": (1, rows, width)},
        ["y"],
        [
            floats("w", width, 3 * width),
            onnx.numpy_helper.from_array(np.array([1, rows, heads, width // heads]), "s"),
        ],
    )
    assert mncost.from_onnx(fused).macs == mncost.from_onnx(plain).macs > 0


MOVES = {
    "Transpose": one_operator("Transpose", {"x": (4, 6)}),
    "Reshape": model(
        [node("Constant", "", "s", value_ints=[6, 4]), node("Reshape", "x s", "y")],
        {"x": (4, 6)},
        ["y"],
    ),
    "Concat": one_operator("Concat", {"x": (4, 6), "z": (4, 2)}, axis=1),
    "Split": model([node("Split", "x", "y z", num_outputs=2)], {"x": (4, 6)}, ["y", "z"]),
    "Cast": one_operator("Cast", {"x": (4, 6)}, to=TensorProto.FLOAT),
    "Pad": model(
        [node("Constant", "", "s", value_ints=[1, 0, 0, 2]), node("Pad", "x s", "y")],
        {"x": (4, 6)},
        ["y"],
    ),
}


@pytest.mark.parametrize("name", MOVES)
def test_what_moves_data_is_free(name: str) -> None:
    network = mncost.from_onnx(MOVES[name])
    assert dict(network.work) == {}
    assert network.params == 0
    assert network.is_complete
