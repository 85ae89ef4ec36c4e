"""Every command where something is missing: streams, room on the disk, a place for temporary files.

And with names of files that are no UTF-8, or too long. It works, or ends in one true line.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mncost.cli.main import COMMANDS, run
from tests.measure.scripted import instead_of_processes
from tests.options import BASES
from tests.running import in_process, use_state

pytest.importorskip("scipy")
pytestmark = pytest.mark.slow
# What takes longest is left to one condition.
LINES = {
    **{name: BASES[name] for name in COMMANDS if name != "hosts"},  # which connects over ssh
    "bench": "bench --arch large.toml --runtime fake --max-time 0.2s",
    "compare --bench": "compare --arch large.toml --bench --runtime fake --max-time 0.2s",
    "init": "init ci tiny.toml",
}
WRITES = {  # files, and nothing that standard output is needed for
    "export": "net.onnx",
    "plot": "out.svg",
}
SUFFIXES = {
    "export": ".onnx",
    "plot": ".svg",
    "prune": ".toml",
    "search": ".toml",
    "report": ".html",
}


class Full(io.RawIOBase):
    """A disk without room."""

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    def fileno(self) -> int:
        return self._file

    def __init__(self) -> None:
        super().__init__()
        self._file = os.open(os.devnull, os.O_WRONLY)


@pytest.fixture
def folder(prepared_files: Path, here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Go to a copy of the files that commands read."""
    shutil.copytree(prepared_files, here, dirs_exist_ok=True)
    use_state(monkeypatch.setenv, here / "state")
    instead_of_processes(monkeypatch)
    return here


def forget(folder: Path, kept: Path) -> None:
    """Remove what a command has written: ``init`` would not write it again."""
    for path in folder.rglob("*"):
        if path.is_file() and not (kept / path.relative_to(folder)).exists():
            path.unlink()


@contextlib.contextmanager
def streams(**given: Any) -> Iterator[io.StringIO]:
    """Replace some standard streams; yield what standard error gets."""
    err = io.StringIO()
    usual = {
        "stdin": io.TextIOWrapper(io.BytesIO()),
        "stdout": io.TextIOWrapper(io.BytesIO(), encoding="utf-8"),
        "stderr": err,
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, stream in {**usual, **given}.items():
            patch.setattr(sys, name, stream)
        yield err


def complaints(err: io.StringIO | str) -> list[str]:
    """Return what is said to be wrong, without notes, forecasts and progress."""
    text = err if isinstance(err, str) else err.getvalue()
    assert "Traceback" not in text
    return text.splitlines()


@pytest.mark.parametrize("name", LINES)
def test_closed_streams(name: str, folder: Path, prepared_files: Path) -> None:
    words = LINES[name].split()
    for closed in ({"stdin": None}, {"stderr": None}, {"stdin": None, "stderr": None}):
        with streams(**closed) as err:
            assert run(words) in (0, 3), complaints(err)
        forget(folder, prepared_files)
    with streams(stdout=None) as err:
        status = run(words)
    forget(folder, prepared_files)
    assert status in ((0, 2) if name in WRITES else (2,)), complaints(err)
    if status:
        assert complaints(err)[-1] == "mncost: standard output: closed"
    with streams(stdin=None, stdout=None, stderr=None):
        assert run(words) in (0, 2)


@pytest.mark.parametrize("name", LINES)
def test_a_full_disk(name: str, folder: Path) -> None:
    words = LINES[name].split()
    with streams(stdout=io.TextIOWrapper(io.BufferedWriter(Full()), encoding="utf-8")) as err:
        status = run(words)
    assert status in ((0, 2) if name in WRITES else (2,)), complaints(err)
    if status:
        assert "standard output: cannot be written: No space left" in complaints(err)[-1]


@pytest.mark.parametrize("name", LINES)
def test_a_file_that_cannot_be_written(name: str, folder: Path) -> None:
    if name in ("init", "calibrate"):
        return
    words = LINES[name].split()
    suffix = SUFFIXES.get(name, ".txt")
    for output in (f"{'n' * 300}{suffix}", f"nowhere/out{suffix}"):
        done = in_process([*words, "--output", output])
        assert done.status == 2, (output, done)
        assert "Traceback" not in done.err
        assert "name too long" in done.err or "No such file" in done.err, done.err
    odd = os.fsdecode(b"\xff") + suffix
    done = in_process([*words, "--output", odd])
    if name in ("prune", "search"):  # whose network has the name of its file
        assert done.status == 0 or (done.status, "cannot be printed" in done.err) == (2, True)
    else:
        assert (done.status in (0, 3), Path(odd).exists()) == (True, True), done


@pytest.mark.parametrize("name", LINES)
def test_without_a_temporary_directory(
    name: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nowhere() -> str:
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']")

    monkeypatch.setattr(tempfile, "_get_default_tempdir", nowhere)
    monkeypatch.setattr(tempfile, "tempdir", None)
    done = in_process(LINES[name].split())
    assert done.status in (0, 2, 3), done
    if done.status == 2:
        assert "temporary directory" in done.err.splitlines()[-1]
        assert "Traceback" not in done.err
