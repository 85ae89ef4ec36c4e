"""A worker as the engine sees it: asked by messages over a transport.

The transport is a pipe to a process (:mod:`mncost.measure.workers.child`) or the worker's program
called directly (:mod:`mncost.measure.workers.local`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, TypeVar

import msgspec

from mncost.measure.cell import WorkerSpec
from mncost.measure.workers.messages import (
    Hello,
    LoadModel,
    Message,
    Request,
    RunBurst,
    WorkerDied,
    WorkerRefused,
    encoded,
)

__all__ = ["Ahead", "Transport", "Worker", "WorkerDied", "WorkerRefused", "WorkerSpec", "answer_of"]

A = TypeVar("A")

BURST_SECONDS, BURST_TIMES = 60.0, 20  # a burst hangs after that, or that many times its time
_REFERENCE_NS = 100_000_000


class Transport(Protocol):
    """Carries messages to a worker and back."""

    first: Message
    """What the worker said first: its :class:`Hello`."""

    def ask(self, message: Message, seconds: float) -> Message:
        """Send a message and return the answer.

        Raises:
            WorkerDied: the worker ended, or took longer than ``seconds``.
        """

    def close(self) -> None:
        """End the worker and wait until it is gone. Never raises."""


class Ahead(NamedTuple):
    """A request of a round that another host is sent as a whole.

    Attributes:
        transport: to its worker.
        message: the request.
        seconds: after which it hangs.
        rest: seconds to wait before it.
    """

    transport: Transport
    message: Message
    seconds: float
    rest: float


class Worker:
    """One process with one runtime at one thread count."""

    def __init__(self, transport: Transport, load_seconds: float = 300.0) -> None:
        """Take a worker that has said hello; a request that loads has ``load_seconds``."""
        self.hello = msgspec.convert(transport.first, Hello)
        self._transport = transport
        self._load_seconds = load_seconds
        self._run_ns: dict[int | None, int] = {None: _REFERENCE_NS}

    def ask(self, request: Request[A]) -> A:
        """Ask for something.

        Raises:
            WorkerRefused: it cannot be loaded or run, e.g. for lack of memory.
            WorkerDied: the worker ended, or took too long.
        """
        answer = answer_of(self._transport, request, self._seconds(request))
        if isinstance(request, LoadModel):
            self._run_ns[request.cell] = max(answer.ns, default=0)  # type: ignore[attr-defined]
        return answer

    def close(self) -> None:
        """End it; wait until it is gone. Never raises."""
        self._transport.close()

    def ahead(self, request: RunBurst, rest: float) -> Ahead:
        """Return a request that is sent before it is asked for."""
        return Ahead(self._transport, encoded(request), self._seconds(request), rest)

    def through(self, wrap: Callable[[Transport], Transport]) -> Worker:
        """Put another transport before its own; return the worker."""
        self._transport = wrap(self._transport)
        return self

    def _seconds(self, request: Request[Any]) -> float:
        """Return after how long a request hangs; that of a burst follows from earlier runs."""
        if not isinstance(request, RunBurst):
            return self._load_seconds
        expected = (request.warmups + request.runs) * self._run_ns.get(request.cell, 0) / 1e9
        return max(BURST_SECONDS, BURST_TIMES * expected)


def answer_of(transport: Transport, request: Request[A], seconds: float) -> A:
    """Send a request over a transport and return its answer.

    Raises:
        WorkerRefused: the answer is that it cannot be done.
        WorkerDied: as :meth:`Transport.ask`, or the answer cannot be read; the worker is closed.
    """
    message = transport.ask(encoded(request), seconds)
    if "refused" in message:
        raise WorkerRefused(message["refused"])
    try:
        answer: A = msgspec.convert(message, request.answer)
    except msgspec.ValidationError as error:
        transport.close()
        raise WorkerDied(f"answered no {request.answer.__name__}: {error}") from None
    return answer
