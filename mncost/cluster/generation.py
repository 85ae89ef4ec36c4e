"""One generation of one machine, measured in a process of its own beside the Dask worker.

``python -m mncost.cluster.generation`` reads a :class:`Request` in one line and writes a run. When
its standard input ends, it ends: the worker is gone, or nobody wants the generation any more.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from contextlib import closing
from typing import TypeVar

import msgspec
from msgspec import Struct, structs

from mncost.cluster.tasks import beside_the_worker
from mncost.errors import InputError, one_line
from mncost.measure.bursts import decoded, encodable
from mncost.measure.machine import machine
from mncost.measure.records import Machine, Run
from mncost.runs.carry_out import carry_out

__all__ = ["Answer", "Request", "decode", "encode"]

T = TypeVar("T", "Request", "Answer")

LOCK_SECONDS = 600.0  # that a generation waits for another user of the machine


class Request(Struct, frozen=True):
    """What is measured.

    Attributes:
        run: a run without processes; its options hold for one generation.
        host: whose cells are measured.
        generation: its number.
    """

    run: Run
    host: str
    generation: int


class Answer(Struct, frozen=True):
    """What came of it: a run of one generation on a machine, or why it could not be measured.

    Attributes:
        machine: what it was measured on.
        run: of one generation.
        unable: why there is none.
        holder: for whom it waited, who measured there.
        waited: how many seconds.
    """

    machine: Machine
    run: Run | None = None
    unable: str = ""
    holder: str = ""
    waited: float = 0.0


def encode(message: Request | Answer) -> bytes:
    """Return a message as bytes."""
    return msgspec.json.encode(message, enc_hook=encodable)


def decode(data: bytes, kind: type[T]) -> T:
    """Read a message.

    Raises:
        msgspec.ValidationError: it is none.
    """
    return msgspec.json.decode(data, type=kind, dec_hook=decoded)


def main() -> None:
    """Measure what is asked for on the standard input."""
    request = decode(sys.stdin.buffer.readline(), Request)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever else writes to the standard output
    threading.Thread(target=_end_with_the_input, daemon=True).start()
    with beside_the_worker():
        answer = _measured(request)
    answers.write(encode(answer))
    answers.close()


def _measured(request: Request) -> Answer:
    """Measure a generation while nobody else measures on this machine."""
    from mncost.hosts.agent import Agent
    from mncost.hosts.host import who
    from mncost.hosts.model_cache import ModelCache

    with closing(Agent(ModelCache())) as agent:
        begun, holder = time.monotonic(), ""
        while "measuring" in (answer := agent.do_lock(who())):
            holder = one_line(str(answer["measuring"]))
            if time.monotonic() > begun + LOCK_SECONDS:
                return Answer(machine(), unable=f"{holder} measures there")
            time.sleep(0.2)
        waited = time.monotonic() - begun
        return structs.replace(_alone(request), holder=holder, waited=waited)


def _alone(request: Request) -> Answer:
    run, seen = request.run, machine()
    try:
        carry_out(
            run,
            undecided=lambda run, share, last: (),  # one generation is enough
            host=request.host,
            generation=request.generation,
        )
    except InputError as error:
        return Answer(seen, unable=str(error))
    run.conditions = [structs.replace(one, host=request.host) for one in run.conditions]
    return Answer(seen, run)


def _end_with_the_input() -> None:
    while os.read(0, 1 << 16):
        pass
    os.kill(os.getpid(), signal.SIGTERM)  # as Ctrl-C does: its workers are ended


if __name__ == "__main__":
    main()
