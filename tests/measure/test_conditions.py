"""What else the machine did: arithmetic on scripted counters, and the real ones."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from mncost.measure.conditions import Counters, conditions_between, counters, own_seconds
from tests.running import wait_until

posix = pytest.mark.skipif(os.name != "posix", reason="children's times need POSIX")

BEGIN = Counters(at=100.0, total=1000.0, busy=300.0, stolen=5.0, own=40.0)
BURN = "import time\nwhile time.process_time() < {0}: pass\nprint(time.process_time())"
TICKS = 0.1  # seconds; counters of the kernel move in steps of 10 ms


def test_shares_of_scripted_counters() -> None:
    """Ten seconds on four cores: 2 s stolen, 13 s busy, of which 9 s are ours."""
    end = Counters(at=110.0, total=1040.0, busy=313.0, stolen=7.0, own=49.0)
    found = conditions_between(3, BEGIN, end, 2900.0)
    assert (found.generation, found.mhz) == (3, 2900.0)
    assert found.steal == pytest.approx(2 / 40)
    assert found.other_load == pytest.approx(0.4)


def test_nothing_is_below_zero() -> None:
    """Counters of different resolution can disagree by a step."""
    end = Counters(at=110.0, total=1040.0, busy=308.9, stolen=4.99, own=49.0)
    found = conditions_between(0, BEGIN, end, None)
    assert (found.steal, found.other_load, found.mhz) == (0.0, 0.0, None)


def test_what_cannot_be_known() -> None:
    end = Counters(at=110.0, total=1040.0, busy=313.0, stolen=None, own=None)
    found = conditions_between(0, BEGIN, end, None)
    assert (found.steal, found.other_load) == (None, None)
    too_short = Counters(at=100.9, total=1003.6, busy=303.0, stolen=6.0, own=40.0)
    found = conditions_between(0, BEGIN, too_short, None)
    assert (found.steal, found.other_load) == (None, None)


@posix
def test_own_time_is_that_of_this_process_and_its_children(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """User and system time of a child, also of those that it has waited for."""
    monkeypatch.setattr("os.times", lambda: (1.0, 0.5, 0.25, 0.125, 99.0))
    ours = own_seconds()
    assert ours == 1.875

    class Child:
        def cpu_times(self) -> tuple[float, ...]:
            return (8.0, 4.0, 2.0, 1.0, 99.0)

    class Ended:
        def cpu_times(self) -> tuple[float, ...]:
            raise psutil.NoSuchProcess(1)

    monkeypatch.setattr(psutil.Process, "children", lambda self, recursive: [Child(), Ended()])
    assert own_seconds() == 15 + ours


@posix
def test_a_child_is_ours_while_it_lives_and_after_it() -> None:
    """Our time grows by no less than what the kernel says of the child, whenever it is asked."""
    code = BURN.format(0.3) + "\nimport sys; sys.stdout.flush(); sys.stdin.read()"
    before = own_seconds()
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        used = float(child.stdout.readline())
        living = own_seconds()
    ended = own_seconds()
    assert before is not None
    assert living is not None
    assert ended is not None
    assert before + used - TICKS <= living <= ended + TICKS


def test_the_machine_s_counters_grow() -> None:
    one, two = counters(), counters()
    assert two.at >= one.at
    assert two.total >= one.total
    assert 0 < one.busy < one.total


@posix
def test_a_child_that_nobody_waits_for_is_not_ours(tmp_path: Path) -> None:
    """A child of a child burns a core after its parent has ended: it belongs to init then."""
    done = tmp_path / "done"
    burning = f"{sys.executable} -c '{BURN.format(0.5)}' >{done}.part && mv {done}.part {done}"
    begin = counters()
    subprocess.run(["sh", "-c", f"({burning}) >/dev/null 2>&1 &"], check=True)
    wait_until(done.exists)
    end = counters()
    used = float(done.read_text())
    assert begin.own is not None
    assert end.own is not None
    assert (end.busy - begin.busy) - (end.own - begin.own) >= used - TICKS
