"""What all tests share: hypothesis profiles, and the command line in process and out of it."""

from __future__ import annotations

import atexit
import itertools
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

from tests.running import OF_THE_TERMINAL, Result, as_process, in_process, use_state

# With CI set, every run tries the same examples. The time of one example is nobody's promise.
settings.register_profile("ci", derandomize=True, deadline=None, database=None)
settings.register_profile("dev", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


# Runs and profiles that no test names a file for are kept in directories of the tests, not in the
# user's: fixtures of a module or a session keep theirs here, and each test has a directory below.
_STATES = Path(tempfile.mkdtemp(prefix="mncost-state-"))
_numbers = itertools.count()
use_state(os.environ.__setitem__, _STATES)
atexit.register(shutil.rmtree, _STATES, ignore_errors=True)

# Tests that use ONNX Runtime themselves send nothing either; what mncost does, test_silence sees.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"


@pytest.fixture(autouse=True)
def _own_state(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no test see what another one has kept, nor the tester's terminal."""
    use_state(monkeypatch.setenv, _STATES / str(next(_numbers)))
    for name in OF_THE_TERMINAL:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def run_cli() -> Callable[..., Result]:
    """Run the command line in process: words in; status, output and errors out."""
    return in_process


@pytest.fixture
def run_process() -> Callable[..., Result]:
    """Run the command line as a process of its own."""
    return as_process


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty directory, which is the current one during the test."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def prepared_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with runs and a budget file, made once; `state` beside it has a profile.

    Both are to be copied.
    """
    pytest.importorskip("scipy")
    from tests.measure.scripted import instead_of_processes
    from tests.options import prepare

    folder = tmp_path_factory.mktemp("prepared")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        use_state(patch.setenv, folder / "state")
        instead_of_processes(patch)
        prepare(folder)
    return folder


@pytest.fixture
def processes() -> None:
    """Ask for real workers, where a file's tests otherwise start none and let no time pass."""
