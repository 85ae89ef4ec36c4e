"""The worker's server and the fake runtime, without processes."""

from __future__ import annotations

import json
import os
import re
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from statistics import median
from types import SimpleNamespace

import pytest

import mncost
from mncost.measure.runtime_names import RUNTIMES
from mncost.measure.runtimes import Call, Runtime, Setup
from mncost.measure.runtimes.copying import Copy
from mncost.measure.runtimes.fake import Fake, Fault, Script
from mncost.measure.runtimes.reference import REFERENCE_NAMES, REFERENCES, references
from mncost.measure.runtimes.resident import Memory
from mncost.measure.workers.local import local_worker
from mncost.measure.workers.messages import encoded, reason
from mncost.measure.workers.sampling import Clocks, cpu_clock, interruptions, sample
from mncost.measure.workers.serve import Server
from mncost.measure.workers.worker import Worker, WorkerDied, WorkerRefused, WorkerSpec
from mncost.models.formats import FORMATS
from tests.measure import asking

EXACT = Script(macs_per_ns=10.0, overhead_ns=0.0, process=0.0, noise=0.0)
SPEC = WorkerSpec("fake", 1)


def model(directory: Path, macs: int = 1_000_000, precision: str = "fp32") -> Path:
    folder = directory / f"{macs}.{precision}"
    folder.mkdir(exist_ok=True)
    (folder / "model.json").write_text(json.dumps({"macs": macs, "precision": precision}))
    return folder


def worker(script: Script, seed: int = 0, threads: int = 1, now_ns: int = 0) -> Worker:
    return local_worker(WorkerSpec("fake", threads), Fake(script, seed=seed, now_ns=now_ns))


class Traced(Runtime):
    """Writes down what is done with it."""

    distributions = modules = ()
    format = "traced"

    def __init__(self) -> None:
        self.trace: list[object] = []
        self.time = 0
        self.alive: list[Callable[[], object]] = []

    def start(self, threads: int) -> None:
        self.trace.append(("start", threads))

    def load(self, setup: Setup) -> Call:
        name = setup.folder.name
        self.trace.append(("load", name, setup.batch, setup.provider))
        if name == "broken":
            raise RuntimeError("broken:\n  beyond repair")
        return self._watched(lambda: self.trace.append(name))

    def memory(self, setup: Setup, runs: int) -> Memory:
        name = setup.folder.name
        self.trace.append(("memory", name, setup.batch, setup.provider, runs, self.living()))
        return Memory(70, 75)

    def references(self) -> list[Call]:
        return [self._watched(lambda: None)]

    @contextmanager
    def copying(self, threads: int) -> Iterator[Copy]:
        self.trace.append(("copying", threads))
        yield Copy(lambda: self.trace.append("copy"), 12)
        self.trace.append("freed")

    def _watched(self, call: Call) -> Call:
        self.alive.append(weakref.ref(call))
        return call

    def living(self) -> int:
        """Return how many calls there are: the reference workload, and those of models."""
        return sum(ref() is not None for ref in self.alive)

    def clock(self) -> int:
        self.trace.append("clock")
        self.time += len(self.trace)
        return self.time

    def cpu_clock(self, threads: int) -> Callable[[], int]:
        assert ("start", threads) in self.trace

        def clock() -> int:
            self.trace.append("cpu")
            return 0

        return clock


def test_nothing_happens_between_the_clock_and_the_call() -> None:
    runtime = Traced()
    server = Server(runtime, 3)
    server.answer(encoded(asking.load(7, Path("a"), batch=2, provider="P")))
    assert runtime.trace[:2] == [("start", 3), ("load", "a", 2, "P")]
    assert runtime.trace[2:] == ["cpu", "clock", "a", "clock", "cpu"] * 3


def test_a_burst_begins_after_a_yield_and_is_not_interrupted_by_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Others run before the first warm-up, not between the runs that follow one another."""
    runtime = Traced()
    server = Server(runtime, 1)
    server.answer(encoded(asking.load(7, Path("a"))))
    monkeypatch.setattr(
        "mncost.measure.workers.serve.give_way", lambda: runtime.trace.append("yield")
    )
    runtime.trace.clear()
    runtime.trace.append(("start", 1))
    server.answer(encoded(asking.burst(7, warmups=2, runs=3)))
    assert runtime.trace[1:] == ["yield", *["cpu", "clock", "a", "clock", "cpu"] * 5]


def test_the_heaviest_work_is_warm_and_one_after_the_other() -> None:
    """The product begins when the copy's memory is freed, and is gone in the end."""
    runtime = Traced()
    server = Server(runtime, 3)
    answer = server.answer(encoded(asking.heaviest(Path("p"), batch=9, provider="P", runs=2)))
    copy, product = (["cpu", "clock", name, "clock", "cpu"] for name in ("copy", "p"))
    assert runtime.trace == [
        *(("start", 3), ("copying", 3), "copy", *copy * 2, "freed"),
        *(("load", "p", 9, "P"), "p", *product * 2),
    ]
    assert runtime.living() == 1  # the reference workload
    assert (len(answer["product_ns"]), answer["bytes"], len(answer["copy_ns"])) == (2, 12, 2)
    assert "refused" in server.answer(encoded(asking.burst(0, runs=1)))


def test_memory_is_seen_without_the_reference_workload() -> None:
    runtime = Traced()
    request = encoded(asking.memory(Path("a"), batch=2, provider="P", runs=5))
    assert Server(runtime, 1).answer(request) == {"loaded_bytes": 70, "peak_bytes": 75}
    assert runtime.trace == [("start", 1), ("memory", "a", 2, "P", 5, 0)]


def test_each_time_is_the_difference_of_two_readings() -> None:
    wall, cpu = iter([100, 103, 200, 207]), iter([10, 12, 20, 21])
    clocks = Clocks(lambda: next(wall), lambda: next(cpu))
    assert sample(lambda: None, clocks, 2) == ([3, 7], [2, 1])


def test_without_a_clock_of_cpu_time() -> None:
    readings = iter([100, 103, 200, 207])
    assert sample(lambda: None, Clocks(lambda: next(readings), None), 2) == ([3, 7], [])


@pytest.mark.parametrize(
    ("resolution", "is_there"), [(1e-9, True), (1e-7, True), (0.0156, False), (None, False)]
)
def test_a_clock_that_counts_in_long_steps_is_none(
    monkeypatch: pytest.MonkeyPatch, resolution: float | None, is_there: bool
) -> None:
    """Windows counts CPU time in steps of 15.6 ms; elsewhere threads may have no such clock."""

    def info(name: str) -> SimpleNamespace:
        if resolution is None:
            raise ValueError("unknown clock")
        return SimpleNamespace(resolution=resolution)

    monkeypatch.setattr(time, "get_clock_info", info)
    assert cpu_clock(1) == (time.thread_time_ns if is_there else None)
    assert cpu_clock(2) == (time.process_time_ns if is_there else None)


def test_the_clocks_own_time() -> None:
    """The readings of the wall's clock stand between those of CPU time."""
    now = count(step=10)
    clocks = Clocks(lambda: next(now), lambda: next(now))
    assert clocks.empty() == ([10], [30])
    assert Clocks(lambda: next(now), None).empty() == ([10], [])


def test_cpu_time_leaves_out_what_others_take_and_what_is_waited_for(tmp_path: Path) -> None:
    """Of runs of 0.1 ms one in four is preempted for 4 ms, and each waits 0.05 ms."""
    script = replace(EXACT, preempted=0.25, waits_ns=50_000)
    found = worker(script)
    found.ask(asking.load(0, model(tmp_path)))
    burst = found.ask(asking.burst(0, warmups=3, runs=400))
    assert set(burst.cpu_ns) == {100_000} == set(burst.warmup_cpu_ns)
    assert set(burst.ns) == {150_000, 4_150_000}
    assert 60 <= burst.ns.count(4_150_000) <= 140


def test_cpu_time_of_several_threads_is_that_of_all(tmp_path: Path) -> None:
    found = worker(EXACT, threads=2).ask(asking.load(0, model(tmp_path)))
    assert (found.ns, found.cpu_ns) == ([50_000] * 2, [100_000] * 2)


@pytest.mark.skipif(os.name != "posix", reason="getrusage")
def test_faults_are_counted() -> None:
    """A page that is written to for the first time is a fault."""
    import mmap

    before = interruptions()
    with mmap.mmap(-1, 512 * mmap.PAGESIZE) as memory:
        if hasattr(mmap, "MADV_NOHUGEPAGE"):
            memory.madvise(mmap.MADV_NOHUGEPAGE)
        for page in range(512):
            memory[page * mmap.PAGESIZE] = 1
    after = interruptions()
    assert before is not None
    assert after is not None
    assert after.faults - before.faults >= 512
    assert after.switches >= before.switches


def test_a_broken_model_is_refused_in_one_line_and_others_run_on() -> None:
    server = Server(Traced(), 1)
    whole = server.answer(encoded(asking.load(0, Path("whole"))))
    assert (len(whole["warmup_ns"]), len(whole["ns"]), len(whole["cpu_ns"])) == (1, 2, 2)
    broken = server.answer(encoded(asking.load(1, Path("broken"))))
    assert broken == {"refused": "broken: beyond repair"}
    assert "refused" in server.answer(encoded(asking.burst(1, runs=1)))
    burst = server.answer(encoded(asking.burst(0, warmups=2, runs=5)))
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


def test_the_reference_workloads_compute_the_same_each_time() -> None:
    for ours, theirs in zip(references(), references(), strict=True):
        assert ours() == ours() == theirs()
    assert len(references()) == len(REFERENCES) == len(REFERENCE_NAMES)


def test_a_load_runs_once_to_warm_up_and_twice_more(tmp_path: Path) -> None:
    sampled = worker(EXACT).ask(asking.load(0, model(tmp_path)))
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
    sampled = worker(EXACT, threads=threads).ask(asking.load(0, file, batch=batch))
    assert sampled.ns == [ns, ns]


def test_the_fakes_heaviest_work(tmp_path: Path) -> None:
    """MACs at the speed of any model; a copy of 256 MiB, read and written, at 10 bytes a ns."""
    one, two = (
        worker(EXACT, threads=threads).ask(
            asking.heaviest(model(tmp_path, 1_000_000), batch=3, runs=2)
        )
        for threads in (1, 2)
    )
    assert (one.product_ns, two.product_ns) == ([300_000] * 2, [150_000] * 2)
    assert one.bytes == two.bytes == 2**29
    assert one.copy_ns == pytest.approx([2**29 / 10] * 2, abs=1)
    assert two.copy_ns == pytest.approx([2**29 / 20] * 2, abs=1)
    faster = worker(Script(bytes_per_ns=40.0, process=0.0, noise=0.0))
    found = faster.ask(asking.heaviest(model(tmp_path), runs=1))
    assert found.copy_ns == pytest.approx([2**29 / 40], abs=1)


def test_the_fakes_memory(tmp_path: Path) -> None:
    sizes = {"weight_bytes": 4_000, "peak_activation_bytes": 800}
    content = {"macs": 1, "precision": "fp32", **sizes}
    (tmp_path / "model.json").write_text(json.dumps(content))
    found = worker(EXACT).ask(asking.memory(tmp_path, batch=3, runs=5))
    assert found.loaded_bytes == 50_004_000
    assert found.peak_bytes == 50_004_000 + 3_000
    dying = worker(Script(faults=(Fault("run", "die", after=4),)))
    dying.ask(asking.memory(tmp_path, runs=4))
    with pytest.raises(WorkerDied, match="killed by SIGKILL"):
        dying.ask(asking.memory(tmp_path, runs=1))


def test_there_is_no_room_for_the_copy(tmp_path: Path) -> None:
    found = worker(Script(faults=(Fault("copy", "memory"),)))
    with pytest.raises(WorkerRefused, match=r"^out of memory$"):
        found.ask(asking.heaviest(model(tmp_path), runs=1))
    assert len(found.ask(asking.burst(None, runs=3)).ns) == 6  # of two reference workloads


def times(script: Script, directory: Path, seed: int = 0, runs: int = 400) -> list[int]:
    found = worker(script, seed)
    found.ask(asking.load(0, model(directory)))
    return found.ask(asking.burst(0, runs=runs)).ns


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
    first, second = (w.ask(asking.burst(None, runs=1)).ns[0] for w in (early, late))
    assert second == pytest.approx(2 * first, rel=1e-3)


def test_a_coarse_clock(tmp_path: Path) -> None:
    script = Script(clock_ns=15_000_000)
    assert worker(script).hello.clock_ns == 15_000_000
    assert set(times(script, tmp_path)) == {0, 15_000_000}


def test_refusals_leave_the_worker_alive(tmp_path: Path) -> None:
    faults = (Fault("load", "refuse", macs=7), Fault("run", "memory", macs=1_000_000, after=4))
    found = worker(Script(faults=faults))
    with pytest.raises(WorkerRefused, match=r"^the fake runtime refuses and says so in two lines$"):
        found.ask(asking.load(0, model(tmp_path, macs=7)))
    found.ask(asking.load(1, model(tmp_path)))
    with pytest.raises(WorkerRefused, match=r"^out of memory$"):
        found.ask(asking.burst(1, warmups=1, runs=2))
    assert len(found.ask(asking.burst(None, runs=3)).ns) == 6  # of two reference workloads


def test_deaths_are_for_good(tmp_path: Path) -> None:
    found = worker(Script(faults=(Fault("run", "die", after=5),)))
    found.ask(asking.load(0, model(tmp_path)))
    for _ in range(2):
        with pytest.raises(WorkerDied, match="killed by SIGKILL"):
            found.ask(asking.burst(0, runs=3))


def test_a_fault_of_one_process(tmp_path: Path) -> None:
    script = Script(faults=(Fault("start", "exit", seed=1),))
    worker(script, seed=0)
    with pytest.raises(WorkerDied, match="exited with status 3"):
        worker(script, seed=1)


def test_the_protocol_names_no_runtime() -> None:
    """What a runtime is stands in its own file; denormals.py looks at ONNX files by one of them."""
    folder = Path(mncost.__file__).parent / "measure/workers"
    for file in sorted(folder.glob("*.py")):
        words = {*re.findall(r"\w+", file.read_text("utf-8").lower())} - {"fake"}
        if file.name != "denormals.py":
            assert not words & {*RUNTIMES, *FORMATS}, file.name
