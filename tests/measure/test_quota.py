"""CPU quotas of control groups, on a system that is made up; what a run does within one."""

from __future__ import annotations

from pathlib import Path

import pytest

from mncost.measure.lengths import BurstLengths
from mncost.measure.quota import Quota, limits, quota
from mncost.measure.records import Burst
from mncost.measure.runtimes.fake import Script
from tests.measure.scripted import begun, carried_out, fake_request
from tests.measure.synthetic import cell, process, run_of


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def test_the_tightest_quota_of_all_groups_counts(tmp_path: Path) -> None:
    """A job that may use two cores, in a slice that may use one and a half."""
    write(tmp_path / "proc/self/cgroup", "0::/slice/job\n")
    write(tmp_path / "sys/fs/cgroup/slice/job/cpu.max", "200000 100000\n")
    assert quota(tmp_path) == Quota(2.0, 0.1)
    write(tmp_path / "sys/fs/cgroup/slice/cpu.max", "75000 50000\n")
    assert quota(tmp_path) == Quota(1.5, 0.05)


@pytest.mark.parametrize("group", ["0::/\n", "0::/not/to/be/seen/in/here\n"])
def test_a_container_sees_its_own_group_as_the_root(group: str, tmp_path: Path) -> None:
    write(tmp_path / "proc/self/cgroup", group)
    write(tmp_path / "sys/fs/cgroup/cpu.max", "50000 100000\n")
    assert quota(tmp_path) == Quota(0.5, 0.1)


def test_older_control_groups(tmp_path: Path) -> None:
    write(tmp_path / "proc/self/cgroup", "4:cpu,cpuacct:/a\n")
    write(tmp_path / "sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us", "100000\n")
    write(tmp_path / "sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "-1\n")
    assert quota(tmp_path) is None
    write(tmp_path / "sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "150000\n")
    assert quota(tmp_path) == Quota(1.5, 0.1)


@pytest.mark.parametrize("text", ["max 100000\n", "", "what\n"])
def test_no_quota(text: str, tmp_path: Path) -> None:
    assert quota(tmp_path) is None
    write(tmp_path / "sys/fs/cgroup/cpu.max", text)
    assert quota(tmp_path) is None


def test_threads_that_a_quota_limits() -> None:
    assert [limits(Quota(1.5, 0.1), threads) for threads in (1, 2)] == [False, True]
    assert not limits(None, 64)


def test_a_visit_fits_into_a_period(tmp_path: Path) -> None:
    """Calls of 8 ms, half a core: of each 100 ms 50, of which a visit uses at most 40."""
    first = Burst(0, 0, 0.0, [], [8_000_000])
    run = run_of([cell(0)], [process(0, {}, first_runs=[first])])
    without, within = (BurstLengths(run, (), one) for one in (None, Quota(0.5, 0.1)))
    assert sum(without.visit(run.cells[0])) == 8
    assert sum(within.visit(run.cells[0])) == 4


def test_a_run_pauses_for_a_period_before_each_visit_that_a_quota_limits(tmp_path: Path) -> None:
    rests: list[float] = []
    run = begun(fake_request("v2", threads=[1, 2], twin=None), max_time=3.0)
    carried_out(run, tmp_path, script=Script(), quota=Quota(1.0, 0.1), rest=rests.append)
    visits = [p.worker.threads for p in run.processes for one in p.visits() if not one.workload]
    assert set(rests) == {0.1}
    assert len(rests) == visits.count(2) > 0
