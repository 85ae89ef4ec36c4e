"""A connection to a host: the user's own ``ssh``, and the agent at its other end."""

from __future__ import annotations

import io
import json
import os
import shlex
import zipfile
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import cache
from pathlib import Path
from typing import Any

from mncost.errors import MeasureError, one_line
from mncost.hosts.file import HostEntry
from mncost.measure.workers.child import Patience, Program, json_object
from mncost.measure.workers.messages import Message, WorkerDied

__all__ = ["Connection", "HostLost"]

OPTIONS = (
    *("-T", "-a", "-x"),  # no terminal, no agent forwarding, no X11
    *("-o", "BatchMode=yes", "-o", "ClearAllForwardings=yes", "-o", "PermitLocalCommand=no"),
    *("-o", "ConnectTimeout=20", "-o", "ServerAliveInterval=10", "-o", "ServerAliveCountMax=3"),
)
CONNECT_SECONDS = 90.0
_LONGEST_ANSWER, _PART = 2**26, 2**18  # bytes
_PACKAGE = Path(__file__).parents[1]
_STAYS = {"cli", "tables", "pictures", "page", "space", "budget", "choose", "predict", "results"}
_STAYS |= {"published", "witnesses", "pruning"}  # nothing of these runs in a worker

# Reads the source that is sent and starts the agent. It has no quotes but double ones, so that
# every shell takes it between single ones.
_BOOTSTRAP = """
import sys
if sys.version_info < (3, 9):
    said = "{{\\"python\\": \\"%d.%d\\", \\"least\\": \\"3.9\\"}}\\n"
    sys.stdout.write(said % sys.version_info[:2])
    sys.exit()
import io, tempfile, zipfile
sent = io.BytesIO(sys.stdin.buffer.read(int(sys.stdin.buffer.readline())))
folder = tempfile.mkdtemp(prefix="mncost-")
zipfile.ZipFile(sent).extractall(folder)
package = sys.modules["mncost"] = type(sys)("mncost")
package.__path__ = [folder + "/mncost"]
from mncost.hosts.agent import main
main(folder, "{pinning}")
"""


class HostLost(MeasureError):
    """A host cannot be reached, or is gone; the message is the reason, with its name."""


class Connection(Program):
    """Carries requests to the agent of a host and its answers back."""

    def __init__(
        self,
        entry: HostEntry,
        released: Callable[[], AbstractContextManager[Any]] = nullcontext,
    ) -> None:
        """Connect and start the agent.

        Args:
            entry: the host.
            released: entered while this waits, so that others can go on meanwhile.

        Raises:
            HostLost: it cannot be reached, or has no such interpreter.
        """
        self.entry = entry
        self._gone = ""  # why, once it is
        self._released = released
        command = ["ssh", *OPTIONS, "--", entry.destination, _command(entry)]
        try:
            super().__init__("ssh", command, os.environ)
        except MeasureError as error:
            raise HostLost(f"{entry.name}: {error}") from None
        self._name = f"{entry.name}: {entry.python}"
        try:
            with suppress(WorkerDied):  # an interpreter that is too old answers, and reads nothing
                self._write(_source())
            with released():
                self.first = self._first(CONNECT_SECONDS)
        except WorkerDied as error:
            raise self._lost(error) from None
        except HostLost:
            raise
        except MeasureError as error:
            self.close()
            raise HostLost(str(error)) from None
        if "unable" in self.first:
            self.close()
            raise HostLost(f"{entry.name}: {one_line(str(self.first['unable']))}")

    def send(self, request: Message, file: Path | None = None) -> None:
        """Send a request, and the file that follows it.

        Raises:
            HostLost: the connection is gone.
        """
        if self._gone:
            raise HostLost(self._gone)
        try:
            self._write(json.dumps(request).encode() + b"\n")
            if file is not None:
                with file.open("rb") as stream:
                    while part := stream.read(_PART):
                        self._write(part)
        except WorkerDied as error:
            raise self._lost(error) from None

    def receive(self, seconds: float) -> Message:
        """Return the next answer.

        Raises:
            HostLost: the connection is gone, or it is no answer.
        """
        if self._gone:
            raise HostLost(self._gone)
        try:
            with self._released():
                text = self._line(Patience(seconds), _LONGEST_ANSWER)
            answer = json_object(text)
            if answer is None:
                raise WorkerDied("answered no JSON object")
        except WorkerDied as error:
            raise self._lost(error) from None
        return answer

    def request(self, request: Message, seconds: float = 60.0, file: Path | None = None) -> Message:
        """Send a request and return its answer.

        Raises:
            HostLost: the connection is gone, or the host cannot do it.
        """
        self.send(request, file)
        answer = self.receive(seconds)
        if "unable" in answer:
            raise self._lost(WorkerDied(str(answer["unable"])))
        return answer

    def _write(self, data: bytes) -> None:
        assert self._process.stdin is not None
        try:
            with self._released():
                self._process.stdin.write(data)
                self._process.stdin.flush()
        except (OSError, ValueError):
            raise WorkerDied(self._death()) from None

    def _lost(self, error: WorkerDied) -> HostLost:
        """Close it, and return the error that says why it is gone."""
        words = str(error).replace("exited with status 255: ", "")
        return self.give_up(words)

    def give_up(self, words: str) -> HostLost:
        """Close it, and return the error that says why it is gone, now and later."""
        self.close()
        self._gone = self._gone or one_line(f"{self.entry.name}: {words}")
        return HostLost(self._gone)


def _command(entry: HostEntry) -> str:
    """Return what the shell of the host runs."""
    pinning = ",".join(map(str, entry.pinning or ()))
    python = entry.python
    home = "~/" if python.startswith("~/") else ""  # the shell there knows it
    program = f"{home}{shlex.quote(python[len(home) :])}"
    variables = [f"{name}={shlex.quote(value)}" for name, value in entry.environment.items()]
    return " ".join(
        ["exec env", *variables, program, "-c", shlex.quote(_BOOTSTRAP.format(pinning=pinning))]
    )


@cache
def _source() -> bytes:
    """Return the source of this package, packed, after a line with its length."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted(_PACKAGE.rglob("*.py")):
            if path.relative_to(_PACKAGE).parts[0] in _STAYS:
                continue
            file.write(path, Path("mncost", path.relative_to(_PACKAGE)))
    data = packed.getvalue()
    return b"%d\n%b" % (len(data), data)
