"""Comparing two runs: verdicts with known error rates, and what has to be said beside them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from mncost.errors import MeasureError
from mncost.measure.records import Burst, Commit, Process, Run
from mncost.results.changes import Changes
from mncost.results.changes import compare as compare_results
from mncost.results.results import Results
from mncost.results.run_ratio import direction_of, run_ratio
from tests.measure.synthetic import MACHINE, REFERENCE_NS, cell, process, run_of, simulated

CELLS = [cell(0), cell(1, alpha=0.5), cell(2, twin="standard")]
LATENCIES = {None: REFERENCE_NS, 0: 9e6, 1: 4e6, 2: 5e7}


def compare(old: Run, new: Run, **options: Any) -> Changes:
    return compare_results(Results(old), Results(new), **options)


def measured(seed: int, factors: dict[int | None, float] | None = None, **changes: Any) -> Run:
    """Return a run of three cells and the reference, each so many times as slow as usual."""
    found = {name: ns * (factors or {}).get(name, 1.0) for name, ns in LATENCIES.items()}
    changes = {"cells": CELLS, "between": 0.01, "processes": 6, **changes}
    return simulated(found, seed=seed, **changes)


def test_each_cell_gets_its_verdict() -> None:
    found = compare(measured(1), measured(2, {0: 1.2, 1: 0.8}))
    assert [change.direction for change in found.changes] == [
        "slower",
        "faster",
        "no difference seen",
    ]
    for change, truth in zip(found.changes, (1.2, 0.8, 1.0), strict=True):
        ratio = change.ratio.plain.ratio
        assert ratio.lo is not None
        assert ratio.hi is not None
        assert ratio.lo <= truth <= ratio.hi
        assert change.ratio.plain.detectable is not None
        assert 0.005 < change.ratio.plain.detectable < 0.05  # 1 % between processes, 6 of them
    assert (found.only_old, found.only_new, found.notes) == ([], [], [])
    assert set(found.references) == {"arithmetic"}
    assert found.warnings == []


def test_false_alarms_are_as_rare_as_the_interval_says() -> None:
    """5 % of 600 comparisons of equal cells; 7 % are not exceeded but for 1 time in 60."""
    alarms = 0
    for seed in range(200):
        old, new = measured(2 * seed, rounds=2), measured(2 * seed + 1, rounds=2)
        found = compare(old, new)
        alarms += sum(change.direction != "no difference seen" for change in found.changes)
    assert alarms / 600 <= 0.07


def test_a_slower_machine_is_seen_by_the_reference() -> None:
    """And the cells, which are as fast as ever beside it, are not blamed for it."""
    found = compare(measured(1), measured(2, {None: 1.3, 0: 1.3, 1: 1.3, 2: 1.3}))
    assert set(found.references) == {"arithmetic"}
    for change in found.changes:
        assert change.ratio.plain.ratio.lo is not None
        assert change.ratio.plain.ratio.lo > 1.2
        assert change.ratio.beside_reference is not None
        assert change.ratio.beside_reference.ratio.center == pytest.approx(1.0, abs=0.04)
        assert change.direction == "no difference seen"
    assert found.references["arithmetic"].ratio.center == pytest.approx(1.3, abs=0.03)
    machine, explained = found.warnings
    assert machine.startswith(
        "the machine itself was slower: the reference workload (arithmetic) took 1."
    )
    assert explained.startswith("3 of 3 cells differ by themselves, but not beside the reference")


def test_runs_that_each_have_their_own_luck_give_few_false_alarms() -> None:
    """All of a run is a few percent slower or faster: plain ratios alone would be wrong often.

    Of 300 comparisons of equal cells, 9 % are three standard deviations above 5 %.
    """
    rng = np.random.default_rng(1)
    plain = alarms = found = 0
    for seed in range(150):
        runs = []
        for number in (0, 1):
            luck = float(np.exp(0.03 * rng.normal()))
            factors: dict[int | None, float] = dict.fromkeys(LATENCIES, luck)
            factors[2] = luck * (1.15 if number else 1.0)
            runs.append(measured(2 * seed + number, factors, rounds=2))
        *same, slower = compare(*runs).changes
        for change in same:
            ratio = change.ratio.plain.ratio
            assert ratio.lo is not None
            assert ratio.hi is not None
            plain += not ratio.lo <= 1 <= ratio.hi
            alarms += change.direction != "no difference seen"
        found += slower.direction == "slower"
    assert plain / 300 > 0.3
    assert alarms / 300 < 0.09
    assert found / 150 > 0.75  # the price of what a slope of 3 could explain


def with_memory(made: Process, ns: int) -> Process:
    """Add a visit to the second reference workload."""
    made.add(Burst(0, None, 0.0, [], [ns], cpu_ns=[ns], workload=1))
    return made


def followed(
    rng: np.random.Generator,
    machine: float,
    slope: float,
    change: float = 1.0,
    arithmetic: float | None = None,
) -> tuple[Run, Run]:
    """Return two runs of 6 processes; in the second the machine is slower, and the cell follows.

    A process's own moment (1 %) moves both references by as much, and the cell by the slope.
    Processes read memory at speeds that differ by 2 %.

    Args:
        rng: what decides.
        machine: how many times as long the references take.
        slope: of the cell on them.
        change: of the network itself.
        arithmetic: how many times as long the first reference takes instead.
    """
    runs, computes = [], machine if arithmetic is None else arithmetic
    for by, first, factor in ((1.0, 1.0, 1.0), (machine, computes, change)):
        moments = np.exp(0.01 * rng.normal(size=6))
        own = np.exp(np.array([0.008, 0.008, 0.02]) * rng.normal(size=(6, 3)))
        runs.append(
            run_of(
                [cell()],
                [
                    with_memory(
                        process(
                            generation,
                            {
                                None: [[round(1e9 * first * moment * noise[0])]],
                                0: [[round(1e9 * factor * (by * moment) ** slope * noise[1])]],
                            },
                        ),
                        round(1e9 * by * moment * noise[2]),
                    )
                    for generation, (moment, noise) in enumerate(zip(moments, own, strict=True))
                ],
            )
        )
    return runs[0], runs[1]


@pytest.mark.simulation
@pytest.mark.parametrize("slope", [0.0, 0.5, 1.0, 1.3, 2.0, 2.7])
@pytest.mark.parametrize("machine", [0.9, 1.03, 1.1, 1.3])
def test_a_network_that_follows_the_machine_is_not_called_changed(
    machine: float, slope: float
) -> None:
    """5 % of comparisons of one network may be wrong; 11.5 % of 200 are not, but for 1 in 1000."""
    rng, repeats, wrong, verdicts = np.random.default_rng(5), 200, 0, 0
    for _ in range(repeats):
        old, new = (Results(run) for run in followed(rng, machine, slope))
        ratio = run_ratio(new, 0, old, 0)
        assert ratio is not None
        wrong += ratio.direction != "no difference seen"
        verdicts += ratio.judge(1.03) == "FAIL"
    assert wrong / repeats <= 0.115
    assert verdicts / repeats <= 0.07


@pytest.mark.simulation
@pytest.mark.parametrize("slope", [0.3, 0.6, 1.0])
def test_a_network_that_waits_for_slower_memory_is_not_called_changed(slope: float) -> None:
    """Other programs fill caches and memory; arithmetic is as fast as before."""
    rng, wrong, plain = np.random.default_rng(8), 0, 0
    for _ in range(200):
        old, new = (Results(run) for run in followed(rng, 1.1, slope, arithmetic=1.0))
        ratio = run_ratio(new, 0, old, 0)
        assert ratio is not None
        plain += direction_of(ratio.plain) == "slower"
        wrong += ratio.direction != "no difference seen"
    assert wrong / 200 <= 0.115
    assert plain / 200 > 0.9, "it would be called slower by its latency alone"


@pytest.mark.simulation
@pytest.mark.parametrize("slope", [0.5, 1.0, 2.0])
def test_a_regression_does_not_pass_whatever_the_machine_does(slope: float) -> None:
    rng, passes = np.random.default_rng(6), 0
    for machine in (0.8, 0.9, 1.0, 1.1):
        for _ in range(100):
            old, new = (Results(run) for run in followed(rng, machine, slope, change=1.05))
            ratio = run_ratio(new, 0, old, 0)
            passes += ratio is not None and ratio.judge(1.03) == "PASS"
    assert passes / 400 <= 0.05


@pytest.mark.simulation
def test_a_change_on_a_machine_that_stays_the_same_is_found() -> None:
    rng, found = np.random.default_rng(7), 0
    for _ in range(200):
        old, new = (Results(run) for run in followed(rng, 1.0, 1.0, change=1.15))
        ratio = run_ratio(new, 0, old, 0)
        found += ratio is not None and ratio.direction == "slower"
    assert found / 200 >= 0.9


def test_the_medians_are_there_and_the_detectable_change_is_the_larger_one() -> None:
    change = compare(measured(1), measured(2)).changes[0]
    assert change.old_latency.center == pytest.approx(9e-3, rel=0.02)
    assert change.new_latency.relative_error is not None
    assert change.ratio.beside_reference is not None
    assert change.ratio.beside_steep is not None
    found = [one.detectable or 0 for one in change.ratio.all]
    assert len(found) == 3
    assert change.ratio.detectable == max(found) > 0


def test_the_reference_is_compared_on_the_workers_that_both_have() -> None:
    """torch's reference is slower, and only the new run has torch: the machine is the same."""
    old, new = run_of([cell()]), run_of([cell(), cell(1, runtime="torch")])
    for generation in range(4):
        visits = {None: [[1000 + generation]], 0: [[10]]}
        old.processes.append(process(generation, visits))
        new.processes.append(process(generation, visits))
        new.processes.append(process(generation, {None: [[9000]], 1: [[10]]}, runtime="torch"))
    new.processes.pop(0)  # the worker that both have died in the first generation
    found = compare(old, new)
    assert found.references["arithmetic"].ratio.center == pytest.approx(1.0, abs=0.002)
    assert found.references["arithmetic"].ratio.n == 3
    assert found.only_new == [new.cells[1]]


@pytest.mark.parametrize("other", ["python", "threads"])
def test_workers_that_differ_in_one_thing_have_references_of_their_own(other: str) -> None:
    """Of two interpreters, or two numbers of threads; a crew starts them in turned order.

    One takes 1.5 times as long as the other. That must not hide a machine that is 10 % slower.
    """
    theirs: dict[str, Any] = {"python": "other/python"} if other == "python" else {"threads": 2}
    runs = []
    for slower in (1.0, 1.1):
        run = run_of([cell(0), cell(1, **theirs)])
        for generation in range(6):
            ns = round(1e6 * slower * (1 + 0.001 * generation))
            both = [
                process(generation, {None: [[ns]], 0: [[9_000_000]]}),
                process(generation, {None: [[ns * 3 // 2]], 1: [[9_000_000]]}, **theirs),
            ]
            run.processes += both[:: -1 if generation % 2 else 1]
        runs.append(run)
    reference = compare(*runs).references["arithmetic"]
    assert reference.ratio.center == pytest.approx(1.1, abs=0.001)
    assert reference.ratio.relative_error is not None
    assert reference.ratio.relative_error < 0.01
    assert reference.detectable is not None
    assert reference.detectable < 0.02
    assert any(text.startswith("the machine itself was slower") for text in compare(*runs).warnings)


def test_without_a_reference_that_is_said() -> None:
    without = [simulated({0: 9e6}, [cell()], seed=seed) for seed in (1, 2)]
    found = compare(*without)
    assert found.references == {}
    assert found.warnings == [
        "the runs have no reference workload in common: a slower machine would not be seen"
    ]


def test_one_process_has_no_verdict() -> None:
    found = compare(measured(1, processes=1), measured(2))
    assert [change.direction for change in found.changes] == [None] * 3
    assert [change.ratio.detectable for change in found.changes] == [None] * 3
    assert "one process has no interval: measure with more --processes" in found.warnings


def test_many_cells_are_bound_to_have_chance_findings() -> None:
    cells = [cell(index, alpha=1 + index / 10) for index in range(40)]
    latencies: dict[int | None, float] = {None: REFERENCE_NS}
    latencies |= {one.id: 9e6 for one in cells}
    runs = [simulated(latencies, cells, seed=seed, rounds=2) for seed in (1, 2)]
    found = compare(*runs)
    assert any("of 40 cells without any change, about 2 are called" in c for c in found.warnings)


def test_cells_are_matched_by_what_they_are() -> None:
    """Not by their place, and whatever the interpreter; those in one run only are listed."""
    old = simulated({0: 1e6, 1: 2e6, 2: 3e6}, CELLS)
    cells = [cell(0, alpha=0.5, python="new/python"), cell(1, batch=8), cell(2, digest="f")]
    new = simulated({0: 2e6, 1: 7e6, 2: 1e6}, cells)
    found = compare(old, new)
    assert [(change.old.id, change.new.id) for change in found.changes] == [(0, 2), (1, 0)]
    assert [change.network_changed for change in found.changes] == [True, True]
    assert found.only_old == [CELLS[2]]
    assert found.only_new == [cells[1]]
    assert "the network itself changed in 2 of 2 cells" in found.notes


def test_cells_that_are_alike_are_matched_in_their_order() -> None:
    """The same models in two interpreters: the second of one run with the second of the other."""
    cells = [cell(0), cell(1, python="other/python")]
    runs = [simulated({0: 1e6, 1: 5e6}, cells, seed=seed) for seed in (1, 2)]
    found = compare(*runs)
    assert [(change.old.id, change.new.id) for change in found.changes] == [(0, 0), (1, 1)]
    assert [change.direction for change in found.changes] == ["no difference seen"] * 2


def test_no_cell_in_common() -> None:
    old = simulated({0: 1e6}, [cell(0)])
    for new in (simulated({0: 1e6}, [cell(0, threads=2)]), run_of([cell(0)])):
        with pytest.raises(MeasureError, match="no measured cell in common"):
            compare(old, new)


def test_another_machine_is_refused_unless_allowed() -> None:
    other = measured(2, machine=replace(MACHINE, cpu="Another", flags=["avx2"]))
    with pytest.raises(MeasureError, match=r"CPU: Example CPU 3000 and Another; .*fma") as caught:
        compare(measured(1), other)
    assert str(caught.value).isprintable()
    found = compare(measured(1), other, allow_different_machine=True)
    assert len(found.changes) == 3
    assert found.warnings[0].startswith("the runs are of different machines: CPU: Example")


def test_what_else_changed_is_noted() -> None:
    old, new = measured(1), measured(2, mncost_version="0.2.0")
    old.git, new.git = None, Commit(id="abcdef0123456789", dirty=True)
    new.machine = replace(MACHINE, os="Linux 7", container="docker", governor="powersave")
    for one in new.processes:
        one.versions = {"python": "3.13.0", "onnxruntime": "1.22.0", "numpy": "2.0"}
    found = compare(old, new)
    assert found.warnings == [
        "the reference workload ran on another version of Python, which may change its time"
    ]
    assert found.notes == [
        "mncost: 0.1.0 → 0.2.0",
        "OS: Linux → Linux 7",
        "container: none → docker",
        "governor: performance → powersave",
        "commit: none → abcdef0123 with changes",
        "onnxruntime: 1.20.0 → 1.22.0",
        "python (for onnxruntime): 3.11.7 → 3.13.0",
    ]
