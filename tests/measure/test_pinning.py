"""Which CPUs a worker is pinned to, on machines made up as a sysfs directory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mncost.measure.workers.pinning import chosen_cpus


def machine(directory: Path, cores: list[str]) -> Path:
    """Write which CPUs share a core; an empty string: the kernel does not say."""
    for cpu, siblings in enumerate(cores):
        if siblings:
            topology = directory / f"cpu{cpu}" / "topology"
            topology.mkdir(parents=True)
            (topology / "thread_siblings_list").write_text(f"{siblings}\n")
    return directory


FOUR_CORES = ["0,4", "1,5", "2,6", "3,7"] * 2  # Linux on most servers
NEIGHBOURS = ["0-1", "0-1", "2-3", "2-3"]
UNKNOWN = ["", "", "", ""]


@pytest.mark.parametrize(
    ("cores", "threads", "allowed", "expected"),
    [
        (FOUR_CORES, 1, range(8), [0]),
        (FOUR_CORES, 4, range(8), [0, 1, 2, 3]),
        (FOUR_CORES, 5, range(8), [0, 1, 2, 3, 4]),
        (FOUR_CORES, 2, {3, 7, 6}, [3, 6]),
        (FOUR_CORES, 9, range(8), list(range(8))),
        (NEIGHBOURS, 2, range(4), [0, 2]),
        (NEIGHBOURS, 3, range(4), [0, 1, 2]),
        (NEIGHBOURS, 2, {1, 2, 3}, [1, 2]),
        (NEIGHBOURS, 2, {3}, [3]),
        (UNKNOWN, 2, range(4), [0, 1]),
    ],
)
def test_one_cpu_of_each_core_comes_first(
    tmp_path: Path, cores: list[str], threads: int, allowed: set[int], expected: list[int]
) -> None:
    assert chosen_cpus(threads, allowed, machine(tmp_path, cores)) == expected


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this platform cannot pin")
def test_a_process_pins_itself() -> None:
    program = (
        "import os; from mncost.measure.workers.pinning import pin; "
        "print(pin(1), os.sched_getaffinity(0))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    (cpu,) = chosen_cpus(1, os.sched_getaffinity(0))
    assert done.stdout.decode().strip() == f"[{cpu}] {{{cpu}}}"
