"""The ONNX reader: shapes, parameters, our operators, partial counts, bad input."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import mncost
from mncost.cli.main import run as main
from mncost.errors import InputError
from mncost.graph.ops import Foreign
from tests.readers.small import floats, model, node, one_operator, saved

pytest.importorskip("onnxruntime")
Captured = pytest.CaptureFixture[str]


def integers(name: str, *values: int) -> TensorProto:
    return numpy_helper.from_array(np.array(values, "int64"), name)


@pytest.mark.parametrize("arch", ["v1", "v2", "v3-small", "v4-conv-small"])
def test_what_we_export_is_read_back(arch: str, tmp_path: Path) -> None:
    """The same counts, twins and pairs; the graph was emitted from the architecture, not read."""
    ours = mncost.load(arch, 0.25 if arch.startswith("v1") else 1.0, resolution=96)
    read = mncost.from_onnx(ours.to_onnx())
    assert (read.macs, read.params, read.buffers) == (ours.macs, ours.params, ours.buffers)
    assert read.weight_bytes == ours.weight_bytes
    assert read.peak_activation_bytes == ours.peak_activation_bytes
    assert read.standard.macs == ours.standard.macs
    assert read.standard.params == ours.standard.params
    assert len(read.pairs_of("standard")) == len(ours.pairs_of("standard"))
    assert not [node for node in read.graph.nodes if isinstance(node.op, Foreign)]


def linear(weights: list[TensorProto], nodes: list[onnx.NodeProto]) -> onnx.ModelProto:
    """Return a model of some weights that is multiplied by ``w``."""
    return model([*nodes, node("MatMul", "x w", "y", name="it")], {"x": (1, 4)}, ["y"], weights)


class TestParameters:
    """Wherever a file keeps them, each tensor once."""

    def test_constant_nodes(self) -> None:
        made = linear([], [node("Constant", "", "w", value=floats("v", 4, 3))])
        assert mncost.from_onnx(made).params == 12

    def test_constant_of_shape(self) -> None:
        value = helper.make_tensor("v", TensorProto.FLOAT, [1], [0.5])
        made = linear([integers("s", 4, 3)], [node("ConstantOfShape", "s", "w", value=value)])
        assert mncost.from_onnx(made).params == 12

    def test_what_is_transposed_or_cast_first(self) -> None:
        nodes = [node("Transpose", "v", "t"), node("Cast", "t", "w", to=TensorProto.FLOAT)]
        network = mncost.from_onnx(linear([floats("v", 3, 4, dtype="float16")], nodes))
        assert network.params == 12
        assert network.weight_bytes == 24
        assert network.precision == "fp16"

    def test_shared_ones_count_once(self) -> None:
        nodes = [node("MatMul", "x w", "a"), node("MatMul", "a w", "y")]
        network = mncost.from_onnx(model(nodes, {"x": (1, 4)}, ["y"], [floats("w", 4, 4)]))
        assert network.params == 16
        assert network.macs == 32

    def test_quantised_ones_count_without_their_scales(self) -> None:
        scale, zero = floats("s", 3), numpy_helper.from_array(np.zeros(3, "int8"), "z")
        quantised = node("DequantizeLinear", "v s z", "w", axis=1)
        network = mncost.from_onnx(
            linear([floats("v", 4, 3, dtype="int8"), scale, zero], [quantised])
        )
        assert network.params == 12
        assert network.weight_bytes == 12
        assert network.precision == "int8"

    def test_single_numbers_and_shapes_are_none(self) -> None:
        nodes = [node("Mul", "x half", "a"), node("Reshape", "a s", "y")]
        weights = [floats("half"), integers("s", 2, 2)]
        assert mncost.from_onnx(model(nodes, {"x": (1, 4)}, ["y"], weights)).params == 0

    def test_a_bias_that_is_added_belongs_to_the_layer(self) -> None:
        nodes = [node("MatMul", "x w", "a", name="fc"), node("Add", "a b", "y")]
        weights = [floats("w", 4, 3), floats("b", 3)]
        (layer,) = mncost.from_onnx(model(nodes, {"x": (1, 4)}, ["y"], weights)).layers
        assert (layer.name, layer.kind, layer.params, layer.macs) == ("fc", "linear", 15, 12)

    def test_external_data_is_not_read(self, tmp_path: Path) -> None:
        made = linear([floats("w", 4, 3)], [])
        onnx.save(
            made,
            tmp_path / "net.onnx",
            save_as_external_data=True,
            size_threshold=0,
            location="w.bin",
        )
        (tmp_path / "w.bin").unlink()
        assert mncost.load(str(tmp_path / "net.onnx")).params == 12


class TestShapes:
    def dynamic(self) -> onnx.ModelProto:
        weights = [floats("w", 2, 3, 3, 3)]
        return model([node("Conv", "image w", "y")], {"image": ("n", 3, "h", "w_")}, ["y"], weights)

    def test_open_dimensions_are_listed(self) -> None:
        with pytest.raises(mncost.InputError, match=r"image.*n.*h.*w_.*--input image=1x3x"):
            mncost.from_onnx(self.dynamic())

    @pytest.mark.parametrize(
        "given", ["1x3x8x10", "image=1x3x8x10", (1, 3, 8, 10), {"image": (1, 3, 8, 10)}]
    )
    def test_they_are_given(self, given: object) -> None:
        assert mncost.from_onnx(self.dynamic(), given).macs == 6 * 8 * 2 * 27  # type: ignore[arg-type]

    def test_another_size_of_the_same_file(self, tmp_path: Path) -> None:
        path = saved(self.dynamic(), tmp_path)
        small, large = mncost.grid(path, resolution="8,16")
        assert small.macs == 36 * 54
        assert large.macs == 196 * 54
        assert small.at(16).macs == large.macs

    def test_one_symbol_is_one_number(self) -> None:
        made = model([node("Add", "a b", "y")], {"a": (1, "n"), "b": (1, "n")}, ["y"])
        assert mncost.from_onnx(made, "a=1x5").inputs == {"a": (5,), "b": (5,)}
        with pytest.raises(mncost.InputError, match="n is given as 5 and as 6"):
            mncost.from_onnx(made, "a=1x5,b=1x6")

    def test_what_no_inference_finds_is_run(self) -> None:
        """How many numbers are not zero depends on the values: on a run."""
        nodes = [
            node("NonZero", "x", "places"),
            node("Cast", "places", "a", to=TensorProto.FLOAT),
            node("MatMul", "w a", "y"),
        ]
        network = mncost.from_onnx(model(nodes, {"x": (1, 4)}, ["y"], [floats("w", 3, 2)]))
        assert network.macs == 3 * 2 * 4  # standard normal: none of the four is zero


class TestOurs:
    """Activations that exporters write out are one layer again."""

    @pytest.mark.parametrize(
        ("nodes", "function"),
        [
            ([node("Sigmoid", "x", "a"), node("Mul", "x a", "y")], "silu"),
            ([node("Softplus", "x", "a"), node("Tanh", "a", "b"), node("Mul", "x b", "y")], "mish"),
            (
                [
                    node("Add", "x three", "a"),
                    node("Clip", "a zero six", "b"),
                    node("Mul", "x b", "c"),
                    node("Div", "c six", "y"),
                ],
                "hardswish",
            ),
            (
                [
                    node("Div", "x root", "a"),
                    node("Erf", "a", "b"),
                    node("Add", "b one", "c"),
                    node("Mul", "x c", "d"),
                    node("Mul", "d half", "y"),
                ],
                "gelu",
            ),
            ([node("Clip", "x zero six", "y")], "relu6"),
        ],
    )
    def test_activations(self, nodes: list[onnx.NodeProto], function: str) -> None:
        numbers = {"three": 3, "zero": 0, "six": 6, "root": 2**0.5, "one": 1, "half": 0.5}
        weights = [
            numpy_helper.from_array(np.array(value, "float32"), name)
            for name, value in numbers.items()
        ]
        network = mncost.from_onnx(model(nodes, {"x": (1, 3, 4, 4)}, ["y"], weights))
        assert dict(network.work) == {function: 48}

    def test_what_looks_alike_is_not_taken(self) -> None:
        nodes = [node("Sigmoid", "x", "a"), node("Mul", "z a", "y")]
        network = mncost.from_onnx(model(nodes, {"x": (1, 4), "z": (1, 4)}, ["y"]))
        assert dict(network.work) == {"sigmoid": 4, "elementwise": 4}

    def test_quantised_convolutions_still_have_twins(self) -> None:
        """Rounding between the two does not keep a pair apart."""
        scale, zero = floats("s"), numpy_helper.from_array(np.array(0, "uint8"), "z")
        nodes = [
            node("Conv", "x d", "a", group=4, pads=[1, 1, 1, 1], name="depthwise"),
            node("QuantizeLinear", "a s z", "b"),
            node("DequantizeLinear", "b s z", "c"),
            node("Conv", "c p", "y", name="pointwise"),
        ]
        weights = [floats("d", 4, 1, 3, 3), floats("p", 6, 4, 1, 1), scale, zero]
        (pair,) = mncost.from_onnx(model(nodes, {"x": (1, 4, 5, 5)}, ["y"], weights)).pairs
        assert (pair.first.name, pair.second.name) == ("depthwise", "pointwise")

    def test_a_gate_may_stand_before_the_image(self) -> None:
        """Convolutions with a squeeze-excite between them are still a pair."""
        nodes = [
            node("Conv", "x d", "a", group=4, pads=[1, 1, 1, 1]),
            node("GlobalAveragePool", "a", "b"),
            node("HardSigmoid", "b", "c", alpha=1 / 6, beta=0.5),
            node("Mul", "c a", "e"),
            node("Conv", "e p", "y"),
        ]
        weights = [floats("d", 4, 1, 3, 3), floats("p", 6, 4, 1, 1)]
        network = mncost.from_onnx(model(nodes, {"x": (1, 4, 5, 5)}, ["y"], weights))
        assert network.work["scale"] == 100
        assert len(network.pairs) == 1

    def test_a_bias_that_is_stored_once_for_two_layers(self) -> None:
        """Exporters store equal tensors once: both layers are ours, the bias counts once."""
        nodes = [
            node("Conv", "x d b", "a", group=4, pads=[1, 1, 1, 1]),
            node("Relu", "a", "c"),
            node("Conv", "c p b", "y"),
        ]
        weights = [floats("d", 4, 1, 3, 3), floats("p", 4, 4, 1, 1), floats("b", 4)]
        network = mncost.from_onnx(model(nodes, {"x": (1, 4, 5, 5)}, ["y"], weights))
        assert network.params == 36 + 16 + 4
        assert len(network.pairs) == 1

    @pytest.mark.parametrize("arch", ["v2", "v3-small"])
    def test_a_quantised_network_is_the_network(self, arch: str) -> None:
        """ONNX Runtime's quantiser folds batch norms and splits activations, and no more."""
        from mncost.models.int8 import quantised

        ours = mncost.load(arch, resolution=64, precision="int8")
        made = quantised(ours.to_onnx(dynamic_batch=True).SerializeToString())
        read = mncost.from_onnx(onnx.load_from_string(made.model))
        assert read.macs == ours.macs
        assert read.standard.macs == ours.standard.macs
        assert len(read.pairs) == len(ours.pairs)
        assert (read.precision, read.weight_bytes) == ("int8", ours.weight_bytes)
        assert read.peak_activation_bytes == ours.peak_activation_bytes

    def test_local_functions_are_inlined(self) -> None:
        twice = helper.make_function(
            "mine",
            "Twice",
            ["a", "w"],
            ["c"],
            [node("MatMul", "a w", "b"), node("MatMul", "b w", "c")],
            [helper.make_opsetid("", 20)],
        )
        made = model(
            [node("Twice", "x w", "y", domain="mine")],
            {"x": (1, 4)},
            ["y"],
            [floats("w", 4, 4)],
            functions=[twice],
        )
        assert mncost.from_onnx(made).macs == 32


def branching() -> onnx.ModelProto:
    """Return a model that multiplies, or does not, as its input says."""
    out = [helper.make_tensor_value_info("z", TensorProto.FLOAT, None)]
    then = helper.make_graph([node("MatMul", "a w", "z")], "then", [], out)
    otherwise = helper.make_graph([node("Identity", "a", "z")], "else", [], out)
    nodes = [
        node("MatMul", "x w", "a"),
        node("If", "c", "y", then_branch=then, else_branch=otherwise, name="choice"),
        node("Sneeze", "y", "z2", domain="nobody.knows"),
    ]
    types = {"c": TensorProto.BOOL}
    return model(nodes, {"x": (1, 4), "c": ()}, ["z2"], [floats("w", 4, 4)], types=types)


class TestPartial:
    def test_it_is_a_lower_bound_that_says_so(self, tmp_path: Path, capsys: Captured) -> None:
        path = saved(branching(), tmp_path)
        network = mncost.load(path)
        assert network.macs == 16
        assert network.unknown == {"If": 1, "nobody.knows.Sneeze": 1}
        assert not network.is_complete
        assert main(["table", path]) == 0
        shown = capsys.readouterr().out
        assert "≥16" in shown
        assert "no rule for If, nobody.knows.Sneeze" in shown

    def test_programs_get_a_column(self, tmp_path: Path, capsys: Captured) -> None:
        main(["table", saved(branching(), tmp_path), "--format", "json"])
        (row,) = json.loads(capsys.readouterr().out)["rows"]
        assert row["complete"] is False
        assert row["unknown_operators"] == "If, nobody.knows.Sneeze"
        assert row["macs"] == 16

    @pytest.mark.parametrize("command", ["table", "layers", "explain"])
    def test_strict_refuses_it(self, command: str, tmp_path: Path, capsys: Captured) -> None:
        assert main([command, saved(branching(), tmp_path), "--strict"]) == 2
        assert "partial: no rule for If" in capsys.readouterr().err

    def test_a_choice_between_views_is_no_work(self) -> None:
        out = [helper.make_tensor_value_info("z", TensorProto.FLOAT, None)]
        bodies = [
            helper.make_graph([node(kind, "x", "z")], kind, [], out)
            for kind in ("Squeeze", "Identity")
        ]
        nodes = [node("If", "c", "y", then_branch=bodies[0], else_branch=bodies[1])]
        made = model(nodes, {"x": (1, 4), "c": ()}, ["y"], types={"c": TensorProto.BOOL})
        assert mncost.from_onnx(made).is_complete


class TestBadInput:
    def test_one_line_each(self, tmp_path: Path) -> None:
        good = linear([floats("w", 4, 3)], []).SerializeToString()
        contents = {
            b"": "the file is empty",
            b"<html>": "it is text",
            good[: len(good) // 2]: "truncated",
            b"version https://git-lfs.github.com/spec/v1\n": "Git LFS",
        }
        for content, said in contents.items():
            path = tmp_path / "bad.onnx"
            path.write_bytes(content)
            with pytest.raises(mncost.InputError, match=said) as caught:
                mncost.load(str(path))
            assert "\n" not in str(caught.value)

    def test_a_file_that_is_not_there(self) -> None:
        with pytest.raises(mncost.InputError, match=r"nowhere.onnx: No such file"):
            mncost.load("nowhere.onnx")

    def test_a_cycle(self) -> None:
        nodes = [node("Add", "x b", "a"), node("Relu", "a", "b")]
        with pytest.raises(mncost.InputError, match="cycle"):
            mncost.from_onnx(model(nodes, {"x": (1, 4)}, ["b"]))

    def test_two_writers_of_one_tensor(self) -> None:
        nodes = [node("Relu", "x", "y"), node("Abs", "x", "y")]
        with pytest.raises(mncost.InputError, match="y is written twice"):
            mncost.from_onnx(model(nodes, {"x": (1, 4)}, ["y"]))

    def test_a_tensor_that_nothing_writes(self) -> None:
        with pytest.raises(mncost.InputError, match="reads z, which nothing writes"):
            mncost.from_onnx(model([node("Relu", "z", "y")], {"x": (1, 4)}, ["y"]))

    @pytest.mark.parametrize("place", ["../secret", "/etc/passwd", "a/../../b", "C:\\x", ""])
    def test_external_data_that_leaves_the_folder(self, place: str, tmp_path: Path) -> None:
        made = linear([floats("w", 4, 3)], [])
        (weight,) = made.graph.initializer
        weight.ClearField("raw_data")
        weight.data_location = TensorProto.EXTERNAL
        weight.external_data.add(key="location", value=place)
        with pytest.raises(mncost.InputError, match="not in the folder of the file"):
            mncost.load(saved(made, tmp_path))

    def test_external_data_that_a_link_leads_out_of_the_folder(self, tmp_path: Path) -> None:
        made = linear([floats("w", 4, 3)], [])
        (weight,) = made.graph.initializer
        secret = tmp_path / "secret"
        secret.write_bytes(weight.raw_data)
        folder = tmp_path / "folder"
        folder.mkdir()
        try:
            (folder / "w.bin").symlink_to(secret)
        except OSError:
            pytest.skip("no links here")
        weight.ClearField("raw_data")
        weight.data_location = TensorProto.EXTERNAL
        weight.external_data.add(key="location", value="w.bin")
        file = saved(made, folder)
        with pytest.raises(mncost.InputError, match="not in the folder of the file"):
            mncost.load(file)
        (folder / "w.bin").unlink()
        secret.rename(folder / "w.bin")
        assert mncost.load(file).macs == 12

    @pytest.mark.parametrize(
        ("given", "said"),
        [
            ("1x0", "a dimension of 0"),
            ("y=1x4", "no input 'y'.*it has x"),
            ("1x5", "takes 1x4, and not 1x5"),
            ("1xfour", "accepted is e.g."),
            ("x=1x4,x=1x4", "the input x twice"),
            ("", "accepted is e.g."),
        ],
    )
    def test_inputs(self, given: str, said: str) -> None:
        with pytest.raises(mncost.InputError, match=said):
            mncost.from_onnx(linear([floats("w", 4, 3)], []), given)

    def test_options_of_architectures(self, tmp_path: Path, capsys: Captured) -> None:
        path = saved(linear([floats("w", 4, 3)], []), tmp_path)
        assert main(["table", path, "--alpha", "0.5"]) == 2
        assert "--alpha is of architectures" in capsys.readouterr().err
        assert main(["table", "v2", "--input", "1x3x224x224"]) == 2
        assert "--input is of models" in capsys.readouterr().err

    def test_functions_that_call_themselves(self) -> None:
        again = helper.make_function(
            "mine",
            "Again",
            ["a"],
            ["b"],
            [node("Again", "a", "b", domain="mine")],
            [helper.make_opsetid("", 20), helper.make_opsetid("mine", 1)],
        )
        made = model(
            [node("Again", "x", "y", domain="mine")], {"x": (1, 4)}, ["y"], functions=[again]
        )
        with pytest.raises(mncost.InputError, match="Again calls itself"):
            mncost.from_onnx(made)

    def test_mutated_files_end_in_a_count_or_in_one_line(self, tmp_path: Path) -> None:
        content = bytearray(branching().SerializeToString())
        random = np.random.default_rng(0)
        path = tmp_path / "mutated.onnx"
        for _ in range(25):
            mutated = bytearray(content)
            for place in random.integers(0, len(mutated), 3):
                mutated[place] = random.integers(0, 256)
            path.write_bytes(mutated)
            try:
                mncost.load(str(path))
            except mncost.InputError as error:
                assert "\n" not in str(error)  # noqa: PT017


def test_weights_that_are_rounded_in_the_graph_count_without_their_scales() -> None:
    weights = [floats("w", 6, 4, 3, 3), floats("scale", 6), floats("zero", 6, dtype="int8")]
    nodes = [
        node("QuantizeLinear", "w scale zero", "q", axis=0),
        node("DequantizeLinear", "q scale zero", "r", axis=0),
        node("Conv", "x r", "y", name="it"),
    ]
    net = mncost.from_onnx(model(nodes, {"x": (1, 4, 5, 5)}, ["y"], weights))
    assert net.params == 6 * 4 * 3 * 3
    (layer,) = net.layers
    assert layer.kind == "conv"


def test_thresholds_are_no_parameters() -> None:
    weights = [
        numpy_helper.from_array(np.array([20]), "most"),
        numpy_helper.from_array(np.array([0.5], "float32"), "overlap"),
        numpy_helper.from_array(np.array([0.1], "float32"), "score"),
    ]
    nodes = [node("NonMaxSuppression", "boxes scores most overlap score", "y")]
    shapes = {"boxes": (1, 30, 4), "scores": (1, 2, 30)}
    made = model(nodes, dict(shapes), ["y"], weights, types={"y": TensorProto.INT64})
    net = mncost.from_onnx(made)
    assert net.params == 0
    assert not net.notes  # nothing follows it


def test_a_note_says_what_depends_on_the_data() -> None:
    nodes = [
        node("NonZero", "x", "where"),
        node("Cast", "where", "places", to=TensorProto.FLOAT),
        node("MatMul", "turned places", "y"),
    ]
    made = model(nodes, {"x": (4, 5)}, ["y"], [floats("turned", 3, 2)])
    (note,) = mncost.from_onnx(made).notes
    assert note.startswith("small: what follows NonZero depends on the data")


def test_a_model_of_constants_is_refused() -> None:
    made = model([node("Constant", "", "y", value=floats("c", 3))], {}, ["y"])
    with pytest.raises(mncost.InputError, match="small: its results are constants"):
        mncost.from_onnx(made)


def test_random_numbers_stand_for_inputs() -> None:
    nodes = [node("RandomNormal", "", "x", shape=[1, 3, 8, 8]), node("Conv", "x w", "y")]
    net = mncost.from_onnx(model(nodes, {}, ["y"], [floats("w", 5, 3, 3, 3)]))
    assert net.macs == 5 * 6 * 6 * 3 * 3 * 3
    assert "0.005" in str(net) or "4.86" in str(net)


def test_what_says_which_device_computes_is_left_out() -> None:
    """Newer files say it of the model, and of an operator; here of one that holds a tensor."""
    held = node("Constant", "", "w", value=floats("w", 4, 3, 1, 1))
    net = model([held, node("Conv", "x w", "y")], {"x": [1, 3, 5, 5]}, ["y"])
    net.configuration.add().name = "two"
    net.graph.node[0].device_configurations.add().configuration_id = "two"
    assert mncost.from_onnx(net).macs == 5 * 5 * 3 * 4


def test_a_shape_without_a_name_is_for_the_models_of_one_input(tmp_path: Path) -> None:
    one = model([node("Relu", "x", "y")], {"x": ["height", 4]}, ["y"])
    two = one_operator("Add", {"a": [3, 4], "b": [3, 4]})
    names = [saved(one, tmp_path, "one.onnx"), saved(two, tmp_path, "two.onnx")]
    assert [net.inputs for net in mncost.grid(names, input="5x4")] == [
        {"x": (5, 4)},
        {"a": (3, 4), "b": (3, 4)},
    ]
    with pytest.raises(InputError):
        mncost.load(names[1], input="5x4")
