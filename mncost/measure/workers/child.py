"""A process that answers one JSON object a line with another, and how it fails.

This also runs on other hosts: it needs the standard library of Python 3.9 only.
"""

from __future__ import annotations

import errno
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from mncost.errors import MeasureError, one_line
from mncost.measure.workers.messages import Message, WorkerDied

__all__ = ["START_SECONDS", "Child", "Patience", "Program", "json_object"]

START_SECONDS = 300.0  # on a busy machine a runtime takes more than a minute to be imported

_PACKAGE = Path(__file__).parents[2]

# Makes this package importable in any interpreter, and none of the packages installed beside it.
_BOOTSTRAP = """
import sys
if sys.version_info < (3, 9):
    sys.stdout.write('{"python": "%d.%d", "least": "3.9"}\\n' % sys.version_info[:2])
    sys.exit()
sys.path = [path for path in sys.path if path]
package = sys.modules["mncost"] = type(sys)("mncost")
package.__path__ = [sys.argv[1]]
from mncost.measure.workers.serve import main
main(*sys.argv[2:])
"""
_NEW_SESSION = {"start_new_session": True}  # Python 3.9 has no process groups of its own
_TAIL = 4096  # bytes at the end of its standard error that are read
_LONGEST_NOISE, _LONGEST_ANSWER = 2**16, 2**28  # bytes
_SLICE, _GRACE = 1.0, 10.0  # seconds


class Program:
    """A process that is asked by lines; :meth:`close` it in the end.

    It is a :class:`mncost.measure.workers.worker.Transport`.
    """

    first: Message

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start it.

        Args:
            name: what messages call it, e.g. ``the interpreter /usr/bin/python3``.
            command: the program and its arguments.
            environment: its variables.

        Raises:
            MeasureError: it cannot be started.
        """
        self._name = name
        self._unread = b""
        self._may_rest = False
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115  close() closes it
        # Ctrl-C is for the parent, which then ends the child.
        apart: Any = {"process_group": 0} if sys.version_info >= (3, 11) else _NEW_SESSION
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._stderr,
                env=environment,
                **apart,
            )
        except OSError as error:
            self._stderr.close()
            raise MeasureError(_not_started(name, error)) from None

    def ask(self, message: Message, seconds: float) -> Message:
        """Send a message and wait for the answer.

        Raises:
            WorkerDied: it ended, or did not answer in time; it is gone.
        """
        if self._stderr.closed:
            raise WorkerDied("has ended before")
        try:
            self._signal("SIGCONT")
            answer = self._exchange(json.dumps(message) + "\n", seconds)
            self._rest()
        except BaseException:  # also Ctrl-C, after which its answer would be read as the next one
            self.close()
            raise
        return answer

    def close(self) -> None:
        """Kill it and all of its children: it holds nothing that is needed later."""
        self.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._stderr):
            with suppress(OSError):  # a request that it did not read cannot be flushed
                if stream:
                    stream.close()

    def _exchange(self, line: str, seconds: float) -> Message:
        """Write a line and read one."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line.encode())
            self._process.stdin.flush()
        except (OSError, ValueError):
            raise WorkerDied(self._death()) from None
        text = self._line(Patience(seconds), _LONGEST_ANSWER)
        answer = json_object(text)
        if answer is None:
            raise WorkerDied(f"answered no JSON object: {_shortened(text)}")
        return answer

    def _first(self, seconds: float) -> Message:
        """Return its first message; what sitecustomize and the like print before is skipped."""
        noise, patience = 0, Patience(seconds)
        while True:
            text = self._line(patience, _LONGEST_NOISE - noise)
            noise += len(text) + 1
            message = json_object(text)
            if message is not None:
                break
        if "least" in message:
            least = f"{message['least']} or newer is accepted"
            raise MeasureError(f"{self._name} is Python {message['python']}: {least}")
        return message

    def _line(self, patience: Patience, longest: int) -> bytes:
        """Read a line; kill the process if none comes in time, or if it is too long."""
        assert self._process.stdout is not None
        parts, size = [self._unread], len(self._unread)
        while b"\n" not in parts[-1]:
            part = patience.read(self._process.stdout.fileno())
            if part == b"":
                raise WorkerDied(self._death())
            if part is None and patience.left <= 0:
                self.kill()
                raise WorkerDied(f"did not answer within {patience.seconds:.0f} s")
            parts.append(part or b"")
            size += len(parts[-1])
            if size > longest:
                self.kill()
                raise WorkerDied("printed a great deal, and no answer")
        line, _, self._unread = b"".join(parts).partition(b"\n")
        return line

    def _rest(self) -> None:
        """Stop it until it is asked again, where there are such signals.

        Threads wait actively for a while after a run, and would do so on the cores of the worker
        that is asked next: with two threads that can double its time.
        """
        if self._may_rest:
            self._signal("SIGSTOP")

    def kill(self) -> None:
        """Kill it and its children, without waiting."""
        if hasattr(os, "killpg"):
            self._signal("SIGKILL")
        else:
            self._process.kill()

    def _signal(self, name: str) -> None:
        """Send a signal to it and its children, if it lives and the platform has that signal."""
        if hasattr(os, "killpg") and self._process.poll() is None:
            with suppress(ProcessLookupError, PermissionError):  # it is about to be gone
                os.killpg(self._process.pid, signal.Signals[name])

    def _death(self) -> str:
        """Say how it ended."""
        try:
            status = self._process.wait(timeout=_GRACE)
        except subprocess.TimeoutExpired:
            self.kill()
            return "closed its standard output"
        if status == -9:
            return "killed by SIGKILL (out of memory?)"
        how = f"killed by {_signal_name(-status)}" if status < 0 else f"exited with status {status}"
        last = self._last_words()
        return f"{how}: {last}" if last else how

    def _last_words(self) -> str:
        """Return the last line that it wrote to its standard error."""
        size = self._stderr.seek(0, os.SEEK_END)
        self._stderr.seek(max(0, size - _TAIL))
        lines = [line for line in self._stderr.read().splitlines() if line.strip()]
        return _shortened(lines[-1]) if lines else ""


class Child(Program):
    """A process that runs :mod:`mncost.measure.workers.serve`."""

    def __init__(
        self,
        python: str | None,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        seconds: float,
    ) -> None:
        """Start it, in another interpreter if one is given, and wait for its first message.

        Raises:
            MeasureError: the interpreter cannot be used.
            WorkerDied: it ended, or said nothing in time.
        """
        interpreter = sys.executable if python is None else python
        super().__init__(
            f"the interpreter {interpreter or repr(interpreter)}",
            [interpreter, "-c", _BOOTSTRAP, str(_PACKAGE), str(os.getpid()), *arguments],
            {**_environment(python), **(environment or {})},
        )
        try:
            self.first = self._first(seconds)
            # A child of a wrapper would stay stopped for ever if this process were killed.
            self._may_rest = bool(self.first.get("direct"))
            self._rest()
        except BaseException:
            self.close()
            raise


def json_object(text: bytes) -> Message | None:
    """Return the JSON object that a line is, if it is one."""
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return message if isinstance(message, dict) else None


class Patience:
    """The time that a process has to answer.

    A wait counts as one second at most: no time passes while this process is stopped.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = self.left = seconds

    def read(self, pipe: int) -> bytes | None:
        """Read what is there; ``None`` if nothing came within a second, ``b""`` at the end.

        Windows cannot wait for a pipe: there, a process may take as long as it wants.
        """
        if os.name == "posix":
            began = time.monotonic()
            waiting = select.poll()
            waiting.register(pipe, select.POLLIN)
            ready = waiting.poll(1000 * max(0.0, min(self.left, _SLICE)))
            self.left -= min(time.monotonic() - began, _SLICE)
            if not ready:
                return None
        return os.read(pipe, 2**16)


def _not_started(name: str, error: OSError) -> str:
    """Say why there is no process."""
    if error.errno in (errno.EAGAIN, errno.ENOMEM):
        return f"no more processes can be started: {error.strerror}"
    return f"{name} cannot be used: {error.strerror}"


def _environment(python: str | None) -> dict[str, str]:
    """Return ours; another interpreter must not find this one's packages through it.

    numpy's library makes threads when it is imported, and none is needed.
    """
    left_out = {"PYTHONPATH", "PYTHONHOME"} if python else set()
    ours = {name: value for name, value in os.environ.items() if name not in left_out}
    return {**ours, "OPENBLAS_NUM_THREADS": "1"}


def _shortened(text: bytes) -> str:
    return one_line(text.decode(errors="replace").strip())[:200]


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
