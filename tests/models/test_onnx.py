"""The ONNX model: onnx's own checks, and that onnxruntime computes what torch computes."""

from __future__ import annotations

import ast
import inspect
from types import ModuleType

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import mncost
from mncost.errors import InputError
from mncost.graph.ops import Activation, ActivationName, Input
from mncost.graph.shapes import infer_shapes
from mncost.graph.token_ops import L2Norm
from mncost.graph.twin import TWINS
from mncost.models import int8, onnx_tokens, onnx_writer
from mncost.models import onnx_model as onnx_model_module
from mncost.models.head import logits
from mncost.models.onnx_model import onnx_model
from mncost.models.torch_model import load_weights, torch_module
from mncost.models.weights import random_weights
from mncost.network import Network
from mncost.spec.values import Padding
from tests.models.test_torch import (
    FORMULAS,
    PADDED,
    POINTS,
    attention_case,
    ones_kernel,
)
from tests.networks import EVERY_DIALECT, MOBILENETS, chain, conv, network_of_rows
from tests.random_rows import TAIL, bodies


def run_onnx(model: onnx.ModelProto, image: np.ndarray) -> np.ndarray:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    found: np.ndarray
    (found,) = session.run(None, {session.get_inputs()[0].name: image})
    return found


def images(count: int, size: int) -> np.ndarray:
    random = np.random.default_rng(size)
    return random.standard_normal((count, 3, size, size)).astype("float32")


def assert_agreement(net: Network) -> None:
    """Two images: the logits are within 1e-4 of their standard deviation of torch's.

    Weights are drawn once: that both exports draw the same ones is a test of its own.
    """
    batch = images(2, net.inputs["input"][1])
    graph = logits(net.graph, net.classes)
    weights, module = random_weights(graph), torch_module(graph)
    load_weights(module, weights)
    with torch.no_grad():
        expected = module.eval()(torch.from_numpy(batch)).numpy()
    shapes = infer_shapes(graph, net.inputs)
    got = run_onnx(onnx_model(graph, shapes, weights, dynamic_batch=True), batch)
    assert got.shape == expected.shape == (2, net.classes)
    assert expected.std() > 0.01  # the logits are no constant
    assert np.abs(got - expected).max() <= 1e-4 * expected.std()


@pytest.mark.parametrize(("arch", "dialect"), EVERY_DIALECT)
def test_agreement(arch: str, dialect: str) -> None:
    assert_agreement(mncost.load(arch, 0.35, 97, dialect))


@pytest.mark.parametrize(("alpha", "size"), [(0.75, 65), (1.0, 33)])
@pytest.mark.parametrize("arch", MOBILENETS)
def test_agreement_of_wider_networks(arch: str, alpha: float, size: int) -> None:
    dialects = [dialect for family, dialect in EVERY_DIALECT if family == arch]
    assert_agreement(mncost.load(arch, alpha, size, dialects[-1 if alpha == 1 else 0]))


@pytest.mark.parametrize("size", [96, 161])
@pytest.mark.parametrize(("arch", "dialect"), [("v2", "keras"), ("v1", "keras"), ("v3", "slim")])
def test_agreement_on_larger_images(arch: str, dialect: str, size: int) -> None:
    assert_agreement(mncost.load(arch.replace("v3", "v3-small"), 0.35, size, dialect))


# The other dialects of a twin differ from these as those of the networks above do.
FIRST = dict(reversed(EVERY_DIALECT))


@pytest.mark.parametrize(
    ("arch", "dialect"),
    [
        pytest.param(arch, dialect, marks=[] if FIRST[arch] == dialect else [pytest.mark.slow])
        for arch, dialect in EVERY_DIALECT
    ],
)
@pytest.mark.parametrize("twin", TWINS)
def test_agreement_of_the_twins(arch: str, dialect: str, twin: str) -> None:
    assert_agreement(mncost.load(arch, 0.1, 49, dialect).as_twin(twin))


@settings(max_examples=25)
@given(
    rows=bodies(),
    padding=st.sampled_from(["symmetric", "same"]),
    size=st.integers(32, 49),
)
def test_agreement_of_any_rows(rows: list[dict[str, object]], padding: Padding, size: int) -> None:
    rules = {"padding": padding, "classes": 20}
    assert_agreement(network_of_rows([*rows, *TAIL], size, rules=rules))


@pytest.mark.parametrize("features", [False, True])
def test_agreement_with_choices(features: bool) -> None:
    net = mncost.load("v3-small", 0.5, 65, "keras")
    chosen = {"features": True} if features else {"num_classes": 7}
    batch = images(1, 65)
    with torch.no_grad():
        expected = net.to_torch(seed=3, **chosen).eval()(torch.from_numpy(batch)).numpy()
    got = run_onnx(net.to_onnx(seed=3, **chosen), batch)
    assert got.shape == expected.shape
    assert np.abs(got - expected).max() <= 1e-4 * expected.std()


@pytest.mark.parametrize(("padding", "size", "taps"), PADDED)
def test_padding(padding: Padding, size: int, taps: list[int]) -> None:
    graph, weights = ones_kernel(padding)
    arrays = {name: value.numpy() for name, value in weights.items()}
    model = onnx_model(graph, infer_shapes(graph, graph.images(size)), arrays)
    got = run_onnx(model, np.ones((1, 1, size, size), "float32"))
    assert got[0, 0].tolist() == [[rows * columns for columns in taps] for rows in taps]


@pytest.mark.parametrize("function", FORMULAS)
def test_activation(function: ActivationName) -> None:
    graph = chain(Input((1, None, None)), Activation(function))
    model = onnx_model(graph, infer_shapes(graph, graph.images(1, len(POINTS))), {})
    onnx.checker.check_model(model, full_check=True)
    got = run_onnx(model, np.array(POINTS, "float32").reshape(1, 1, 1, -1))
    assert got.flatten().tolist() == pytest.approx(
        [FORMULAS[function](x) for x in POINTS], rel=1e-5, abs=1e-6
    )


def test_attention() -> None:
    graph, weights, image, expected = attention_case()
    arrays = {name: value.numpy() for name, value in weights.items()}
    model = onnx_model(graph, infer_shapes(graph, graph.images(2, 4)), arrays, dynamic_batch=True)
    onnx.checker.check_model(model, full_check=True)
    assert np.allclose(run_onnx(model, image.numpy()), expected.numpy(), atol=1e-5)


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize(("arch", "dialect"), EVERY_DIALECT)
def test_checker_and_shapes(arch: str, dialect: str, dynamic: bool) -> None:
    """Onnx's full check passes, and onnx infers exactly the shapes that the model states."""
    model = mncost.load(arch, 0.1, 33, dialect).to_onnx(dynamic_batch=dynamic)
    onnx.checker.check_model(model, full_check=True)
    bare = onnx.ModelProto.FromString(model.SerializeToString())
    del bare.graph.value_info[:]
    inferred = onnx.shape_inference.infer_shapes(bare, strict_mode=True, data_prop=True)
    stated, found = _shapes(model), _shapes(inferred)
    assert stated == found
    assert {name for node in model.graph.node for name in node.output} <= stated.keys()
    batch = {shape[0] for name, shape in stated.items() if shape and "." not in name}
    assert batch == {"batch" if dynamic else 1}


def _shapes(model: onnx.ModelProto) -> dict[str, tuple[int | str, ...]]:
    graph = model.graph
    return {
        value.name: tuple(
            dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim
        )
        for value in (*graph.input, *graph.value_info, *graph.output)
    }


@pytest.mark.parametrize("arch", MOBILENETS)
def test_initialisers_are_torchs_parameters(arch: str) -> None:
    """Nothing but weights and statistics, under the names that they have in torch."""
    net = mncost.load(arch, 0.1, 64)
    arrays = {t.name: onnx.numpy_helper.to_array(t) for t in net.to_onnx().graph.initializer}
    state = {k: v for k, v in net.to_torch().state_dict().items() if "tracked" not in k}
    assert arrays.keys() == state.keys()
    for name, values in state.items():
        assert np.array_equal(arrays[name].ravel(), values.numpy().ravel()), name


def test_nodes_carry_our_names() -> None:
    model = mncost.load("v4-hybrid-m", 0.1, 64).to_onnx()
    kinds = {node.name: node.op_type for node in model.graph.node}
    assert kinds["stem.conv"] == "Conv"
    assert kinds["stem.bn"] == "BatchNormalization"
    assert kinds["row9.attention"] == "Reshape"
    assert kinds["row9.attention.softmax"] == "Softmax"
    assert kinds["classifier.linear"] == "Gemm"
    assert len(kinds) == len(model.graph.node)


def test_metadata() -> None:
    model = mncost.load("v2", 0.5, 96, "slim").standard.to_onnx()
    assert {prop.key: prop.value for prop in model.metadata_props} == {
        "arch": "v2",
        "alpha": "0.5",
        "resolution": "96",
        "dialect": "slim",
        "classes": "1001",
        "output": "logits",
        "twin": "standard",
        "mncost_version": mncost.__version__,
    }


def test_too_large_for_the_format() -> None:
    """Two GiB of weights, which take no memory here: all are one number."""
    zeros = {"a.1.weight": np.broadcast_to(np.float32(0), (2**29,))}
    graph = chain(Input((1, None, None)), Activation("relu"))
    with pytest.raises(InputError, match="at most 2 GiB"):
        onnx_model(graph, infer_shapes(graph, graph.images(1)), zeros)


@pytest.mark.parametrize("arch", ["v1", "v3-small", "v4-conv-s", "v4-hybrid-m"])
def test_the_portable_model_is_valid_and_computes_the_same(arch: str) -> None:
    """Older runtimes load the older opset: it must be the same model."""
    network = mncost.load(arch, alpha=0.5 if "hybrid" in arch else 0.25, resolution=64)
    weights = random_weights(network.graph)
    image = np.random.default_rng(0).standard_normal((1, 3, 64, 64), dtype="float32")
    outputs = []
    for portable in (False, True):
        model = onnx_model(network.graph, network.shapes, weights, portable=portable)
        onnx.checker.check_model(model, full_check=True)
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), providers=["CPUExecutionProvider"]
        )
        outputs.append(session.run(None, {"input": image})[0])
    assert model.opset_import[0].version == 20
    np.testing.assert_array_equal(*outputs)


@pytest.mark.parametrize("module", [onnx_model_module, onnx_tokens, onnx_writer])
def test_int8_knows_every_operator_that_we_write(module: ModuleType) -> None:
    """Those of ONNX's own names that stand in what writes them."""
    texts = {
        node.value
        for node in ast.walk(ast.parse(inspect.getsource(module)))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    written = texts & {schema.name for schema in onnx.defs.get_all_schemas()}
    assert written
    assert written <= int8._QUANTISED | int8._FLOATS


def test_an_l2_norm_stays_in_floats_in_int8() -> None:
    graph = chain(Input((3, 5, 5)), conv(3, 4, 1), L2Norm())
    model = onnx_model(graph, infer_shapes(graph, {"input": (3, 5, 5)}), random_weights(graph, 0))
    made = int8.quantised(model.SerializeToString())
    assert "LpNormalization" in {
        node.op_type for node in onnx.load_from_string(made.model).graph.node
    }
