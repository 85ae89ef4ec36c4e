"""Models that are measured as they are: in ``bench``, ``compare`` and ``check``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper

import mncost
from mncost.measure.cells import Planned
from mncost.measure.given_models import given_of
from mncost.measure.records import Place
from mncost.measure.run_file import encode, parse_run
from mncost.measure.runtimes import Setup, runtime_class
from mncost.readers import read_model
from mncost.readers.model import OnnxSource
from tests.measure.scripted import instead_of_processes
from tests.readers.small import floats, model, node, saved
from tests.readers.test_onnx import branching
from tests.running import in_process

pytest.importorskip("onnxruntime")


def random(name: str, *shape: int) -> TensorProto:
    values = np.random.default_rng(7).standard_normal(shape).astype("float32")
    return numpy_helper.from_array(values, name)


def separable(channels: int = 4) -> onnx.ModelProto:
    """Return a depthwise and a pointwise convolution; the batch is open."""
    nodes = [
        node("Conv", "image d", "a", group=channels, pads=[1, 1, 1, 1], name="first"),
        node("Relu", "a", "b"),
        node("Conv", "b p", "y", name="second"),
    ]
    weights = [random("d", channels, 1, 3, 3), random("p", 6, channels, 1, 1)]
    return model(nodes, {"image": ("batch", channels, 8, 8)}, ["y"], weights)


def lookup() -> onnx.ModelProto:
    """Return a model that reads integers: which rows of a table."""
    return model(
        [node("Gather", "table ids", "y")],
        {"ids": (1, 5)},
        ["y"],
        [random("table", 9, 3)],
        types={"ids": TensorProto.INT64},
    )


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
@pytest.mark.parametrize("batch", [1, 3])
def test_that_very_file_runs(runtime: str, batch: int, tmp_path: Path) -> None:
    """What a runtime computes is what ONNX Runtime computes from the file, for the same images."""
    pytest.importorskip(runtime)
    import onnxruntime

    path = saved(separable(), tmp_path)
    source = read_model(path).source
    assert source is not None
    given = given_of(source)
    given.write(tmp_path)
    feed = given.feed(batch)
    assert feed["image"].shape == (batch, 4, 8, 8)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (expected,) = session.run(None, feed)
    made = runtime_class(runtime)()
    made.start(1)
    result: Any = made.load(Setup(tmp_path, batch))()
    values = result if isinstance(result, list) else [*result.values()]
    np.testing.assert_allclose(np.asarray(values[0]), expected, rtol=1e-4, atol=1e-5)


def test_integers_are_indices_that_exist(tmp_path: Path) -> None:
    given = given_of(read_model(saved(lookup(), tmp_path)).source)  # type: ignore[arg-type]
    given.write(tmp_path)
    assert given.feed(1)["ids"].dtype == np.int64
    made = runtime_class("onnxruntime")()
    made.start(1)
    made.load(Setup(tmp_path))()


def test_a_fixed_batch_is_not_changed(tmp_path: Path) -> None:
    given = given_of(read_model(saved(lookup(), tmp_path)).source)  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match="batch is fixed"):
        given.feed(2)


def test_the_batch_of_one_input_is_that_of_the_others() -> None:
    made = model([node("Add", "a b", "y")], {"a": ("batch", 3), "b": ("batch", 3)}, ["y"])
    source = mncost.from_onnx(made, {"a": (2, 3)}).source
    assert source is not None
    assert [one.batch_axis for one in source.inputs.values()] == [0, 0]
    assert [one.shape for one in source.inputs.values()] == [(2, 3), (2, 3)]


BENCH = ("bench", "--runtime", "fake", "--max-time", "1")
CHECK = ("check", "budgets.toml")


class TestCommands:
    @pytest.fixture(autouse=True)
    def scripted(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        pytest.importorskip("scipy")
        instead_of_processes(monkeypatch)
        monkeypatch.chdir(tmp_path)
        saved(separable(), tmp_path)
        saved(separable(8), tmp_path, "old.onnx")
        saved(branching(), tmp_path, "partial.onnx")

    def test_bench(self) -> None:
        words = "bench net.onnx v2 --runtime fake --max-time 1 --save run.json --columns arch,macs"
        result = in_process(words.split())
        assert result.status == 0, result.err
        assert "net.onnx" in result.out
        run = parse_run(Path("run.json").read_bytes(), "run.json")
        assert parse_run(encode(run), "again") == run
        ours = [model for model in run.models.values() if model.label.arch == "net.onnx"]
        assert [one.source is not None for one in ours] == [True, False]  # the second is the twin
        shown = in_process(["show", "run.json", "--columns", "arch,twin,latency"])
        assert shown.status == 0

    def test_what_does_not_read_it_is_left_out(self) -> None:
        result = in_process(["bench", "net.onnx", "--runtime", "fake,torch", "--max-time", "1"])
        assert result.status == 0, result.err
        assert "left out: net.onnx runs as it is, and not on torch in fp32" in result.out
        alone = in_process([*BENCH, "net.onnx", "--precision", "int8"])
        assert alone.status == 2
        assert "nothing to measure" in alone.err

    def test_a_twin_that_cannot_be_built(self) -> None:
        result = in_process(["bench", "partial.onnx", "--runtime", "fake", "--max-time", "1"])
        assert result.status == 0, result.err

    def test_what_a_quantised_file_is(self) -> None:
        nodes = [node("DequantizeLinear", "v s", "w"), node("MatMul", "x w", "y")]
        weights = [floats("v", 4, 3, dtype="int8"), floats("s")]
        saved(model(nodes, {"x": (1, 4)}, ["y"], weights), Path(), "int8.onnx")
        result = in_process([*BENCH, "int8.onnx"])
        assert result.status == 0, result.err
        assert "int8.onnx runs as it is: most of its weights are int8" in result.out

    def test_compare(self) -> None:
        result = in_process(["compare", "net.onnx", "--format", "json"])
        assert result.status == 0, result.err
        assert json.loads(result.out)["rows"][0]["arch"] == "net.onnx"

    def budget(self, text: str) -> None:
        Path("budgets.toml").write_text(f"[[budget]]\n{text}\n")

    def test_check(self) -> None:
        """8 × 8 pixels: 4 · 9 and 4 · 6 products each."""
        self.budget('model = { file = "net.onnx" }\nmacs = { max = 3840, min = 3840 }\nparams = 60')
        result = in_process(["check", "budgets.toml", "--format", "csv"])
        assert result.status == 0, result.out + result.err
        self.budget('model = { file = "net.onnx" }\nmacs = 3839')
        assert in_process(["check", "budgets.toml"]).status == 1

    def test_a_budget_that_init_writes_holds(self) -> None:
        assert in_process(["init", "ci", "net.onnx,partial.onnx"]).status == 0
        assert 'file = "net.onnx"' in Path("budgets.toml").read_text()
        assert in_process(["check", "budgets.toml"]).status == 0

    def test_check_beside_an_older_file(self) -> None:
        self.budget(
            'model = { file = "net.onnx" }\nruntime = "fake"\n'
            'latency = { regression = "5 %", against = "baseline" }'
        )
        result = in_process([*CHECK, "--baseline-model", "old.onnx", "--save", "run.json"])
        assert result.status in (0, 3), result.out + result.err
        run = parse_run(Path("run.json").read_bytes(), "run.json")
        assert {model.label.arch for model in run.models.values()} == {"net.onnx", "old.onnx"}
        wrong = in_process(["check", "budgets.toml", "--baseline-model", "v2"])
        assert wrong.status == 2
        assert "accepted is a model" in wrong.err

    def test_check_does_not_judge_a_partial_count(self) -> None:
        self.budget('model = { file = "partial.onnx" }\nmacs = 100')
        result = in_process(["check", "budgets.toml"])
        assert result.status == 2
        assert "macs: a lower bound, no rule for If, nobody.knows.Sneeze" in result.err
        self.budget('model = { file = "partial.onnx", partial = true }\nmacs = 100')
        result = in_process(["check", "budgets.toml"])
        assert result.status == 0
        assert "macs: a lower bound (≥), no rule for If, nobody.knows.Sneeze" in result.out
        self.budget('model = { file = "partial.onnx" }\nparams = 100')
        assert in_process(["check", "budgets.toml"]).status == 0

    def test_a_budget_has_values_for_inputs_and_flushes_denormals(self) -> None:
        """What is measured is fed from the file, at a place of its own."""
        folder = Path("data")
        folder.mkdir()
        np.savez(folder / "x.npz", image=np.ones((1, 4, 8, 8), np.float32))
        self.budget(
            'model = { file = "net.onnx", input_data = "data/x.npz" }\nruntime = "fake"\n'
            'flush_denormals = true\nlatency = "1 s"'
        )
        result = in_process([*CHECK, "--save", "run.json"])
        assert result.status == 0, result.out + result.err
        run = parse_run(Path("run.json").read_bytes(), "run.json")
        (measured,) = [one.source for one in run.models.values() if one.source is not None]
        assert measured.data is not None
        assert measured.data.endswith("data/x.npz")
        assert {cell.place.denormals for cell in run.cells if cell.subject.label.arch} == {
            "flushed"
        }
        np.savez(folder / "x.npz", image=np.ones((1, 4, 9, 9), np.float32))
        wrong = in_process(["check", "budgets.toml"])
        assert wrong.status == 2
        assert "image is float32 of 1x4x9x9; net.onnx is counted for" in wrong.err

    def test_what_cannot_flush_denormals_says_so(self) -> None:
        self.budget(
            'model = { file = "net.onnx" }\nruntime = "torch"\nflush_denormals = true\n'
            'latency = "1 s"'
        )
        result = in_process(["check", "budgets.toml"])
        assert result.status == 2
        assert "torch does not flush denormals; accepted: onnxruntime, openvino" in result.err

    @pytest.mark.parametrize(
        ("table", "said"),
        [
            ('{ file = "net.onnx", arch = "v2" }', "accepted is one of arch, file and python"),
            ("{ alpha = 0.5 }", "accepted is one of arch, file and python"),
            ('{ file = "nowhere.onnx" }', "nowhere.onnx: No such file"),
            ('{ file = "net.pt" }', "accepted is a file that ends in .onnx or .tflite"),
            ('{ file = "net.onnx", input_data = "no.npz" }', "no.npz: No such file"),
            ('{ arch = "v2", input_data = "no.npz" }', "no network is a model"),
            ('{ python = "v2" }', "accepted is e.g. package.module:factory"),
            ('{ file = "net.onnx", input = "1x1x8x8" }', "takes batchx4x8x8"),
            ('{ file = "net.onnx", alpha = 0.5 }', "--alpha is of architectures"),
        ],
    )
    def test_bad_budgets(self, table: str, said: str) -> None:
        self.budget(f"model = {table}\nmacs = 1")
        result = in_process(["check", "budgets.toml"])
        assert result.status == 2
        assert said in result.err


def test_external_weights_are_measured_but_not_read(tmp_path: Path) -> None:
    made = model([node("MatMul", "x w", "y")], {"x": (1, 64)}, ["y"], [floats("w", 64, 64)])
    apart: dict[str, Any] = {"save_as_external_data": True, "location": "w.bin"}
    apart["size_threshold"] = 0
    onnx.save(made, tmp_path / "net.onnx", **apart)
    source = read_model(str(tmp_path / "net.onnx")).source
    folder = tmp_path / "folder"
    folder.mkdir()
    given_of(source).write(folder)  # type: ignore[arg-type]
    run = runtime_class("onnxruntime")()
    run.start(1)
    result: Any = run.load(Setup(folder))()
    assert result[0].shape == (1, 64)


def test_a_model_in_memory_runs_from_a_file(tmp_path: Path) -> None:
    """What a worker computes is what ONNX Runtime computes from the model."""
    import onnxruntime

    made = separable()
    network = mncost.from_onnx(made)
    planned = Planned()
    planned.enter(network, Place())
    planned.enter(mncost.from_onnx(made), Place("fake"))
    (record,) = planned.models.values()  # of both
    assert isinstance(record.source, OnnxSource)
    given = given_of(record.source)
    given.write(tmp_path)
    session = onnxruntime.InferenceSession(
        made.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (expected,) = session.run(None, given.feed(1))
    run = runtime_class("onnxruntime")()
    run.start(1)
    result: Any = run.load(Setup(tmp_path))()
    np.testing.assert_allclose(result[0], expected, rtol=1e-4, atol=1e-5)


def test_a_model_in_memory_of_another_size() -> None:
    made = model(
        [node("Conv", "x w", "y", pads=[1, 1, 1, 1])],
        {"x": (1, 4, "height", "width")},
        ["y"],
        [floats("w", 5, 4, 3, 3)],
    )
    assert mncost.from_onnx(made, (1, 4, 8, 8)).at(6).macs == 6 * 6 * 5 * 4 * 9
    with pytest.raises(mncost.InputError, match="takes batchx4x8x8"):
        mncost.from_onnx(separable()).at(16)
