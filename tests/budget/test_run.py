"""Limits checked from end to end, with runtimes that have a script: 40 MACs a nanosecond."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from mncost.budget.baseline import Baseline
from mncost.budget.outcome import Verdicts
from mncost.budget.records import (
    Exact,
    Latency,
    Limit,
    Model,
    Place,
    Ratio,
    Regression,
)
from mncost.budget.run import check
from mncost.errors import BudgetError, InputError
from mncost.measure.bursts import Counts
from mncost.measure.run_file import read_run, write_run
from mncost.measure.runtimes.fake import Fake, Fault, Script
from mncost.measure.schedule import calls_at_reference
from mncost.measure.workers.local import local_worker
from mncost.measure.workers.worker import Worker, WorkerSpec
from mncost.results.bench import bench
from tests.measure.scripted import instead_of_processes
from tests.printed import Printed

V1, V2 = (1e-9 * (macs / 40 + 20_000) for macs in (568_740_352, 300_774_272))  # 20 µs a call
FAKE = Place("fake")


@pytest.fixture(autouse=True)
def no_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    instead_of_processes(monkeypatch)


def limit(bound: Any, arch: str = "v2", **changes: Any) -> Limit:
    fields = {
        "budget": 1,
        "line": 1,
        "name": arch,
        "model": Model(arch=arch),
        "precision": "fp32",
        "place": FAKE,
        "metric": type(bound).__name__,
        "bound": bound,
    }
    return Limit(**fields | changes)


def verdicts(found: Verdicts) -> list[str]:
    return [outcome.verdict for outcome in found]


def net(directory: Path, name: str, width: int) -> Path:
    """Write an architecture file of one pointwise convolution after another."""
    file = directory / f"{name}.toml"
    file.write_text(
        f'format = 1\nname = "net"\ntitle = "Net"\nresolution = 64\n'
        "rules = { divisor = 1, minimum = 1, classes = 10 }\n"
        'defaults = { kernel = 3, activation = "relu" }\n'
        f'rows = [{{ block = "conv", out = {width}, stride = 2 }}, {{ block = "conv", out = 64 }},'
        ' { block = "pool" }, { block = "linear", out = "classes" }]\n'
    )
    return file


# ---------------------------------------------------------------------------------------- verdicts


def scripted(monkeypatch: pytest.MonkeyPatch, script: Callable[[WorkerSpec], Script]) -> None:
    """Let workers follow a script that depends on which they are."""

    def start_worker(spec: WorkerSpec, *, seed: int, quiet: Sequence[int]) -> Worker:
        return local_worker(spec, Fake(script(spec), seed=seed))

    monkeypatch.setattr("mncost.measure.workers.process.start_worker", start_worker)


@pytest.mark.parametrize(
    ("percent", "factor", "verdict"),
    [(50, 1.2, "PASS"), (50, 0.8, "FAIL"), (90, 1.5, "PASS"), (90, 0.8, "FAIL")],
)
def test_an_absolute_limit(
    percent: float, factor: float, verdict: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted(monkeypatch, lambda spec: Script(process=0.002))
    found = check([limit(Latency(percent, factor * V2))], max_time=60)
    assert verdicts(found) == [verdict]
    (outcome,) = found
    assert outcome.unit == "time"
    assert outcome.value is not None
    bound = outcome.value.hi if verdict == "PASS" else outcome.value.lo
    assert bound is not None
    assert (bound <= outcome.limit) == (verdict == "PASS")
    assert outcome.value.center == pytest.approx(V2, rel=0.1)
    assert found.run is not None
    assert found.run.stopped == "decided"


@pytest.mark.parametrize(
    "bound",
    [
        lambda factor: Latency(50, factor * V2),
        lambda factor: Ratio(Model(arch="v1"), factor * V2 / V1),
    ],
    ids=["median", "ratio"],
)
def test_a_pass_close_to_the_limit_needs_fourteen_processes(
    bound: Callable[[float], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow memory layout may be missing in fewer: it raises the mean by 0.8 %."""
    scripted(monkeypatch, lambda spec: Script(process=1e-6, noise=1e-6))
    for factor in (1.004, 1.02):
        found = check([limit(bound(factor))], max_time=60)
        assert verdicts(found) == ["PASS"]
        assert found.run is not None
        generations = {process.generation for process in found.run.processes}
        assert (len(generations) < 14) == (factor == 1.02)


def test_a_limit_that_is_met_exactly_stays_inconclusive(snapshot: SnapshotAssertion) -> None:
    found = check([limit(Ratio(Model(arch="v1"), V2 / V1))], max_time=6)
    assert verdicts(found) == ["INCONCLUSIVE"]
    assert found[0].why == snapshot(extension_class=Printed)
    assert found.run is not None
    assert found.run.stopped == "max-time"


@pytest.mark.parametrize(("most", "verdict"), [(0.9, "PASS"), (0.5, "FAIL")])
def test_a_limit_relative_to_another_network(most: float, verdict: str) -> None:
    found = check([limit(Ratio(Model(arch="v1"), most))])
    assert verdicts(found) == [verdict]
    (outcome,) = found
    assert outcome.value is not None
    assert outcome.value.center == pytest.approx(V2 / V1, rel=0.02)
    assert outcome.old == pytest.approx(V1, rel=0.1)
    assert outcome.new == pytest.approx(V2, rel=0.1)
    assert (outcome.unit, outcome.limit) == ("ratio", most)


def test_exact_limits_need_no_measurement() -> None:
    found = check([limit(Exact("macs", 300_774_272, None)), limit(Exact("params", 1, None))])
    assert verdicts(found) == ["PASS", "FAIL"]
    assert found.run is None


def test_every_limit_is_reported_in_its_place() -> None:
    limits = [
        limit(Latency(50, 0.5 * V2)),
        limit(Exact("macs", 1, None)),
        limit(Latency(50, 2 * V2)),
        limit(Ratio(Model(arch="v1"), 0.9)),
    ]
    assert [outcome.verdict for outcome in check(limits)] == ["FAIL", "FAIL", "PASS", "PASS"]


def test_limits_share_cells() -> None:
    found = check(
        [
            limit(Latency(50, 2 * V2)),
            limit(Latency(50, 3 * V2)),
            limit(Ratio(Model(arch="v1"), 1)),
        ]
    )
    assert found.run is not None
    assert [cell.label.arch for cell in found.run.cells] == ["v2", "v1"]


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ([limit(Latency(50, V2))], 20),
        ([limit(Latency(99, 9 * V2))], 60),
        ([limit(Latency(99.9, 9 * V2)), limit(Latency(99, 9 * V2))], 420),
        ([limit(Ratio(Model(arch="v1"), 0.1)), limit(Ratio(Model(arch="v3-large"), 0.1))], 30),
    ],
)
def test_the_usual_time(
    limits: list[Limit], expected: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mncost.runs.carry_out.carry_out", lambda run, **how: None)
    found = check(limits)
    assert found.run is not None
    assert found.run.options.max_time == pytest.approx(expected)


def test_limits_of_high_percentiles_share_long_bursts_and_others_have_cells_of_their_own() -> None:
    limits = [
        limit(Latency(50, V2)),  # at its limit: never decided
        limit(Latency(99, V2)),
        limit(Ratio(Model(arch="v1"), 0.1), model=Model(arch="v2")),
    ]
    found = check(limits, max_time=20)
    assert found.run is not None
    assert [cell.label.arch for cell in found.run.cells] == ["v2", "v2", "v1"]
    runs = {
        cell: {len(b.ns) for p in found.run.processes for b in p.visits() if b.cell == cell}
        for cell in (0, 1)
    }
    tail, usual = (round(1e-3 * ms / V2) for ms in (160, 30))
    assert runs == {0: {tail}, 1: {usual}}


def test_what_is_decided_is_not_measured_any_more() -> None:
    close = limit(
        Ratio(Model(arch="v3-small"), 0.99),
        "v3-small",
        model=Model(arch="v3-small", dialect="timm"),
    )
    found = check([limit(Latency(50, 9 * V2)), close], max_time=20)
    assert found.run is not None
    bursts = Counter(
        (process.generation, burst.cell)
        for process in found.run.processes
        for burst in process.visits()
    )
    last = max(generation for generation, _ in bursts)
    assert bursts[0, 0] > 0
    assert bursts[last, 0] == 0


# --------------------------------------------------------------------------------------- baselines


@pytest.mark.parametrize(("width", "verdict"), [(64, "PASS"), (80, "FAIL")])
def test_an_older_version_of_the_architecture(width: int, verdict: str, tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    new, old = net(tmp_path, "net", width), net(tmp_path / "old", "net", 64)
    regression = limit(Regression(0.05), str(new))
    found = check([regression], baseline=Baseline(arch=old))
    assert verdicts(found) == [verdict]
    assert found.run is not None
    ours, theirs = found.run.cells
    assert theirs.baseline_of == ours.id
    assert {process.worker for process in found.run.processes} == {ours.worker}
    assert theirs.worker == ours.worker, "both sides share their processes"


def test_both_sides_take_turns_and_the_first_turn(tmp_path: Path) -> None:
    """A B, A B in one process, B A, B A in the next; they are loaded in that order, too."""
    new, old = net(tmp_path, "net", 64), net(tmp_path, "old", 64)
    found = check([limit(Regression(0.5), str(new))], baseline=Baseline(arch=old), max_time=9)
    assert found.run is not None
    for generation in {process.generation for process in found.run.processes}:
        bursts = sorted(
            (burst.at, burst.cell)
            for process in found.run.processes
            if process.generation == generation
            for burst in process.visits()
            if burst.cell is not None
        )
        order = [cell for _, cell in bursts]
        turns = [0, 1] if generation % 2 == 0 else [1, 0]
        assert len(order) > 4
        assert order == (turns * len(order))[: len(order)]


def test_both_sides_visit_the_references_in_every_fourth_round(tmp_path: Path) -> None:
    new, old = net(tmp_path, "net", 64), net(tmp_path, "old", 64)
    found = check([limit(Regression(0.5), str(new))], baseline=Baseline(arch=old), max_time=9)
    assert found.run is not None
    for process in found.run.processes:
        visits = [one for one in process.visits() if one.cell is None]
        rounds = [one.round for one in visits if one.workload == 0]
        assert rounds == [one.round for one in visits if one.workload == 1]
        assert rounds == list(range(0, 4 * len(rounds), 4))
    assert [n for n in range(9) if calls_at_reference(n, paired=True)] == [0, 4, 8]


def test_other_limits_do_not_use_the_short_bursts_of_an_ab(tmp_path: Path) -> None:
    """The network of an A/B has a cell of its own there, visited as by ``mncost bench``."""
    new, old = net(tmp_path, "net", 64), net(tmp_path, "old", 64)
    limits = [limit(Latency(50, 1.0), str(new)), limit(Regression(0.5), str(new))]
    found = check(limits, baseline=Baseline(arch=old))
    assert found.run is not None
    plain, side, baseline = found.run.cells
    assert [plain.arm, side.baseline_of, baseline.baseline_of] == [None, None, side.id]
    lengths = {
        burst.cell: (len(burst.warmup_ns), len(burst.ns))
        for process in found.run.processes
        for burst in process.visits()
    }
    assert lengths[side.id] == lengths[baseline.id]
    assert sum(lengths[plain.id]) > sum(lengths[side.id])


@pytest.mark.parametrize(("width", "verdict"), [(64, "PASS"), (96, "FAIL")])
def test_a_saved_run(width: int, verdict: str, tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    bench(str(net(tmp_path, "net", 64)), runtime="fake", twin=False, max_time=9).save(file)
    new = net(tmp_path, "net", width)
    found = check([limit(Regression(0.1), str(new))], baseline=Baseline(run=file))
    assert verdicts(found) == [verdict]


def test_a_saved_run_of_another_machine(tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    file = tmp_path / "run.json"
    saved = bench("v2", runtime="fake", twin=False, max_time=9)
    saved.save(file)
    text = file.read_text().replace(saved.run.machine.cpu, "Another CPU")
    file.write_text(text)
    with pytest.raises(InputError, match="Another CPU"):
        check([limit(Regression(0.1))], baseline=Baseline(run=file))
    found = check(
        [limit(Regression(0.1))], baseline=Baseline(run=file, other_machine=True), max_time=5
    )
    assert verdicts(found) == ["INCONCLUSIVE"]
    said = found[0].why.replace(saved.run.machine.cpu, "this CPU")
    assert said == snapshot(extension_class=Printed)


def test_a_saved_run_without_the_cell(tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    file = tmp_path / "run.json"
    bench("v1", runtime="fake", twin=False, max_time=5).save(file)
    with pytest.raises(BudgetError) as error:
        check(
            [limit(Regression(0.1)), limit(Regression(0.1), "v3-small")],
            baseline=Baseline(run=file),
        )
    assert len(error.value.problems) == 2
    assert str(error.value).replace(str(tmp_path), "") == snapshot(extension_class=Printed)


def test_a_regression_needs_a_baseline(snapshot: SnapshotAssertion) -> None:
    with pytest.raises(BudgetError) as error:
        check([limit(Regression(0.1))])
    assert str(error.value) == snapshot(extension_class=Printed)


def test_an_architecture_that_is_no_older_version(
    tmp_path: Path, snapshot: SnapshotAssertion
) -> None:
    with pytest.raises(BudgetError) as error:
        check([limit(Regression(0.1))], baseline=Baseline(arch=net(tmp_path, "net", 64)))
    assert str(error.value).replace(str(tmp_path), "") == snapshot(extension_class=Printed)


# ---------------------------------------------------------------------------------------- failures


def test_a_model_that_cannot_be_measured_is_an_error_and_no_pass(
    monkeypatch: pytest.MonkeyPatch, snapshot: SnapshotAssertion
) -> None:
    fault = Fault(on="load", do="memory", macs=300_774_272)
    scripted(monkeypatch, lambda spec: Script(faults=(fault,)))
    found = check([limit(Latency(50, 9 * V2)), limit(Latency(50, 9 * V1), "v1")])
    assert verdicts(found) == ["ERROR", "PASS"]
    assert found.status == 2
    assert not found.ok
    assert found[0].why == snapshot(extension_class=Printed)


def test_a_limit_whose_cell_fails_later_is_an_error_whatever_was_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The worker dies in its fourth generation, with a value and no verdict by then."""
    fault = Fault(on="run", do="die", macs=300_774_272, seed=3, after=3)
    scripted(monkeypatch, lambda spec: Script(process=0.002, faults=(fault,)))
    found = check([limit(Latency(50, V2))], inconclusive="pass")
    assert verdicts(found) == ["ERROR"]
    assert found[0].value is not None
    assert (found.status, found.ok) == (2, False)


# ------------------------------------------------------------------------------------- saved runs


def saved_run(width: int, factor: float, reference: float, tmp_path: Path) -> Path:
    """Save a run whose latencies are so many times as long, and those of its reference."""
    file = tmp_path / "run.json"
    bench(str(net(tmp_path, "net", width)), runtime="fake", twin=False, max_time=9).save(file)
    run = read_run(file)

    def by(cell: int | None) -> float:
        return reference if cell is None else factor

    for process in run.processes:
        for bursts in process.bursts:
            bursts.ns = Counts([round(ns * by(bursts.cell)) for ns in bursts.ns])
            bursts.cpu_ns = Counts([round(ns * by(bursts.cell)) for ns in bursts.cpu_ns])
    write_run(run, file)
    return file


def test_a_pass_against_a_saved_run_needs_both_ratios(
    tmp_path: Path, snapshot: SnapshotAssertion
) -> None:
    """The network takes 1.20 times as long as in the run, and 0.90 times its reference."""
    file = saved_run(64, 0.83, 0.75, tmp_path)
    found = check([limit(Regression(0.1), str(tmp_path / "net.toml"))], baseline=file)
    assert verdicts(found) == ["INCONCLUSIVE"]
    said = "\n".join([found[0].why, *found.notes])
    assert re.sub(r"\d+\.\d+", "N", said) == snapshot(extension_class=Printed)


@pytest.mark.parametrize("factor", [1.0, 0.98])
def test_an_unchanged_network_passes_against_a_saved_run(factor: float, tmp_path: Path) -> None:
    file = saved_run(64, factor, factor, tmp_path)
    found = check([limit(Regression(0.1), str(tmp_path / "net.toml"))], baseline=file)
    assert verdicts(found) == ["PASS"]


def test_a_baseline_that_no_limit_needs_is_opened_and_refused(
    here: Path, snapshot: SnapshotAssertion
) -> None:
    said = []
    for given in (
        {"run": Path("none.json")},
        {"python": "none/python"},
        {"arch": Path("none.toml")},
        {"arch": Path("v2")},
    ):
        for bound in (Exact("macs", 10**9, None), Latency(50, 1.0)):
            with pytest.raises(InputError) as error:
                check([limit(bound)], baseline=Baseline(**given))
            said.append(str(error.value))
    assert "\n".join(dict.fromkeys(said)) == snapshot(extension_class=Printed)


def test_an_interpreter_without_a_name_is_no_baseline() -> None:
    """It would be this one, measured against itself."""
    with pytest.raises(InputError, match="--baseline-python"):
        Baseline(python="")


def test_exact_limits_only_say_what_they_leave_out(snapshot: SnapshotAssertion) -> None:
    limits = [limit(Exact("macs", 10**9, None)), limit(Latency(50, 1.0)), limit(Latency(99, 1.0))]
    found = check(limits, exact_only=True)
    assert verdicts(found) == ["PASS"]
    assert "\n".join(found.notes) == snapshot(extension_class=Printed)
    assert check(limits[:1], exact_only=True).notes == ()
    with pytest.raises(InputError):
        check(limits[1:], exact_only=True)


def test_a_budget_file_is_checked(here: Path) -> None:
    file = here / "b.toml"
    file.write_text('[[budget]]\nmodel.arch = "v2"\nmacs = "1 M"\n')
    for given in (file, "b.toml"):
        found = check(given)
        assert (verdicts(found), found.ok, found.status) == (["FAIL"], False, 1)
    assert not check(file, inconclusive="pass").ok
