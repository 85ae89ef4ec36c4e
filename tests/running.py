"""Running the command line: in this process where that is enough, as a process of its own else."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from unittest import mock

from mncost.cli.main import run

FAMILIES = Path(__file__).parents[1] / "mncost" / "spec" / "families"
OF_THE_TERMINAL = ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TERMINAL_WIDTH")


class Result(NamedTuple):
    """What a call left behind."""

    status: int
    out: str
    err: str


def in_process(arguments: Sequence[str], stdin: bytes = b"") -> Result:
    """Run the command line here, with streams that are no terminal."""
    out, err = _stream(), _stream(errors="backslashreplace")
    with (
        mock.patch.object(sys, "stdout", out),
        mock.patch.object(sys, "stderr", err),
        mock.patch.object(sys, "stdin", _stream(stdin)),
    ):
        status = run(list(arguments))
    return Result(status, _text(out), _text(err))


def as_process(
    arguments: Sequence[str],
    *,
    stdin: bytes = b"",
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> Result:
    """Run ``python -m mncost``, with nothing of the tester's terminal in its environment."""
    done = subprocess.run(
        command(*arguments),
        input=stdin,
        capture_output=True,
        cwd=cwd,
        env=environment(env or {}),
        check=False,
        timeout=300,
    )
    return Result(done.returncode, done.stdout.decode(), done.stderr.decode())


@contextlib.contextmanager
def background(
    arguments: Sequence[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Start ``python -m mncost`` with pipes; it is killed at the end, whatever happens."""
    with subprocess.Popen(
        command(*arguments),
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(env or {}),
        text=True,
        preexec_fn=_heed_signals,  # noqa: PLW1509  the tests have no threads
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def use_state(set_variable: Callable[[str, str], object], folder: Path) -> None:
    """Let mncost keep runs and profiles in this directory, on every system."""
    for name in ("XDG_STATE_HOME", "LOCALAPPDATA"):
        set_variable(name, str(folder))


def _heed_signals() -> None:
    """Let a process be interrupted, though the tests run in the background (``nohup … &``)."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


def wait_until(condition: Callable[[], bool], process: subprocess.Popen[str] | None = None) -> None:
    """Wait for what happens in its own time, as long as the process that does it runs."""
    deadline = time.monotonic() + 300
    while not condition():
        assert process is None or process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "it does not happen"
        time.sleep(0.02)


def command(*arguments: str) -> list[str]:
    """Return the words that start mncost as a process."""
    return [sys.executable, "-m", "mncost", *arguments]


def environment(extra: Mapping[str, str]) -> dict[str, str]:
    """Return this process' environment without what describes the tester's terminal."""
    own = {key: value for key, value in os.environ.items() if key not in OF_THE_TERMINAL}
    return {**own, **extra}


def _stream(content: bytes = b"", errors: str = "strict") -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(content), encoding="utf-8", errors=errors, newline="")


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode()
