"""Workers as processes: started, asked, and ended when they hang."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from mncost.errors import MeasureError, UnknownNameError
from mncost.measure.runtimes import RUNTIMES, runtime_class
from mncost.measure.workers.child import Child
from mncost.measure.workers.messages import Message
from mncost.measure.workers.protocol import (
    Heaviest,
    Hello,
    Profiled,
    Resident,
    Sampled,
    WorkerDied,
    WorkerSpec,
)
from mncost.measure.workers.serve import look

__all__ = ["ProcessWorker", "describe", "start_worker"]

T = TypeVar("T")

START_SECONDS = 120.0
BURST_SECONDS, BURST_TIMES = 60.0, 20  # a burst hangs after that, or that many times its time
_REFERENCE_NS = 100_000_000

# Read when a library is loaded, by whichever thread pool it has.
_THREADS = ("OMP", "OPENBLAS", "MKL", "NUMEXPR")


class ProcessWorker:
    """A :class:`mncost.measure.workers.protocol.Worker` in a process of its own."""

    def __init__(self, child: Child, load_seconds: float) -> None:
        """Wrap a process that has said hello."""
        self.hello = msgspec.convert(child.first, Hello)
        self._child = child
        self._load_seconds = load_seconds
        self._run_ns: dict[int | None, int] = {None: _REFERENCE_NS}

    def load(self, cell: int, file: Path, *, batch: int, provider: str | None) -> Sampled:
        """Load a model and run it: the first run as warm-up, then two more.

        Raises:
            WorkerRefused: it cannot be loaded or run, e.g. for lack of memory.
            WorkerDied: it ended, or took too long.
        """
        request = {
            "ask": "load",
            "cell": cell,
            "file": str(file),
            "batch": batch,
            "provider": provider,
        }
        sampled = self._answered(request, self._load_seconds, Sampled)
        self._run_ns[cell] = max(sampled.ns)
        return sampled

    def burst(self, cell: int | None, *, warmups: int, runs: int) -> Sampled:
        """Run a loaded model (``None``: the reference workload) so many times in a row.

        Raises:
            WorkerRefused: a run failed.
            WorkerDied: it ended, or took too long.
        """
        expected = (warmups + runs) * self._run_ns.get(cell, 0) / 1e9
        seconds = max(BURST_SECONDS, BURST_TIMES * expected)
        request = {"ask": "burst", "cell": cell, "warmups": warmups, "runs": runs}
        return self._answered(request, seconds, Sampled)

    def profile(self, file: Path, *, batch: int, provider: str | None, rounds: int) -> Profiled:
        """Load a model twice, and run it with and without its runtime's profiler, in turn.

        Raises:
            WorkerRefused: it cannot be loaded or run, or there is no profiler.
            WorkerDied: it ended, or took too long.
        """
        request = {
            "ask": "profile",
            "file": str(file),
            "batch": batch,
            "provider": provider,
            "rounds": rounds,
        }
        return self._answered(request, self._load_seconds, Profiled)

    def heaviest(self, product: Path, *, batch: int, provider: str | None, runs: int) -> Heaviest:
        """Run a large matrix product and a large copy, on as many threads as the worker has.

        Raises:
            WorkerRefused: it cannot be loaded or run, e.g. for lack of memory.
            WorkerDied: it ended, or took too long.
        """
        model = {"file": str(product), "batch": batch, "provider": provider}
        return self._answered(
            {"ask": "heaviest", **model, "runs": runs}, self._load_seconds, Heaviest
        )

    def memory(self, file: Path, *, batch: int, provider: str | None, runs: int) -> Resident:
        """Load a model into this worker, which has none, and run it so many times.

        Raises:
            WorkerRefused: it cannot be loaded or run, or memory cannot be seen on this platform.
            WorkerDied: it ended, or took too long.
        """
        model = {"file": str(file), "batch": batch, "provider": provider}
        return self._answered(
            {"ask": "memory", **model, "runs": runs}, self._load_seconds, Resident
        )

    def close(self) -> None:
        """End it; wait until it is gone."""
        self._child.close()

    def _answered(self, request: Message, seconds: float, answer: type[T]) -> T:
        found = self._child.ask(request, seconds=seconds)
        try:
            return msgspec.convert(found, answer)
        except msgspec.ValidationError as error:
            self.close()
            raise WorkerDied(f"answered no samples: {error}") from None


def start_worker(
    spec: WorkerSpec,
    seed: int = 0,
    *,
    start_seconds: float = START_SECONDS,
    load_seconds: float | None = None,
) -> ProcessWorker:
    """Start a worker process and wait until its runtime is imported.

    Args:
        spec: its runtime, its threads, its interpreter.
        seed: of the fake runtime, whose processes differ by it.
        start_seconds: after how long it is taken to hang.
        load_seconds: the same of a load; by default the runtime's.

    Raises:
        MeasureError: the interpreter cannot be used, or lacks a package.
        WorkerDied: it ended, or took too long.
    """
    environment = {f"{library}_NUM_THREADS": str(spec.threads) for library in _THREADS}
    environment["MNCOST_FAKE_SEED"] = str(seed)
    child = Child(
        spec.python,
        *("worker", spec.runtime, str(spec.threads)),
        environment=environment,
        seconds=start_seconds,
    )
    try:
        _check(child.first, spec.runtime, spec.python)
        return ProcessWorker(child, load_seconds or runtime_class(spec.runtime).load_seconds)
    except BaseException:
        child.close()
        raise


def describe(runtime: str, python: str | None) -> Sequence[str | None]:
    """Return the execution providers that a runtime has in an interpreter.

    Args:
        runtime: its name.
        python: path of the interpreter; ``None`` is this one.

    Raises:
        UnknownNameError: there is no such runtime.
        MeasureError: the interpreter cannot be used, or lacks a package.
    """
    if runtime not in RUNTIMES:
        raise UnknownNameError("runtime", runtime, RUNTIMES)
    found = look(runtime) if python is None else _look_in(python, runtime)
    _check(found, runtime, python)
    providers: list[str | None] = found["providers"]
    return providers


def _look_in(python: str, runtime: str) -> Message:
    try:
        child = Child(python, "look", runtime, seconds=START_SECONDS)
    except WorkerDied as error:
        raise MeasureError(f"the interpreter {python} cannot be used: {error}") from None
    child.close()
    return child.first


def _check(first: Message, runtime: str, python: str | None) -> None:
    """Refuse an interpreter that lacks a package, and say how to install what it needs."""
    missing = first.get("missing")
    if not missing:
        return
    if python is None:
        raise MeasureError(
            f"runtime {runtime} needs {' and '.join(missing)}: pip install 'mncost[bench]'"
        )
    packages = " ".join(runtime_class(runtime).packages)
    raise MeasureError(
        f"the interpreter {python} lacks {' and '.join(missing)}: "
        f"{python} -m pip install {packages}"
    )
