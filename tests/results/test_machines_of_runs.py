"""Runs of several machines: what is said of a machine is said of the right one."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from mncost.errors import MeasureError
from mncost.measure.records import HostRecord, Machine, Run, WorkerSpec
from mncost.page.facts import machine as section
from mncost.pictures.layers import caption
from mncost.results.changes import compare
from mncost.results.results import Results
from mncost.results.warnings import warnings_of_cell
from mncost.tables.words import in_short
from tests.measure.synthetic import MACHINE, REFERENCE_NS, cell, simulated

PI = replace(
    MACHINE,
    cpu="Raspberry Pi 4 Model B Rev 1.1 (Cortex-A72)",
    architecture="aarch64",
    flags=["asimd"],
    cores=4,
    logical_cores=4,
    affinity=[0, 1],
)
CELLS = [cell(0, host="pi", threads=3), cell(1, host=".", threads=3)]


def fleet(seed: int, slower: float = 1.0, pi: Machine = PI) -> Run:
    """Return a run of a cell on a Pi, which is so many times as slow as usual, and one here."""
    there = simulated(
        {None: 3 * slower * REFERENCE_NS, 0: 3e7 * slower}, CELLS, seed=seed, between=0.01
    )
    here = simulated({None: REFERENCE_NS, 1: 9e6}, CELLS, seed=seed + 100, between=0.01)
    for host, run in (("pi", there), (".", here)):
        for process in run.processes:
            process.worker = WorkerSpec("onnxruntime", threads=3, host=host)
    there.processes += here.processes
    there.hosts = {"pi": HostRecord(machine=pi)}
    return there


def test_each_machine_is_compared_with_itself() -> None:
    found = compare(Results(fleet(1)), Results(fleet(2, slower=1.4)))
    ratios = {name: one.ratio.center for name, one in found.references.items()}
    assert ratios == {
        "arithmetic, pi": pytest.approx(1.4, abs=0.05),
        "arithmetic, .": pytest.approx(1.0, abs=0.05),
    }
    (warning,) = [one for one in found.warnings if "machine itself" in one]
    assert "slower: the reference workload (arithmetic, pi)" in warning


def test_machines_that_differ_are_named() -> None:
    other = replace(PI, cpu="Raspberry Pi 5 Model B Rev 1.0 (Cortex-A76)")
    with pytest.raises(MeasureError, match=r"different machines: pi: CPU: .*A72\) and .*A76\)"):
        compare(Results(fleet(1)), Results(fleet(2, pi=other)))
    only_pi = [fleet(seed) for seed in (1, 2)]
    for run in only_pi:
        run.cells = run.cells[:1]
        run.processes = [one for one in run.processes if one.worker.host == "pi"]
    only_pi[1].machine = replace(MACHINE, cpu="another laptop that the board hangs at")
    assert len(compare(*map(Results, only_pi)).changes) == 1


def test_threads_are_counted_on_the_machine_that_has_them() -> None:
    """Three of them: the Pi may use 2 cores, this machine 4."""
    there, here = Results(fleet(1)).summaries
    (warning,) = [one for one in warnings_of_cell(there) if one.name == "threads"]
    assert warning.text.startswith("3 threads share 2 cores")
    assert not [one for one in warnings_of_cell(here) if one.name == "threads"]


def test_pictures_and_reports_name_the_machine() -> None:
    results = Results(fleet(1))
    assert caption(results, results.run.cells[0]).endswith(PI.cpu)
    assert caption(results, results.run.cells[1]).endswith(MACHINE.cpu)
    facts = dict(section(results.run).facts)
    assert facts["pi: processor"] == f"{PI.cpu}, aarch64"
    assert facts["pi: instruction sets"] == "asimd"
    assert facts[".: processor"] == f"{MACHINE.cpu}, x86_64"


def test_versions_that_differ_are_named_with_their_machines() -> None:
    run = fleet(1)
    assert "onnxruntime 1.20.0;" in in_short(Results(run))
    for process in run.processes:
        if process.worker.host == "pi":
            process.versions["onnxruntime"] = "1.31.1"
    assert "onnxruntime 1.20.0 (.), onnxruntime 1.31.1 (pi);" in in_short(Results(run))
