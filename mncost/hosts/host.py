"""A host as the engine sees it: workers over its connection, models in its cache."""

from __future__ import annotations

import getpass
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import datetime
from hashlib import file_digest, sha256
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from mncost.errors import NotThereError, one_line
from mncost.hosts.connection import Connection, HostLost
from mncost.hosts.file import HostEntry
from mncost.hosts.sending import files_of
from mncost.measure.conditions import Counters, conditions_between
from mncost.measure.quota import Quota
from mncost.measure.records import Conditions, Machine
from mncost.measure.runtimes import runtime_class
from mncost.measure.workers.child import START_SECONDS
from mncost.measure.workers.messages import Message, WorkerDied
from mncost.measure.workers.worker import Ahead, Worker, WorkerSpec

__all__ = ["Host", "Seen", "who"]

_START_SECONDS = START_SECONDS + 30
NETWORK_SECONDS = 60.0  # beside what a worker may take
_COUNTERS = {"stolen_us", "stalled_us", "throttled_us"}


class Seen(NamedTuple):
    """What a host says of itself.

    Attributes:
        machine: its fingerprint.
        python: the version of the interpreter.
        quota: of CPU time.
        runtimes: by name, ``{"version": ...}`` or ``{"missing": [...]}``.
        measuring: who measures there now.
    """

    machine: Machine
    python: str
    quota: Quota | None
    runtimes: Mapping[str, Message]
    measuring: str | None


class Host:
    """A connected host."""

    def __init__(
        self,
        entry: HostEntry,
        released: Callable[[], AbstractContextManager[Any]] = nullcontext,
    ) -> None:
        """Connect.

        Raises:
            HostLost: it cannot be reached.
        """
        self.name, self.entry = entry.name, entry
        self._connection = Connection(entry, released)
        self._numbers = count()
        self._offers: dict[str, Message] = {}
        self._seen: Seen | None = None
        self._folders: dict[Path, str] = {}
        self._waiting: list[tuple[int, Message]] = []  # visits of the round that have no answer yet
        self._answers: dict[int, Message] = {}
        self._in_round = False
        self.gained: Mapping[str, int] = {}
        """What the kernel's counters gained during the last request of a worker."""

    def look(self) -> Seen:
        """Return what the host said of itself when it was asked first.

        Raises:
            HostLost: it is gone, or its answer cannot be read.
        """
        if self._seen is None:
            self._seen = self._look()
        return self._seen

    def _look(self) -> Seen:
        answer = self.request({"do": "look"})
        with self._read():
            limit = answer["quota"]
            return Seen(
                msgspec.convert(answer["facts"], Machine),
                str(self._connection.first["agent"]),
                limit and Quota(*msgspec.convert(limit, tuple[float, float])),
                msgspec.convert(answer["runtimes"], dict[str, dict[str, Any]]),
                msgspec.convert(answer["measuring"], str | None),
            )

    def offer(self, runtime: str) -> Sequence[str | None]:
        """Return the execution providers of a runtime there; it is asked once.

        Raises:
            NotThereError: it is not installed there.
            HostLost: the host is gone.
        """
        if runtime not in self._offers:
            answer = self.request({"do": "offer", "runtime": runtime}, _START_SECONDS)
            self._offers[runtime] = answer.get("offer", {})
        offer = self._offers[runtime]
        python = self.entry.python
        if "least" in offer:
            raise NotThereError(
                f"{self.name}: {runtime} needs Python {one_line(str(offer['least']))}, and "
                f"{python} is {one_line(str(offer.get('python')))}"
            )
        if "missing" in offer:
            packages = " ".join(runtime_class(runtime).distributions)
            raise NotThereError(
                f"{self.name}: {runtime} is not installed there: {python} -m pip install {packages}"
            )
        with self._read():
            return msgspec.convert(offer["providers"], list[str | None])

    def lock(self) -> str | None:
        """Take the lock of those that measure there; return who has it, if it is not free."""
        holder = self.request({"do": "lock", "who": who()}).get("measuring")
        return None if holder is None else one_line(str(holder))

    def launch(self, spec: WorkerSpec, seed: int, quiet: Sequence[int]) -> Worker:
        """Start a worker there.

        Raises:
            WorkerDied: it ended, or lacks a package.
            HostLost: the host is gone.
        """
        number = next(self._numbers)
        answer = self.request(
            {
                **{"do": "start", "worker": number, "runtime": spec.runtime},
                **{"threads": spec.threads, "seed": seed, "quiet": list(quiet)},
            },
            _START_SECONDS,
        )
        if "died" in answer:
            raise WorkerDied(one_line(str(answer["died"])))
        first = answer.get("first")
        if not isinstance(first, dict) or "missing" in first:
            raise WorkerDied(f"{spec.runtime} is not installed there")
        load_seconds = runtime_class(spec.runtime).load_seconds
        with self._read():
            return Worker(_Remote(self, number, first), load_seconds)

    def quiet(self) -> list[int]:
        """Return the quieter CPUs first."""
        with self._read():
            return msgspec.convert(self.request({"do": "quiet"})["quiet"], list[int])

    def observe(self, generation: int) -> Callable[[], Conditions]:
        """Begin to watch the machine, as :func:`mncost.measure.conditions.observe` does here."""
        begin, _ = self._counters()

        def finish() -> Conditions:
            end, mhz = self._counters()
            return msgspec.structs.replace(
                conditions_between(generation, begin, end, mhz), host=self.name
            )

        return finish

    def ahead(self, visits: Sequence[Ahead], seconds: float) -> None:
        """Send the visits of a round, which the agent makes one after the other."""
        self._finish_round()
        remote = [(visit, visit.transport) for visit in visits]
        self._waiting = [
            (there.number, visit.message) for visit, there in remote if isinstance(there, _Remote)
        ]
        self._answers.clear()
        self._in_round = True
        asked = [
            [there.number, visit.message, visit.seconds, visit.rest]
            for visit, there in remote
            if isinstance(there, _Remote)
        ]
        self._connection.send({"do": "round", "visits": asked, "seconds": seconds})

    def ask(self, worker: int, message: Message, seconds: float) -> Message:
        """Return a worker's answer: that of a visit that was sent ahead, or of a request now."""
        if "folder" in message:
            message = {**message, "folder": self._folder(Path(message["folder"]))}
        place = next((n for n, w in enumerate(self._waiting) if w == (worker, message)), None)
        reply = None if place is None else self._visit(place, seconds + NETWORK_SECONDS)
        if reply is None:
            asked = {"do": "ask", "worker": worker, "message": message, "seconds": seconds}
            reply = self.request(asked, seconds + NETWORK_SECONDS)
        if "died" in reply:
            raise WorkerDied(one_line(str(reply["died"])))
        answer, gained = reply.get("answer"), reply.get("gained")
        if not isinstance(answer, dict) or not isinstance(gained, dict) or not _sane(answer):
            raise self.rubbish("no answer of a worker")
        self.gained = {
            name: value
            for name, value in gained.items()
            if name in _COUNTERS and isinstance(value, int) and value >= 0
        }
        return answer

    def end(self, worker: int) -> None:
        """End a worker there, if the host still is."""
        with suppress(HostLost):
            self.request({"do": "close", "worker": worker})

    def request(self, request: Message, seconds: float = 60.0) -> Message:
        """Send a request when the round is over, and return the answer.

        Raises:
            HostLost: the host is gone, or cannot do it.
        """
        self._finish_round()
        return self._connection.request(request, seconds)

    def close(self) -> None:
        """End the agent and the connection. Never raises."""
        self._connection.close()

    def rubbish(self, what: object) -> HostLost:
        """Close the connection, and return the error for an answer that cannot be read."""
        return self._connection.give_up(f"its answer cannot be read: {what}"[:300])

    @contextmanager
    def _read(self) -> Iterator[None]:
        """Close the connection if an answer cannot be read."""
        try:
            yield
        except (KeyError, msgspec.ValidationError) as error:
            raise self.rubbish(error) from None

    def _visit(self, place: int, seconds: float) -> Message | None:
        """Return the answer to a visit of the round; ``None``: the round ended without it."""
        while place not in self._answers and self._in_round:
            self._receive(seconds)
        self._waiting[place] = (-1, {})  # its answer is taken
        return self._answers.pop(place, None)

    def _receive(self, seconds: float) -> None:
        answer = self._connection.receive(seconds)
        if "end" in answer:
            self._in_round = False
        elif isinstance(place := answer.get("visit"), int):
            self._answers[place] = answer
        else:
            raise self.rubbish(answer.get("unable", "no answer of a round"))

    def _finish_round(self) -> None:
        """Wait until the agent has made the visits that were sent."""
        while self._in_round:
            self._receive(NETWORK_SECONDS + 600.0)

    def _folder(self, folder: Path) -> str:
        """Return the folder of a model there; it is sent if the host has not kept it."""
        real = folder.resolve()
        if real not in self._folders:
            self._folders[real] = self._sent(real)
        return self._folders[real]

    def _sent(self, folder: Path) -> str:
        files = files_of(folder)
        model = _content_hash(files)
        sizes = {name: file.stat().st_size for name, file in files.items()}
        there = self.request({"do": "have", "model": model, "files": sizes}).get("folder")
        if there is None:
            for name, file in files.items():
                put = {"do": "put", "model": model, "name": name, "bytes": sizes[name]}
                self._connection.request(put, 600.0, file)
            there = self.request({"do": "keep", "model": model}).get("folder")
        if not isinstance(there, str):
            raise self.rubbish("no folder of a model")
        return there

    def _counters(self) -> tuple[Counters, float | None]:
        answer = self.request({"do": "counters"})
        with self._read():
            values = msgspec.convert(answer["counters"], tuple[float, float, float, Any, Any])
            return Counters(*values), msgspec.convert(answer["mhz"], float | None)


class _Remote:
    """A worker of a host; a :class:`mncost.measure.workers.worker.Transport`."""

    def __init__(self, host: Host, number: int, first: Message) -> None:
        self.host, self.number, self.first = host, number, first

    def ask(self, message: Message, seconds: float) -> Message:
        return self.host.ask(self.number, message, seconds)

    def close(self) -> None:
        self.host.end(self.number)


def who() -> str:
    """Say who measures: what others are told who want to."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError, ImportError):
        user = "somebody"
    return f"{user} of {platform.node() or 'a machine'}, since {datetime.now():%H:%M}"


def _content_hash(files: Mapping[str, Path]) -> str:
    """Return a name for the content of a folder."""
    whole = sha256()
    for name, file in files.items():
        with file.open("rb") as stream:
            whole.update(name.encode() + b"\0" + file_digest(stream, "sha256").digest())
    return whole.hexdigest()


def _sane(answer: Message) -> bool:
    """Whether no time of an answer is below zero, or longer than anybody has waited."""
    times = [value for name, value in answer.items() if name.endswith("ns")]
    if answer.get("ns") == []:
        return False
    numbers = [one for value in times for one in (value if isinstance(value, list) else [value])]
    return all(isinstance(one, int) and 0 <= one < 1 << 60 for one in numbers)
