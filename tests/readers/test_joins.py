"""Operators of ONNX that are ours: both compute the same from the same tensor."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

import mncost
from mncost.graph.ops import Concat, Foreign, LayerNorm, Resize, Slice
from mncost.models.onnx_model import onnx_model
from tests.readers.small import model, node

pytest.importorskip("onnxruntime")

IMAGE = (1, 6, 4, 5)
HALF, OLD = {"mode": "nearest"}, {"mode": "nearest", "coordinate_transformation_mode": "asymmetric"}


def ints(name: str, *values: int) -> onnx.TensorProto:
    return numpy_helper.from_array(np.array(values, np.int64), name)


def random(name: str, *shape: int) -> onnx.TensorProto:
    values = np.random.default_rng(len(name)).standard_normal(shape).astype("float32")
    return numpy_helper.from_array(values, name)


def resize(factor: float, **options: Any) -> onnx.ModelProto:
    scales = numpy_helper.from_array(np.array([1, 1, factor, factor], np.float32), "scales")
    return model([node("Resize", "x _ scales", "y", **options)], {"x": IMAGE}, ["y"], [scales])


def sliced(axis: int, start: int, stop: int, step: int = 1) -> onnx.ModelProto:
    bounds = [ints("a", start), ints("b", stop), ints("c", axis), ints("d", step)]
    return model([node("Slice", "x a b c d", "y")], {"x": IMAGE}, ["y"], bounds)


def joined(axis: int) -> onnx.ModelProto:
    nodes = [node("Relu", "x", "r"), node("Concat", "x r", "y", axis=axis)]
    return model(nodes, {"x": IMAGE}, ["y"])


def normed(*shape: int, axis: int = -1) -> onnx.ModelProto:
    held = [random("gain", *shape[axis:]), random("shift", *shape[axis:])]
    norm = node("LayerNormalization", "x gain shift", "y", axis=axis, epsilon=0.5)
    return model([norm], {"x": shape}, ["y"], held)


OURS = {
    "resize, copies": (resize(3, **HALF), Resize("nearest", 3)),
    "resize, old copies": (resize(2, nearest_mode="floor", **OLD), Resize("nearest", 2)),
    "resize, bilinear": (resize(2, mode="linear"), Resize("bilinear", 2)),
    "slice": (sliced(1, 1, 4), Slice(1, 4)),
    "slice from the end": (sliced(-3, -2, 99), Slice(4, 6)),
    "concat": (joined(1), Concat()),
    "concat from the end": (joined(-3), Concat()),
    "layer norm": (normed(1, 5, 7), LayerNorm(7, 0.5)),
    "layer norm of a vector": (normed(1, 7), LayerNorm(7, 0.5, 0)),
}
OTHERS = {
    "resize, corners": resize(2, mode="linear", coordinate_transformation_mode="align_corners"),
    "resize, shifted": resize(2, nearest_mode="ceil", **OLD),
    "resize, cubic": resize(2, mode="cubic"),
    "resize, no whole factor": resize(1.5, mode="linear"),
    "slice of a height": sliced(2, 1, 3),
    "slice with a step": sliced(1, 0, 6, 2),
    "concat of heights": joined(2),
    "layer norm of an image": normed(1, 3, 5, 7),
    "layer norm over two": normed(1, 5, 7, axis=-2),
}


def ran(made: onnx.ModelProto, values: np.ndarray) -> np.ndarray:
    import onnxruntime

    session = onnxruntime.InferenceSession(
        made.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (name,) = [entry.name for entry in session.get_inputs()]
    result: np.ndarray = session.run(None, {name: values})[0]
    return result


@pytest.mark.parametrize("name", OURS)
def test_ours_computes_the_same(name: str) -> None:
    """The file in ONNX Runtime, beside what we write of the graph that was read from it."""
    made, expected = OURS[name]
    network = mncost.from_onnx(made)
    last = network.graph.nodes[-1]
    assert last.op == expected
    held = {one.name: numpy_helper.to_array(one) for one in made.graph.initializer}
    weights = {
        f"{last.name}.{leaf}": held[key]
        for leaf, key in (("weight", "gain"), ("bias", "shift"))
        if key in held
    }
    written = onnx_model(network.graph, network.shapes, weights)
    shape = tuple(dim.dim_value for dim in made.graph.input[0].type.tensor_type.shape.dim)
    values = np.random.default_rng(3).standard_normal(shape).astype("float32")
    np.testing.assert_allclose(ran(written, values), ran(made, values), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_another_stays_what_it_is(name: str) -> None:
    network = mncost.from_onnx(OTHERS[name])
    assert isinstance(network.graph.nodes[-1].op, Foreign)
    assert network.is_complete
