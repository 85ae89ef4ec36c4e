"""Temporary files: removed in the end, or by the next run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from mncost.measure.ceilings import PRODUCT as GRAPH
from mncost.measure.scratch import scratch_directory
from mncost.measure.workers.builder import Builder
from mncost.measure.workers.prepare import Recipe

pytestmark = pytest.mark.skipif(os.name != "posix", reason="locks of POSIX")

PROGRAM = """
import sys, time
from mncost.measure.scratch import scratch_directory
with scratch_directory() as path:
    (path / "model").mkdir()
    (path / "model" / "weights").write_bytes(b"0" * 1000)
    print(path, flush=True)
    time.sleep(600)
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory for temporary files that other tests and programs do not share."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def other_run() -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Another process with such a directory."""
    command = [sys.executable, "-c", PROGRAM]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process, Path(process.stdout.readline().strip())
        finally:
            process.kill()


def test_it_is_removed_in_the_end(temporary: Path) -> None:
    with scratch_directory() as path:
        (path / "model").touch()
        assert path.parent == temporary
    assert list(temporary.iterdir()) == []


def test_that_of_a_run_that_is_under_way_stays(
    other_run: tuple[subprocess.Popen[str], Path],
) -> None:
    _, theirs = other_run
    with scratch_directory() as path:
        assert path != theirs
    assert (theirs / "model" / "weights").stat().st_size == 1000


def test_that_of_a_killed_run_is_removed(other_run: tuple[subprocess.Popen[str], Path]) -> None:
    process, theirs = other_run
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert theirs.exists()
    with scratch_directory() as path:
        assert not theirs.exists()
        assert path.exists()


def test_what_is_not_ours_stays(temporary: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A directory without our lock, and whatever a link leads to."""
    (temporary / "mncost-notes").mkdir()
    (temporary / "mncost-file").touch()
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "lock").touch()
    (temporary / "mncost-link").symlink_to(elsewhere)
    (temporary / "mncost-linked-lock").mkdir()
    (temporary / "mncost-linked-lock" / "lock").symlink_to(elsewhere / "lock")
    before = set(temporary.iterdir())
    with scratch_directory():
        pass
    assert set(temporary.iterdir()) == before
    assert (elsewhere / "lock").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="reads a process' environment")
def test_a_builders_temporary_files_are_in_it() -> None:
    """Those of quantising have tens of megabytes, and stay if the builder is killed."""
    with scratch_directory() as path:
        builder = Builder(path)
        try:
            builder.prepare(
                Recipe(GRAPH, GRAPH.images(1), format="fake", precision="fp32", seed=0),
                path / "model",
            )
            (child,) = psutil.Process().children()
            assert child.environ()["TMPDIR"] == str(path)
        finally:
            builder.close()
