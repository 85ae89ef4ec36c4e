"""The worker's program called directly, with the fake runtime: no process, no time passes."""

from __future__ import annotations

from mncost.measure.runtimes.fake import Fake, Fault, perform
from mncost.measure.workers.messages import Message
from mncost.measure.workers.serve import Server
from mncost.measure.workers.worker import Worker, WorkerDied, WorkerSpec

__all__ = ["local_worker"]

_DEATHS = {
    "die": "killed by SIGKILL (out of memory?)",
    "exit": "exited with status 3: the fake runtime gives up",
    "hang": "did not answer within 60 s",
}


def local_worker(spec: WorkerSpec, runtime: Fake) -> Worker:
    """Start a worker without a process.

    Raises:
        WorkerDied: the script says so.
    """
    return Worker(_Local(spec, runtime))


class _Local:
    """A transport; what would end the process ends only this."""

    def __init__(self, spec: WorkerSpec, runtime: Fake) -> None:
        runtime.fault = _perform
        self._dead = ""
        try:
            self._server = Server(runtime, spec.threads)
        except _Death as death:
            raise WorkerDied(str(death)) from None
        except Exception as error:  # as a process it would end, with this as its last word
            raise WorkerDied(f"exited with status 1: {error}") from None
        self.first = self._server.hello(list(range(spec.threads)))

    def ask(self, message: Message, seconds: float) -> Message:
        if not self._dead:
            try:
                return self._server.answer(message)
            except _Death as death:
                self._dead = str(death)
        raise WorkerDied(self._dead)

    def close(self) -> None:
        self._dead = self._dead or "closed"


class _Death(BaseException):
    """Gets past the server, which turns exceptions into refusals."""


def _perform(fault: Fault) -> None:
    if fault.do in _DEATHS:
        raise _Death(_DEATHS[fault.do])
    if fault.do != "print":
        perform(fault)
