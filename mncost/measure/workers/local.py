"""A worker without a process: the same server, called directly, with the fake runtime."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import msgspec

from mncost.measure.runtimes.fake import Fake, Fault, perform
from mncost.measure.workers.messages import Message
from mncost.measure.workers.protocol import (
    Heaviest,
    Hello,
    Profiled,
    Resident,
    Sampled,
    WorkerDied,
    WorkerRefused,
    WorkerSpec,
)
from mncost.measure.workers.serve import Server

__all__ = ["LocalWorker"]

T = TypeVar("T")

_DEATHS = {
    "die": "killed by SIGKILL (out of memory?)",
    "exit": "exited with status 3: the fake runtime gives up",
    "hang": "did not answer within 60 s",
}


class LocalWorker:
    """A :class:`mncost.measure.workers.protocol.Worker`: what would end a process ends only it."""

    def __init__(self, spec: WorkerSpec, runtime: Fake) -> None:
        """Start the runtime.

        Raises:
            WorkerDied: the script says so.
        """
        runtime.fault = _perform
        self._dead: str | None = None
        try:
            self._server = Server(runtime, spec.threads)
        except _Death as death:
            raise WorkerDied(str(death)) from None
        self.hello = msgspec.convert(self._server.hello(list(range(spec.threads))), Hello)

    def load(self, cell: int, file: Path, *, batch: int, provider: str | None) -> Sampled:
        """Load a model and run it: the first run as warm-up, then two more.

        Raises:
            WorkerRefused: the script says so.
            WorkerDied: the script says so.
        """
        return self._ask(
            {"ask": "load", "cell": cell, "file": str(file), "batch": batch, "provider": provider},
            Sampled,
        )

    def burst(self, cell: int | None, *, warmups: int, runs: int) -> Sampled:
        """Run a loaded model (``None``: the reference workload) so many times in a row.

        Raises:
            WorkerRefused: the script says so.
            WorkerDied: the script says so.
        """
        return self._ask({"ask": "burst", "cell": cell, "warmups": warmups, "runs": runs}, Sampled)

    def profile(self, file: Path, *, batch: int, provider: str | None, rounds: int) -> Profiled:
        """Load a model twice, and run it with and without the scripted profiler, in turn.

        Raises:
            WorkerRefused: the script says so.
            WorkerDied: the script says so.
        """
        model = {"file": str(file), "batch": batch, "provider": provider}
        return self._ask({"ask": "profile", **model, "rounds": rounds}, Profiled)

    def heaviest(self, product: Path, *, batch: int, provider: str | None, runs: int) -> Heaviest:
        """Run a matrix product and a copy on the scripted clock.

        Raises:
            WorkerRefused: the script says so.
            WorkerDied: the script says so.
        """
        model = {"file": str(product), "batch": batch, "provider": provider}
        return self._ask({"ask": "heaviest", **model, "runs": runs}, Heaviest)

    def memory(self, file: Path, *, batch: int, provider: str | None, runs: int) -> Resident:
        """Load and run a model, and return scripted memory.

        Raises:
            WorkerRefused: the script says so.
            WorkerDied: the script says so.
        """
        model = {"file": str(file), "batch": batch, "provider": provider}
        return self._ask({"ask": "memory", **model, "runs": runs}, Resident)

    def close(self) -> None:
        """End it."""
        self._dead = self._dead or "closed"

    def _ask(self, request: Message, expected: type[T]) -> T:
        if self._dead:
            raise WorkerDied(self._dead)
        try:
            answer = self._server.answer(request)
        except _Death as death:
            self._dead = str(death)
            raise WorkerDied(self._dead) from None
        if "refused" in answer:
            raise WorkerRefused(answer["refused"])
        return msgspec.convert(answer, expected)


class _Death(BaseException):
    """Gets past the server, which turns exceptions into refusals."""


def _perform(fault: Fault) -> None:
    if fault.do in _DEATHS:
        raise _Death(_DEATHS[fault.do])
    if fault.do != "print":
        perform(fault)
