"""Resident memory of runs: programs that take a known amount, each in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mncost.measure.runtimes import resident as module
from mncost.measure.runtimes.resident import resident_memory

linux = pytest.mark.skipif(sys.platform != "linux", reason="/proc")

MIB = 2**20
SLACK = 8 * MIB  # what Python itself takes
COUNTED = 2 * MIB  # the kernel counts in portions

_PROGRAM = """
import json
from mncost.measure.runtimes.resident import resident_memory

MIB = 2**20
kept = []

def touched(mib):
    return bytearray(b"x") * int(mib * MIB)

def small(mib):
    return [touched(1 / 16) for _ in range(16 * mib)]

{program}
print(json.dumps(resident_memory(load, 3)))
"""


def seen(program: str) -> tuple[int, int]:
    """Return the memory after the load, and by how much the runs exceed it, of a ``load()``."""
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM.format(program=program)],
        stdout=subprocess.PIPE,
        check=True,
        timeout=300,
    )
    loaded, peak = json.loads(done.stdout)
    return loaded, peak - loaded


NOTHING = "def load(): return lambda: None"
FREED = "def load(): return lambda: touched(64) and None"
KEPT = "def load(): return lambda: kept or kept.append(touched(64))"

# The load leaves a hole in the heap, which the runs would fill without a trace.
HOLE = """
def load():
    hole = small(64)
    kept.append(small(1))
    return lambda: small(64) and None
"""

# Freed by the load, a large block would move the next ones into the heap; there, what is freed
# below something small stays resident.
GAP = """
def load():
    touched(31)
    def run():
        first = touched(28)
        kept.append(small(1))
        del first
        touched(30)
    return run
"""


@linux
@pytest.mark.parametrize(
    ("program", "mib"),
    [(NOTHING, 0), (FREED, 64), (KEPT, 64), (HOLE, 64), (GAP, 30 + 3)],
    ids=["nothing", "freed", "kept", "hole", "gap"],
)
def test_what_the_runs_take(program: str, mib: int) -> None:
    _, grown = seen(program)
    assert mib * MIB - COUNTED <= grown < mib * MIB + SLACK


@linux
def test_what_the_load_keeps_is_loaded_and_what_it_frees_is_not() -> None:
    bare, _ = seen(NOTHING)
    loaded, grown = seen("""
import gc
gc.disable()  # as in a worker
def load():
    touched(96)
    garbage = [touched(32)]
    garbage.append(garbage)
    model = touched(64)
    return lambda: model and None
""")
    assert 64 * MIB - COUNTED <= loaded - bare < 64 * MIB + SLACK
    assert grown < SLACK


@linux
def test_huge_pages_are_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the C library can ask for them it does: 32 bytes would take 64 MiB."""
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1")
    program = """
import ctypes
malloc = ctypes.CDLL(None).malloc
malloc.restype = ctypes.c_void_p
def load():
    def run():
        block = malloc(ctypes.c_size_t(64 * MIB))
        for i in range(32):
            ctypes.memset(block + 2 * MIB * i, 1, 1)
    return run
"""
    _, grown = seen(program)
    assert grown < SLACK


@linux
def test_pages_of_files_do_not_count() -> None:
    """As those of a library's code, which the first run reads: this file is one."""
    from onnxruntime.capi import onnxruntime_pybind11_state

    library = Path(onnxruntime_pybind11_state.__file__)
    assert library.stat().st_size > 2 * SLACK
    program = f"""
import mmap
file = open({str(library)!r}, "rb")
def load():
    view = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
    return lambda: sum(view[::4096])
"""
    _, grown = seen(program)
    assert grown < SLACK


@linux
def test_it_runs_as_often_as_it_is_told() -> None:
    program = """
def load():
    return lambda: kept.append(touched(16))
"""
    _, grown = seen(program)
    assert 3 * 16 * MIB - COUNTED <= grown < 3 * 16 * MIB + SLACK


def test_where_it_cannot_be_seen_nothing_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = tmp_path / "clear_refs"
    monkeypatch.setattr(module, "_CLEAR", missing / "none")

    def load() -> None:
        raise AssertionError

    with pytest.raises(RuntimeError) as caught:
        resident_memory(load, 1)  # type: ignore[arg-type]
    assert str(caught.value) == (
        f"peak memory needs Linux's {missing / 'none'}: No such file or directory"
    )
