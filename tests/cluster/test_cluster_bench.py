"""Measuring on a cluster: whole generations, one at a time on a machine, each machine apart."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec import structs

import mncost
from mncost.cluster import generation
from mncost.cluster.bench import _later, _Session, _Site
from mncost.cluster.fleet import Fleet
from mncost.cluster.generation import Answer, Request, decode, encode
from mncost.cluster.tasks import describe
from mncost.hosts.agent import Agent
from mncost.hosts.model_cache import ModelCache
from mncost.measure.places import every_place
from mncost.measure.plan import What
from mncost.measure.records import Run
from mncost.measure.run_file import read_run
from mncost.measure.runtimes.fake import SCRIPT
from mncost.results.results import Results
from mncost.runs.begin import begin
from tests.cluster.starting import cluster
from tests.cluster.test_cluster_space import needs_dask
from tests.running import as_process, background, in_process, wait_until

BENCH = [
    "bench",
    "v2",
    "--alpha",
    "0.35,0.5",
    "--resolution",
    "96",
    "--no-twin",
    "--runtime",
    "fake",
]
pytest.importorskip("scipy")
pytest.importorskip("onnx")


def request_of(number: int, host: str = "pi") -> Request:
    """Return what a machine is asked for: one generation of one cell."""
    where, effort = mncost.Where(runtime="fake"), mncost.Effort(max_time=2, processes=number + 1)
    run = begin(mncost.grid("v2", alpha=0.35), where, effort, What(twin=None))
    run.cells = [
        structs.replace(one, place=structs.replace(one.place, host=host)) for one in run.cells
    ]
    return Request(run, host, number)


def test_one_generation_in_a_process_of_its_own() -> None:
    """As a worker starts it: one line comes in and the run goes out, with the names of a fleet."""
    process = subprocess.Popen(
        [sys.executable, "-m", "mncost.cluster.generation"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, SCRIPT: '{"process": 0.1}'},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        process.stdin.write(encode(request_of(3)) + b"\n")
        process.stdin.flush()  # and it stays open, or nobody would want the answer
        answer = decode(process.stdout.read(), Answer)
    assert answer.run is not None
    assert [(one.generation, one.worker.host) for one in answer.run.processes] == [(3, "pi")]
    assert [(one.generation, one.host) for one in answer.run.conditions] == [(3, "pi")]
    assert sum(len(one) for one in answer.run.processes[0].bursts if one.cell == 0) >= 3


def test_it_ends_when_nobody_wants_it() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "mncost.cluster.generation"], stdin=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        with Locked():  # it would wait for ten minutes
            process.stdin.write(encode(request_of(0)) + b"\n")
            process.stdin.close()
            assert process.wait(100) == -signal.SIGTERM


class Locked:
    """Another user of this machine, who measures."""

    def __enter__(self) -> Agent:
        self.agent = Agent(ModelCache())
        wait_until(lambda: not self.agent.do_lock("somebody else"))
        return self.agent

    def __exit__(self, *_: object) -> None:
        self.agent.close()


def test_nobody_measures_beside_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generation, "LOCK_SECONDS", -1.0)
    with Locked():
        answer = generation._measured(request_of(0))
    assert (answer.run, answer.unable) == (None, "somebody else measures there")


class Client:
    """Workers as a scheduler knows them, each with its own description."""

    def __init__(self, workers: dict[str, dict[str, Any]]) -> None:
        self.workers = workers

    def scheduler_info(self, n_workers: int) -> dict[str, Any]:
        return {"workers": {one: {"resources": {"MEASURE": 1}} for one in self.workers}}

    def run(
        self, task: Callable[[], Any], workers: Sequence[str] = (), on_error: str = ""
    ) -> dict[str, Any]:
        return {one: self.workers[one] if task is describe else task() for one in self.workers}


def test_machines_are_told_apart() -> None:
    """By the boot of their kernel and their fingerprint; workers of one machine share it."""
    own = describe()
    slower = {**own["machine"], "cpu": "another CPU"}
    fleet = Fleet(
        Client(
            {
                "a": {**own, "name": "pi", "key": "1"},
                "b": {**own, "name": "pi", "key": "1"},
                "c": {**own, "name": "pi", "key": "2"},
                "d": {**own, "name": "b\x1b[2J\nad", "key": "3", "machine": slower},
                "e": {**own, "name": "pi", "key": "1", "machine": slower},
            }
        )
    )
    found = {name: fleet.workers(name) for name in fleet.members}
    assert found == {"pi": ["a", "b"], "pi-2": ["c"], "b-2J-ad": ["d"], "pi-3": ["e"]}
    assert fleet.members["pi-3"].record.machine.cpu == "another CPU"


def test_a_machine_without_a_usual_runtime_measures_the_others() -> None:
    class Lacking(Client):
        def submit(self, task: object, runtime: str, **_: object) -> SimpleNamespace:
            said = [None] if runtime == "fake" else f"{runtime} is not installed"
            return SimpleNamespace(result=lambda: said)

    fleet = Fleet(Lacking({"a": {**describe(), "name": "pi"}}))
    notes: list[str] = []
    places = every_place(mncost.Where(("torch", "fake"), host="pi"), fleet.offer, notes)
    assert [place.runtime for place in places] == ["fake"]
    assert notes == ["left out: pi: torch is not installed"]


@pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity") or len(os.sched_getaffinity(0)) < 2,
    reason="needs two cores that a process can be put on",
)
def test_the_core_of_the_worker_is_not_measured() -> None:
    every = os.sched_getaffinity(0)
    own = {min(every)}
    os.sched_setaffinity(0, own)
    try:
        assert set(describe()["machine"]["affinity"]) == every - own
        assert os.sched_getaffinity(0) == own
    finally:
        os.sched_setaffinity(0, every)
    assert set(describe()["machine"]["affinity"]) == every


def session_of(max_time: float, processes: int = 6) -> tuple[_Session, _Site]:
    """Return a session of one machine that has measured nothing."""
    run = request_of(0).run
    run.options = structs.replace(run.options, max_time=max_time, processes=processes)
    fleet = Fleet(Client({"a": {**describe(), "name": "pi"}}))
    session = _Session(fleet, run, Results(run), lambda run: None, lambda progress: None)
    return session, session.sites[0]


@pytest.mark.parametrize(("max_time", "generations"), [(2.0, 3), (14.0, 3), (54.0, 6)])
def test_the_time_of_a_run_is_kept(max_time: float, generations: int) -> None:
    """Each generation takes 4 s before it measures; three are owed if they end in time."""
    session, site = session_of(max_time)
    while not session.is_enough(site):
        share = session.share(site)
        site.generation += 1
        site.took += 4.0 + share
        site.measured += share
    assert site.generation == generations
    assert site.took == pytest.approx(max(max_time, 12.6), abs=0.6)


def test_a_machine_that_takes_too_long_measures_once() -> None:
    session, site = session_of(2.0)
    assert not session.is_enough(site)
    site.generation, site.took, site.measured = 1, 33.0, 0.3
    assert session.is_enough(site)


def test_times_count_from_the_beginning_of_the_run() -> None:
    process = request_of(0).run
    part = generation._measured(Request(process, "pi", 0)).run
    assert part is not None
    (one,) = part.processes
    before = [one.started, one.ended, *one.bursts[0].at]
    moved = _later(one, 100.0)
    after = [moved.started, moved.ended, *moved.bursts[0].at]
    assert after == pytest.approx([at + 100.0 for at in before if at is not None])


@needs_dask
@pytest.mark.slow
def test_eight_of_eight_though_a_worker_is_killed(tmp_path: Path) -> None:
    """Two workers of this machine take turns: no two measure at the same time."""
    words = [*BENCH, "--processes", "8"]
    words += ["--max-time", "300", "--save", str(tmp_path / "run.json")]
    with cluster(tmp_path, **{SCRIPT: '{"process": 0.01}'}) as made:
        dying = made.worker(DIES="3")
        made.worker()
        with background([*words, "--cluster", made.address]) as process:
            _, err = process.communicate(timeout=600)
        noted = made.noted()
    assert process.returncode == 0, err
    run = read_run(tmp_path / "run.json")
    assert [one.generation for one in run.processes] == list(range(len(run.processes)))
    assert len(run.processes) >= 8  # more, if there is time
    assert {one.worker.host for one in run.processes} == {*run.hosts}
    assert len(run.hosts) == 1
    assert {burst.cell for one in run.processes for burst in one.bursts} == {0, 1, None}
    ends = [(when, pid) for what, when, pid in noted if what == "ends"]
    assert dying.poll() == 9 or len({pid for _, pid in ends}) == 1
    free = 0.0  # no task begins before the last one has ended
    for what, when, pid in noted:
        if what == "begins" and any(end > when and other == pid for end, other in ends):
            assert when >= free
        free = when


FEW = [*BENCH, "--processes", "3", "--max-time", "3"]


@needs_dask
@pytest.mark.slow
def test_ctrl_c_keeps_what_is_whole(tmp_path: Path) -> None:
    words = [*BENCH, "--processes", "500", "--max-time", "500", "--save", str(tmp_path / "r.json")]
    with cluster(tmp_path, **{SCRIPT: '{"process": 0.01}'}) as made:
        made.worker()
        with background([*words, "--cluster", made.address]) as process:
            wait_until(lambda: len(made.noted()) > 4, process)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=300)
        assert process.returncode == 130, err
        assert "Traceback" not in err
        before = len(made.noted())
        with background([*FEW, "--cluster", made.address]) as again:  # the worker is free again
            wait_until(lambda: len(made.noted()) > before + 1, again)
    run: Run = read_run(tmp_path / "r.json")
    assert run.stopped == "interrupted"
    assert 1 <= len(run.processes) < 500
    assert "arch" in out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--cluster tcp://192.0.2.1:8786", "refused without TLS"),
        ("--insecure", "--insecure needs --cluster"),
        ("--cluster tcp://127.0.0.1:1 --resume run.json", "--cluster does not go with --resume"),
    ],
)
def test_bad_options(options: str, said: str) -> None:
    status, out, err = in_process(["bench", *options.split()])
    assert (status, out, err.count("\n")) == (2, "", 1), err
    assert said in err


@needs_dask
@pytest.mark.slow
def test_what_a_cluster_does_not_measure(tmp_path: Path) -> None:
    with cluster(tmp_path) as made:
        made.worker("--resources", "OTHER=1")
        words = ["--cluster", made.address]
        nobody = as_process([*BENCH, *words])
        assert "no worker has the resource MEASURE" in nobody.err
        made.worker()
        here = as_process([*BENCH, *words, "--host", "pi4"])
        assert "do not go with --cluster" in here.err
        assert (nobody.status, here.status) == (2, 2)
