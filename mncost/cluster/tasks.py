"""What runs on the workers that measure: what they are, and one process a generation."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mncost.errors import InputError

__all__ = ["Described", "beside_the_worker", "describe", "generation", "offer"]

_LOOK_SECONDS = 0.2

Described = dict[str, Any]
"""Of a worker: the name of its machine, what tells that from others, its fingerprint."""


@contextmanager
def beside_the_worker() -> Iterator[None]:
    """Put this thread on the cores that the worker was not put on, as far as there are any."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    own = os.sched_getaffinity(0)
    os.sched_setaffinity(0, range(os.cpu_count() or 1))  # as far as it may
    if others := os.sched_getaffinity(0) - own:
        os.sched_setaffinity(0, others)
    try:
        yield
    finally:
        os.sched_setaffinity(0, own)


def describe() -> Described:
    """Say what machine this worker is on."""
    import platform
    from pathlib import Path

    import msgspec

    from mncost.measure.machine import machine

    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        boot = ""  # then names tell machines apart
    with beside_the_worker():
        seen = machine()
    return {
        "name": platform.node(),
        "key": boot or platform.node(),
        "machine": msgspec.to_builtins(seen),
        "python": platform.python_version(),
    }


def offer(runtime: str) -> list[str | None] | str:
    """Return the execution providers of a runtime here, or why there are none."""
    from mncost.runs.offers import offer

    try:
        return list(offer(runtime, None))
    except InputError as error:
        return str(error)


def generation(request: bytes) -> tuple[bytes, float]:
    """Measure one generation in a process of its own; this one only waits.

    Returns:
        the answer, and the seconds that it took.

    Raises:
        RuntimeError: the process ended without an answer.
    """
    words, begun = [sys.executable, "-m", "mncost.cluster.generation"], time.monotonic()
    with (
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as err,
        subprocess.Popen(words, stdin=subprocess.PIPE, stdout=out, stderr=err) as process,
    ):
        assert process.stdin is not None
        process.stdin.write(request + b"\n")
        process.stdin.flush()
        while process.poll() is None and not _is_cancelled():
            time.sleep(_LOOK_SECONDS)
        process.stdin.close()
        if process.wait():
            err.seek(0)
            last = err.read().decode(errors="replace").strip().rpartition("\n")[2]
            raise RuntimeError(f"its process ended with {process.returncode}: {last[:200]}")
        out.seek(0)
        return out.read(), time.monotonic() - begun


def _is_cancelled() -> bool:
    """Whether nobody wants the result of the running task any more."""
    from distributed import get_worker
    from distributed.worker import thread_state

    try:
        task = get_worker().state.tasks.get(thread_state.key)
    except (AttributeError, ValueError):  # no task: a test
        return False
    return task is None or task.state == "cancelled"
