"""Workers as processes: started, asked, and ended when they hang."""

from __future__ import annotations

from collections.abc import Sequence

from mncost.errors import MeasureError, MissingExtraError, UnknownNameError
from mncost.extras import install
from mncost.extras import missing as lacking
from mncost.measure.runtime_names import RUNTIMES
from mncost.measure.runtimes import runtime_class
from mncost.measure.workers.child import START_SECONDS, Child
from mncost.measure.workers.messages import Message
from mncost.measure.workers.pinning import QUIET_FIRST
from mncost.measure.workers.serve import look
from mncost.measure.workers.worker import Worker, WorkerDied, WorkerSpec

__all__ = ["describe", "start_worker"]

# Thread pools read these when their library is loaded.
_THREADS = ("OMP", "OPENBLAS", "MKL", "NUMEXPR")


def start_worker(
    spec: WorkerSpec,
    seed: int = 0,
    *,
    start_seconds: float = START_SECONDS,
    load_seconds: float | None = None,
    quiet: Sequence[int] = (),
) -> Worker:
    """Start a worker process and wait until its runtime is imported.

    Args:
        spec: its runtime, its threads, its interpreter.
        seed: of the fake runtime, whose processes differ by it.
        start_seconds: after how long it counts as hanging.
        load_seconds: the same for a load; by default the runtime's.
        quiet: the CPUs that it takes first.

    Raises:
        MeasureError: the interpreter cannot be used, or lacks a package.
        WorkerDied: it ended, or took too long.
    """
    environment = {f"{library}_NUM_THREADS": str(spec.threads) for library in _THREADS}
    environment["MNCOST_FAKE_SEED"] = str(seed)
    environment[QUIET_FIRST] = ",".join(map(str, quiet))
    child = Child(
        spec.python,
        *("worker", spec.runtime, str(spec.threads)),
        environment=environment,
        seconds=start_seconds,
    )
    try:
        _check(child.first, spec.runtime, spec.python)
        return Worker(child, load_seconds or runtime_class(spec.runtime).load_seconds)
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
    offer = look(runtime) if python is None else _look_in(python, runtime)
    _check(offer, runtime, python)
    providers: list[str | None] = offer["providers"]
    return providers


def _look_in(python: str, runtime: str) -> Message:
    try:
        child = Child(python, "look", runtime, seconds=START_SECONDS)
    except WorkerDied as error:
        raise MeasureError(f"the interpreter {python} cannot be used: {error}") from None
    child.close()
    return child.first


def _check(first: Message, runtime: str, python: str | None) -> None:
    """Raise the error for an interpreter that lacks a package: it says how to install it."""
    missing = first.get("missing", [])
    if python is None:
        missing = [*missing, *lacking(runtime_class(runtime).makers)]
    if not missing:
        return
    if python is None:
        raise MissingExtraError(missing, install(*runtime_class(runtime).extras))
    packages = " ".join(runtime_class(runtime).distributions)
    raise MeasureError(
        f"the interpreter {python} lacks {' and '.join(missing)}: "
        f"{python} -m pip install {packages}"
    )
