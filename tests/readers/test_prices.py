"""The price list of ONNX operators, beside what ONNX Runtime computes from ones.

A product of ones is one: without padding the sum of what an operator writes is the number of its
multiply-accumulates.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper

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


MS = "com.microsoft"


def whole(name: str, value: int = 0, dtype: str = "uint8") -> TensorProto:
    return numpy_helper.from_array(np.array(value, dtype), name)


def one_of_microsoft(
    kind: str,
    names: str,
    inputs: dict[str, tuple[int, ...]],
    weights: list[TensorProto],
    *,
    type: int = TensorProto.FLOAT,
    writes: int = TensorProto.FLOAT,
    domain: str = MS,
    **more: Any,
) -> onnx.ModelProto:
    """Return a model of one operator; scales are 1 and zero points 0."""
    usual = [floats("s"), whole("z"), whole("zw", dtype="int8")]
    used = [one for one in usual if one.name in names.split()]
    types = {**dict.fromkeys(inputs, type), "y": writes}
    nodes = [node(kind, names, "y", domain=domain, **more)]
    return model(nodes, dict(inputs), ["y"], [*weights, *used], types=types)


NIBBLES = numpy_helper.from_array(np.full((10, 2, 16), 0x99, np.uint8), "w")  # (9 - 8) · 1 each
BYTES: dict[str, Any] = {"type": TensorProto.UINT8}
BOTH: dict[str, Any] = {**BYTES, "writes": TensorProto.UINT8}
FUSED = {
    "FusedConv": one_of_microsoft(
        "FusedConv", "x w", {"x": (1, 3, 9, 8)}, [floats("w", 4, 3, 3, 2)], activation="Relu"
    ),
    "FusedMatMul, right": one_of_microsoft(
        "FusedMatMul", "x v", {"x": (2, 3, 4), "v": (2, 5, 4)}, [], transB=1
    ),
    "FusedMatMul, left": one_of_microsoft(
        "FusedMatMul", "x v", {"x": (2, 4, 3), "v": (2, 4, 5)}, [], transA=1
    ),
    "MatMulNBits": one_of_microsoft(
        "MatMulNBits",
        "x w t",
        {"x": (1, 3, 64)},
        [NIBBLES, floats("t", 20)],
        K=64,
        N=10,
        bits=4,
        block_size=32,
    ),
    "QGemm": one_of_microsoft(
        "QGemm", "x s z w s zw", {"x": (3, 7)}, [floats("w", 7, 5, dtype="int8")], **BYTES
    ),
    "DynamicQuantizeMatMul": one_of_microsoft(
        "DynamicQuantizeMatMul", "x w s", {"x": (2, 6)}, [floats("w", 6, 3, dtype="int8")]
    ),
    "QLinearConv": one_of_microsoft(
        "QLinearConv",
        "x s z w s zw s z",
        {"x": (1, 2, 6, 6)},
        [floats("w", 3, 2, 3, 3, dtype="int8")],
        domain="",
        **BOTH,
    ),
    "QLinearMatMul": one_of_microsoft(
        "QLinearMatMul",
        "x s z w s zw s z",
        {"x": (2, 6)},
        [floats("w", 6, 3, dtype="int8")],
        domain="",
        **BOTH,
    ),
}


@pytest.mark.parametrize("name", FUSED)
def test_fused_and_quantised_operators(name: str) -> None:
    """Of ones, with scales of 1, a run adds up one for each multiply-accumulate."""
    made = FUSED[name]
    network = mncost.from_onnx(made)
    assert network.macs == sum_of_a_run(made)
    assert network.is_complete
    weight = next((one for one in made.graph.initializer if one.name == "w"), None)
    numbers = 0 if weight is None else int(np.prod(weight.dims))
    assert network.params == numbers * (2 if name == "MatMulNBits" else 1)  # two in a byte


def test_attention_with_keys_of_their_own() -> None:
    """Each row of queries meets each key in each head, and each value once more."""
    heads, rows, columns, depth = 2, 4, 6, 4
    several = one_of_microsoft(
        "MultiHeadAttention",
        "q k v",
        {"q": (1, rows, 8), "k": (1, columns, 8), "v": (1, columns, 8)},
        [],
        num_heads=heads,
    )
    products = sum(2 * depth for _ in product(range(heads), range(rows), range(columns)))
    assert mncost.from_onnx(several).macs == products
    quantised = one_of_microsoft(
        "QAttention",
        "x w b s s m z zw",
        {"x": (1, rows, 8)},
        [
            floats("w", 8, 24, dtype="int8"),
            floats("b", 24),
            numpy_helper.from_array(np.array([rows], np.int32), "m"),
        ],
        type=TensorProto.UINT8,
        num_heads=heads,
    )
    own = sum(2 * depth for _ in product(range(heads), range(rows), range(rows)))
    assert mncost.from_onnx(quantised).macs == rows * 8 * 24 + own


def test_attention_with_few_keys_reads_earlier_ones() -> None:
    """Four heads of queries share two of keys; 3 keys are of earlier calls."""
    heads, rows, past, depth = 4, 5, 3, 8
    made = model(
        [
            node(
                "GroupQueryAttention",
                "q k v pk pv l t",
                "y npk npv",
                domain=MS,
                num_heads=heads,
                kv_num_heads=2,
            )
        ],
        {
            "q": (1, rows, heads * depth),
            "k": (1, rows, 2 * depth),
            "v": (1, rows, 2 * depth),
            "pk": (1, 2, past, depth),
            "pv": (1, 2, past, depth),
            "l": (1,),
            "t": (),
        },
        ["y", "npk", "npv"],
        types={"l": TensorProto.INT32, "t": TensorProto.INT32},
    )
    products = sum(2 * depth for _ in product(range(heads), range(rows), range(past + rows)))
    assert mncost.from_onnx(made).macs == products


def test_a_quantised_lstm_is_the_lstm() -> None:
    """Its weights lie the other way around."""
    scale = numpy_helper.from_array(np.ones(1, np.float32), "t")
    zero = numpy_helper.from_array(np.zeros(1, np.int8), "o")
    made = one_of_microsoft(
        "DynamicQuantizeLSTM",
        "x W R B _ _ _ _ t o t o",
        {"x": (5, 2, 3)},
        [
            floats("W", 1, 3, 16, dtype="int8"),
            floats("R", 1, 4, 16, dtype="int8"),
            floats("B", 1, 32),
            scale,
            zero,
        ],
        hidden_size=4,
    )
    plain = one_operator(
        "LSTM",
        {"x": (5, 2, 3)},
        [floats("W", 1, 16, 3), floats("R", 1, 16, 4), floats("B", 1, 32)],
        hidden_size=4,
    )
    quantised, expected = mncost.from_onnx(made), mncost.from_onnx(plain)
    assert (quantised.macs, quantised.params) == (expected.macs, expected.params)


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


_NEWEST = onnx.defs.onnx_opset_version()


@pytest.mark.parametrize(("rule", "products"), [("linear", 1), ("gated", 1), ("gated_delta", 2)])
def test_linear_attention_by_its_definition(rule: str, products: int) -> None:
    steps, heads, groups, keys, values = 5, 4, 2, 3, 6
    shapes = {"q": (2, steps, heads * keys), "k": (2, steps, groups * keys)}
    shapes["v"] = (2, steps, groups * values)
    more = {"q_num_heads": heads, "kv_num_heads": groups, "update_rule": rule}
    it = node("LinearAttention", "q k v", "y state", name="it", **more)
    net = mncost.from_onnx(model([it], dict(shapes), ["y"], opset=_NEWEST))
    macs = 0
    for _ in range(2 * steps):
        macs += products * groups * keys * values  # what the state is updated with
        macs += heads * keys * values  # what each query reads of it
    assert net.macs == macs


def test_a_causal_convolution_by_its_definition() -> None:
    it = node("CausalConvWithState", "x w", "y state", name="it")
    net = mncost.from_onnx(
        model([it], {"x": (2, 3, 7)}, ["y"], [floats("w", 3, 1, 4)], opset=_NEWEST)
    )
    assert (net.macs, net.params) == (2 * 3 * 7 * 4, 3 * 4)
