"""What only concerns one's own account stays out of run files."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from mncost.measure.private import with_home, without_home
from tests.running import Result


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    return str(tmp_path)


def test_the_home_directory_is_a_tilde(home: str) -> None:
    assert without_home(f"{home}/venv/bin/python") == "~/venv/bin/python"
    assert without_home(f"cannot read '{home}': no") == "cannot read '~': no"
    assert without_home(f"{home}er/file") == f"{home}er/file"
    assert with_home(without_home(f"{home}/bin/python")) == f"{home}/bin/python"
    assert without_home(f"{home}: no, {home}, nor {home}.") == "~: no, ~, nor ~."
    assert without_home(f"gcc -I{home}/include --out={home}/o") == "gcc -I~/include --out=~/o"
    assert without_home("conv1 failed") == "conv1 failed"


def test_temporary_directories_of_runs_are_left_out() -> None:
    file = Path(tempfile.gettempdir(), "mncost-ab12_x", "3.onnx", "model.onnx")
    assert without_home(f"load of {file} failed") == "load of 3.onnx/model.onnx failed"


def test_no_home_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The home directory of some containers."""
    monkeypatch.setenv("HOME", "/")
    assert without_home("/usr/bin/python: no") == "/usr/bin/python: no"


@pytest.mark.skipif(sys.platform == "win32", reason="links")
def test_a_run_file_names_no_home(home: str, run_cli: Callable[..., Result], here: Path) -> None:
    """Neither by the interpreter nor by the architecture; and it is resumed nevertheless."""
    python, net = Path(home, "python"), Path(home, "net.toml")
    python.symlink_to(sys.executable)
    net.write_text((Path(__file__).parents[1] / "tiny.toml").read_text())
    options = ["--runtime", "fake", "--max-time", "0.02", "--python", str(python)]
    assert run_cli(["bench", str(net), *options, "-o", "run.json"]).status == 0
    assert home not in Path("run.json").read_text()
    pythons = {
        cell["place"]["python"] for cell in json.loads(Path("run.json").read_text())["cells"]
    }
    assert pythons == {None, "~/python"}
    refused = run_cli(["bench", "--resume", "run.json"])
    assert refused.status == 2
    assert "--python ~/python allows" in refused.err
    resumed = ["bench", "--resume", "run.json", "--max-time", "0.02", "--python", str(python)]
    assert run_cli(resumed).status == 0


@pytest.mark.parametrize(
    "text",
    [
        "/export/home/al/net.onnx",
        "/home/al-2/net.onnx",
        "/home/al.old/net.onnx",
        "/home/allan",
        "./home/al/net.onnx",
        "/data-/home/al",
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="other paths")
def test_other_paths_stay_whole(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("HOME", "/home/al")
    assert without_home(text) == text
