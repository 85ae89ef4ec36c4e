"""Which time limits are judged by, what is said of it, and when several threads decide nothing."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from mncost.budget.records import Latency, Limit, Model, Place
from mncost.budget.run import check
from mncost.errors import InputError, MeasureError, UnknownNameError
from mncost.measure.runtimes.fake import Fake, Script
from mncost.measure.workers.local import local_worker
from mncost.measure.workers.sampling import Interruptions
from mncost.measure.workers.worker import Worker, WorkerSpec
from tests.measure.scripted import instead_of_processes
from tests.printed import Printed, refused
from tests.running import Result

Cli = Callable[..., Result]

V2 = 1e-9 * (300_774_272 / 40 + 20_000)  # seconds of a call on one thread, 20 µs besides


@pytest.fixture(autouse=True)
def busy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let another program have the core for 4 ms of every call."""
    instead_of_processes(monkeypatch)
    script = Script(process=0.002, preempted=1.0)

    def start_worker(spec: WorkerSpec, *, seed: int, quiet: object) -> Worker:
        return local_worker(spec, Fake(script, seed=seed))

    switches = itertools.count()
    monkeypatch.setattr("mncost.measure.workers.process.start_worker", start_worker)
    monkeypatch.setattr(
        "mncost.measure.workers.serve.interruptions", lambda: Interruptions(next(switches), 0, 0)
    )


def limit(percent: float, most: float, threads: int = 1) -> Limit:
    return Limit(
        budget=1,
        line=1,
        name="v2",
        model=Model(arch="v2"),
        precision="fp32",
        place=Place("fake", threads=threads),
        metric=f"latency p{percent:g}",
        bound=Latency(percent, most),
    )


def test_a_median_is_judged_by_cpu_time_and_a_tail_by_the_wall(
    snapshot: SnapshotAssertion,
) -> None:
    """The call takes 7.5 ms of CPU time, and 11.5 ms pass."""
    verdicts = check([limit(50, 1.2 * V2), limit(90, 1.2 * V2)], max_time=60)
    assert [one.verdict for one in verdicts] == ["PASS", "FAIL"]
    assert [one.clock for one in verdicts] == ["cpu", "wall"]
    assert [one.wall for one in verdicts] == [None, None], "no run was undisturbed"
    (note,) = (note for note in verdicts.table().notes if note.startswith("clock: "))
    assert note == snapshot(extension_class=Printed)


def test_the_wall_may_be_asked_for() -> None:
    (one,) = check([limit(50, 1.2 * V2)], max_time=60, clock="wall")
    assert (one.verdict, one.clock) == ("FAIL", "wall")


def test_several_threads_that_were_always_interrupted_decide_nothing(
    snapshot: SnapshotAssertion,
) -> None:
    (one,) = check([limit(50, 100.0, threads=2)], max_time=20)
    assert one.verdict == "INCONCLUSIVE"
    assert one.why == snapshot(extension_class=Printed)
    (asked,) = check([limit(50, 100.0, threads=2)], max_time=20, clock="wall")
    assert (asked.verdict, asked.clock) == ("PASS", "wall")


@pytest.mark.parametrize(
    ("clock", "threads", "error"), [("cpu", 2, MeasureError), ("wal", 1, UnknownNameError)]
)
def test_clocks_that_cannot_be_used(clock: str, threads: int, error: type[InputError]) -> None:
    with pytest.raises(error, match=f"clock.*{clock}"):
        check([limit(50, 1.0, threads=threads)], clock=clock)


MEANINGLESS = (
    "bench v2 --runtime fake --threads 1,2 --clock cpu",
    "bench v2 --runtime fake --clock cpi",
    "compare v2 --clock cpu",
    "pick --max-macs 1G --clock cpu",
    "check b.toml --clock cpu",
    "check b.toml --exact-only --clock cpu",
    "check --self-test --clock wall",
)


def test_a_clock_that_means_nothing_is_refused(
    run_cli: Cli, here: Path, snapshot: SnapshotAssertion
) -> None:
    Path("b.toml").write_text('[[budget]]\nmodel.arch = "v2"\nmacs = "1 G"\n')
    assert refused(run_cli, "", MEANINGLESS) == snapshot(extension_class=Printed)


@pytest.mark.parametrize(("clock", "most"), [("cpu", 8.0), ("wall", 12.5)])
def test_every_command_that_measures_takes_the_clock(
    clock: str, most: float, run_cli: Cli, here: Path
) -> None:
    words = f"bench v2 --runtime fake --no-twin --max-time 9 --clock {clock} --save r.json -f csv"
    header, row = (line.split(",") for line in run_cli(words.split()).out.splitlines())
    found = dict(zip(header, row, strict=True))
    assert found["clock"] == clock
    assert most - 1.5 < 1e3 * float(found["latency"]) < most
    assert json.loads(Path("r.json").read_text())["options"]["clock"] == clock
    words = f"compare v2 --bench --runtime fake --no-memory --max-time 9 --clock {clock} -f csv"
    assert run_cli(words.split()).status == 0
    for source in ("--run r.json", "--runtime fake --max-time 9"):
        words = f"pick --arch v2 --alpha 1 --resolution 224 --max-latency 10ms {source}"
        picked = run_cli([*words.split(), "--clock", clock])
        assert picked.status == (0 if clock == "cpu" else 1)
