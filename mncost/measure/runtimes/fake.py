"""A runtime for tests: it follows a script, on a clock of its own.

It needs nothing but the standard library, is the same for the same script and seed, and can fail
in each of the ways in which real runtimes do.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import exp
from random import Random
from typing import TYPE_CHECKING, Any, ClassVar

from mncost.measure.runtimes import Call, KernelTimes, Runtime, Setup
from mncost.measure.runtimes.copying import SIZE, Copy
from mncost.measure.runtimes.resident import Memory

if TYPE_CHECKING:
    from mncost.graph.graph import Graph

__all__ = ["SCRIPT", "SEED", "Fake", "Fault", "Script", "perform"]

SCRIPT, SEED = "MNCOST_FAKE_SCRIPT", "MNCOST_FAKE_SEED"  # in the environment

_KERNEL = "_kernel"
_REFERENCE_MACS = 40_000_000
_INT8_SPEEDUP = 2
_PROCESS_BYTES, _PEAK = 50_000_000, 1.25  # without a model; peak / that of the activations
_PASSES = 3  # that a training step takes
_PROFILED, _IN_KERNELS = 1.25, 0.9  # times as long with the profiler; share of a run in kernels


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        on: when: at the ``start``, on a ``load``, in a ``run``, in a ``copy``.
        do: what: ``die`` (by SIGKILL), ``exit`` (status 3, with a last word), ``hang``, ``refuse``,
            ``memory`` (there is none left), ``print`` (garbage, to the standard output).
        macs: only with the model of these MACs; by default, with any.
        after: this many requests succeed before it.
        seed: only in the process that has this seed.
    """

    on: str
    do: str
    macs: int | None = None
    after: int = 0
    seed: int | None = None


@dataclass(frozen=True)
class Script:
    """How the runtime behaves. A deviation is a share of the latency.

    Attributes:
        macs_per_ns: speed of one image on one thread.
        overhead_ns: that each run takes besides.
        bytes_per_ns: that one thread copies, those read and those written together.
        process: standard deviation from process to process, of the logarithm.
        noise: standard deviation from run to run.
        drift: by how much runs get slower each second.
        outliers: share of the runs that take ``outlier`` times as long.
        outlier: see there.
        preempted: share of the runs in which another program has the core for ``slice_ns``.
        slice_ns: see there.
        waits_ns: that each run waits without computing.
        clock_ns: step of the clock.
        faults: what goes wrong.
    """

    macs_per_ns: float = 40.0
    overhead_ns: float = 20_000.0
    bytes_per_ns: float = 10.0
    process: float = 0.03
    noise: float = 0.01
    drift: float = 0.0
    outliers: float = 0.0
    outlier: float = 5.0
    preempted: float = 0.0
    slice_ns: float = 4e6
    waits_ns: float = 0.0
    clock_ns: int = 1
    faults: tuple[Fault, ...] = field(default=())

    @classmethod
    def from_json(cls, text: str) -> Script:
        """Read a script: an object with these attributes, any of them left out."""
        given: dict[str, Any] = json.loads(text)
        faults = tuple(Fault(**fault) for fault in given.pop("faults", ()))
        return cls(faults=faults, **given)


class Fake(Runtime):
    """Models are files that only say how many MACs they have; calling one moves the clock.

    ``fault`` does what a fault says; where processes must not really die, put another there.
    """

    distributions: ClassVar = ()
    modules: ClassVar = ()
    format: ClassVar = "fake"
    precisions: ClassVar = ("fp32", "int8")
    virtual: ClassVar = True
    in_all: ClassVar = False
    profiles: ClassVar = True
    flushes_denormals: ClassVar = True
    trains: ClassVar = True

    def __init__(
        self, script: Script | None = None, *, seed: int | None = None, now_ns: int = 0
    ) -> None:
        """Take a script and a seed, or those in the environment; begin at a time."""
        self.script = script or Script.from_json(os.environ.get(SCRIPT, "{}"))
        self.seed = int(os.environ.get(SEED, "0")) if seed is None else seed
        self.fault: Callable[[Fault], None] = perform
        self._now = float(now_ns)
        self._cpu = 0.0
        self._threads = 1
        self._random = Random(self.seed)
        self._factor = exp(self._random.gauss(0, self.script.process))
        self._seen: dict[tuple[str, int | None], int] = {}

    def start(self, threads: int) -> None:
        """Set the number of threads."""
        self._meet("start", None)
        self._threads = threads

    def load(self, setup: Setup) -> Call:
        """Load a model: JSON with its ``macs``, its ``precision`` and the MACs of its ``layers``.

        Raises:
            RuntimeError: the script says so.
        """
        model = _read(setup)
        self._meet("load", model["macs"])
        passes = _PASSES if setup.training else 1
        return self._call("run", model["macs"], passes * self._typical_ns(model, setup.batch))

    def profiled(self, setup: Setup) -> tuple[Call, Callable[[], KernelTimes]]:
        """Load a model, as :meth:`load`; each layer is a kernel that takes what its MACs say."""
        model = _read(setup)
        run = self._call("run", model["macs"], _PROFILED * self._typical_ns(model, setup.batch))
        runs: list[int] = []

        def call() -> None:
            start = self.clock()
            run()
            runs.append(self.clock() - start)

        def finish() -> KernelTimes:
            shares = {name: macs / model["macs"] for name, macs in model["layers"].items()}
            kernels = {
                f"{name}{_KERNEL}": [int(_IN_KERNELS * share * ns) for ns in runs]
                for name, share in shares.items()
            }
            return KernelTimes(runs, kernels)

        return call, finish

    @staticmethod
    def kernels_to_nodes(kernels: Iterable[str], graph: Graph) -> dict[str, str]:
        """Return the layer that each kernel is called after."""
        return {kernel: kernel.removesuffix(_KERNEL) for kernel in kernels}

    def memory(self, setup: Setup, runs: int) -> Memory:
        """Run a model, and say what follows from its ``weight_bytes`` and its activations."""
        call = self.load(setup)
        for _ in range(runs):
            call()
        model = _read(setup)
        loaded = _PROCESS_BYTES + int(model["weight_bytes"])
        return Memory(loaded, loaded + int(_PEAK * model["peak_activation_bytes"] * setup.batch))

    def references(self) -> list[Call]:
        """Return two reference workloads on the same clock."""
        ns = _REFERENCE_MACS / self.script.macs_per_ns
        return [self._call("run", None, ns), self._call("run", None, ns)]

    @contextmanager
    def copying(self, threads: int) -> Iterator[Copy]:
        """Return a scripted copy of as many bytes as the real one."""
        moved = 2 * SIZE
        yield Copy(self._call("copy", None, moved / (self.script.bytes_per_ns * threads)), moved)

    def clock(self) -> int:
        """Return the scripted time in nanoseconds."""
        return int(self._now) // self.script.clock_ns * self.script.clock_ns

    def cpu_clock(self, threads: int) -> Callable[[], int]:
        """Return a clock of the time that this runtime has computed."""
        return lambda: int(self._cpu) // self.script.clock_ns * self.script.clock_ns

    def clock_step(self) -> float:
        """Return the scripted step."""
        return float(self.script.clock_ns)

    def _typical_ns(self, model: dict[str, Any], batch: int) -> float:
        speed = self.script.macs_per_ns * self._threads
        speed *= _INT8_SPEEDUP if model["precision"] == "int8" else 1
        return self.script.overhead_ns + float(model["macs"]) * batch / speed

    def _call(self, on: str, macs: int | None, ns: float) -> Call:
        def call() -> None:
            self._meet(on, macs)
            computing = ns * self._factor * self._deviation()
            self._cpu += computing * self._threads
            self._now += computing + self.script.waits_ns + self._lost()

        return call

    def _deviation(self) -> float:
        """Return the time of the next run / the typical one."""
        script = self.script
        factor = exp(self._random.gauss(0, script.noise)) * (1 + script.drift * self._now / 1e9)
        return factor * (script.outlier if self._random.random() < script.outliers else 1.0)

    def _lost(self) -> float:
        """Return the time in which another program has the core during the next run."""
        share = self.script.preempted
        return self.script.slice_ns if share and self._random.random() < share else 0.0

    def _meet(self, on: str, macs: int | None) -> None:
        """Apply the faults that the script has for this moment."""
        times = self._seen[on, macs] = self._seen.get((on, macs), 0) + 1
        for fault in self.script.faults:
            if (
                fault.on == on
                and fault.macs in (None, macs)
                and fault.seed in (None, self.seed)
                and times > fault.after
            ):
                self.fault(fault)


def _read(setup: Setup) -> dict[str, Any]:
    """Read a model."""
    model: dict[str, Any] = json.loads((setup.folder / "model.json").read_text())
    return model


def perform(fault: Fault) -> None:
    """Let a fault happen in this process."""
    if fault.do == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    elif fault.do == "exit":
        sys.stderr.write("the fake runtime gives up\n")
        sys.stderr.flush()
        os._exit(3)
    elif fault.do == "hang":
        time.sleep(3600)
    elif fault.do == "refuse":
        raise RuntimeError("the fake runtime refuses\nand says so in two lines")
    elif fault.do == "memory":
        raise MemoryError
    elif fault.do == "print":
        os.write(1, b"garbage\n")
    else:
        raise ValueError(f"the script has an unknown fault: {fault.do}")
