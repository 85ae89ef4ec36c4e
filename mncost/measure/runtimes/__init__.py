"""The runtimes, each in a file of its own, behind one small class.

To add one: a file here with a subclass of :class:`Runtime`, and a line in :data:`RUNTIMES`. They
live in worker processes, possibly of an interpreter that has nothing but the runtime's own
packages: what needs these is imported in the methods.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, NamedTuple, TypeAlias

if TYPE_CHECKING:
    import numpy

    from mncost.measure.runtimes.copying import Copy
    from mncost.measure.runtimes.resident import Memory

__all__ = [
    "MAX_BATCH",
    "MAX_THREADS",
    "RUNTIMES",
    "Call",
    "KernelTimes",
    "Runtime",
    "runtime_class",
    "seeded_images",
]

MAX_BATCH, MAX_THREADS = 4096, 1024  # that are accepted

Call: TypeAlias = Callable[[], object]
"""One inference with its input bound: what is timed is one call of it and nothing else."""


class KernelTimes(NamedTuple):
    """What a profiler says: nanoseconds of whole runs, and of each kernel in each of these."""

    runs: list[int]
    kernels: dict[str, list[int]]


class Runtime(ABC):
    """One inference runtime, inside the worker process that belongs to it."""

    packages: ClassVar[tuple[str, ...]]
    """What has to be installed in the interpreter: pip and import know it under one name."""
    format: ClassVar[str]
    """Which kind of model file it loads: one of :data:`mncost.measure.workers.prepare.FORMATS`."""
    precisions: ClassVar[tuple[str, ...]] = ("fp32",)
    virtual: ClassVar[bool] = False
    """Whether its clock is a scripted one."""
    profiles: ClassVar[bool] = False
    """Whether it can say how long each kernel takes: :meth:`profiled`."""
    load_seconds: ClassVar[float] = 300.0
    """After how long a load is taken to hang."""

    @staticmethod
    def providers() -> tuple[str | None, ...]:
        """Return the execution providers for CPUs that it offers; ``(None,)``: it knows none."""
        return (None,)

    @abstractmethod
    def start(self, threads: int) -> None:
        """Import the packages, and set the number of threads."""

    @abstractmethod
    def load(self, file: Path, *, batch: int, provider: str | None) -> Call:
        """Load a model, with a seeded input of ``batch`` images."""

    def profiled(
        self, file: Path, *, batch: int, provider: str | None
    ) -> tuple[Call, Callable[[], KernelTimes]]:
        """Load a model under the runtime's profiler; the second function ends it, after the runs.

        Raises:
            RuntimeError: it has none.
        """
        raise RuntimeError("this runtime has no profiler")

    def memory(self, file: Path, *, batch: int, provider: str | None, runs: int) -> Memory:
        """Load a model into this process, which has none, run it, and see the memory it takes.

        Raises:
            RuntimeError: that cannot be seen here.
        """
        from mncost.measure.runtimes.resident import resident_memory

        load = partial(self.load, file, batch=batch, provider=provider)
        return resident_memory(load, runs)

    def reference(self) -> Call:
        """Return the reference workload."""
        from mncost.measure.runtimes.reference import reference

        return reference()

    def copying(self, threads: int) -> AbstractContextManager[Copy]:
        """Return a large copy on so many threads; its memory is freed with the context.

        Raises:
            MemoryError: there is no room for it.
        """
        from mncost.measure.runtimes.copying import large_copy

        return large_copy(threads)

    clock: Callable[[], int] = staticmethod(time.perf_counter_ns)
    """Returns the time in nanoseconds."""

    def clock_step(self) -> float:
        """Return the smallest step of the clock that can be seen, in nanoseconds."""
        reads = [time.perf_counter_ns() for _ in range(1000)]
        while len(set(reads)) == 1:  # a coarse clock: wait for it
            reads.append(time.perf_counter_ns())
        return float(min(b - a for a, b in pairwise(reads) if b > a))


RUNTIMES: Mapping[str, str] = {
    "onnxruntime": "mncost.measure.runtimes.onnxruntime:OnnxRuntime",
    "torch": "mncost.measure.runtimes.torch:Torch",
    "torch-compile": "mncost.measure.runtimes.torch_compile:TorchCompile",
    "fake": "mncost.measure.runtimes.fake:Fake",
}


def runtime_class(name: str) -> type[Runtime]:
    """Return the class of a runtime by its name."""
    module, _, attribute = RUNTIMES[name].partition(":")
    found: type[Runtime] = getattr(import_module(module), attribute)
    return found


def seeded_images(shape: Sequence[int]) -> numpy.ndarray:
    """Return standard-normal float32 images, the same for every runtime.

    Args:
        shape: ``(batch, channels, height, width)``.
    """
    import numpy as np

    return np.random.default_rng(0).standard_normal(tuple(shape), dtype="float32")
