"""Exit statuses that are nobody's fault but ours, and those of the shell's completion."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.running import as_process, command, environment, in_process


def _fails() -> None:
    raise RuntimeError("first line\nsecond line")


def test_an_error_of_ours_has_a_status_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """1 would say that a check failed."""
    monkeypatch.setattr("mncost.cli.schema.schema", _fails)
    status, out, err = in_process(["schema"])
    assert (status, out, err.count("\n")) == (70, "", 1)
    assert "RuntimeError" in err
    assert "--traceback" in err
    asked = in_process(["schema", "--traceback"])
    assert asked.status == 70
    assert "in _fails" in asked.err


def test_no_more_threads_is_no_error_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("mncost.cli.schema.schema", refuse)
    said = "mncost: no more threads can be started: the system allows no more\n"
    assert in_process(["schema"]) == (2, "", said)


@pytest.mark.parametrize(
    ("raised", "status", "said"),
    [
        ("SystemError('x') from MemoryError()", 2, "mncost: not enough memory\n"),
        ("ValueError('a\\nb')", 70, "mncost: an error of mncost itself: ValueError: a b\n"),
    ],
)
def test_an_error_while_an_error_is_told(raised: str, status: int, said: str) -> None:
    """With hardly any memory, the interpreter cannot even import what would say so."""
    code = (
        "import sys, importlib\nfrom mncost.cli import main\n"
        f"def run(words):\n    raise {raised}\n"
        "importlib.import_module('mncost.cli.main').run = run\nmain()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (status, "", said)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_shown_and_installed(shell: str, tmp_path: Path) -> None:
    # Else typer looks for the shell among the parents of this process: a test runner has none.
    named = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    home = {"HOME": str(tmp_path), **named}
    shown = as_process(["--show-completion", shell], env=home)
    assert (shown.status, shown.err) == (0, "")
    assert "_MNCOST_COMPLETE" in shown.out
    installed = as_process(["--install-completion", shell], env=home)
    assert (installed.status, installed.err) == (0, "")
    assert any(path.is_file() for path in tmp_path.rglob("*mncost*"))


def test_what_completion_offers() -> None:
    words = {"_MNCOST_COMPLETE": "complete_bash", "COMP_WORDS": "mncost compa", "COMP_CWORD": "1"}
    done = subprocess.run(
        command(), env=environment(words), capture_output=True, text=True, check=False
    )
    assert "compare" in done.stdout.split()
