"""What else the machine did: arithmetic on scripted counters, and the real ones."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from mncost.measure.conditions import Counters, conditions_between, counters, observe, own_seconds

posix = pytest.mark.skipif(os.name != "posix", reason="children's times need POSIX")

BEGIN = Counters(at=100.0, total=1000.0, busy=300.0, stolen=5.0, own=40.0)
BURN = "import time\nwhile time.process_time() < {0}: pass\nprint(time.process_time())"


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
def test_a_child_that_ended_is_ours() -> None:
    """By its own account it used so much CPU time; ours grew by that, and little more."""
    before = own_seconds()
    done = subprocess.run(
        [sys.executable, "-c", BURN.format(0.4)], capture_output=True, text=True, check=True
    )
    after, used = own_seconds(), float(done.stdout)
    assert before is not None
    assert after is not None
    assert used - 0.03 <= after - before <= used + 0.3  # ticks of 10 ms; the interpreter's end


@posix
def test_a_living_child_is_ours_and_ending_counts_nothing_twice() -> None:
    code = BURN.format(0.4) + "\nimport sys; sys.stdout.flush(); sys.stdin.read()"
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
    assert used - 0.03 <= living - before <= used + 0.3
    assert -0.03 <= ended - living <= 0.3


def test_the_machine_s_counters_grow() -> None:
    one, two = counters(), counters()
    assert two.at >= one.at
    assert two.total >= one.total
    assert 0 < one.busy < one.total


@posix
def test_load_of_others_is_seen_and_ours_is_not() -> None:
    """A child of a child that nobody of us waits for burns a core: it belongs to init then."""
    finish = observe(0)
    burning = f"{sys.executable} -c '{BURN.format(1.3)}' >/dev/null &"
    subprocess.run(["sh", "-c", burning], check=True)
    subprocess.run([sys.executable, "-c", "import time; time.sleep(1.5)"], check=True)
    found = finish()
    assert found.other_load is not None
    assert found.other_load > 0.3
