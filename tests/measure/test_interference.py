"""What takes the processor away: the kernel's counters, on a system that is made up."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import mncost
from mncost.measure import interference as module
from mncost.measure.interference import interference, not_counted
from mncost.measure.records import Options, Place
from mncost.results.results import Results
from mncost.runs.begin import empty_run
from mncost.runs.carry_out import carry_out
from mncost.runs.networks import cells_of
from tests.measure.scripted import instead_of_processes
from tests.running import Result

STAT = "cpu  100 0 50 1000 5 0 3 {steal} 0 0\ncpu0 50 0 25 500 2 0 1 7 0 0\nintr 5\n"
PRESSURE = "some avg10=1.00 avg60=0.50 avg300=0.10 total={0}\nfull avg10=0.00 total=9\n"
V2 = "usage_usec 900\nnr_periods 10\nnr_throttled 2\nthrottled_usec {0}\n"
V1 = "nr_periods 10\nnr_throttled 2\nthrottled_time {0}\n"


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def test_what_the_counters_gain_is_kept_in_microseconds(tmp_path: Path) -> None:
    write(tmp_path / "proc/stat", STAT.format(steal=20))
    write(tmp_path / "proc/pressure/cpu", PRESSURE.format(5_000))
    write(tmp_path / "proc/self/cgroup", "0::/jobs/one\n")
    write(tmp_path / "sys/fs/cgroup/jobs/one/cpu.stat", V2.format(70))
    gained = interference(tmp_path)()
    assert gained() == {"stolen_us": 0, "stalled_us": 0, "throttled_us": 0}
    write(tmp_path / "proc/stat", STAT.format(steal=23))  # three hundredths of a second
    write(tmp_path / "proc/pressure/cpu", PRESSURE.format(5_250))
    write(tmp_path / "sys/fs/cgroup/jobs/one/cpu.stat", V2.format(1_070))
    assert gained() == {"stolen_us": 30_000, "stalled_us": 250, "throttled_us": 1_000}


@pytest.mark.parametrize(
    ("group", "stat"),
    [
        ("4:cpu,cpuacct:/a\n", "sys/fs/cgroup/cpu,cpuacct/a/cpu.stat"),
        ("9:memory:/x\n4:cpu:/\n", "sys/fs/cgroup/cpu/cpu.stat"),
        ("1:cpu:/not/to/be/seen/in/here\n", "sys/fs/cgroup/cpu/cpu.stat"),
    ],
)
def test_older_control_groups_count_nanoseconds(group: str, stat: str, tmp_path: Path) -> None:
    write(tmp_path / "proc/self/cgroup", group)
    write(tmp_path / stat, V1.format(1_000_000))
    gained = interference(tmp_path)()
    write(tmp_path / stat, V1.format(3_500_000))
    assert gained() == {"throttled_us": 2_500}


def test_a_system_without_counters_has_none(tmp_path: Path) -> None:
    assert interference(tmp_path)()() == {}


def test_a_counter_that_goes_away_or_back_is_nothing(tmp_path: Path) -> None:
    write(tmp_path / "proc/stat", STAT.format(steal=20))
    write(tmp_path / "proc/pressure/cpu", PRESSURE.format(5_000))
    gained = interference(tmp_path)()
    (tmp_path / "proc/pressure/cpu").unlink()
    write(tmp_path / "proc/stat", STAT.format(steal=19))
    assert gained() == {"stolen_us": 0}


def test_the_real_ones_are_numbers() -> None:
    gained = interference()()()
    assert all(value >= 0 for value in gained.values())
    assert gained.keys() <= {"stolen_us", "stalled_us", "throttled_us"}


def test_each_counter_that_is_missing_is_named_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "proc/stat", STAT.format(steal=20))
    write(tmp_path / "proc/pressure/cpu", PRESSURE.format(5_000))
    write(tmp_path / "proc/self/cgroup", "0::/jobs/one\n")
    write(tmp_path / "sys/fs/cgroup/jobs/one/cpu.stat", V2.format(70))
    monkeypatch.setattr(module, "cpu_clock", lambda threads: time.thread_time_ns)
    monkeypatch.setattr(module, "interruptions", lambda: (0, 0, 0))
    assert not_counted(tmp_path) == []
    (tmp_path / "proc/pressure/cpu").unlink()
    assert not_counted(tmp_path) == ["CPU pressure (/proc/pressure/cpu)"]
    (tmp_path / "sys/fs/cgroup/jobs/one/cpu.stat").unlink()
    monkeypatch.setattr(module, "cpu_clock", lambda threads: None)
    assert not_counted(tmp_path) == [
        "CPU time",
        "CPU pressure (/proc/pressure/cpu)",
        "throttling by a CPU quota (cpu.stat)",
    ]
    monkeypatch.setattr(module, "interruptions", lambda: None)
    assert "interruptions, waits and page faults" in not_counted(tmp_path / "nowhere")


def test_a_run_says_what_its_system_does_not_count(
    tmp_path: Path, run_cli: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a system without pressure files it is measured as on any other."""
    instead_of_processes(monkeypatch)
    real = module._sources
    monkeypatch.setattr(
        module, "_sources", lambda root: (one for one in real(root) if one[0] != "stalled_us")
    )
    options = Options(target_error=None, max_time=1.0, processes=1, seed=0)
    run = empty_run(cells_of([mncost.load("v2", 0.35, 96)], Place("onnxruntime")), options)
    for _ in range(2):  # a resumed run does not say it twice
        carry_out(run)
    (note,) = [note for note in run.notes if "does not count" in note]
    assert "CPU pressure (/proc/pressure/cpu)" in note
    results = Results(run)
    assert results.summaries[0].latency is not None
    assert note in str(results)
    results.save(tmp_path / "run.json")
    shown = run_cli(["show", str(tmp_path / "run.json"), "-f", "json"])
    assert note in json.loads(shown.out)["notes"]
