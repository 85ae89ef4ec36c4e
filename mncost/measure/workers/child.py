"""A child process that answers one JSON object a line with another, and how it fails."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from mncost.errors import MeasureError, one_line
from mncost.measure.workers.messages import Message
from mncost.measure.workers.protocol import WorkerDied, WorkerRefused

__all__ = ["Child"]

_PACKAGE = Path(__file__).parents[2]

# Makes this very package importable in whatever interpreter, and nothing else of ours.
_BOOTSTRAP = """
import sys
if sys.version_info < (3, 11):
    sys.stdout.write('{"python": "%d.%d"}\\n' % sys.version_info[:2])
    sys.exit()
sys.path = [path for path in sys.path if path]
from importlib.util import module_from_spec, spec_from_file_location
spec = spec_from_file_location(
    "mncost", sys.argv[1] + "/__init__.py", submodule_search_locations=[sys.argv[1]])
package = sys.modules["mncost"] = module_from_spec(spec)
spec.loader.exec_module(package)
from mncost.measure.workers.serve import main
main(*sys.argv[2:])
"""
_TAIL = 4096  # bytes of what it complained that are read


class Child:
    """A process that runs :mod:`mncost.measure.workers.serve`; :meth:`close` it in the end.

    ``first`` is what it said first.
    """

    def __init__(
        self,
        python: str | None,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        seconds: float,
    ) -> None:
        """Start it, in another interpreter if there is one given, and wait until it speaks.

        Raises:
            MeasureError: the interpreter cannot be used.
            WorkerDied: it ended, or said nothing in time.
        """
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115  close() closes it
        try:
            self._process = subprocess.Popen(
                [python or sys.executable, "-c", _BOOTSTRAP, str(_PACKAGE), *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._stderr,
                env=_environment(python) | dict(environment or {}),
                process_group=0,  # Ctrl-C is its parent's business
            )
        except OSError as error:
            self._stderr.close()
            raise MeasureError(
                f"the interpreter {python or sys.executable} cannot be used: {error.strerror}"
            ) from None
        try:
            self.first = self._first(python, seconds)
            self._rest()
        except BaseException:
            self.close()
            raise

    def ask(self, request: Message, *, seconds: float) -> Message:
        """Send a request and wait for its answer.

        Raises:
            WorkerRefused: the answer is that it cannot.
            WorkerDied: it ended, or said nothing in time; it is gone.
        """
        if self._stderr.closed:
            raise WorkerDied("has ended before")
        try:
            self._signal("SIGCONT")
            answer = self._exchange(json.dumps(request) + "\n", seconds)
            self._rest()
        except BaseException:  # also Ctrl-C: it is in the middle of something
            self.close()
            raise
        if "refused" in answer:
            raise WorkerRefused(answer["refused"])
        return answer

    def close(self) -> None:
        """End it and all of its children; it has nothing to lose."""
        self._kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._stderr):
            with suppress(OSError):  # what it never read cannot be flushed
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
        text = self._read(seconds)
        try:
            answer: Message = json.loads(text)
        except ValueError:
            raise WorkerDied(f"answered no JSON: {_shortened(text)}") from None
        return answer

    def _first(self, python: str | None, seconds: float) -> Message:
        """Return its first message; what sitecustomize and the like print before it is skipped."""
        while True:
            text = self._read(seconds)
            try:
                message = json.loads(text)
            except ValueError:
                continue
            if isinstance(message, dict):
                break
        if "python" in message:
            raise MeasureError(
                f"the interpreter {python} is Python {message['python']}: 3.11 or newer is accepted"
            )
        return message

    def _read(self, seconds: float) -> bytes:
        """Read a line; kill the process if there is none in time."""
        assert self._process.stdout is not None
        late = threading.Event()

        def kill() -> None:
            late.set()
            self._kill()

        timer = threading.Timer(seconds, kill)
        timer.daemon = True
        timer.start()
        try:
            text = self._process.stdout.readline()
        finally:
            timer.cancel()
        if text:
            return text
        raise WorkerDied(
            f"did not answer within {seconds:.0f} s" if late.is_set() else self._death()
        )

    def _rest(self) -> None:
        """Stop it until it is asked again, where there are such signals.

        Threads wait actively for a while after a run, and would do so on the cores of the worker
        that is asked next: with two threads that can double its time.
        """
        self._signal("SIGSTOP")

    def _kill(self) -> None:
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
        status = self._process.wait()
        if status == -9:
            return "killed by SIGKILL (out of memory?)"
        how = f"killed by {_signal_name(-status)}" if status < 0 else f"exited with status {status}"
        complaint = self._last_words()
        return f"{how}: {complaint}" if complaint else how

    def _last_words(self) -> str:
        """Return the last line that it wrote to its standard error."""
        size = self._stderr.seek(0, os.SEEK_END)
        self._stderr.seek(max(0, size - _TAIL))
        lines = [line for line in self._stderr.read().splitlines() if line.strip()]
        return _shortened(lines[-1]) if lines else ""


def _environment(python: str | None) -> dict[str, str]:
    """Return ours; another interpreter must not find this one's packages through it."""
    left_out = {"PYTHONPATH", "PYTHONHOME"} if python else set()
    return {name: value for name, value in os.environ.items() if name not in left_out}


def _shortened(text: bytes) -> str:
    return one_line(text.decode(errors="replace").strip())[:200]


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
