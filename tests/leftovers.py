"""Whatever tests start ends with them: processes that are left over are named and killed.

All of them inherit a mark in their environment that names the pytest process which started them.
Linux only: elsewhere nothing is looked for.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_MARK = "MNCOST_TESTS"
_PROC = Path("/proc")
_GRACE = 30.0  # seconds for what is just ending: it has been told to, or its parent has died


class Leftover(NamedTuple):
    """A process that outlives the tests which started it."""

    pid: int
    command: str
    test: str


def mark() -> None:
    """Mark whatever this process starts from now on, and end what a killed pytest has left."""
    for pid, owner in list(_marked()):
        if _namespace() == owner.partition(" ")[2] and not _alive(int(owner.split()[0])):
            _kill(pid)
    os.environ[_MARK] = _own()


def leftovers() -> list[Leftover]:
    """Return what this process' tests have started and what does not end within some seconds."""
    deadline = time.monotonic() + _GRACE
    while (left := [pid for pid, owner in _marked() if owner == _own() and not _tracks(pid)]) and (
        time.monotonic() < deadline
    ):
        time.sleep(0.05)
    return [
        Leftover(pid, _words(pid), _environment(pid).get("PYTEST_CURRENT_TEST", "?"))
        for pid in left
    ]


def kill(left: list[Leftover]) -> None:
    """End these processes at once."""
    for process in left:
        _kill(process.pid)


def _own() -> str:
    return f"{os.getpid()} {_namespace()}"


def _namespace() -> str:
    """Return what tells the process ids of one container from those of another."""
    try:
        return str((_PROC / "self/ns/pid").readlink())
    except OSError:
        return ""


def _marked() -> Iterator[tuple[int, str]]:
    """Yield the id of each process with a mark, and the mark."""
    for folder in _PROC.glob("[0-9]*"):
        if owner := _environment(int(folder.name)).get(_MARK):
            yield int(folder.name), owner


def _environment(pid: int) -> dict[str, str]:
    """Return the environment that a process was started with; {} of a zombie or a stranger."""
    try:
        text = (_PROC / str(pid) / "environ").read_bytes()
    except OSError:
        return {}
    words = (os.fsdecode(word).partition("=") for word in text.split(b"\0"))
    return {name: value for name, _, value in words}


def _tracks(pid: int) -> bool:
    """Whether it is Python's own process that ends with the one that used multiprocessing."""
    return "from multiprocessing.resource_tracker import main" in _words(pid)


def _words(pid: int) -> str:
    try:
        return os.fsdecode((_PROC / str(pid) / "cmdline").read_bytes()).replace("\0", " ").strip()
    except OSError:
        return "?"


def _alive(pid: int) -> bool:
    return (_PROC / str(pid)).exists()


def _kill(pid: int) -> None:
    with contextlib.suppress(OSError):  # it has ended by itself
        os.kill(pid, signal.SIGKILL)
