"""Workers as real processes: how they are started, how they end, and what the parent says of it."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import venv
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from mncost.errors import MeasureError, MissingExtraError, UnknownNameError
from mncost.measure.runtimes.fake import SCRIPT
from mncost.measure.workers import child as child_module
from mncost.measure.workers import worker as module
from mncost.measure.workers.messages import Message, Request
from mncost.measure.workers.pinning import chosen_cpus
from mncost.measure.workers.process import describe, start_worker
from mncost.measure.workers.worker import Worker, WorkerDied, WorkerRefused, WorkerSpec
from tests.measure import asking
from tests.running import wait_until

FAKE = WorkerSpec("fake", 1)
SCRIPTED = json.dumps(  # what a worker says first
    {"versions": {}, "cpus": None, "clock_ns": 1, "empty_ns": 1, "empty_cpu_ns": None}
)

Start = Callable[..., Worker]


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Start fake workers with these faults; they are ended after the test."""
    started = []

    def begin(*faults: dict[str, object], spec: WorkerSpec = FAKE) -> Worker:
        monkeypatch.setenv(SCRIPT, json.dumps({"faults": faults}))
        worker = start_worker(spec, load_seconds=2)
        started.append(worker)
        return worker

    yield begin
    for worker in started:
        worker.close()


def write(folder: Path, **content: object) -> None:
    """Write a model of the fake runtime's."""
    (folder / "model.json").write_text(json.dumps({"precision": "fp32", **content}))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    write(tmp_path, macs=1_000_000)
    return tmp_path


@pytest.fixture(scope="module")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An interpreter without any packages."""
    directory = tmp_path_factory.mktemp("bare")
    venv.create(directory, symlinks=True)
    return str(directory / "bin" / "python")


def script(directory: Path, text: str) -> str:
    """Write a shell script; return its path."""
    file = directory / "python"
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)
    return str(file)


def workers() -> list[psutil.Process]:
    """Return this process's children that are workers."""
    return [child for child in psutil.Process().children() if "worker" in child.cmdline()]


def test_a_worker_answers(start: Start, model: Path) -> None:
    worker = start()
    assert worker.hello.versions == {"python": "{}.{}.{}".format(*sys.version_info)}
    loaded = worker.ask(asking.load(3, model))
    assert (len(loaded.warmup_ns), len(loaded.ns)) == (1, 2)
    burst = worker.ask(asking.burst(3, warmups=2, runs=5))
    assert (len(burst.warmup_ns), len(burst.ns)) == (2, 5)
    assert len(worker.ask(asking.burst(None, runs=1)).ns) == 2  # of two reference workloads
    heaviest = worker.ask(asking.heaviest(model, batch=2, runs=3))
    assert (len(heaviest.product_ns), heaviest.bytes, len(heaviest.copy_ns)) == (3, 2**29, 3)
    write(model, macs=1_000_000, weight_bytes=1, peak_activation_bytes=4)
    resident = worker.ask(asking.memory(model, batch=2, runs=5))
    assert (resident.loaded_bytes, resident.peak_bytes) == (50_000_001, 50_000_011)


def test_processes_differ_by_their_seed(model: Path) -> None:
    def first(seed: int) -> int:
        worker = start_worker(FAKE, seed=seed)
        try:
            return worker.ask(asking.load(0, model)).ns[0]
        finally:
            worker.close()

    assert first(1) == first(1) != first(2)


@pytest.mark.skipif(sys.platform != "linux", reason="pinning, OOM scores and signals of Linux")
def test_it_is_pinned_and_in_a_process_group_of_its_own(start: Start) -> None:
    worker = start()
    (child,) = workers()
    expected = chosen_cpus(1, os.sched_getaffinity(0))
    assert worker.hello.cpus == child.cpu_affinity() == expected
    assert os.getpgid(child.pid) == child.pid
    assert Path(f"/proc/{child.pid}/oom_score_adj").read_text() == "1000\n"
    environment = child.environ()
    assert {environment[f"{name}_NUM_THREADS"] for name in ("OMP", "MKL", "OPENBLAS")} == {"1"}


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_it_rests_between_requests(start: Start, model: Path) -> None:
    """Threads that wait actively after a run would take the next worker's time."""
    worker = start()
    (child,) = workers()
    wait_until(lambda: child.status() == psutil.STATUS_STOPPED)
    worker.ask(asking.load(0, model))
    wait_until(lambda: child.status() == psutil.STATUS_STOPPED)
    assert len(worker.ask(asking.burst(0, runs=2)).ns) == 2


def test_more_threads_than_cpus_may_use_all(start: Start) -> None:
    worker = start(spec=WorkerSpec("fake", 64))
    if worker.hello.cpus is not None:
        assert worker.hello.cpus == sorted(os.sched_getaffinity(0))


KILLED = r"^killed by SIGKILL \(out of memory\?\)$"
LEFT = "^exited with status 3: the fake runtime gives up$"


@pytest.mark.parametrize(("fault", "reason"), [("die", KILLED), ("exit", LEFT)])
def test_it_dies_at_the_start(start: Start, fault: str, reason: str) -> None:
    with pytest.raises(WorkerDied, match=reason):
        start({"on": "start", "do": fault})
    assert workers() == []


@pytest.mark.parametrize(
    ("fault", "reason"), [("die", KILLED), ("exit", LEFT), ("hang", "^did not answer within 2 s$")]
)
def test_it_dies_of_a_load(start: Start, model: Path, fault: str, reason: str) -> None:
    worker = start({"on": "load", "do": fault})
    with pytest.raises(WorkerDied, match=reason):
        worker.ask(asking.load(0, model))
    assert workers() == []
    with pytest.raises(WorkerDied, match=r"^has ended before$"):
        worker.ask(asking.burst(None, runs=1))
    worker.close()


def test_it_dies_of_the_heaviest_work(start: Start, model: Path) -> None:
    worker = start({"on": "copy", "do": "die"})
    with pytest.raises(WorkerDied, match=KILLED):
        worker.ask(asking.heaviest(model, runs=1))


@pytest.mark.parametrize("ask", [asking.heaviest, asking.memory])
def test_it_hangs_in_a_run_that_follows_a_load(
    start: Start, model: Path, ask: Callable[..., Request[object]]
) -> None:
    worker = start({"on": "run", "do": "hang"})
    with pytest.raises(WorkerDied, match=r"^did not answer within 2 s$"):
        worker.ask(ask(model, runs=1))
    assert workers() == []


def test_it_hangs_in_a_run(start: Start, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BURST_SECONDS", 1.0)
    worker = start({"on": "run", "do": "hang", "after": 5})
    worker.ask(asking.load(0, model))
    worker.ask(asking.burst(0, runs=2))
    with pytest.raises(WorkerDied, match=r"^did not answer within 1 s$"):
        worker.ask(asking.burst(0, runs=2))
    assert workers() == []


def test_long_runs_have_more_time(start: Start, model: Path) -> None:
    """The time limit follows the run time that the load has shown."""
    worker = start()
    asked: list[float] = []
    exchange = worker._transport.ask

    def ask(message: Message, seconds: float) -> Message:
        asked.append(seconds)
        return exchange(message, seconds)

    worker._transport.ask = ask  # type: ignore[method-assign]
    write(model, macs=400_000_000_000)
    typical = max(worker.ask(asking.load(0, model)).ns) / 1e9
    worker.ask(asking.burst(0, warmups=1, runs=9))
    assert asked == [2, pytest.approx(20 * 10 * typical)]
    assert asked[1] > 1000


def test_it_refuses_and_lives_on(start: Start, model: Path) -> None:
    worker = start({"on": "load", "do": "refuse"})
    with pytest.raises(WorkerRefused, match=r"^the fake runtime refuses and says so in two lines$"):
        worker.ask(asking.load(0, model))
    assert len(worker.ask(asking.burst(None, runs=3)).ns) == 6  # of two reference workloads


def test_what_a_library_prints_does_not_matter(start: Start, model: Path) -> None:
    worker = start({"on": "start", "do": "print"}, {"on": "run", "do": "print"})
    assert len(worker.ask(asking.load(0, model)).ns) == 2


def test_what_is_printed_before_it_starts_does_not_matter(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text("print('welcome'); print(3); print('{')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert start().hello.versions


def test_the_current_directory_is_no_place_for_modules(start: Start, here: Path) -> None:
    (here / "json.py").write_text("raise SystemExit('the wrong json')")
    assert start().hello.versions


@pytest.mark.skipif(os.name != "posix", reason="a shell script")
@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("garbage", "^answered no JSON object: garbage$"),
        ("[]", r"^answered no JSON object: \[\]$"),
        ("[" * 100_000, r"^answered no JSON object: \[+$"),
        ('{"ns": "soon"}', "^answered no Sampled: "),
        ("{}", "^answered no Sampled: "),
    ],
)
def test_answers_that_are_none(tmp_path: Path, answer: str, reason: str) -> None:
    python = script(tmp_path, f"echo '{SCRIPTED}'; read line; echo '{answer}'; read line")
    worker = start_worker(WorkerSpec("fake", 1, python))
    with pytest.raises(WorkerDied, match=reason):
        worker.ask(asking.burst(None, runs=1))
    assert workers() == []


PARENT = """
import os, sys, time
from pathlib import Path
from mncost.measure.workers.builder import Builder
from mncost.measure.workers.process import start_worker
from mncost.measure.workers.worker import WorkerSpec
worker = start_worker(WorkerSpec("fake", 1))
builder = Builder()
builder._started()
print("ready", flush=True)
time.sleep(600)
"""


@pytest.fixture
def parent() -> Iterator[psutil.Process]:
    """A process that has a worker and a builder; it and they are ended after the test."""
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE) as process:
        children: list[psutil.Process] = []
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            children = psutil.Process(process.pid).children()
            yield psutil.Process(process.pid)
        finally:
            process.kill()
            for child in children:
                with suppress(psutil.NoSuchProcess):
                    child.kill()


def is_gone(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.mark.skipif(sys.platform != "linux", reason="prctl")
@pytest.mark.parametrize("stopped", [False, True])
def test_workers_and_builders_do_not_survive_a_parent_that_is_killed(
    parent: psutil.Process, stopped: bool
) -> None:
    """They are stopped themselves at that time: a closed pipe would not wake them up."""
    children = parent.children()
    assert len(children) == 2
    wait_until(lambda: all(child.status() == psutil.STATUS_STOPPED for child in children))
    if stopped:
        parent.suspend()
        wait_until(lambda: parent.status() == psutil.STATUS_STOPPED)
    parent.kill()
    wait_until(lambda: all(map(is_gone, children)))


@pytest.mark.skipif(os.name != "posix", reason="a shell script")
def test_a_worker_behind_a_wrapper_does_not_rest(tmp_path: Path, model: Path) -> None:
    """A wrapper that is killed with its parent would leave it stopped for ever."""
    python = script(tmp_path, f'"{sys.executable}" "$@"; exit $?')
    worker = start_worker(WorkerSpec("fake", 1, python))
    try:
        (wrapper,) = [c for c in psutil.Process().children() if python in c.cmdline()]
        (child,) = wrapper.children()
        assert len(worker.ask(asking.load(0, model)).ns) == 2
        assert psutil.STATUS_STOPPED not in {wrapper.status(), child.status()}
    finally:
        worker.close()
    wait_until(lambda: is_gone(child))


@pytest.mark.skipif(os.name != "posix", reason="a shell script")
@pytest.mark.parametrize("noise", ["yes garbage", "yes 3 | tr -d '\\n'", "cat /dev/zero"])
def test_a_program_that_prints_without_end_is_no_interpreter(tmp_path: Path, noise: str) -> None:
    with pytest.raises(MeasureError, match=r"printed a great deal, and no answer$"):
        describe("fake", script(tmp_path, noise))


def test_an_interpreter_without_a_name() -> None:
    with pytest.raises(MeasureError, match=r"^the interpreter '' cannot be used: "):
        describe("fake", "")


def test_a_program_that_closes_its_output_but_lives_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child_module, "_GRACE", 0.1)
    with pytest.raises(MeasureError, match=r"closed its standard output$"):
        describe("fake", script(tmp_path, "exec >&-; sleep 600"))


def test_no_more_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    monkeypatch.setattr(subprocess, "Popen", refuse)
    with pytest.raises(MeasureError, match=r"^no more processes can be started: Resource temp"):
        start_worker(FAKE)


def test_no_time_passes_while_this_process_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each wait seems to take an hour; it counts as a second."""
    hours = count(step=3600.0)
    monkeypatch.setattr(child_module, "time", SimpleNamespace(monotonic=lambda: next(hours)))
    readable, writable = os.pipe()
    try:
        os.write(writable, b"answer")
        patience = child_module.Patience(2.5)
        assert patience.read(readable) == b"answer"
        assert patience.left == 1.5
        os.close(writable)
        assert patience.read(readable) == b""
        assert patience.left == 0.5
    finally:
        os.close(readable)


def test_a_fake_worker_of_another_interpreter(bare_python: str, model: Path) -> None:
    """It finds this very package there, and nothing else of this interpreter's."""
    assert list(describe("fake", bare_python)) == [None]
    worker = start_worker(WorkerSpec("fake", 1, bare_python))
    try:
        assert len(worker.ask(asking.load(0, model)).ns) == 2
    finally:
        worker.close()


@pytest.mark.parametrize(
    "ask", [describe, lambda *spec: start_worker(WorkerSpec(spec[0], 1, spec[1]))]
)
def test_an_interpreter_without_the_packages(
    bare_python: str, ask: Callable[..., object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "onnxruntime.py").touch()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))  # that of another interpreter
    with pytest.raises(MeasureError) as caught:
        ask("onnxruntime", bare_python)
    assert str(caught.value) == (
        f"the interpreter {bare_python} lacks onnxruntime and numpy: "
        f"{bare_python} -m pip install onnxruntime numpy"
    )


@pytest.mark.skipif(os.name != "posix", reason="a shell script")
def test_an_interpreter_that_is_too_old(tmp_path: Path) -> None:
    """A new one that says it is old: it runs the program that an old one would get."""
    pretend = "import sys; sys.version_info = (3, 8, 2); exec(sys.argv[2])"
    python = script(tmp_path, f'exec {sys.executable} -c "{pretend}" "$@"')
    with pytest.raises(MeasureError) as caught:
        describe("fake", python)
    assert str(caught.value) == (
        f"the interpreter {python} is Python 3.8: 3.9 or newer is accepted"
    )


@pytest.mark.parametrize(
    ("python", "reason"),
    [("nowhere/python", "No such file"), ("/bin/echo", "exited with status 0"), ("/", "denied")],
)
def test_what_is_no_interpreter(python: str, reason: str) -> None:
    with pytest.raises(MeasureError, match=f"^the interpreter {python} cannot be used: .*{reason}"):
        describe("fake", python)


def test_this_interpreter_lacks_a_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mncost.measure.workers.serve.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError) as caught:
        describe("torch", None)
    assert caught.value.missing == ["torch", "numpy", "msgspec"]
    assert caught.value.command.endswith(" -m pip install 'mncost[bench,torch]'")


def test_an_unknown_runtime() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'onnxruntime'"):
        describe("onnxrutime", None)
