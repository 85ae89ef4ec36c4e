"""What the engine asks of a worker, and how a worker fails.

A worker is one process with one runtime at one thread count
(:mod:`mncost.measure.workers.process`), or, in tests, the same server without a process.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Protocol

from msgspec import Struct

__all__ = [
    "Heaviest",
    "Hello",
    "Profiled",
    "Resident",
    "Sampled",
    "Worker",
    "WorkerDied",
    "WorkerRefused",
    "WorkerSpec",
]


class WorkerSpec(NamedTuple):
    """Which worker: its runtime, its threads, its interpreter (``None``: this one), its arm."""

    runtime: str
    threads: int
    python: str | None = None
    arm: str = ""


class WorkerDied(Exception):
    """A worker ended or hung, and is gone; the message is the reason for people."""


class WorkerRefused(Exception):
    """A worker could not do what it was asked, and lives on; the message is the reason."""


class Hello(Struct, frozen=True, kw_only=True):
    """What a worker says of itself once its runtime is imported."""

    versions: dict[str, str]
    cpus: list[int] | None  # those it is pinned to
    clock_ns: float  # the smallest step of its clock


class Sampled(Struct, frozen=True, kw_only=True):
    """The times of one burst, in order."""

    warmup_ns: list[int]
    ns: list[int]


class Profiled(Struct, frozen=True, kw_only=True):
    """A model with and without its runtime's profiler; times in nanoseconds."""

    plain_ns: list[int]  # whole runs without
    profiled_ns: list[int]  # whole runs with it
    kernels: dict[str, list[int]]  # each kernel in each of the latter


class Heaviest(Struct, frozen=True, kw_only=True):
    """The largest pieces of work: a matrix product and a copy; times in nanoseconds."""

    product_ns: list[int]
    bytes: int  # that one copy reads and writes, together
    copy_ns: list[int]


class Resident(Struct, frozen=True, kw_only=True):
    """Resident memory of a worker with one model; bytes."""

    loaded_bytes: int  # once it was loaded, its weights included
    peak_bytes: int  # the high-water mark of the runs


class Worker(Protocol):
    """A worker; every method may raise :class:`WorkerDied`."""

    hello: Hello

    def load(self, cell: int, file: Path, *, batch: int, provider: str | None) -> Sampled:
        """Load a model and run it: the first run as warm-up, then two more.

        Raises:
            WorkerRefused: it cannot be loaded or run, e.g. for lack of memory.
        """

    def burst(self, cell: int | None, *, warmups: int, runs: int) -> Sampled:
        """Run a loaded model (``None``: the reference workload) so many times in a row.

        Raises:
            WorkerRefused: a run failed.
        """

    def profile(self, file: Path, *, batch: int, provider: str | None, rounds: int) -> Profiled:
        """Load a model twice, and run it with and without its runtime's profiler, in turn.

        Raises:
            WorkerRefused: it cannot be loaded or run, or there is no profiler.
        """

    def heaviest(self, product: Path, *, batch: int, provider: str | None, runs: int) -> Heaviest:
        """Run a large matrix product and a large copy, on as many threads as the worker has.

        Args:
            product: the model file of :data:`mncost.measure.ceilings.PRODUCT`.
            batch: its rows.
            provider: as for :meth:`load`.
            runs: timed runs of each, after an untimed one.

        Raises:
            WorkerRefused: it cannot be loaded or run.
        """

    def memory(self, file: Path, *, batch: int, provider: str | None, runs: int) -> Resident:
        """Load a model into this worker, which has none, and run it so many times.

        Raises:
            WorkerRefused: it cannot be loaded or run, or memory cannot be seen on this platform.
        """

    def close(self) -> None:
        """End it; wait until it is gone. Never raises."""
