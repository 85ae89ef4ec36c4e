"""Ctrl-C, and too little memory, while libraries are imported; Ctrl-C where it is ignored."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest

from tests.measure.scripted import instead_of_processes
from tests.running import command, environment, in_process

# Interrupts the process when a module is imported, by an audit hook as early as Python allows.
HOOK = """
import os, signal, sys
def hook(event, arguments):
    if event == "import" and arguments[0] == os.environ["AT"]:
        os.environ["AT"] = ""
        {action}
sys.addaudithook(hook)
"""
AS_LIBRARIES_DO = """
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            raise ImportError("import numpy failed") from None
"""


@pytest.fixture(scope="module")
def run_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("run") / "run.json"
    options = ["--runtime", "fake", "--processes", "2", "--max-time", "5s", "-o", str(file)]
    with pytest.MonkeyPatch.context() as patch:
        instead_of_processes(patch)
        assert in_process(["bench", "v1", "--alpha", "0.25", "--no-twin", *options]).status == 0
    return file


def interrupted(
    file: Path, at: str, directory: Path, action: str, *, ignored: bool = False
) -> tuple[int, str]:
    """Run a command that needs scipy; return its status and what it complains."""
    (directory / "sitecustomize.py").write_text(HOOK.format(action=action))
    handler = signal.SIG_IGN if ignored else signal.SIG_DFL
    done = subprocess.run(
        command("show", str(file)),
        env=environment({"PYTHONPATH": str(directory), "AT": at}),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, handler),
        check=False,
        timeout=120,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    "at", ["typer", "mncost.cli.main", "numpy", "scipy.special", "scipy.special._ufuncs"]
)
@pytest.mark.parametrize("action", ["signal.raise_signal(signal.SIGINT)", AS_LIBRARIES_DO])
def test_it_is_quiet_while_modules_are_imported(
    at: str, action: str, run_file: Path, tmp_path: Path
) -> None:
    """Some libraries turn it into an error of theirs; a shell sees 130 if it is by the signal."""
    status, said = interrupted(run_file, at, tmp_path, action)
    assert status in (130, -signal.SIGINT)
    assert said == ""


def test_where_it_is_ignored_it_stays_so(run_file: Path, tmp_path: Path) -> None:
    """As under ``nohup … &``: a run in the background is ended by SIGTERM."""
    action = "signal.raise_signal(signal.SIGINT)"
    status, said = interrupted(run_file, "scipy.special", tmp_path, action, ignored=True)
    assert (status, said) == (0, "")


@pytest.mark.parametrize(
    ("action", "words"),
    [
        ("raise MemoryError", "not enough memory"),
        (
            "raise ImportError('libx.so: failed to map segment from shared object')",
            "a library cannot be loaded: libx.so: failed to map segment from shared object",
        ),
    ],
)
def test_libraries_that_do_not_fit_into_memory_are_one_line(
    action: str, words: str, run_file: Path, tmp_path: Path
) -> None:
    status, said = interrupted(run_file, "scipy.special", tmp_path, action)
    assert (status, said) == (2, f"mncost: {words}\n")
