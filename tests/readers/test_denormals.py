"""Denormal numbers are found, and inputs can be given."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from mncost.measure.runtimes.given import Given
from mncost.measure.workers.denormals import denormal_share
from tests.measure.scripted import instead_of_processes
from tests.readers.small import model, node, saved
from tests.running import in_process

pytest.importorskip("onnxruntime")
# In a process of its own: the first session of a process decides.
PROGRAM = """
import sys
from pathlib import Path
from mncost.measure.runtimes import Setup, runtime_class
runtime = runtime_class("onnxruntime")()
runtime.start(1)
(result,) = runtime.load(Setup(Path(sys.argv[1]), denormals=sys.argv[2] or None))()
print(*(float(value) for value in result.reshape(-1)))
"""
TINY = np.float32(1e-39)  # below 1.18e-38, the smallest normal number


def halved(weights: np.ndarray, factor: float = 1.0) -> onnx.ModelProto:
    """Return a model that multiplies by weights, and then by a factor."""
    made = [
        numpy_helper.from_array(weights.astype("float32"), "w"),
        numpy_helper.from_array(np.array(factor, "float32"), "f"),
    ]
    nodes = [node("MatMul", "x w", "a"), node("Mul", "a f", "b"), node("Identity", "b", "y")]
    return model(nodes, {"x": (1, 4)}, ["y"], made)


def test_weights(tmp_path: Path) -> None:
    """3 of 8 weights are denormal; the factor is the ninth."""
    weights = np.ones((4, 2), "float32")
    weights.reshape(-1)[:3] = TINY
    path = Path(saved(halved(weights), tmp_path))
    assert denormal_share(path, {"x": np.zeros((1, 4), "float32")}) == pytest.approx(3 / 9)


def test_activations(tmp_path: Path) -> None:
    """Of the tensors a, b and y, of 2 numbers each, b and y are denormal."""
    path = Path(saved(halved(np.full((4, 2), 1e-20), 1e-19), tmp_path))
    share = denormal_share(path, {"x": np.ones((1, 4), "float32")})
    assert share == pytest.approx(4 / 6)


def test_usual_numbers(tmp_path: Path) -> None:
    path = Path(saved(halved(np.ones((4, 2))), tmp_path))
    assert denormal_share(path, {"x": np.ones((1, 4), "float32")}) == 0


@pytest.mark.parametrize(("denormals", "expected"), [(None, 4e-39), ("flushed", 0.0)])
def test_they_can_be_flushed(denormals: str | None, expected: float, tmp_path: Path) -> None:
    made = halved(np.full((4, 2), 1e-20), 1e-19)
    inputs = {"x": {"shape": [1, 4], "dtype": "float32", "batch_axis": None}}
    np.savez(tmp_path / "ones.npz", x=np.ones((1, 4), "float32"))
    Given(saved(made, tmp_path), inputs, str(tmp_path / "ones.npz")).write(tmp_path)
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path), denormals or ""],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert [float(word) for word in ran.stdout.split()] == pytest.approx([expected] * 2, rel=1e-3)


class TestInputData:
    @pytest.fixture(autouse=True)
    def scripted(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        pytest.importorskip("scipy")
        instead_of_processes(monkeypatch)
        monkeypatch.chdir(tmp_path)
        saved(halved(np.ones((4, 2))), tmp_path)

    def bench(self, *words: str) -> tuple[int, str]:
        result = in_process(["bench", "--runtime", "fake", "--max-time", "1", *words])
        return result.status, result.err

    def test_it_is_what_the_run_says(self) -> None:
        np.savez("x.npz", x=np.ones((1, 4), "float32"))
        assert self.bench("net.onnx", "--input-data", "x.npz", "--save", "run.json")[0] == 0
        assert "x.npz" in Path("run.json").read_text()

    @pytest.mark.parametrize(
        ("arrays", "said"),
        [
            ({"y": np.ones((1, 4), "float32")}, "no model has an input 'y'"),
            ({"x": np.ones((2, 4), "float32")}, "float32 of 2x4; net.onnx is counted for"),
            ({"x": np.ones((1, 4))}, "float64 of 1x4"),
            ({"x": np.array([object()])}, "accepted is what numpy.savez writes"),
        ],
    )
    def test_what_does_not_fit(self, arrays: dict[str, np.ndarray], said: str) -> None:
        np.savez("x.npz", **arrays)  # type: ignore[arg-type]
        status, err = self.bench("net.onnx", "--input-data", "x.npz")
        assert status == 2
        assert said in err

    def test_architectures_have_none(self) -> None:
        np.savez("x.npz", x=np.ones((1, 4), "float32"))
        assert "no network is a model" in self.bench("v2", "--input-data", "x.npz")[1]
        assert "No such file" in self.bench("net.onnx", "--input-data", "nowhere.npz")[1]

    def test_flushing_is_for_runtimes_that_can(self) -> None:
        status, err = self.bench("v2", "--flush-denormals", "--runtime", "torch")
        assert status == 2
        assert "torch does not flush denormals; accepted: onnxruntime" in err
