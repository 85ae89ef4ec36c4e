"""The large copy: that it copies, on which threads, and what becomes of its memory."""

from __future__ import annotations

import ctypes
import random
import subprocess
import sys
import threading
from collections.abc import Callable

import pytest

from mncost.measure.runtimes import copying as module
from mncost.measure.runtimes.copying import SIZE, copier, large_copy


@pytest.mark.parametrize("size", [1000, 1003])
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_each_call_copies_everything(threads: int, size: int) -> None:
    source, target = bytearray(size), bytearray(size)
    with copier(source, target, threads) as call:
        for seed in range(3):
            source[:] = random.Random(seed).randbytes(size)
            assert target != source
            call()
            assert target == source


class Watched:
    """A memmove that says who called it; those of one copy have to be under way at once."""

    def __init__(self, threads: int) -> None:
        self.callers: list[int] = []
        self.sizes: list[int] = []
        self._together = threading.Barrier(threads, timeout=300)
        self._move: Callable[..., int] = ctypes.memmove

    def __call__(self, target: object, source: object, size: int) -> int:
        self._together.wait()
        self.callers.append(threading.get_ident())
        self.sizes.append(size)
        return self._move(target, source, size)


@pytest.mark.parametrize("threads", [2, 3])
def test_every_thread_has_a_share_and_lives_on(
    monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    watched = Watched(threads)
    monkeypatch.setattr(ctypes, "memmove", watched)
    before = threading.active_count()
    with copier(bytearray(3001), bytearray(3001), threads) as call:
        assert threading.active_count() == before + threads  # before the first copy
        call()
        first = set(watched.callers)
        call()
    assert len(first) == threads
    assert set(watched.callers) == first
    assert threading.get_ident() not in first
    assert max(watched.sizes) - min(watched.sizes) <= 1
    assert sum(watched.sizes) == 2 * 3001
    assert threading.active_count() == before


def test_one_thread_is_the_callers(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(1)
    monkeypatch.setattr(ctypes, "memmove", watched)
    before = threading.active_count()
    with copier(bytearray(100), bytearray(100), 1) as call:
        call()
        assert threading.active_count() == before
    assert watched.callers == [threading.get_ident()]


_MEMORY = """
import psutil
from mncost.measure.runtimes.copying import large_copy

rss = lambda: psutil.Process().memory_info().rss
before = rss()
for threads in (1, 2):
    with large_copy(threads) as copy:
        print(rss() - before)
        copy.call()
    # The caller keeps the copy, and with it no memory.
    print(rss() - before)
"""


def test_both_buffers_are_in_memory_from_the_start_and_gone_in_the_end() -> None:
    # In a process of its own: other tests leave memory behind, and take some, at any time.
    ran = subprocess.run(
        [sys.executable, "-c", _MEMORY], capture_output=True, text=True, check=True, timeout=120
    )
    inside_1, after_1, inside_2, after_2 = (int(line) for line in ran.stdout.split())
    assert min(inside_1, inside_2) > 1.9 * SIZE
    assert max(after_1, after_2) < 0.1 * SIZE


@pytest.mark.parametrize("threads", [1, 2])
def test_one_copy_reads_and_writes_every_byte_once(
    monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    monkeypatch.setattr(module, "SIZE", 1003)
    with large_copy(threads) as copy:
        assert copy.bytes == 2 * 1003


def test_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SIZE", 2**62)
    with pytest.raises(MemoryError), large_copy(1):
        pass
