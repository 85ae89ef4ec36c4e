"""Hosts as far as no connection is needed: the lock of a machine, and a run with none but ours."""

from __future__ import annotations

import os
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

import mncost
from mncost.hosts import agent
from mncost.hosts.agent import Agent
from mncost.hosts.model_cache import ModelCache
from mncost.measure.records import Options, Place
from mncost.runs.begin import empty_run
from mncost.runs.carry_out import carry_out
from mncost.runs.networks import cells_of
from tests.choose.playing import play


def test_a_try_for_the_lock_leaves_no_file_open(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    opened: list[int] = []
    real = agent._open_lock

    def open_lock() -> int:
        opened.append(real())
        return opened[-1]

    monkeypatch.setattr(agent, "_open_lock", open_lock)
    with closing(Agent(ModelCache())) as first, closing(Agent(ModelCache())) as second:
        assert first.do_lock("alice") == {}
        assert second.do_lock("bob") == {"measuring": "alice"}
        os.fstat(opened[0])
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(opened[1])


def test_this_machine_is_measured_where_the_hosts_have_no_cells(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    play(monkeypatch)
    options = Options(target_error=None, max_time=0.5, processes=1, seed=0)
    run = empty_run(cells_of([mncost.load("v2", 0.35)], Place("fake", host=".")), options)
    carry_out(run)
    assert {process.worker.host for process in run.processes} == {"."}
