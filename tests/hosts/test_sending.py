"""What a host is sent of a given model: all that it takes to run it there."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

import mncost
from mncost.hosts.sending import files_of
from mncost.measure.run_file import read_run
from mncost.measure.runtimes import Setup
from mncost.measure.runtimes.given import Given
from tests.hosts.sshd import Server
from tests.readers.small import model, node
from tests.running import in_process

INPUTS = {"x": {"shape": [1, 2], "dtype": "float32", "batch_axis": None}}


def sent(folder: Path, there: Path) -> Path:
    """Copy what is sent of a folder, and remove the folder."""
    for name, file in files_of(folder).items():
        (there / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, there / name)
    shutil.rmtree(folder)
    return there


def test_a_file_goes_along_with_its_weights_and_inputs(tmp_path: Path) -> None:
    """[3, 4] times a matrix of [1, 10] and [2, 20], by hand."""
    pytest.importorskip("onnxruntime")
    from mncost.measure.runtimes.onnxruntime import OnnxRuntime

    here, folder = tmp_path / "here", tmp_path / "folder"
    here.mkdir()
    folder.mkdir()
    weights = onnx.numpy_helper.from_array(np.array([[1, 10], [2, 20]], "float32"), "w")
    made = model([node("MatMul", "x w", "y")], {"x": (1, 2)}, ["y"], [weights])
    onnx.save_model(
        made,
        here / "net.onnx",
        save_as_external_data=True,
        location="deep.bin",
        size_threshold=0,
    )
    np.savez(here / "values.npz", x=np.array([[3, 4]], "float32"))
    Given(str(here / "net.onnx"), INPUTS, str(here / "values.npz")).write(folder)
    there = sent(folder, tmp_path / "there")
    shutil.rmtree(here)
    assert str(tmp_path) not in (there / "given.json").read_text()
    runtime = OnnxRuntime()
    runtime.start(1)
    result: Any = runtime.load(Setup(there))()
    assert result[0].tolist() == [[11.0, 110.0]]


def test_what_was_made_of_a_model_is_sent_once(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    twin = model([node("Relu", "x", "y")], {"x": (1, 2)}, ["y"])
    onnx.save(twin, folder / "twin.onnx")
    Given("net.onnx", INPUTS, twin="standard").at(folder / "twin.onnx").write(folder)
    content = (folder / "twin.onnx").read_bytes()
    there = sent(folder, tmp_path / "there")
    given = Given.of(there)
    assert given is not None
    assert Path(given.model).read_bytes() == content
    assert sum(file.is_file() for file in there.rglob("*")) == 2


def test_a_module_is_made_there_by_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    Given("timm:resnet18", INPUTS).write(folder)
    given = Given.of(sent(folder, tmp_path / "there"))
    assert given is not None
    assert given.model == "timm:resnet18"


def test_models_of_ours_are_their_folders(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "model.json"
    file.parent.mkdir()
    file.touch()
    assert files_of(tmp_path) == {"deep/model.json": file}


@pytest.mark.ssh
@pytest.mark.slow
def test_a_host_runs_the_file_that_it_was_sent(server: Server, tmp_path: Path) -> None:
    """Loopback has the first file too; what the worker is told to load is the copy."""
    net = mncost.load("v2", 0.35, 32)
    onnx.save(net.to_onnx(), tmp_path / "net.onnx")
    words = ["bench", str(tmp_path / "net.onnx"), "--no-twin", "--runtime", "onnxruntime"]
    words += ["--hosts", str(server.hosts(plain="")), "--host", "plain", "--max-time", "1"]
    result = in_process([*words, "--save", str(tmp_path / "run.json")])
    assert result.status == 0, result.err
    assert read_run(tmp_path / "run.json").processes
    (model,) = (server.folder / "plain" / "cache" / "mncost" / "models").glob("*/given/model.onnx")
    assert model.read_bytes() == (tmp_path / "net.onnx").read_bytes()
    given = Given.of(model.parents[1])
    assert given is not None
    assert given.model == str(model)
