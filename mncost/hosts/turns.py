"""Engines that take turns: one runs at a time, and lets the others go on while it waits."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

from mncost.measure.engine import Tools
from mncost.measure.records import WorkerSpec
from mncost.measure.workers.messages import Message
from mncost.measure.workers.worker import Transport, Worker

__all__ = ["Turn", "launching", "released", "resting", "turns"]

turns = threading.local()
"""Of each thread: the ``turn`` that it takes, and whether it was ``told`` of an interruption."""


class Turn:
    """Whose turn it is: held by the engine that runs, released while it waits."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.stopped = False

    def take(self) -> None:
        """Wait for the turn.

        Raises:
            KeyboardInterrupt: the run was interrupted meanwhile.
        """
        self.lock.acquire()
        if self.stopped and not getattr(turns, "told", False):
            turns.told = True  # once: what it does then is to end its workers
            raise KeyboardInterrupt

    @contextmanager
    def released(self) -> Iterator[None]:
        """Let others go on; without a turn there is nothing to release."""
        self.lock.release()
        try:
            yield
        finally:
            self.take()


@contextmanager
def released() -> Iterator[None]:
    """Release the turn of this thread, if it has one."""
    turn: Turn | None = getattr(turns, "turn", None)
    with turn.released() if turn is not None else nullcontext():
        yield


def launching(tools: Tools) -> Callable[[WorkerSpec, int], Worker]:
    """Return what launches workers of this machine, and lets others go on meanwhile."""

    def launch(spec: WorkerSpec, generation: int) -> Worker:
        with released():
            worker = tools.launch(spec, generation)
        return worker.through(_Released)

    return launch


def resting(rest: Callable[[float], None]) -> Callable[[float], None]:
    """Return what rests, and lets others go on meanwhile."""

    def rest_released(seconds: float) -> None:
        with released():
            rest(seconds)

    return rest_released


class _Released:
    """A transport that lets other engines go on while it waits."""

    def __init__(self, transport: Transport) -> None:
        self.first = transport.first
        self._transport = transport

    def ask(self, message: Message, seconds: float) -> Message:
        with released():
            return self._transport.ask(message, seconds)

    def close(self) -> None:
        self._transport.close()
