"""The agent: the one program of mncost on another host, which starts and asks its workers.

Its source travels, so it needs the standard library of Python 3.9 only. It reads one JSON object a
line and answers with one, or with several for a round, and ends when its standard input does.
"""

from __future__ import annotations

import json
import os
import platform
import queue
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import IO, Any

from mncost.errors import MeasureError
from mncost.hosts.model_cache import ModelCache
from mncost.measure.conditions import counters
from mncost.measure.interference import interference
from mncost.measure.locks import try_lock
from mncost.measure.machine import cpu_mhz, facts
from mncost.measure.quota import quota
from mncost.measure.runtime_names import REAL
from mncost.measure.runtimes import runtime_class
from mncost.measure.scratch import remove_left
from mncost.measure.workers.child import START_SECONDS, Child
from mncost.measure.workers.messages import Message, WorkerDied, reason
from mncost.measure.workers.pinning import QUIET_FIRST, quiet_first
from mncost.measure.workers.serve import missing_modules, too_old

__all__ = ["Agent", "main"]

_THREADS = ("OMP", "OPENBLAS", "MKL", "NUMEXPR")


class Agent:
    """The workers of this host, and what it answers."""

    def __init__(self, cache: ModelCache) -> None:
        self.cache = cache
        self._children: dict[int, Child] = {}
        self._interference = interference()
        self._lock: int | None = None

    def answers(self, request: Message) -> Iterator[Message]:
        """Yield the answers to a request; what cannot be done is ``{"unable": why}``."""
        asked = dict(request)
        kind = asked.pop("do")
        try:
            if kind == "round":
                yield from self.round(**asked)
            else:
                yield getattr(self, f"do_{kind}")(**asked)
        except (MeasureError, OSError) as error:
            yield {"unable": reason(error)}

    def round(self, visits: list[Any], seconds: float) -> Iterator[Message]:
        """Visit cells one after the other, without waiting for anybody in between."""
        ends = time.monotonic() + seconds
        for place, (worker, message, patience, rest) in enumerate(visits):
            if time.monotonic() >= ends:
                break
            time.sleep(rest)
            yield {"visit": place, **self.do_ask(worker, message, patience)}
        yield {"end": True}

    def do_ask(self, worker: int, message: Message, seconds: float) -> Message:
        """Pass a request on to a worker."""
        if worker not in self._children:
            return {"died": "has ended before"}
        gained = self._interference()
        try:
            answer = self._children[worker].ask(message, seconds)
        except WorkerDied as error:
            del self._children[worker]
            return {"died": str(error)}
        return {"answer": answer, "gained": gained()}

    def do_start(
        self, worker: int, runtime: str, threads: int, seed: int, quiet: list[int]
    ) -> Message:
        """Start a worker."""
        environment = {f"{library}_NUM_THREADS": str(threads) for library in _THREADS}
        environment["MNCOST_FAKE_SEED"] = str(seed)
        environment[QUIET_FIRST] = ",".join(map(str, quiet))
        words = ("worker", runtime, str(threads))
        try:
            child = Child(None, *words, environment=environment, seconds=START_SECONDS)
        except WorkerDied as error:
            return {"died": str(error)}
        self._children[worker] = child
        return {"first": child.first}

    def do_close(self, worker: int) -> Message:
        """End a worker."""
        child = self._children.pop(worker, None)
        if child is not None:
            child.close()
        return {}

    def do_look(self) -> Message:
        """Describe this host, and the runtimes that its interpreter has."""
        limit = quota()
        return {
            "facts": facts(),
            "quota": limit and list(limit),
            "runtimes": {name: self._runtime(name) for name in REAL},
            "measuring": self._holder(),
        }

    def do_offer(self, runtime: str) -> Message:
        """Return what a runtime offers here: it is imported in a process of its own."""
        if sys.version_info < runtime_class(runtime).least_python:
            return {"offer": too_old(runtime_class(runtime))}
        try:
            child = Child(None, "look", runtime, seconds=START_SECONDS)
        except WorkerDied as error:
            return {"unable": str(error)}
        child.close()
        return {"offer": child.first}

    def do_quiet(self) -> Message:
        """Return the quieter CPUs first."""
        return {"quiet": quiet_first()}

    def do_counters(self) -> Message:
        """Read the counters of the machine."""
        return {"counters": list(counters()), "mhz": cpu_mhz()}

    def do_lock(self, who: str) -> Message:
        """Take the lock of those that measure on this host, or say who has it."""
        if self._lock is not None:
            return {}
        file = _open_lock()
        if not try_lock(file):
            holder = _said(file) or "somebody"
            os.close(file)
            return {"measuring": holder}
        os.ftruncate(file, 0)
        os.pwrite(file, who.encode(), 0)
        self._lock = file
        return {}

    def do_have(self, model: str, files: dict[str, int]) -> Message:
        """Say where a model is, if it is here."""
        return {"folder": self.cache.get(model, files)}

    def do_put(self, error: str = "") -> Message:
        """Answer for a file that has been received."""
        return {"unable": error} if error else {}

    def do_keep(self, model: str) -> Message:
        """Take the received files of a model into the cache."""
        return {"folder": self.cache.keep(model)}

    def kill(self) -> None:
        """Kill every worker, whatever it does; from any thread."""
        for child in list(self._children.values()):
            child.kill()

    def close(self) -> None:
        """End every worker, and let others measure."""
        for child in list(self._children.values()):
            child.close()
        self.cache.close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _runtime(self, name: str) -> Message:
        known = runtime_class(name)
        old = {} if sys.version_info >= known.least_python else too_old(known)
        with suppress(PackageNotFoundError):
            return {"version": version(known.distributions[0]), **old}
        return {"missing": missing_modules(known) or [known.distributions[0]], **old}

    def _holder(self) -> str | None:
        """Return who measures here."""
        file = _open_lock()
        try:
            return None if try_lock(file) else _said(file) or "somebody"
        finally:
            os.close(file)


def _open_lock() -> int:
    """Open the file that every user of this host locks before measuring."""
    path = Path(tempfile.gettempdir(), "mncost.measuring")
    with suppress(FileExistsError):
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666)
        os.fchmod(file, 0o666)
        return file
    return os.open(path, os.O_RDWR | os.O_NOFOLLOW)


def _said(file: int) -> str:
    return os.pread(file, 200, 0).decode(errors="replace")


def main(folder: str, pinning: str) -> None:
    """Answer what comes in, until there is nothing more.

    Args:
        folder: where the source is; it is removed in the end.
        pinning: CPUs with commas between; empty: all.
    """
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever else writes to the standard output
    for left in Path(tempfile.gettempdir()).glob("mncost-*"):
        remove_left(left)
    lock = os.open(Path(folder, "lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try_lock(lock)
    cache = ModelCache()
    agent = Agent(cache)
    inbox: queue.Queue[Message | None] = queue.Queue()
    try:
        _say(answers, {"agent": platform.python_version(), **_pinned(pinning)})
        threading.Thread(target=_receive, args=(inbox, agent), daemon=True).start()
        while True:
            request = inbox.get()
            if request is None:
                break
            for answer in agent.answers(request):
                _say(answers, answer)
    except BrokenPipeError:  # the connection is gone
        pass
    finally:
        agent.close()
        shutil.rmtree(folder, ignore_errors=True)
        os._exit(0)  # the reader may wait for ever


def _receive(inbox: queue.Queue[Message | None], agent: Agent) -> None:
    """Read requests, and the files that follow some of them; the end of the input is ``None``."""
    stream = sys.stdin.buffer
    for line in iter(stream.readline, b""):
        request = json.loads(line)
        if request["do"] == "put":
            request = {"do": "put", "error": _stored(request, stream, agent.cache)}
        inbox.put(request)
    inbox.put(None)
    agent.kill()  # nobody waits for what its workers do now


def _stored(request: Message, stream: IO[bytes], cache: ModelCache) -> str:
    """Write a file that follows its request; return why it could not be written."""
    left, error = request["bytes"], ""
    file: IO[bytes] | None = None
    try:
        file = cache.incoming(request["model"], request["name"]).open("wb")
    except OSError as failed:
        error = reason(failed)
    while left:
        part = stream.read(min(left, 1 << 20))
        if not part:
            break
        left -= len(part)
        try:
            if file is not None and not error:
                file.write(part)
        except OSError as failed:
            error = reason(failed)
    try:
        if file is not None:
            file.close()
    except OSError as failed:
        error = reason(failed)
    return error


def _pinned(pinning: str) -> Message:
    """Keep this process and its workers on some CPUs."""
    cpus = [int(cpu) for cpu in pinning.split(",") if cpu]
    if not cpus:
        return {}
    try:
        os.sched_setaffinity(0, cpus)
    except (OSError, AttributeError) as error:
        return {"unable": f"pinning to CPUs {pinning}: {reason(error)}"}
    missing = sorted(set(cpus) - os.sched_getaffinity(0))
    return {"unable": f"pinning: there is no CPU {missing[0]}"} if missing else {}


def _say(answers: IO[str], message: Message) -> None:
    answers.write(json.dumps(message) + "\n")
    answers.flush()
