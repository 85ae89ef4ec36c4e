"""What a worker is asked and what it answers: JSON objects, one a line.

Each request is a class, and says which class its answer has. Both sides import this file, so it
needs the standard library of Python 3.9 only. Times are in nanoseconds, memory is in bytes.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from mncost.errors import one_line

if TYPE_CHECKING:
    from typing import TypeAlias  # Python 3.9 has none

__all__ = [
    "Heaviest",
    "Hello",
    "LoadModel",
    "Loaded",
    "Message",
    "ModelRequest",
    "ProfileModel",
    "Profiled",
    "Request",
    "Resident",
    "RunBurst",
    "RunHeaviest",
    "Sampled",
    "SeeMemory",
    "WorkerDied",
    "WorkerRefused",
    "encoded",
    "reason",
    "request_of",
]

Message: TypeAlias = dict[str, Any]
A = TypeVar("A")

_LONGEST_REASON = 200


class WorkerDied(Exception):
    """A worker ended or hung, and is gone; the message is the reason for people."""


class WorkerRefused(Exception):
    """A worker could not do what it was asked, and lives on; the message is the reason."""


@dataclass(frozen=True)
class Hello:
    """What a worker says first, when its runtime is imported."""

    versions: dict[str, str]  # of Python and of the runtime's modules
    cpus: list[int] | None  # that it is pinned to
    clock_ns: float  # the smallest step of its clock
    empty_ns: int  # that its clock shows for a run that does nothing
    empty_cpu_ns: int | None  # likewise, its clock of CPU time; None: there is none


@dataclass(frozen=True)
class Sampled:
    """The times of one burst, in order, and what else happened to the process meanwhile.

    CPU time is that of the thread, or of the process where several threads work; the lists are
    empty where the system does not count it.
    """

    warmup_ns: list[int]
    ns: list[int]
    warmup_cpu_ns: list[int]
    cpu_ns: list[int]
    switches: int | None  # how often another program got its core
    waits: int | None  # how often it gave its core away by itself: a sleep, a lock, a file
    faults: int | None  # pages of memory that were not there


@dataclass(frozen=True)
class Loaded(Sampled):
    """The first runs of a model, and how much of it its provider did not take."""

    operators: int | None = None  # that the model has; None: that is not known
    left: dict[str, int] = field(default_factory=dict)  # to other kernels, by kind


@dataclass(frozen=True)
class Profiled:
    """A model with and without its runtime's profiler."""

    plain_ns: list[int]  # whole runs without it
    profiled_ns: list[int]  # whole runs with it
    kernels: dict[str, list[int]]  # each kernel in each of the latter


@dataclass(frozen=True)
class Heaviest:
    """The largest pieces of work: a matrix product and a copy."""

    product_ns: list[int]
    bytes: int  # that one copy reads and writes, together
    copy_ns: list[int]


@dataclass(frozen=True)
class Resident:
    """Resident memory of a worker with one model."""

    loaded_bytes: int  # after the model was loaded, its weights included
    peak_bytes: int  # the high-water mark of the runs


@dataclass(frozen=True)
class Request(Generic[A]):
    """A request whose answer is an ``A``."""

    answer: ClassVar[type[Any]]


@dataclass(frozen=True)
class ModelRequest(Request[A]):
    """A request about a model that the worker loads for it."""

    folder: str
    batch: int = 1
    provider: str | None = None
    precision: str = "fp32"
    denormals: str | None = None
    training: str | None = None


@dataclass(frozen=True)
class LoadModel(ModelRequest[Loaded]):
    """Load a model, run it once as warm-up, and then twice more."""

    answer = Loaded
    cell: int = 0


@dataclass(frozen=True)
class RunBurst(Request[Sampled]):
    """Run a loaded model ``runs`` times in a row; without a cell, the reference workload."""

    answer = Sampled
    cell: int | None = None
    warmups: int = 1
    runs: int = 1


@dataclass(frozen=True)
class ProfileModel(ModelRequest[Profiled]):
    """Load a model twice, and run it alternately with and without the runtime's profiler."""

    answer = Profiled
    rounds: int = 1


@dataclass(frozen=True)
class RunHeaviest(ModelRequest[Heaviest]):
    """Run a large matrix product and a large copy, on as many threads as the worker has.

    The model is :data:`mncost.measure.ceilings.PRODUCT`, its batch the rows of the product. Each
    is run once untimed, and then ``runs`` times.
    """

    answer = Heaviest
    runs: int = 1


@dataclass(frozen=True)
class SeeMemory(ModelRequest[Resident]):
    """Load a model into this worker, which has none, and run it ``runs`` times."""

    answer = Resident
    runs: int = 1


_REQUESTS: dict[str, type[Request[Any]]] = {
    kind.__name__: kind for kind in (LoadModel, RunBurst, ProfileModel, RunHeaviest, SeeMemory)
}


def encoded(request: Request[Any]) -> Message:
    """Return a request as a message."""
    return {"ask": type(request).__name__, **asdict(request)}


def request_of(message: Message) -> Request[Any]:
    """Return the request that a message is.

    Raises:
        KeyError: it asks for something else.
    """
    given = dict(message)
    return _REQUESTS[given.pop("ask")](**given)


def reason(error: BaseException) -> str:
    """Return an exception's message as one short line."""
    words = one_line(" ".join(str(error).split()))
    if isinstance(error, MemoryError):
        words = f"out of memory: {words}" if words else "out of memory"
    words = words or type(error).__name__
    return words if len(words) <= _LONGEST_REASON else f"{words[: _LONGEST_REASON - 1]}…"
