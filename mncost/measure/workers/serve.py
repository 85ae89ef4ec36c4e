"""The worker program: answers one JSON object a line with another.

It has to run in any interpreter that has its runtime: it imports the standard library and nothing
else. Its parent starts it, and it ends when its standard input does.
"""

from __future__ import annotations

import gc
import json
import os
import platform
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from mncost.measure.runtimes import Call, Runtime, runtime_class
from mncost.measure.workers.messages import Message, reason
from mncost.measure.workers.pinning import pin

__all__ = ["Server", "look", "main", "sample", "serve"]

_PROFILE_RUNS = 4  # in a row: the first ones take longer
_FIRST_WARMUPS, _FIRST_RUNS = 1, 2  # right after a model is loaded


class Server:
    """A runtime, the models it has loaded, and what it answers."""

    def __init__(self, runtime: Runtime, threads: int) -> None:
        """Start the runtime."""
        runtime.start(threads)
        self._runtime = runtime
        self._threads = threads
        self._calls: dict[int | None, Call] = {None: runtime.reference()}

    def hello(self, cpus: list[int] | None) -> Message:
        """Say what there is to know of the process before it has loaded anything."""
        modules = {name: sys.modules.get(name) for name in self._runtime.packages}
        versions = {name: str(getattr(m, "__version__", "?")) for name, m in modules.items() if m}
        return {
            "versions": {"python": platform.python_version(), **versions},
            "cpus": cpus,
            "clock_ns": self._runtime.clock_step(),
        }

    def answer(self, request: Message) -> Message:
        """Do what a request asks: ``{"warmup_ns": [...], "ns": [...]}``, or ``{"refused": why}``.

        Args:
            request: ``{"ask": "load", "cell": 3, "file": "3.onnx", "batch": 1, "provider": null}``
                or ``{"ask": "burst", "cell": 3, "warmups": 1, "runs": 10}``; cell ``null`` is the
                reference workload. ``{"ask": "profile", "file": "3.onnx", "batch": 1, "provider":
                null, "rounds": 10}`` is answered with a profile: ``Profiled`` in
                :mod:`mncost.measure.workers.protocol`. ``{"ask": "heaviest", "file":
                "product.onnx", "batch": 768, "provider": null, "runs": 5}`` is answered with
                ``Heaviest``, and ``{"ask": "memory", "file": "3.onnx", "batch": 1, "provider":
                null, "runs": 5}`` with ``Resident``, by a worker without models.
        """
        try:
            given = {name: value for name, value in request.items() if name != "ask"}
            match request["ask"]:
                case "load":
                    return self._load(**given)
                case "profile":
                    return self._profile(**given)
                case "heaviest":
                    return self._heaviest(**given)
                case "memory":
                    return self._memory(**given)
                case _:
                    return self._burst(**given)
        except Exception as error:  # whatever a runtime raises: it has exceptions of its own
            return {"refused": reason(error)}

    def _load(self, cell: int, file: str, batch: int, provider: str | None) -> Message:
        try:
            self._calls[cell] = self._runtime.load(Path(file), batch=batch, provider=provider)
            return self._burst(cell, _FIRST_WARMUPS, _FIRST_RUNS)
        except Exception:
            self._calls.pop(cell, None)
            raise

    def _burst(self, cell: int | None, warmups: int, runs: int) -> Message:
        call, clock = self._calls[cell], self._runtime.clock
        return {"warmup_ns": sample(call, clock, warmups), "ns": sample(call, clock, runs)}

    def _profile(self, file: str, batch: int, provider: str | None, rounds: int) -> Message:
        """Run a model with and without the profiler, in turn; of some runs in a row, the last."""
        runtime, clock, path = self._runtime, self._runtime.clock, Path(file)
        plain = runtime.load(path, batch=batch, provider=provider)
        profiled, finish = runtime.profiled(path, batch=batch, provider=provider)
        plain_ns = []
        for _ in range(rounds):
            plain_ns.append(sample(plain, clock, _PROFILE_RUNS)[-1])
            sample(profiled, clock, _PROFILE_RUNS)
        found = finish()
        return {
            "plain_ns": plain_ns,
            "profiled_ns": found.runs[_PROFILE_RUNS - 1 :: _PROFILE_RUNS],
            "kernels": {
                name: ns[_PROFILE_RUNS - 1 :: _PROFILE_RUNS] for name, ns in found.kernels.items()
            },
        }

    def _heaviest(self, file: str, batch: int, provider: str | None, runs: int) -> Message:
        """Time a copy, then a matrix product, after which a runtime's threads may still spin."""
        with self._runtime.copying(self._threads) as copy:
            copy_ns = self._warm(copy.call, runs)
        product = self._runtime.load(Path(file), batch=batch, provider=provider)
        return {"product_ns": self._warm(product, runs), "bytes": copy.bytes, "copy_ns": copy_ns}

    def _warm(self, call: Call, runs: int) -> list[int]:
        """Time calls after one that is not timed."""
        call()
        return sample(call, self._runtime.clock, runs)

    def _memory(self, file: str, batch: int, provider: str | None, runs: int) -> Message:
        self._calls.clear()  # the reference workload has tens of MB of its own
        found = self._runtime.memory(Path(file), batch=batch, provider=provider, runs=runs)
        return {"loaded_bytes": found.loaded, "peak_bytes": found.peak}


def sample(call: Call, clock: Callable[[], int], runs: int) -> list[int]:
    """Time calls one by one; return the nanoseconds of each. Nothing else stands in the loop."""
    ns = [0] * runs
    for run in range(runs):
        start = clock()
        call()
        ns[run] = clock() - start
    return ns


def look(runtime: str) -> Message:
    """Say what this interpreter has for a runtime, at little cost.

    Returns:
        ``{"providers": [...]}``, or ``{"missing": [...]}``: packages.
    """
    known = runtime_class(runtime)
    if missing := [name for name in known.packages if find_spec(name) is None]:
        return {"missing": missing}
    return {"providers": list(known.providers())}


def serve(begin: Callable[[], tuple[Message, Callable[[Message], Message]]]) -> None:
    """Answer requests until there are none.

    Whatever else writes to the standard output writes to the standard error instead.

    Args:
        begin: returns the first line to say, and what answers requests.
    """
    requests, answers = _private_streams()
    first, answer = begin()
    _say(answers, first)
    for line in requests:
        _say(answers, answer(json.loads(line)))


def main(kind: str, runtime: str = "", threads: str = "1") -> None:
    """Be a worker, look what is here for one, or build model files."""
    _volunteer()
    if kind == "look":
        serve(lambda: (look(runtime), _nothing))
    elif kind == "worker":
        serve(lambda: _worker(runtime, int(threads)))
    else:
        from mncost.measure.workers.prepare import Preparer

        serve(lambda: ({}, Preparer().answer))


def _worker(runtime: str, threads: int) -> tuple[Message, Callable[[Message], Message]]:
    gc.disable()  # for good: a collection must not fall into a run
    found = runtime_class(runtime)
    if missing := [name for name in found.packages if find_spec(name) is None]:
        return {"missing": missing}, _nothing
    cpus = pin(threads)  # before the runtime makes threads, which inherit it
    server = Server(found(), threads)
    return server.hello(cpus), server.answer


def _nothing(request: Message) -> Message:
    return {}


def _private_streams() -> tuple[IO[str], IO[str]]:
    """Take the standard streams away from everyone else; children do not inherit them either."""
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


def _volunteer() -> None:
    """If memory runs out, let the kernel end this process, and not its parent."""
    with suppress(OSError):  # not Linux, or not allowed
        Path("/proc/self/oom_score_adj").write_text("1000")
