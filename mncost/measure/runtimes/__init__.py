"""The runtimes, each in a file of its own, behind one small protocol.

To add one: a file here with a class that has these members, and a line in :data:`RUNTIMES`. They
live in worker processes, possibly of an interpreter that has nothing but the runtime's own
packages: what needs these is imported in the methods.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import ClassVar, Protocol, TypeAlias

__all__ = ["RUNTIMES", "Call", "Runtime", "runtime_class"]

Call: TypeAlias = Callable[[], object]
"""One inference with its input bound: what is timed is one call of it and nothing else."""


class Runtime(Protocol):
    """One inference runtime, inside the worker process that belongs to it."""

    packages: ClassVar[tuple[str, ...]]
    """What has to be installed in the interpreter, under the names that pip knows."""
    format: ClassVar[str]
    """Which kind of model file it loads: a key of :data:`mncost.measure.prepare.FORMATS`."""
    precisions: ClassVar[tuple[str, ...]]
    virtual: ClassVar[bool]
    """Whether its clock is a scripted one."""

    @staticmethod
    def providers() -> tuple[str | None, ...]:
        """Return the execution providers for CPUs that it offers; ``(None,)``: it knows none."""

    def start(self, threads: int) -> None:
        """Import the packages, and set the number of threads."""

    def load(self, file: Path, *, batch: int, provider: str | None) -> Call:
        """Load a model, with a seeded input of ``batch`` images."""

    def clock(self) -> int:
        """Return the time in nanoseconds."""


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
