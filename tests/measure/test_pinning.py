"""Which CPUs a worker is pinned to, on machines made up as a sysfs directory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mncost.measure.workers.pinning import chosen_cpus, quiet_first


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


@pytest.mark.parametrize(
    ("cores", "threads", "quiet", "expected"),
    [
        (UNKNOWN, 1, [3, 0, 1, 2], [3]),
        (UNKNOWN, 2, [3, 0, 1, 2], [0, 3]),
        (NEIGHBOURS, 2, [3, 2, 0, 1], [0, 3]),  # not both of one core
        (NEIGHBOURS, 1, [9, 2], [2]),  # no such CPU
        (FOUR_CORES, 2, [5], [0, 5]),
    ],
)
def test_quiet_cpus_come_before_others(
    tmp_path: Path, cores: list[str], threads: int, quiet: list[int], expected: list[int]
) -> None:
    allowed = range(len(cores))
    assert chosen_cpus(threads, allowed, machine(tmp_path, cores), quiet) == expected


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this platform cannot pin")
def test_the_quieter_cpu_is_found_by_trying(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the share of a CPU that one gets; a hundredth makes no difference."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1, 2, 3})
    monkeypatch.setattr(os, "sched_setaffinity", lambda process, cpus: None)
    shares = {0: 0.5, 1: 0.98, 2: 0.33, 3: 0.99}
    assert quiet_first(shares.__getitem__) == [1, 3, 0, 2]


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this platform cannot pin")
def test_trying_cpus_leaves_the_process_where_it_was() -> None:
    before = os.sched_getaffinity(0)
    assert sorted(quiet_first()) == sorted(before)
    assert os.sched_getaffinity(0) == before


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this platform cannot pin")
def test_a_process_pins_itself() -> None:
    program = (
        "import os; from mncost.measure.workers.pinning import pin; "
        "print(pin(1), os.sched_getaffinity(0))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    (cpu,) = chosen_cpus(1, os.sched_getaffinity(0))
    assert done.stdout.decode().strip() == f"[{cpu}] {{{cpu}}}"
