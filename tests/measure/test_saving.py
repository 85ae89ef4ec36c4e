"""Saving a run as it goes: one writer a file, and no run is lost because a disk is full."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import mncost
from mncost.errors import OutputError
from mncost.measure.records import Run
from mncost.measure.run_file import parse_run, read_run
from mncost.measure.saving import saving
from tests.measure.scripted import instead_of_processes
from tests.measure.synthetic import cell, run_of
from tests.running import Result

Cli = Callable[..., Result]
V2 = ["bench", "v2", "--runtime", "fake", "--no-twin", "--max-time", "3"]
OTHER = "import sys; from mncost.cli.main import run; sys.exit(run(sys.argv[1:]))"


@pytest.mark.skipif(os.name != "posix", reason="no such locks here")
def test_a_file_has_one_writer_at_a_time(here: Path) -> None:
    with saving("run.json"):
        again = saving("run.json")
        with pytest.raises(OutputError, match=rf"run\.json: process {os.getpid()} writes it"):
            again.__enter__()
        with saving("other.json"):
            pass
    with saving("run.json"):
        pass
    assert list(here.iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="no such locks here")
@pytest.mark.parametrize("options", [["-o", "run.json"], ["--resume", "run.json"]])
def test_a_run_that_is_being_written_is_not_touched(options: list[str], here: Path) -> None:
    """Neither by a new run nor by one that goes on with it."""
    mncost.bench("v2", runtime="fake", max_time=2, twin=False, output="run.json")
    before = Path("run.json").read_bytes()
    command = ["bench", *options] if "--resume" in options else [*V2, *options]
    with saving("run.json"):
        other = subprocess.run(
            [sys.executable, "-c", OTHER, *command], capture_output=True, text=True, check=False
        )
    assert other.returncode == 2
    assert f"run.json: process {os.getpid()} writes it" in other.stderr
    assert other.stderr.count("\n") == 1
    assert Path("run.json").read_bytes() == before


def test_only_bench_prints_a_run(here: Path, run_cli: Cli) -> None:
    with pytest.raises(OutputError), saving("-"):
        pass
    done = run_cli([*V2, "--save", "-", "-o", "table.csv"])
    assert done.status == 0
    assert len(parse_run(done.out.encode(), "standard output").cells) == 1
    assert Path("table.csv").read_text("utf-8").startswith("arch,")


def test_the_lock_of_a_killed_run_is_none(here: Path) -> None:
    Path(".run.json.lock").write_text("1\n")
    with saving("run.json") as save:
        save(run_of([cell()]))
        save.check()
    assert read_run(Path("run.json")).cells == [cell()]


def test_a_pipe_takes_several_writers(here: Path) -> None:
    with saving("/dev/null") as save, saving("/dev/null"):
        save(run_of([cell()]))
        assert save.problem is None


class Disk:
    """Writes nothing while it is full."""

    def __init__(self, *, full: set[int]) -> None:
        self.calls = 0
        self._full = full

    def __call__(self, run: Run, path: Path) -> None:
        self.calls += 1
        if self.calls in self._full or 0 in self._full:
            raise OutputError(f"{path}: cannot be written: No space left on device")


def test_a_run_that_cannot_be_saved_is_measured_and_shown(
    run_cli: Cli, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    instead_of_processes(monkeypatch)
    monkeypatch.setattr("mncost.measure.saving.write_run", Disk(full={0}))
    ran = run_cli([*V2, "-o", "run.json"])
    assert ran.status == 2
    assert "v2" in ran.out
    assert "stopped at --max-time" in ran.out
    assert "No space left on device; the run is not saved" in ran.err
    assert "saved: run.json" not in ran.err


def test_a_disk_that_was_full_for_a_while_costs_nothing(
    run_cli: Cli, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    instead_of_processes(monkeypatch)
    disk = Disk(full={1, 2})
    monkeypatch.setattr("mncost.measure.saving.write_run", disk)
    ran = run_cli([*V2, "-o", "run.json"])
    assert ran.status == 0
    assert "not saved" not in ran.err
    assert disk.calls > 2


def test_a_check_that_cannot_be_saved_has_its_verdicts(
    run_cli: Cli, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    instead_of_processes(monkeypatch)
    monkeypatch.setattr("mncost.measure.saving.write_run", Disk(full={0}))
    Path("budgets.toml").write_text(
        '[[budget]]\nmodel = { arch = "v2" }\nruntime = "fake"\nlatency = { p50 = "1 s" }\n'
    )
    ran = run_cli(["check", "budgets.toml", "--save", "run.json"])
    assert ran.status == 2
    assert "PASS" in ran.out
    assert "No space left on device; the run is not saved" in ran.out + ran.err


def test_python_is_warned_and_keeps_the_results(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    instead_of_processes(monkeypatch)
    monkeypatch.setattr("mncost.measure.saving.write_run", Disk(full={0}))
    with pytest.warns(UserWarning, match="the run is not saved"):
        results = mncost.bench("v2", runtime="fake", twin=False, max_time=3, output="run.json")
    assert results.summaries[0].latency is not None
