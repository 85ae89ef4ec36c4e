"""The engine: rounds, generations, when it stops, and what it survives."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from mncost.measure.engine import Progress
from mncost.measure.records import Run
from mncost.measure.runtimes.fake import Fault, Script
from mncost.measure.workers.worker import Worker, WorkerDied, WorkerSpec
from mncost.results.results import Results
from tests.measure.scripted import Builder, Launcher, begun, carried_out, fake_request

QUIET = Script(process=0.002, noise=0.002)
V2_MACS = 300_774_272  # Table 4 of the V2 paper says 300 M; the exact number is V2's in tests/


def visits(run: Run) -> Counter[tuple[int, int, int | None]]:
    """Count the bursts of each (generation, round, cell)."""
    return Counter(
        (process.generation, burst.round, burst.cell)
        for process in run.processes
        for burst in process.visits()
        if not burst.workload  # a visit to the reference runs two
    )


def test_each_round_visits_every_cell_and_the_reference_once(tmp_path: Path) -> None:
    run = begun(fake_request("v1,v2", threads=[1, 2]))
    carried_out(run, tmp_path, script=QUIET)
    counted = visits(run)
    rounds = {(generation, number) for generation, number, _ in counted}
    assert len(run.cells) == 8
    for generation, number in rounds:
        for cell in run.cells:
            assert counted[generation, number, cell.id] == 1
        assert counted[generation, number, None] == 2  # of each worker
    assert {process.generation for process in run.processes} == {0, 1, 2, 3, 4}


def test_a_run_has_the_cpu_time_of_each_run(tmp_path: Path) -> None:
    """Beside the time that passed, in which each run waits for a millisecond here."""
    run = begun(fake_request("v1"), max_time=5.0)
    carried_out(run, tmp_path, script=replace(QUIET, waits_ns=1e6))
    for process in run.processes:
        assert process.empty_cpu_ns == process.empty_ns == 0  # the scripted clocks stand still
        assert process.bursts
        for burst in process.visits():
            pairs = [
                *zip(burst.ns, burst.cpu_ns, strict=True),
                *zip(burst.warmup_ns, burst.warmup_cpu_ns, strict=True),
            ]
            assert {round((wall - cpu) / 1e6, 3) for wall, cpu in pairs} == {1.0}


def test_the_order_differs_from_round_to_round_and_the_seed_decides_it(tmp_path: Path) -> None:
    def order(seed: int) -> list[list[int | None]]:
        run = begun(fake_request("v1,v2,v3"), seed=seed)
        carried_out(run, tmp_path, script=QUIET)
        return [
            [burst.cell for burst in process.visits() if burst.round == number]
            for process in run.processes
            for number in range(3)
        ]

    one = order(1)
    assert len({tuple(cells) for cells in one}) > len(one) / 2
    assert one == order(1)
    assert one != order(2)


def test_cells_are_loaded_in_another_order_in_each_process(tmp_path: Path) -> None:
    """Sessions differ by their memory layout: the interval has to cover it."""
    run = begun(fake_request("v1,v2,v3"))
    carried_out(run, tmp_path, script=QUIET)
    orders = [tuple(burst.cell for burst in process.first_runs) for process in run.processes]
    assert len(set(orders)) == len(orders)
    assert orders[0] == orders[1][::-1]  # what is loaded first runs slower: that has to cancel
    assert orders[2] == orders[3][::-1]
    assert {frozenset(order) for order in orders} == {frozenset(range(len(run.cells)))}


def test_it_stops_once_every_interval_is_narrow_enough(tmp_path: Path) -> None:
    run = begun(fake_request("v2"), max_time=10_000.0)
    carried_out(run, tmp_path, script=QUIET)
    assert run.stopped == "target"
    assert len({process.generation for process in run.processes}) == 5  # not fewer
    assert max(Results(run).relative_errors().values()) <= 0.02


def test_it_goes_on_until_then(tmp_path: Path) -> None:
    run = begun(fake_request("v2", twin=None), max_time=10_000.0)
    carried_out(run, tmp_path, script=Script(process=0.05))
    assert run.stopped == "target"
    assert len(run.processes) > 5
    assert max(Results(run).relative_errors().values()) <= 0.02


def test_it_stops_at_the_time_limit(tmp_path: Path) -> None:
    run = begun(fake_request("v1,v2"), max_time=20.0, target_error=0.0001)
    carried_out(run, tmp_path, script=Script(process=0.05))
    assert run.stopped == "max-time"
    assert 19.0 < run.seconds < 20.5
    assert len({process.generation for process in run.processes}) >= 5


@pytest.mark.parametrize("noisy", [0, 120, 1000])
def test_a_wide_interval_takes_more_than_the_usual_time(tmp_path: Path, noisy: int) -> None:
    """So long as it is wider than 5 %, by steps of half the usual time, up to three times it.

    Scripted processes take 0.2 s, so 20 s have 96 of them.
    """
    run = begun(fake_request("v2", twin=None), max_time=20.0, more_time=40.0, target_error=0.0001)

    def errors(run: Run) -> dict[int, float]:
        return {0: 0.06 if len(run.processes) <= noisy else 0.04}

    carried_out(run, tmp_path, script=QUIET, errors=errors)
    assert run.stopped == "max-time"
    assert run.seconds == pytest.approx({0: 20.0, 120: 30.0, 1000: 60.0}[noisy], abs=0.5)
    assert max(len(list(process.visits())) for process in run.processes) == 9  # none is longer


def test_all_visits_to_a_cell_have_as_many_runs(tmp_path: Path) -> None:
    run = begun(fake_request("v1,v3-small", twin=None))
    carried_out(run, tmp_path, script=QUIET)
    for cell in run.cells:
        bursts = [b for process in run.processes for b in process.visits() if b.cell == cell.id]
        assert len({(len(burst.warmup_ns), len(burst.ns)) for burst in bursts}) == 1
        assert 10e6 <= sum(bursts[0].ns) <= 40e6


def test_copies_of_a_model_are_visited_alike(tmp_path: Path) -> None:
    """A run's time depends on how many came before it: bursts of other lengths would differ."""
    run = begun(fake_request("v2,v3-small", copies=5, twin=None))
    carried_out(run, tmp_path, script=Script(noise=0.3))
    for arch in ("v2", "v3-small"):
        cells = {cell.id for cell in run.cells if cell.label.arch == arch}
        bursts = [b for process in run.processes for b in process.visits() if b.cell in cells]
        assert len({(len(burst.warmup_ns), len(burst.ns)) for burst in bursts}) == 1


def test_a_model_is_built_once_for_all_that_share_it(tmp_path: Path) -> None:
    builder = Builder()
    run = begun(fake_request("v2", threads=[1, 2], batch=[1, 8]), max_time=5.0)
    carried_out(run, tmp_path, builder=builder)
    assert builder.built == ["0.fake", "1.fake"]  # the network and its twin
    assert builder.closed
    assert sorted(cell for file in run.files for cell in file.cells) == list(range(8))


def test_a_model_that_is_too_large_costs_its_own_cells(tmp_path: Path) -> None:
    run = begun(fake_request("v1,v2"))
    carried_out(run, tmp_path, script=QUIET, builder=Builder(too_large=4_000_000_000))
    (failure,) = run.failures
    failed = run.cells[failure.cell]
    assert (failed.label.arch, failed.subject.twin) == ("v1", "standard")
    assert failure.reason == "needs about 40 GiB of memory, 12 GiB are free"
    assert [s.cell.id for s in Results(run).summaries if s.latency is None] == [failed.id]
    assert run.stopped == "target"


@pytest.mark.parametrize("do", ["die", "exit", "hang", "refuse", "memory"])
@pytest.mark.parametrize("on", ["load", "run"])
def test_a_worker_that_fails_costs_the_cell_that_it_was_busy_with(
    on: str, do: str, tmp_path: Path
) -> None:
    run = begun(fake_request("v1,v2,v3", twin=None))
    fault = Fault(on=on, do=do, macs=V2_MACS, after=0 if on == "load" else 5)
    carried_out(run, tmp_path, script=Script(process=0.002, noise=0.002, faults=(fault,)))
    (failure,) = run.failures
    assert run.cells[failure.cell].macs == V2_MACS
    assert failure.reason
    others = [s for s in Results(run).summaries if s.cell.macs != V2_MACS]
    assert len(others) == 5
    assert all(s.reached and s.processes >= 5 for s in others)
    assert run.stopped == "target"


def test_a_cell_that_failed_late_keeps_its_samples(tmp_path: Path) -> None:
    run = begun(fake_request("v1,v2", twin=None))
    fault = Fault(on="run", do="die", macs=V2_MACS, after=10, seed=3)
    carried_out(run, tmp_path, script=Script(process=0.002, noise=0.002, faults=(fault,)))
    (failure,) = run.failures
    assert failure.generation == 3
    summary = Results(run).summaries[failure.cell]
    assert summary.latency is not None
    assert summary.failure == failure.reason


def test_a_worker_that_cannot_start_costs_its_cells_only(tmp_path: Path) -> None:
    class Half(Launcher):
        def __call__(self, spec, generation):
            self._scripts = {
                "fake": Script(faults=(Fault("start", "exit"),)) if spec.threads == 2 else QUIET
            }
            return super().__call__(spec, generation)

    run = begun(fake_request("v2", threads=[1, 2]))
    carried_out(run, tmp_path, launch=Half({}))
    assert {run.cells[failure.cell].place.threads for failure in run.failures} == {2}
    assert len(run.failures) == 2
    assert run.stopped == "target"


def test_a_worker_that_dies_once_while_starting_is_started_again(tmp_path: Path) -> None:
    class Unlucky(Launcher):
        def __call__(self, spec: WorkerSpec, generation: int) -> Worker:
            worker = super().__call__(spec, generation)
            if [spec for spec, number in self.started if number == generation] == [spec]:
                worker.close()
                raise WorkerDied("killed by SIGKILL")
            return worker

    run = begun(fake_request("v1,v2"))
    carried_out(run, tmp_path, launch=Unlucky({"fake": QUIET}))
    assert run.failures == []
    assert run.stopped == "target"


def test_a_run_without_a_living_cell_ends(tmp_path: Path) -> None:
    run = begun(fake_request("v1,v2"))
    carried_out(run, tmp_path, script=Script(faults=(Fault("start", "die"),)))
    assert run.stopped == "no cells"
    assert len(run.failures) == len(run.cells) == 4


def test_a_run_ends_where_only_the_reference_is_left(tmp_path: Path) -> None:
    """Every run is refused from some moment on, and none takes time: no round may follow."""
    run = begun(fake_request("v2", twin=None))
    fault = Fault("run", "refuse", after=3)
    carried_out(run, tmp_path, script=Script(process=0.002, noise=0.002, faults=(fault,)))
    assert run.stopped == "no cells"
    assert len(run.failures) == len(run.cells) == 1


def test_ctrl_c_keeps_what_there_is_and_ends_the_workers(tmp_path: Path) -> None:
    saved = []
    seen = Counter[str]()

    def watch(progress: Progress) -> None:
        seen[progress.phase] += 1
        if seen["measure"] == 20:
            raise KeyboardInterrupt

    run = begun(fake_request("v1,v2"))
    carried_out(run, tmp_path, watch=watch, save=lambda run: saved.append(run.stopped))
    assert run.stopped == "interrupted"
    assert saved[-1] == "interrupted"
    assert sum(visits(run).values()) == 19
    assert all(process.ended is not None for process in run.processes)


def test_a_run_is_continued_where_it_ended(tmp_path: Path) -> None:
    run = begun(fake_request("v2"), max_time=5.0, target_error=0.0001)
    carried_out(run, tmp_path, script=Script(process=0.05))
    assert run.stopped == "max-time"
    before, seconds = visits(run), run.seconds
    generations = {process.generation for process in run.processes}
    carried_out(run, tmp_path, script=Script(process=0.05))
    after = visits(run)
    assert before.items() <= after.items()
    assert {process.generation for process in run.processes} > generations
    assert seconds + 4.0 < run.seconds < seconds + 5.5
    assert len(run.files) == 2  # not twice
    times = [burst.at for process in run.processes for burst in process.visits()]
    assert times == sorted(times)


def test_the_true_latencies_are_found(tmp_path: Path) -> None:
    """The script says how fast the machine is; the run has to say the same."""
    script = Script(process=0.005, noise=0.01, outliers=0.01)
    run = begun(fake_request("v1,v2"), max_time=100.0)
    carried_out(run, tmp_path, script=script)
    for summary in Results(run).summaries:
        true = script.overhead_ns + summary.cell.macs / script.macs_per_ns
        assert summary.latency is not None
        assert summary.latency.center == pytest.approx(true / 1e9, rel=0.02)
    (v1, v1_twin) = (s for s in Results(run).summaries if s.cell.label.arch == "v1")
    speedup = v1.speedup
    assert speedup is not None
    true_ratio = (script.overhead_ns + v1_twin.cell.macs / script.macs_per_ns) / (
        script.overhead_ns + v1.cell.macs / script.macs_per_ns
    )
    lo, hi = speedup.lo, speedup.hi
    assert lo is not None
    assert hi is not None
    assert abs(speedup.center - true_ratio) < hi - lo  # four standard errors and more


def test_what_is_common_to_a_process_cancels_in_a_ratio(tmp_path: Path) -> None:
    """Processes differ by 10 %, and the ratio is still known to a fraction of one."""
    run = begun(fake_request("v1,v2"), max_time=100.0)
    carried_out(run, tmp_path, script=Script(process=0.1, noise=0.002))
    for summary in Results(run).summaries:
        if summary.cell.subject.twin is None:
            assert summary.latency is not None
            assert summary.speedup is not None
            error, ratio_error = summary.latency.relative_error, summary.speedup.relative_error
            assert error is not None
            assert ratio_error is not None
            assert ratio_error < 0.01
            assert error > 0.03


def test_what_waits_for_failed_cells_is_decided(tmp_path: Path) -> None:
    """No generation follows in which nothing could be measured."""
    run = begun(fake_request("v1,v2", twin=None))
    (v2,) = (cell.id for cell in run.cells if cell.macs == V2_MACS)
    script = replace(QUIET, faults=(Fault("load", "refuse", macs=V2_MACS),))
    carried_out(run, tmp_path, script=script, errors=None, undecided=lambda *_: {v2})
    assert [failure.cell for failure in run.failures] == [v2]
    assert [one.generation for one in run.conditions] == [0]
    assert run.stopped == "decided"


def test_a_worker_that_refuses_all_of_its_cells_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[Worker] = []

    def close(worker: Worker) -> None:
        closed.append(worker)

    monkeypatch.setattr(Worker, "close", close)
    launch = Launcher({"fake": Script(faults=(Fault("load", "refuse"),))})
    run = begun(fake_request("v2"))
    carried_out(run, tmp_path, launch=launch)
    assert len(run.failures) == 2
    assert len(closed) == len(launch.started) == 1
