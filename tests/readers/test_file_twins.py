"""The twin of an ONNX file with operators that are not ours: the file, with other convolutions.

The witness is the same model written by hand, run by ONNX Runtime with the twin's own weights.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping
from math import prod
from pathlib import Path

import numpy as np
import onnx
import pytest
from msgspec import structs
from onnx import TensorProto, numpy_helper, shape_inference

import mncost
from mncost.graph.twin import TWINS
from mncost.measure.given_models import given_of
from mncost.measure.plan import What, plan
from mncost.measure.where import Where
from mncost.measure.workers.messages import encoded
from mncost.measure.workers.prepare import BuildModel, Preparer
from mncost.models.formats import Model, format_named
from mncost.readers.model import OnnxSource
from mncost.readers.onnx.twins import twin_model
from tests.readers.small import model, node, saved

pytest.importorskip("onnxruntime")
_SIZE = 9
_RANDOM = np.random.default_rng(3)
_NORM = ("scale", "shift", "mean", "variance")


def _norm(name: str, channels: int) -> list[TensorProto]:
    return [_weight(f"{name}.{leaf}", channels) for leaf in _NORM]


def _weight(name: str, *shape: int) -> TensorProto:
    values = 0.5 + _RANDOM.random(shape)
    return numpy_helper.from_array(values.astype("float32"), name)


def _read_norm(name: str, before: str, after: str) -> onnx.NodeProto:
    leaves = " ".join(f"{name}.{leaf}" for leaf in _NORM)
    return node("BatchNormalization", f"{before} {leaves}", after, name=name, epsilon=0.1)


# hard-swish as exporters write it for old opsets: three operators beside the product
_ACT = [
    node("Add", "{before} three", "{name}.1"),
    node("Clip", "{name}.1 zero six", "{name}.2"),
    node("Mul", "{before} {name}.2", "{name}.3"),
    node("Div", "{name}.3 six", "{after}"),
]


def _activation(name: str, before: str, after: str) -> list[onnx.NodeProto]:
    words = {"name": name, "before": before, "after": after}
    copies = [onnx.NodeProto.FromString(one.SerializeToString()) for one in _ACT]
    for copy in copies:
        copy.input[:] = [text.format(**words) for text in copy.input]
        copy.output[:] = [text.format(**words) for text in copy.output]
    return copies


_NUMBERS = [
    numpy_helper.from_array(np.array(value, "float32"), name)
    for name, value in (("three", 3), ("zero", 0), ("six", 6))
]
_GATE = [
    node("GlobalAveragePool", "{0}", "pooled"),
    node("Conv", "pooled gate.w gate.b", "gated", name="gate"),
    node("Sigmoid", "gated", "gate.s"),
    node("Mul", "{0} gate.s", "{1}"),
]
_END = [
    node("TopK", "last k", "best places", axis=1),
    node("Einsum", "best places_f", "y", equation="nchw,nkhw->nck"),
]


def _gate(before: str, after: str) -> list[onnx.NodeProto]:
    copies = [onnx.NodeProto.FromString(one.SerializeToString()) for one in _GATE]
    for copy in copies:
        copy.input[:] = [text.format(before, after) for text in copy.input]
        copy.output[:] = [text.format(before, after) for text in copy.output]
    return copies


def _end() -> list[onnx.NodeProto]:
    return [_END[0], node("Cast", "places", "places_f", to=TensorProto.FLOAT), _END[1]]


_STORED = [
    *_NUMBERS,
    _weight("gate.w", 4, 4, 1, 1),
    _weight("gate.b", 4),
    _weight("point.b", 6),
    *_norm("first", 4),
    *_norm("second", 6),
    numpy_helper.from_array(np.array([2], "int64"), "k"),
]
_PLACED = {"strides": [2, 2], "pads": [1, 0, 1, 2]}


def _file() -> onnx.ModelProto:
    """Return a separable pair with a gate in it, and operators that are none of ours after it."""
    nodes = [
        node("Conv", "x deep.w", "a", name="deep", group=4, **_PLACED),
        _read_norm("first", "a", "b"),
        *_activation("act", "b", "c"),
        *_gate("c", "d"),
        node("Conv", "d point.w point.b", "e", name="point"),
        _read_norm("second", "e", "f"),
        *_activation("act2", "f", "last"),
        *_end(),
    ]
    weights = [*_STORED, _weight("deep.w", 4, 1, 3, 3), _weight("point.w", 6, 4, 1, 1)]
    return model(nodes, {"x": [1, 4, _SIZE, _SIZE]}, ["y"], weights)


def _standard(weight: TensorProto) -> onnx.ModelProto:
    """Return the same with one convolution, and the gate before it."""
    nodes = [
        *_gate("x", "d"),
        node("Conv", f"d {weight.name} point.b", "e", **_PLACED),
        _read_norm("second", "e", "f"),
        *_activation("act2", "f", "last"),
        *_end(),
    ]
    return model(nodes, {"x": [1, 4, _SIZE, _SIZE]}, ["y"], [*_STORED, weight])


def _plain() -> onnx.ModelProto:
    """Return an ordinary convolution, before an operator that is none of ours."""
    nodes = [
        node("Conv", "x plain.w point.b", "e", name="plain", **_PLACED),
        _read_norm("second", "e", "f"),
        *_activation("act2", "f", "last"),
        *_end(),
    ]
    weights = [*_STORED, _weight("plain.w", 6, 4, 3, 3)]
    return model(nodes, {"x": [1, 4, _SIZE, _SIZE]}, ["y"], weights)


def _separable(weights: Mapping[str, TensorProto]) -> onnx.ModelProto:
    deep, point, *norm = weights
    nodes = [
        node("Conv", f"x {deep}", "a", group=4, **_PLACED),
        node("BatchNormalization", f"a {' '.join(norm)}", "b", epsilon=0.1),
        *_activation("act", "b", "c"),
        node("Conv", f"c {point} point.b", "e"),
        _read_norm("second", "e", "f"),
        *_activation("act2", "f", "last"),
        *_end(),
    ]
    stored = [*_STORED, *weights.values()]
    return model(nodes, {"x": [1, 4, _SIZE, _SIZE]}, ["y"], stored)


def _twin(made: onnx.ModelProto, folder: Path, name: str) -> onnx.ModelProto:
    return twin_model(Path(saved(made, folder)), {"x": (1, 4, _SIZE, _SIZE)}, name)


def _run(made: onnx.ModelProto) -> np.ndarray:
    import onnxruntime

    image = np.random.default_rng(0).standard_normal((1, 4, _SIZE, _SIZE)).astype("float32")
    providers = ["CPUExecutionProvider"]
    session = onnxruntime.InferenceSession(made.SerializeToString(), providers=providers)
    (result,) = session.run(None, {"x": image})
    return np.asarray(result)


def _new(made: onnx.ModelProto, old: onnx.ModelProto) -> dict[str, TensorProto]:
    """Return the weights that the file does not have, in the order of who reads them."""
    known = {one.name: one.SerializeToString() for one in old.graph.initializer}
    fresh = {
        one.name: one
        for one in made.graph.initializer
        if known.get(one.name) != one.SerializeToString()
    }
    order = [name for each in made.graph.node for name in each.input if name in fresh]
    convs = [name for name in order if len(fresh[name].dims) == 4]
    return {name: fresh[name] for name in (*convs, *(n for n in order if n not in convs))}


def test_a_pair_becomes_one_convolution_and_all_else_keeps_its_weights(tmp_path: Path) -> None:
    made = _twin(_file(), tmp_path, "standard")
    (weight,) = _new(made, _file()).values()
    assert [*weight.dims] == [6, 4, 3, 3]
    np.testing.assert_allclose(_run(made), _run(_standard(weight)), rtol=1e-5)
    assert sorted(one.op_type for one in made.graph.node) == sorted(
        one.op_type for one in _standard(weight).graph.node
    )


def test_a_convolution_becomes_a_pair_with_a_norm_and_an_activation(tmp_path: Path) -> None:
    made = _twin(_plain(), tmp_path, "separable")
    weights = _new(made, _plain())
    shapes = [[*one.dims] for one in weights.values()]
    assert shapes == [[4, 1, 3, 3], [6, 4, 1, 1], [4], [4], [4], [4]]
    np.testing.assert_allclose(_run(made), _run(_separable(weights)), rtol=1e-4)


@pytest.mark.parametrize("name", sorted(TWINS))
@pytest.mark.parametrize("make", [_file, _plain])
def test_a_twins_file_has_the_macs_of_the_twin(name: str, make: object, tmp_path: Path) -> None:
    made = _file() if make is _file else _plain()
    net = mncost.from_onnx(saved(made, tmp_path)).as_twin(name)
    inferred = shape_inference.infer_shapes(_twin(made, tmp_path, name), data_prop=True).graph
    shapes = {
        entry.name: [dim.dim_value for dim in entry.type.tensor_type.shape.dim]
        for entry in (*inferred.value_info, *inferred.output)
    }
    weights = {one.name: [*one.dims] for one in inferred.initializer}
    convs = [one for one in inferred.node if one.op_type == "Conv"]
    macs = sum(prod(shapes[one.output[0]]) * prod(weights[one.input[1]][1:]) for one in convs)
    assert net.work["conv"] == macs


def test_a_quantised_convolution_has_no_twin(tmp_path: Path) -> None:
    quantised = [
        node("QuantizeLinear", "plain.w one zero8", "q"),
        node("DequantizeLinear", "q one zero8", "w"),
        node("Conv", "x w", "last", name="plain"),
        *_end(),
    ]
    numbers = [
        numpy_helper.from_array(np.array(1, "float32"), "one"),
        numpy_helper.from_array(np.array(0, "int8"), "zero8"),
        numpy_helper.from_array(np.array([2], "int64"), "k"),
    ]
    weights = [_weight("plain.w", 6, 4, 3, 3), *numbers]
    made = model(quantised, {"x": [1, 4, _SIZE, _SIZE]}, ["y"], weights)
    with pytest.raises(mncost.InputError, match="the convolution plain is quantised"):
        _twin(made, tmp_path, "separable")


def test_the_twin_of_a_file_is_measured_from_the_file(tmp_path: Path) -> None:
    net = mncost.from_onnx(saved(_file(), tmp_path))
    where = Where(runtime=("onnxruntime",))
    planned = plan([net], where, What(), lambda *_: [None]).planned
    sources = [planned.models[cell.digest].source for cell in planned.cells]
    names = [source.twin for source in sources if isinstance(source, OnnxSource)]
    assert names == [None, "standard"]
    folder = tmp_path / "model"
    folder.mkdir()
    assert sources[1] is not None
    twin = Model(net.standard.graph, net.inputs, "fp32", dict, given_of(sources[1]))
    format_named("onnx").write(twin, folder)
    written = json.loads((folder / "given.json").read_text())
    assert Path(written["model"]).parent == folder
    read = mncost.from_onnx(written["model"])
    assert (read.macs, read.params) == (net.standard.macs, net.standard.params)


def test_a_twin_has_a_size_of_its_own(tmp_path: Path) -> None:
    """And the denormal numbers of its file are not its own."""
    net = mncost.from_onnx(saved(_file(), tmp_path))
    assert isinstance(net.source, OnnxSource)
    recipes = {"own": (net.graph, None), "twin": (net.standard.graph, "standard")}
    sizes, denormals = {}, {}
    for name, (graph, twin) in recipes.items():
        file = tmp_path / f"{name}.pickle"
        file.write_bytes(pickle.dumps((graph, structs.replace(net.source, twin=twin))))
        asked = BuildModel(
            graph=str(file),
            inputs=net.inputs,
            format="onnx",
            precision="fp32",
            seed=0,
            folder=str(tmp_path / name),
        )
        built = Preparer().answer(encoded(asked))
        sizes[name], denormals[name] = built["bytes"], built["denormals"]
    own, made = Path(net.source.file), tmp_path / "twin" / "twin.onnx"
    assert sizes == {"own": own.stat().st_size, "twin": made.stat().st_size}
    assert sizes["own"] != sizes["twin"]
    assert denormals == {"own": 0.0, "twin": None}
