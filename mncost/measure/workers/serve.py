"""The worker program: answers one JSON object a line with another.

It has to run in any interpreter, from Python 3.9 on, that has its runtime: it imports the standard
library and nothing else. Its parent starts it, and it ends when its standard input does.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import platform
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

from mncost.measure.runtimes import Call, Runtime, Setup, runtime_class
from mncost.measure.workers.messages import (
    Heaviest,
    Hello,
    Loaded,
    LoadModel,
    Message,
    ModelRequest,
    Profiled,
    ProfileModel,
    Request,
    Resident,
    RunBurst,
    RunHeaviest,
    Sampled,
    SeeMemory,
    reason,
    request_of,
)
from mncost.measure.workers.pinning import pin
from mncost.measure.workers.sampling import Clocks, Times, give_way, interruptions, sample

__all__ = ["Server", "look", "main", "missing_modules", "serve", "too_old"]

_PROFILE_RUNS = 4  # in a row: the first ones take longer
_FIRST_WARMUPS, _FIRST_RUNS = 1, 2  # right after a model is loaded
_PR_SET_PDEATHSIG = 1  # prctl(2)


class Server:
    """A runtime, the models it has loaded, and what it answers."""

    def __init__(self, runtime: Runtime, threads: int) -> None:
        """Start the runtime."""
        runtime.start(threads)
        self._runtime = runtime
        self._threads = threads
        self._clocks = Clocks(runtime.clock, runtime.cpu_clock(threads))
        # The reference workloads, and the models that are loaded.
        self._calls: dict[int | None, list[Call]] = {None: runtime.references()}

    def hello(self, cpus: list[int] | None) -> Message:
        """Describe the process before it has loaded anything."""
        modules = {name: sys.modules.get(name) for name in self._runtime.modules}
        versions = {name: _version(name, m) for name, m in modules.items() if m}
        versions = {"python": platform.python_version(), **versions}
        empty = self._clocks.empty()
        return vars(
            Hello(
                versions=versions,
                cpus=cpus,
                clock_ns=self._runtime.clock_step(),
                empty_ns=empty.ns[0],
                empty_cpu_ns=empty.cpu_ns[0] if empty.cpu_ns else None,
            )
        )

    def answer(self, message: Message) -> Message:
        """Answer a request of :mod:`mncost.measure.workers.messages`, or ``{"refused": why}``."""
        try:
            return vars(self._do(request_of(message)))
        except Exception as error:  # runtimes have exceptions of their own
            return {"refused": reason(error)}

    def _do(self, request: Request[Any]) -> object:
        if isinstance(request, LoadModel):
            return self._load(request)
        if isinstance(request, RunBurst):
            return self._burst(request.cell, request.warmups, request.runs)
        if isinstance(request, ProfileModel):
            return self._profile(request)
        if isinstance(request, RunHeaviest):
            return self._heaviest(request)
        assert isinstance(request, SeeMemory), request
        return self._memory(request)

    def _load(self, asked: LoadModel) -> Loaded:
        try:
            call = self._runtime.load(_setup(asked))
            self._calls[asked.cell] = [call]
            first = self._burst(asked.cell, _FIRST_WARMUPS, _FIRST_RUNS)
            left = self._runtime.left_over(_setup(asked), call)
            return Loaded(
                **vars(first),
                operators=left.operators if left else None,
                left=dict(left.left) if left else {},
            )
        except Exception:
            self._calls.pop(asked.cell, None)
            raise

    def _burst(self, cell: int | None, warmups: int, runs: int) -> Sampled:
        """Run a model, or one reference workload after the other; after a yield."""
        warmup, timed = Times([], []), Times([], [])
        give_way()
        before = interruptions()
        for call in self._calls[cell]:
            warmup = warmup.then(sample(call, self._clocks, warmups))
            timed = timed.then(sample(call, self._clocks, runs))
        after = interruptions()
        return Sampled(
            warmup_ns=warmup.ns,
            ns=timed.ns,
            warmup_cpu_ns=warmup.cpu_ns,
            cpu_ns=timed.cpu_ns,
            switches=after.switches - before.switches if after and before else None,
            waits=after.waits - before.waits if after and before else None,
            faults=after.faults - before.faults if after and before else None,
        )

    def _profile(self, asked: ProfileModel) -> Profiled:
        """Alternate between the plain and the profiled model; keep the last of each few runs."""
        setup = _setup(asked)
        plain = self._runtime.load(setup)
        profiled, finish = self._runtime.profiled(setup)
        plain_ns = []
        for _ in range(asked.rounds):
            plain_ns.append(sample(plain, self._clocks, _PROFILE_RUNS).ns[-1])
            sample(profiled, self._clocks, _PROFILE_RUNS)
        times = finish()
        last = slice(_PROFILE_RUNS - 1, None, _PROFILE_RUNS)
        return Profiled(
            plain_ns=plain_ns,
            profiled_ns=times.runs[last],
            kernels={name: ns[last] for name, ns in times.kernels.items()},
        )

    def _heaviest(self, asked: RunHeaviest) -> Heaviest:
        """Time a copy, then a matrix product, after which a runtime's threads may still spin."""
        with self._runtime.copying(self._threads) as copy:
            copy_ns = self._warm(copy.call, asked.runs)
        product = self._runtime.load(_setup(asked))
        product_ns = self._warm(product, asked.runs)
        return Heaviest(product_ns=product_ns, bytes=copy.bytes, copy_ns=copy_ns)

    def _warm(self, call: Call, runs: int) -> list[int]:
        """Time calls after one that is not timed."""
        call()
        return sample(call, self._clocks, runs).ns

    def _memory(self, asked: SeeMemory) -> Resident:
        self._calls.clear()  # the reference workload has tens of MB of its own
        memory = self._runtime.memory(_setup(asked), asked.runs)
        return Resident(loaded_bytes=memory.loaded, peak_bytes=memory.peak)


def _setup(asked: ModelRequest[Any]) -> Setup:
    how = asked.batch, asked.provider, asked.precision, asked.denormals, asked.training
    return Setup(Path(asked.folder), *how)


def _version(name: str, module: object) -> str:
    """Return the version of a module: what it says, or what was installed under its name."""
    try:
        return str(getattr(module, "__version__", None) or version(name))
    except PackageNotFoundError:
        return "?"


def look(runtime: str) -> Message:
    """Return what this interpreter has for a runtime, without starting it.

    Returns:
        ``{"providers": [...]}``, or ``{"missing": [...]}``: modules.
    """
    known = runtime_class(runtime)
    if sys.version_info < known.least_python:
        return too_old(known)
    if missing := missing_modules(known):
        return {"missing": missing}
    return {"providers": list(known.providers())}


def too_old(runtime: type[Runtime]) -> Message:
    """Say which Python this is, and which one the runtime needs."""
    python, least = sys.version_info[:2], runtime.least_python
    return {"python": ".".join(map(str, python)), "least": ".".join(map(str, least))}


def missing_modules(runtime: type[Runtime]) -> list[str]:
    """Return the modules of a runtime that are not here."""
    return [name for name in runtime.modules if find_spec(name) is None]


def serve(parent: int, begin: Callable[[], tuple[Message, Callable[[Message], Message]]]) -> None:
    """Answer requests until there are none.

    Whatever else writes to the standard output writes to the standard error instead.

    Args:
        parent: the process that asks.
        begin: returns the first message, and what answers requests.
    """
    _die_with_the_parent()
    requests, answers = _private_streams()
    first, answer = begin()
    _say(answers, {**first, "direct": os.getppid() == parent})
    for line in requests:
        _say(answers, answer(json.loads(line)))


def main(parent: str, kind: str, runtime: str = "", threads: str = "1") -> None:
    """Run as a worker, as a builder of models, or report what this interpreter has."""
    _prefer_for_oom()
    if kind == "look":
        serve(int(parent), lambda: (look(runtime), _nothing))
    elif kind == "worker":
        serve(int(parent), lambda: _worker(runtime, int(threads)))
    else:
        from mncost.measure.workers.prepare import Preparer

        serve(int(parent), lambda: ({}, Preparer().answer))


def _worker(runtime: str, threads: int) -> tuple[Message, Callable[[Message], Message]]:
    gc.disable()  # for good: a collection must not fall into a run
    kind = runtime_class(runtime)
    if sys.version_info < kind.least_python:
        return too_old(kind), _nothing
    if missing := missing_modules(kind):
        return {"missing": missing}, _nothing
    cpus = pin(threads)  # before the runtime makes threads, which inherit it
    server = Server(kind(), threads)
    return server.hello(cpus), server.answer


def _nothing(request: Message) -> Message:
    return {}


def _private_streams() -> tuple[IO[str], IO[str]]:
    """Keep the standard streams from libraries and from children, which might print or read."""
    requests = os.fdopen(os.dup(0), "r", encoding="utf-8")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
    os.dup2(2, 1)
    return requests, answers


def _say(answers: IO[str], message: Message) -> None:
    answers.write(json.dumps(message) + "\n")
    answers.flush()


def _prefer_for_oom() -> None:
    """Let the kernel end this process, and not its parent, if memory runs out."""
    with suppress(OSError):  # not Linux, or not allowed
        Path("/proc/self/oom_score_adj").write_text("1000")


def _die_with_the_parent() -> None:
    """Let Linux end this process when its parent ends, even while it is stopped.

    If the parent has ended before, so have the requests, and nobody has stopped this process yet.
    """
    with suppress(OSError, AttributeError):  # not Linux
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
