"""The worker's server and the fake runtime, without processes."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median

import pytest

from mncost.measure.runtimes import Call, Runtime
from mncost.measure.runtimes.fake import Fake, Fault, Script
from mncost.measure.runtimes.reference import reference
from mncost.measure.workers.local import LocalWorker
from mncost.measure.workers.messages import reason
from mncost.measure.workers.protocol import WorkerDied, WorkerRefused, WorkerSpec
from mncost.measure.workers.serve import Server, sample

EXACT = Script(macs_per_ns=10.0, overhead_ns=0.0, process=0.0, noise=0.0)
SPEC = WorkerSpec("fake", 1)


def model(directory: Path, macs: int = 1_000_000, precision: str = "fp32") -> Path:
    file = directory / f"{macs}.{precision}"
    file.write_text(json.dumps({"macs": macs, "precision": precision}))
    return file


def worker(script: Script, seed: int = 0, threads: int = 1, now_ns: int = 0) -> LocalWorker:
    return LocalWorker(WorkerSpec("fake", threads), Fake(script, seed=seed, now_ns=now_ns))


class Traced(Runtime):
    """Writes down what is done with it."""

    packages = ()
    format = "traced"

    def __init__(self) -> None:
        self.trace: list[object] = []
        self.time = 0

    def start(self, threads: int) -> None:
        self.trace.append(("start", threads))

    def load(self, file: Path, *, batch: int, provider: str | None) -> Call:
        self.trace.append(("load", file.name, batch, provider))
        if file.name == "broken":
            raise RuntimeError("broken:\n  beyond repair")
        return lambda: self.trace.append(file.name)

    def clock(self) -> int:
        self.trace.append("clock")
        self.time += len(self.trace)
        return self.time


def test_nothing_happens_between_the_clock_and_the_call() -> None:
    runtime = Traced()
    server = Server(runtime, 3)
    server.answer({"ask": "load", "cell": 7, "file": "a", "batch": 2, "provider": "P"})
    assert runtime.trace[:2] == [("start", 3), ("load", "a", 2, "P")]
    assert runtime.trace[2:] == ["clock", "a", "clock"] * 3


def test_each_time_is_the_difference_of_two_readings() -> None:
    readings = iter([100, 103, 200, 207])
    assert sample(lambda: None, lambda: next(readings), 2) == [3, 7]


def test_a_broken_model_is_refused_in_one_line_and_others_run_on() -> None:
    server = Server(Traced(), 1)
    whole = {"ask": "load", "cell": 0, "file": "whole", "batch": 1, "provider": None}
    assert set(server.answer(whole)) == {"warmup_ns", "ns"}
    broken = server.answer({**whole, "cell": 1, "file": "broken"})
    assert broken == {"refused": "broken: beyond repair"}
    assert "refused" in server.answer({"ask": "burst", "cell": 1, "warmups": 0, "runs": 1})
    burst = server.answer({"ask": "burst", "cell": 0, "warmups": 2, "runs": 5})
    assert (len(burst["warmup_ns"]), len(burst["ns"])) == (2, 5)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (RuntimeError("a\n  b\tc"), "a b c"),
        (MemoryError(), "out of memory"),
        (MemoryError("8 GiB"), "out of memory: 8 GiB"),
        (ValueError(), "ValueError"),
        (RuntimeError("\x1b[31mred"), "\\x1b[31mred"),
        (RuntimeError("x" * 300), "x" * 199 + "…"),
    ],
)
def test_reasons_are_short_lines(error: Exception, line: str) -> None:
    assert reason(error) == line


def test_the_reference_workload_computes_the_same_each_time() -> None:
    call = reference()
    assert call() == call() == reference()()


def test_a_load_runs_once_to_warm_up_and_twice_more(tmp_path: Path) -> None:
    sampled = worker(EXACT).load(0, model(tmp_path), batch=1, provider=None)
    assert (sampled.warmup_ns, sampled.ns) == ([100_000], [100_000, 100_000])


@pytest.mark.parametrize(
    ("batch", "threads", "precision", "ns"),
    [
        (1, 1, "fp32", 100_000),
        (8, 1, "fp32", 800_000),
        (1, 2, "fp32", 50_000),
        (1, 1, "int8", 50_000),
    ],
)
def test_the_fakes_latency_follows_from_macs(
    tmp_path: Path, batch: int, threads: int, precision: str, ns: int
) -> None:
    file = model(tmp_path, precision=precision)
    sampled = worker(EXACT, threads=threads).load(0, file, batch=batch, provider=None)
    assert sampled.ns == [ns, ns]


def times(script: Script, directory: Path, seed: int = 0, runs: int = 400) -> list[int]:
    found = worker(script, seed)
    found.load(0, model(directory), batch=1, provider=None)
    return found.burst(0, warmups=0, runs=runs).ns


def test_the_fake_is_the_same_for_the_same_seed(tmp_path: Path) -> None:
    script = Script(outliers=0.1)
    assert times(script, tmp_path, 1) == times(script, tmp_path, 1)
    assert times(script, tmp_path, 1) != times(script, tmp_path, 2)


def test_the_fakes_deviations(tmp_path: Path) -> None:
    """Of the factors by which it is slower: each is seen where the others are off."""
    assert len(set(times(EXACT, tmp_path))) == 1
    between = {median(times(Script(process=0.1, noise=0.0), tmp_path, seed)) for seed in range(9)}
    assert len(between) == 9
    outliers = times(Script(process=0.0, noise=0.0, outliers=0.1), tmp_path)
    assert 20 <= outliers.count(max(outliers)) <= 60
    assert max(outliers) == pytest.approx(5 * min(outliers), rel=1e-4)
    drifting = times(Script(process=0.0, noise=0.0, drift=10.0), tmp_path)
    assert drifting == sorted(drifting)
    assert drifting[-1] > 1.1 * drifting[0]


def test_the_drift_goes_on_from_process_to_process(tmp_path: Path) -> None:
    script = Script(process=0.0, noise=0.0, drift=0.1)
    early, late = (worker(script, now_ns=now) for now in (0, 10**10))
    first, second = (w.burst(None, warmups=0, runs=1).ns[0] for w in (early, late))
    assert second == pytest.approx(2 * first, rel=1e-3)


def test_a_coarse_clock(tmp_path: Path) -> None:
    script = Script(clock_ns=15_000_000)
    assert worker(script).hello.clock_ns == 15_000_000
    assert set(times(script, tmp_path)) == {0, 15_000_000}


def test_refusals_leave_the_worker_alive(tmp_path: Path) -> None:
    faults = (Fault("load", "refuse", macs=7), Fault("run", "memory", macs=1_000_000, after=4))
    found = worker(Script(faults=faults))
    with pytest.raises(WorkerRefused, match=r"^the fake runtime refuses and says so in two lines$"):
        found.load(0, model(tmp_path, macs=7), batch=1, provider=None)
    found.load(1, model(tmp_path), batch=1, provider=None)
    with pytest.raises(WorkerRefused, match=r"^out of memory$"):
        found.burst(1, warmups=1, runs=2)
    assert len(found.burst(None, warmups=0, runs=3).ns) == 3


def test_deaths_are_for_good(tmp_path: Path) -> None:
    found = worker(Script(faults=(Fault("run", "die", after=5),)))
    found.load(0, model(tmp_path), batch=1, provider=None)
    for _ in range(2):
        with pytest.raises(WorkerDied, match="killed by SIGKILL"):
            found.burst(0, warmups=0, runs=3)


def test_a_fault_of_one_process(tmp_path: Path) -> None:
    script = Script(faults=(Fault("start", "exit", seed=1),))
    worker(script, seed=0)
    with pytest.raises(WorkerDied, match="exited with status 3"):
        worker(script, seed=1)
