"""A large copy: the most bytes that memory moves for some threads.

The buffers are much larger than the caches of a core, and together larger than those that the
cores of a large server share.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier
from typing import NamedTuple

__all__ = ["SIZE", "Copy", "copier", "large_copy"]

SIZE = 256 * 2**20
"""Bytes of each of the two buffers."""


class Copy(NamedTuple):
    """What copies once, and the bytes that one copy reads and writes, together.

    What a CPU reads besides, to fill the cache lines that it is about to write, is not counted.
    """

    call: Callable[[], object]
    bytes: int


@contextmanager
def large_copy(threads: int) -> Iterator[Copy]:
    """Hold two buffers of :data:`SIZE` bytes, which are freed afterwards.

    Args:
        threads: how many copy, each a contiguous share.

    Raises:
        MemoryError: there is no room for them.
    """
    # Both are written to: all pages that never were share one page of zeros.
    source, target = bytearray(b"\1") * SIZE, bytearray(b"\0") * SIZE
    with copier(source, target, threads) as call:
        yield Copy(call, 2 * SIZE)


@contextmanager
def copier(source: bytearray, target: bytearray, threads: int) -> Iterator[Callable[[], object]]:
    """Return a function that copies one buffer into another of the same size.

    With one thread, the caller copies.

    Several threads are there before the first call and end with the context.
    """
    ends = [len(source) * i // threads for i in range(threads + 1)]
    sizes = [end - start for start, end in zip(ends, ends[1:])]

    def shares(buffer: bytearray) -> list[ctypes.Array[ctypes.c_char]]:
        return [
            (ctypes.c_char * size).from_buffer(buffer, start) for start, size in zip(ends, sizes)
        ]

    targets, sources = shares(target), shares(source)
    # One thread is the caller's. Otherwise memmove lets other Python threads run meanwhile.
    with ThreadPoolExecutor(threads) as pool:
        together = map if threads == 1 else _all_started(pool, threads).map
        try:
            yield lambda: list(together(ctypes.memmove, targets, sources, sizes))
        finally:  # a call after this copies nothing
            targets.clear()
            sources.clear()


def _all_started(pool: ThreadPoolExecutor, threads: int) -> ThreadPoolExecutor:
    """Return a pool with all of its threads: it starts one only when none is idle."""
    barrier = Barrier(threads)
    list(pool.map(lambda _: barrier.wait(), range(threads)))
    return pool
