"""Ranges of a space counted in several processes of this machine."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from multiprocessing import active_children, get_context, parent_process
from threading import Thread

from mncost.errors import InputError, one_line
from mncost.space.parts import Counting, Executor, Job, Part, Range

__all__ = ["in_processes", "usable_cores"]

_AHEAD = 2  # ranges a process that wait or run: their parts are small, and are taken at once

_counting: Counting | None = None  # of a process that was started here


def usable_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def in_processes(jobs: int) -> Executor:
    """Return the function that counts ranges in this many processes."""

    def parts(job: Job, ranges: Sequence[Range]) -> Iterator[Part]:
        pool = ProcessPoolExecutor(jobs, get_context("spawn"), _begin, (job,))
        left, running = iter(ranges), set[Future[Part]]()
        try:
            while True:
                with _uninterrupted():  # a process that is just starting would print what it did
                    while len(running) < _AHEAD * jobs and (one := next(left, None)) is not None:
                        running.add(_submitted(pool, one))
                if not running:
                    return
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
        except BrokenProcessPool:
            raise InputError(
                "a process that counted networks was ended from outside, e.g. for lack of memory; "
                "--jobs 1 needs less"
            ) from None
        finally:
            with suppress(RuntimeError):  # its thread could not be started
                pool.shutdown(wait=True, cancel_futures=True)

    return parts


def _submitted(pool: ProcessPoolExecutor, one: Range) -> Future[Part]:
    """Start to count a range.

    Raises:
        InputError: the system allows no more processes or threads.
    """
    try:
        return pool.submit(_count, *one)
    except BrokenProcessPool:
        raise
    except (RuntimeError, OSError) as error:
        for child in active_children():
            child.kill()
        reason = one_line(str(error))
        raise InputError(
            f"no more processes can be started ({reason}); --jobs 1 needs none"
        ) from None


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Let Ctrl-C wait; processes that are started meanwhile never see it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin(job: Job) -> None:
    """Begin a process: Ctrl-C is its parent's business, and it ends with its parent."""
    global _counting  # noqa: PLW0603 - a pool gives its processes no other place
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()
    _counting = Counting(job)


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _count(start: int, stop: int) -> Part:
    assert _counting is not None
    return _counting.part(start, stop)
