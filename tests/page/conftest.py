"""Runs to make pages of: measured by a scripted runtime, or made up."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from mncost.measure.runtimes.fake import SCRIPT
from tests.measure.scripted import instead_of_processes
from tests.running import Result, in_process

Cli = Callable[..., Result]


MADE = {
    # V2's and V3-Small's published networks, with the first ones' twins.
    "run.json": "bench --arch v2,v3-small --alpha 0.35:1.0 --runtime fake -o run.json",
    # V1, its twin, their layers and their memory.
    "pairs.json": "compare --arch v1 --bench --runtime fake --save pairs.json",
}


def script(patch: pytest.MonkeyPatch) -> None:
    """Let a scripted runtime stand for real ones."""
    patch.setenv(SCRIPT, json.dumps({"process": 0.002, "noise": 0.002}))
    instead_of_processes(patch)


@pytest.fixture(autouse=True)
def scripted(monkeypatch: pytest.MonkeyPatch) -> None:
    script(monkeypatch)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return what makes a run file, once for all tests."""
    folder = tmp_path_factory.mktemp("runs")

    def make(name: str) -> Path:
        if not (folder / name).exists():
            with pytest.MonkeyPatch.context() as patch:
                patch.chdir(folder)
                script(patch)
                result = in_process(MADE[name].split())
            assert result.status == 0, result.err
        return folder / name

    return make


@pytest.fixture
def run_file(made: Callable[[str], Path], here: Path) -> str:
    """Return a run of V2's and V3-Small's published networks, with the first ones' twins."""
    return shutil.copy(made("run.json"), "run.json")


@pytest.fixture
def pairs_file(made: Callable[[str], Path], here: Path) -> str:
    """Return a run of V1, its twin, their layers and their memory."""
    return shutil.copy(made("pairs.json"), "pairs.json")
