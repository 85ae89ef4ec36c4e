"""Runs that nobody named a file for: kept in the user's directory, found again, bounded."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mncost.measure import kept
from tests.measure.scripted import instead_of_processes
from tests.running import in_process, use_state

posix = pytest.mark.skipif(os.name != "posix", reason="the directory has another name")
BENCH = ["bench", "v2", "--runtime", "fake", "--max-time", "1"]


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    use_state(monkeypatch.setenv, tmp_path)
    return tmp_path / "mncost" / "runs"


def _fill(place: Path, number: int, size: int = 1) -> None:
    place.mkdir(parents=True)
    for index in range(number):
        (place / f"{index}.json").write_bytes(b" " * size)
        os.utime(place / f"{index}.json", (index + 1, index + 1))


def test_runs_that_begin_in_one_second_have_files_of_their_own(state: Path) -> None:
    assert len({kept.new_file() for _ in range(5)}) == 5


def test_the_newest_is_the_last_and_the_oldest_go(state: Path) -> None:
    _fill(state, kept.RUNS + 5)
    file = kept.new_file()
    assert file is not None
    assert file.parent == state
    left = {path.name for path in state.glob("*.json")}
    assert left == {f"{index}.json" for index in range(6, kept.RUNS + 5)}
    file.write_text("{}")
    assert kept.last() == file


def test_large_runs_leave_room_for_others(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "BYTES", 2500)
    _fill(state, 5, size=1000)
    kept.new_file()
    assert {path.name for path in state.glob("*.json")} == {"3.json", "4.json"}


@posix
def test_a_relative_directory_counts_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the XDG specification has it: no run lands in the current directory."""
    monkeypatch.setenv("XDG_STATE_HOME", "here")
    monkeypatch.setenv("HOME", "/home/somebody")
    place = kept.folder()
    assert place is not None
    assert place.is_relative_to("/home/somebody")


def test_bench_keeps_its_run_and_show_finds_it(
    state: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("scipy")
    instead_of_processes(monkeypatch)
    done = in_process(BENCH)
    (file,) = state.glob("*.json")
    assert str(file) in done.err
    assert "next: mncost " in done.err
    shown = in_process(["show"])
    assert shown.status == 0
    assert shown.out.splitlines() == done.out.splitlines()[: len(shown.out.splitlines())]
    assert [path for path in here.iterdir() if path.name != "mncost"] == []  # nothing else is here


def test_without_a_run_show_says_how_to_get_one(state: Path) -> None:
    done = in_process(["show"])
    assert done.status == 2
    assert "mncost bench" in done.err


@posix
def test_where_nothing_can_be_kept_bench_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("scipy")
    instead_of_processes(monkeypatch)
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    done = in_process(BENCH)
    assert done.status == 0
    assert "saved" not in done.err
