"""``bench --weights``: networks are built with trained weights, in every format."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

import mncost
from mncost.effort import Effort
from mncost.errors import InputError
from mncost.in_hand import grid_of
from mncost.measure.plan import What
from mncost.measure.records import ModelRecord
from mncost.measure.where import Where
from mncost.measure.workers.prepare import BuildModel, Preparer
from mncost.runs.begin import begin
from tests.running import Result

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """Write weights that no seed gives, and averaged ones beside them."""
    state = mncost.load("v3-small", 0.35, 64).to_torch(seed=9).state_dict()
    halved = {f"module.{name}": value / 2 for name, value in state.items()}
    torch.save({"model": state, "model_ema": halved}, path := tmp_path / "trained.pth")
    return path


def built(record: ModelRecord, folder: Path) -> dict[str, np.ndarray]:
    """Return the weights of the ONNX file that a run's model is built as."""
    graph = folder / "graph"
    graph.write_bytes(pickle.dumps((record.graph, record.source or record.weights)))
    asked = BuildModel(
        graph=str(graph),
        inputs=record.inputs,
        format="onnx",
        precision="fp32",
        seed=0,
        folder=str(folder / "model"),
    )
    answer = Preparer().answer(asdict(asked))
    if "refused" in answer:
        raise RuntimeError(answer["refused"])
    model = onnx.load(folder / "model" / "model.onnx")
    return {one.name: onnx.numpy_helper.to_array(one) for one in model.graph.initializer}


@pytest.mark.parametrize(("key", "factor"), [(None, 1.0), ("model_ema", 0.5)])
def test_the_weights_that_run(
    checkpoint: Path, key: str | None, factor: float, tmp_path: Path
) -> None:
    """Those of the file, of the state dict that was chosen; its twin has random ones."""
    network = mncost.load("v3-small", 0.35, 64).with_weights(checkpoint, key)
    run = begin(grid_of(network), Where(runtime=("onnxruntime",)), Effort(), What(twin="standard"))
    ours, twin = (run.models[cell.digest] for cell in run.cells)
    assert (ours.weights is None, twin.weights) == (False, None)
    (tmp_path / "built").mkdir()
    expected = factor * torch.load(checkpoint)["model"]["stem.conv.weight"].numpy()
    assert np.array_equal(built(ours, tmp_path / "built")["stem.conv.weight"], expected)


def test_weights_that_have_changed(checkpoint: Path, tmp_path: Path) -> None:
    network = mncost.load("v3-small", 0.35, 64).with_weights(checkpoint)
    run = begin(grid_of(network), Where(runtime=("onnxruntime",)), Effort())
    checkpoint.write_bytes(checkpoint.read_bytes() + b" ")
    (tmp_path / "built").mkdir()
    with pytest.raises(RuntimeError, match="has changed"):
        built(run.models[run.cells[0].digest], tmp_path / "built")


def test_weights_of_another_network(checkpoint: Path) -> None:
    with pytest.raises(InputError, match="the weights of another network"):
        mncost.load("v3-small", 0.5, 64).with_weights(checkpoint)


def test_on_the_command_line(checkpoint: Path, here: Path, run_cli: Callable[..., Result]) -> None:
    """The run file has the file and its hash; a line says which state dict was taken."""
    words = f"bench v3-small --alpha 0.35 --runtime fake --weights {checkpoint} --save run.json"
    status, out, _ = run_cli([*words.split(), "--max-time", "1"])
    assert status == 0
    assert "took the state dict model; it holds model_ema too" in out
    models = json.loads((here / "run.json").read_text())["models"].values()
    files = [one["weights"]["file"] for one in models if one.get("weights")]
    assert [Path(file).name for file in files] == ["trained.pth"]
    for words, said in (
        ("bench v1,v2 --weights x.pth", "needs one network"),
        ("bench v1 --weights nothing.pth", "nothing.pth: cannot be read"),
        ("bench v1 --weights-key model", "--weights-key needs --weights"),
    ):
        status, _, err = run_cli(words.split())
        assert (status, err.count("\n")) == (2, 1)
        assert said in err
