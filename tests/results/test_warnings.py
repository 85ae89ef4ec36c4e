"""Every warning: there just above its threshold, and not just below."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from mncost.measure.bursts import Counts
from mncost.measure.records import Conditions, Failure, Run
from mncost.results.results import Results
from mncost.results.warnings import RunWarning
from tests.measure.synthetic import MACHINE, cell, process, run_of, simulated

TARGET = 0.02


def of(run: Run) -> dict[str, RunWarning]:
    """Return the warnings of a run by name; no name comes twice here."""
    found = Results(run).warnings
    assert len({warning.name for warning in found}) == len(found)
    return {warning.name: warning for warning in found}


def calm(cells: int = 1, generations: int = 4, rounds: int = 5, **changes: Any) -> Run:
    """Return a run without any warning."""
    visits: dict[int | None, list[list[int]]] = {None: [[1_000_000]] * rounds}
    visits |= {index: [[10_000_000] * 3] * rounds for index in range(cells)}
    processes = [process(generation, visits) for generation in range(generations)]
    return run_of([cell(index) for index in range(cells)], processes, **changes)


def conditions(**changes: float | None) -> list[Conditions]:
    """Return those of three generations, of which the second differs."""
    usual: dict[str, Any] = {"steal": 0.0, "other_load": 0.0, "mhz": 3000.0}
    return [Conditions(generation=g, **(usual | changes if g == 1 else usual)) for g in range(3)]


def test_a_calm_run_has_none() -> None:
    assert of(calm(conditions=conditions())) == {}
    assert of(calm(conditions=conditions(steal=None, other_load=None, mhz=None))) == {}


CONDITIONS: list[tuple[str, dict[str, float], dict[str, float], float]] = [
    ("steal", {"steal": 0.011}, {"steal": 0.01}, 0.011),
    ("other-load", {"other_load": 0.11}, {"other_load": 0.1}, 0.11),
    ("frequency", {"mhz": 2850.0}, {"mhz": 2860.0}, 3000 / 2850 - 1),
    ("frequency", {"mhz": 3160.0}, {"mhz": 3140.0}, 3160 / 3000 - 1),
]


@pytest.mark.parametrize(("name", "above", "below", "value"), CONDITIONS)
def test_conditions_of_the_worst_generation(
    name: str, above: dict[str, float], below: dict[str, float], value: float
) -> None:
    found = of(calm(conditions=conditions(**above)))
    assert found.keys() == {name}
    assert found[name].value == pytest.approx(value)
    assert found[name].cell is None
    assert of(calm(conditions=conditions(**below))) == {}


@pytest.mark.parametrize(("cores", "there"), [(0.5, True), (1.0, False)])
def test_a_quota_below_the_cores_in_use(cores: float, there: bool) -> None:
    run = calm(machine=replace(MACHINE, cpu_quota=cores))
    assert ("quota" in of(run)) == there
    if there:
        assert "0.5 cores, less than 1" in of(run)["quota"].text


@pytest.mark.parametrize("governor", [None, "performance", "powersave", "schedutil"])
def test_governor(governor: str | None) -> None:
    found = of(calm(machine=replace(MACHINE, governor=governor)))
    assert ("governor" in found) == (governor in ("powersave", "schedutil"))


@pytest.mark.parametrize(("change", "there"), [(1.029, False), (1.035, True), (0.95, True)])
def test_drift_of_the_reference(change: float, there: bool) -> None:
    run = calm(generations=3, rounds=10)
    references = [one for p in run.processes for one in p.bursts if one.cell is None]
    end = references[-1].at[-1]
    for bursts in references:
        times = [at for at in bursts.at for _ in range(bursts.runs)]
        bursts.ns = bursts.cpu_ns = Counts([round(1e6 * change ** (at / end)) for at in times])
    assert ("drift" in of(run)) == there


def test_a_scattered_reference_is_no_drift() -> None:
    """Its slope is steep by chance only: the interval holds "no change"."""
    run = simulated({None: 1e6}, [], between=0.2, within=0.2, processes=3, rounds=2, seed=2)
    assert of(run) == {}


def changed_samples(ns: list[int]) -> Callable[[Run], None]:
    def change(run: Run) -> None:
        for one in run.processes:
            for bursts in one.bursts:
                if bursts.cell == 0:
                    bursts.runs = len(ns)
                    bursts.ns = Counts([100_000 * sample for sample in ns] * len(bursts))
                    bursts.cpu_ns = bursts.ns

    return change


def costly(ns: int) -> Callable[[Run], None]:
    def change(run: Run) -> None:
        run.processes[-1].empty_cpu_ns = ns

    return change


def coarse(step: float) -> Callable[[Run], None]:
    def change(run: Run) -> None:
        run.processes[-1].clock_ns = step

    return change


CELLS: list[tuple[str, dict[str, int], Callable[[Run], None], bool]] = [
    ("spread", {}, changed_samples([100, 100, 110, 112, 112]), True),  # its quartiles: 100 and 112
    ("spread", {}, changed_samples([100, 101, 110, 111, 112]), False),
    ("few-rounds", {"generations": 3, "rounds": 3}, lambda run: None, True),
    ("few-rounds", {"generations": 5, "rounds": 2}, lambda run: None, False),
    ("few-processes", {"generations": 2}, lambda run: None, True),
    ("few-processes", {"generations": 3}, lambda run: None, False),
    ("coarse-clock", {}, coarse(10_100.0), True),  # of 10 ms
    ("coarse-clock", {}, coarse(10_000.0), False),
    ("coarse-clock", {}, costly(10_100), True),
    ("coarse-clock", {}, costly(10_000), False),
]


@pytest.mark.parametrize(("name", "size", "change", "there"), CELLS)
def test_warnings_of_a_cell(
    name: str, size: dict[str, int], change: Callable[[Run], None], there: bool
) -> None:
    run = calm(**size)
    change(run)
    found = of(run)
    assert found.keys() == ({name} if there else set())
    if there:
        assert found[name].cell == 0


@pytest.mark.parametrize(
    ("threads", "affinity", "there"),
    [(4, [0, 1, 2, 3], False), (5, [0, 1, 2, 3], True), (8, None, False), (9, None, True)],
)
def test_more_threads_than_allowed_cores(
    threads: int, affinity: list[int] | None, there: bool
) -> None:
    run = calm(machine=replace(MACHINE, affinity=affinity, logical_cores=8))
    run.cells = [cell(threads=threads)]
    assert of(run).keys() == ({"threads"} if there else set())


def test_the_target_was_not_reached() -> None:
    run = simulated({0: 9e6}, [cell()], between=0.2)
    found = of(run)["target"]
    error = Results(run).summaries[0].latency
    assert error is not None
    assert (found.value, found.threshold) == (error.relative_error, TARGET)


def test_a_single_process_has_no_interval_to_reach_it_with() -> None:
    found = of(calm(generations=1, rounds=20))
    assert found.keys() == {"few-processes", "target"}
    assert found["target"].value is None


def test_a_failed_cell_has_failed_and_that_is_all() -> None:
    run = run_of([cell()], failures=[Failure(cell=0, generation=0, reason="died")])
    assert of(run) == {}


def test_each_says_in_one_line_what_it_is_and_what_to_do() -> None:
    run = simulated(
        {None: 1e6, 0: 9e6},
        [cell(threads=99)],
        processes=2,
        rounds=3,
        between=0.05,
        within=0.3,
        drift=9.0,
        conditions=conditions(steal=0.2, other_load=1.0, mhz=1000.0),
        machine=replace(MACHINE, governor="powersave"),
    )
    for one in run.processes:
        one.clock_ns = 1e6
    found = of(run)
    assert found.keys() == {
        *("steal", "other-load", "governor", "frequency", "drift"),
        *("spread", "few-rounds", "few-processes", "coarse-clock", "threads", "target"),
    }
    for warning in found.values():
        assert warning.text.isprintable()
        assert warning.remedy.isprintable()
        assert len(warning.text) < 140
