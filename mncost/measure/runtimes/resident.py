"""How much resident memory a process takes to run a model, above what it has once it is loaded.

Counted is all memory that belongs to no file and is resident at the highest moment of some runs
but was not after the load: activations, the workspace of kernels (weights in another layout, say),
code that is compiled when it first runs, and all that a runtime's own arena holds: ONNX Runtime's
has the blocks of the first run beside the single one that it plans for later runs, about twice as
much as is in use. The input belongs to what is loaded. Left out is what says nothing of the model:

* Pages of libraries' files, which the first run reads as it comes to their code: some ten MB.
* The gaps of the C library's heap. Its threshold from which a block has pages of its own, returned
  when it is freed, grows with what has been freed before, up to 32 MiB: then activations lie
  between small blocks, and two to three times their memory stays resident. Here it stays at the
  128 KiB with which it begins.
* The rest of huge pages, which the kernel may give to a program that asks for small ones.

The kernel counts pages in portions for each CPU: the result is exact to a few hundred KB.
"""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["Memory", "grown_memory", "resident_memory"]

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_FORGET_PEAK = "5"  # proc(5)
_MMAP_THRESHOLD, _BLOCK = -3, 128 * 2**10  # mallopt(3)
_THP_DISABLE = 41  # prctl(2)


class Memory(NamedTuple):
    """Resident memory of this process, in bytes: after the load, and at most in the runs."""

    loaded: int
    peak: int


def resident_memory(load: Callable[[], Callable[[], object]], runs: int) -> Memory:
    """Load a model and run it, in a process that has no other.

    Args:
        load: returns what is run; its input is bound.
        runs: how often; a runtime may hold more from the second run on than in the first, and
            the first reads the libraries' code.

    Raises:
        RuntimeError: this is not Linux, or /proc/self/clear_refs cannot be written to.
    """
    _forget_peak()  # raises before the work if it cannot
    _separate_blocks()
    call = load()
    gc.collect()
    _call_libc("malloc_trim", 0)
    before = _status()
    _forget_peak()
    for _ in range(runs):
        call()
    after = _status()
    grown = (after["VmHWM"] - after["RssFile"]) - (before["VmRSS"] - before["RssFile"])
    return Memory(before["VmRSS"], before["VmRSS"] + max(0, grown))


def grown_memory(load: Callable[[], Callable[[], int]]) -> Memory:
    """See what a second batch adds, where a runtime has all its memory from the load on.

    Args:
        load: loads a model and runs it; returns what runs it with twice the batch, and says how
            many bytes more its input has then.

    Raises:
        RuntimeError: this is not Linux.
    """
    _forget_peak()
    _separate_blocks()
    twice = load()
    gc.collect()
    _call_libc("malloc_trim", 0)
    before = _status()
    of_input = twice()
    gc.collect()
    after = _status()
    grown = (after["VmRSS"] - after["RssFile"]) - (before["VmRSS"] - before["RssFile"])
    own = max(0, grown - of_input)
    return Memory(before["VmRSS"] - own, before["VmRSS"])


def _separate_blocks() -> None:
    """Give each block of memory pages of its own, of the small size."""
    _call_libc("mallopt", _MMAP_THRESHOLD, _BLOCK)
    _call_libc("prctl", _THP_DISABLE, *map(ctypes.c_ulong, (1, 0, 0, 0)))


def _call_libc(function: str, *arguments: Any) -> None:
    """Call a function of the C library, if it has it."""
    if call := getattr(ctypes.CDLL(None), function, None):
        call(*arguments)


def _forget_peak() -> None:
    try:
        _CLEAR.write_text(_FORGET_PEAK)
    except OSError as error:
        raise RuntimeError(f"peak memory needs Linux's {_CLEAR}: {error.strerror}") from None


def _status() -> dict[str, int]:
    """Return what this process has of each kind of memory, in bytes."""
    lines = [line.split() for line in _STATUS.read_text().splitlines()]
    return {words[0].rstrip(":"): 1024 * int(words[1]) for words in lines if words[2:] == ["kB"]}
