"""The runtimes: one file each, one class as their interface.

To add one: a file here with a subclass of :class:`Runtime`, a line in
:data:`mncost.measure.runtime_names.RUNTIMES`, a format
that it loads (:mod:`mncost.models.formats`), and an extra in ``pyproject.toml``. Runtimes live in
worker processes, possibly of an interpreter that has nothing but the runtime's own distributions:
what is not in the standard library is imported in the methods.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from mncost.measure.runtime_names import MAX_BATCH, RUNTIMES

if TYPE_CHECKING:
    from typing import TypeAlias

    import numpy

    from mncost.graph.graph import Graph
    from mncost.measure.runtimes.blocked import Layout
    from mncost.measure.runtimes.copying import Copy
    from mncost.measure.runtimes.resident import Memory

__all__ = [
    "CONVERT",
    "REORDER",
    "Call",
    "KernelTimes",
    "LeftOver",
    "Runtime",
    "Setup",
    "default_provider",
    "is_installed",
    "runtime_class",
    "seeded_images",
]

Call: TypeAlias = Callable[[], object]
"""One inference with its input bound; one call of it is what is timed."""


CONVERT = "(conversion)"
"""What converts a quantised model's input and output."""
REORDER = "(reordering)"
"""What moves tensors between the layouts that kernels want."""


class KernelTimes(NamedTuple):
    """What a profiler says: nanoseconds of whole runs, and of each kernel in each of these."""

    runs: list[int]
    kernels: dict[str, list[int]]


class LeftOver(NamedTuple):
    """How much of a model a provider did not take.

    Attributes:
        operators: how many the model has.
        left: how many of each kind run by other kernels.
    """

    operators: int
    left: Mapping[str, int]


class Setup(NamedTuple):
    """Which model is loaded, and how.

    Attributes:
        folder: what the runtime's format has written.
        batch: images in its input.
        provider: one of :meth:`Runtime.providers`; ``None`` is the default one.
        precision: one of :attr:`Runtime.precisions`, in which the model was written.
        denormals: ``"flushed"``: denormal numbers are taken for 0; ``None``: as the runtime does.
        training: what a training step trains; ``None``: a call is an inference.
    """

    folder: Path
    batch: int = 1
    provider: str | None = None
    precision: str = "fp32"
    denormals: str | None = None
    training: str | None = None


class Runtime(ABC):
    """One inference runtime, inside the worker process that belongs to it."""

    distributions: ClassVar[tuple[str, ...]]
    """What ``pip install`` installs: all that an interpreter needs beside Python."""
    modules: ClassVar[tuple[str, ...]]
    """What is imported from these."""
    least_python: ClassVar[tuple[int, int]] = (3, 9)
    """The oldest Python that a worker of it runs in."""
    makers: ClassVar[tuple[str, ...]] = ()
    """What is needed to write its models: in the interpreter of mncost, not in a worker's."""
    extras: ClassVar[tuple[str, ...]] = ("bench",)
    """The extras of mncost that install these beside it."""
    format: ClassVar[str]
    """What it loads: one of :data:`mncost.models.formats.FORMATS`."""
    converts: ClassVar[tuple[str, ...]] = ()
    """The formats of given models that its own is made of."""
    precisions: ClassVar[tuple[str, ...]] = ("fp32",)
    largest_batch: ClassVar[int] = MAX_BATCH
    """The most images in one call."""
    default_provider: ClassVar[str | None] = None
    """The execution provider that needs no mention."""
    unasked: ClassVar[tuple[str, ...]] = ()
    """The execution providers that are left out unless they are named."""
    in_all: ClassVar[bool] = True
    """Whether ``--runtime all`` means it too: a second form of another runtime is named."""
    virtual: ClassVar[bool] = False
    """Whether its clock is a scripted one."""
    profiles: ClassVar[bool] = False
    """Whether it can say how long each kernel takes: :meth:`profiled`."""
    profile_step_ns: ClassVar[int] = 0
    """Nanoseconds that its profiler counts in, and whose rest it cuts off; 0: it cuts off none."""
    times_modules: ClassVar[bool] = False
    """Whether it can say how long the modules of a torch module take that is given."""
    flushes_denormals: ClassVar[bool] = False
    """Whether it can take denormal numbers for 0."""
    trains: ClassVar[bool] = False
    """Whether a call can be a training step."""
    load_seconds: ClassVar[float] = 300.0
    """Seconds after which a load counts as hanging."""

    @classmethod
    def providers(cls) -> tuple[str | None, ...]:
        """Return its execution providers for CPUs; ``(None,)`` if it has no such choice."""
        return (cls.default_provider,)

    @abstractmethod
    def start(self, threads: int) -> None:
        """Import the modules, and set the number of threads."""

    @abstractmethod
    def load(self, setup: Setup) -> Call:
        """Load a model, with seeded images as its input."""

    def left_over(self, setup: Setup, call: Call) -> LeftOver | None:
        """Return what of a loaded model the provider left to other kernels, if that is known."""
        return None

    def profiled(self, setup: Setup) -> tuple[Call, Callable[[], KernelTimes]]:
        """Load a model under the runtime's profiler; the second function ends it, after the runs.

        Raises:
            RuntimeError: it has none.
        """
        raise RuntimeError("this runtime has no profiler")

    @staticmethod
    def kernels_to_nodes(kernels: Iterable[str], graph: Graph) -> dict[str, str]:
        """Return the node of a graph that each kernel of a profile is about.

        This runs outside of the worker. A kernel that is about no node gets one of
        :data:`CONVERT` and :data:`REORDER`.
        """
        raise NotImplementedError

    @staticmethod
    def layout(
        graph: Graph, precision: str, architecture: str, flags: Collection[str]
    ) -> Layout | None:
        """Return which convolutions leave the runtime's fast layout on a machine, if it has one."""
        return None

    def memory(self, setup: Setup, runs: int) -> Memory:
        """Load a model into this process, which has none, run it, and see the memory it takes.

        Raises:
            RuntimeError: that cannot be seen here.
        """
        from mncost.measure.runtimes.resident import resident_memory

        return resident_memory(partial(self.load, setup), runs)

    def references(self) -> list[Call]:
        """Return the reference workloads."""
        from mncost.measure.runtimes.reference import references

        return references()

    def copying(self, threads: int) -> AbstractContextManager[Copy]:
        """Return a large copy on this many threads; its memory is freed with the context.

        Raises:
            MemoryError: there is no room for it.
        """
        from mncost.measure.runtimes.copying import large_copy

        return large_copy(threads)

    clock: Callable[[], int] = staticmethod(time.perf_counter_ns)
    """Returns the time in nanoseconds."""

    def cpu_clock(self, threads: int) -> Callable[[], int] | None:
        """Return a clock of CPU time in nanoseconds, if there is one."""
        from mncost.measure.workers.sampling import cpu_clock

        return cpu_clock(threads)

    def clock_step(self) -> float:
        """Return the smallest step of the clock that can be seen, in nanoseconds."""
        reads = [time.perf_counter_ns() for _ in range(1000)]
        while len(set(reads)) == 1:  # a coarse clock: wait for it
            reads.append(time.perf_counter_ns())
        return float(min(b - a for a, b in zip(reads, reads[1:]) if b > a))


def runtime_class(name: str) -> type[Runtime]:
    """Return the class of a runtime by its name."""
    module, _, attribute = RUNTIMES[name].partition(":")
    kind: type[Runtime] = getattr(import_module(module), attribute)
    return kind


def default_provider(name: str) -> str | None:
    """Return the execution provider of a runtime that needs no mention."""
    return runtime_class(name).default_provider if name in RUNTIMES else None


def is_installed(name: str) -> bool:
    """Whether this interpreter has a runtime, and what writes its models; nothing is imported."""
    known = runtime_class(name)
    return all(find_spec(module) is not None for module in (*known.modules, *known.makers))


def seeded_images(shape: Sequence[int]) -> numpy.ndarray:
    """Return standard-normal float32 images, the same for every runtime.

    Args:
        shape: ``(batch, channels, height, width)``.
    """
    import numpy as np

    return np.random.default_rng(0).standard_normal(tuple(shape), dtype="float32")
