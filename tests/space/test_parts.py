"""Fronts of spaces that are counted in ranges, by one process or several, in any order."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from mncost.errors import InputError
from mncost.space.goals import Goal, goals_of
from mncost.space.parts import Counting, Job, Part, Range
from mncost.space.segments import METRICS
from mncost.space.space import Space
from mncost.space.survey import Survey
from tests.running import as_process, background, wait_until

numpy = pytest.importorskip("numpy")
EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "space.toml"
SMALL = Space.of(
    arch="v2",
    alpha=[0.35, 0.5, 1.0],
    resolution="96,128",
    choices=[{"rows": ["row3", "row4"], "kernel": [3, 5, 7], "expansion": [2.5, 6]}],
)
LARGE = Space.of(
    arch="v2",
    alpha="0.35:1.4:0.15",
    choices=[{"rows": [f"row{n}" for n in range(2, 9)], "kernel": list(range(1, 40, 2))}],
)


def content(survey: Survey) -> list[object]:
    """Return everything that a survey found, to the last bit."""
    columns = [survey.numbers, *survey.costs.values()]
    counts = [survey.counted, survey.fitting, survey.impossible, survey.why]
    return [*counts, *((column.dtype.str, column.tobytes()) for column in columns)]


def shuffled(job: Job, ranges: Sequence[Range]) -> Iterator[Part]:
    """Count ranges in another order, each by what has priced nothing yet."""
    for one in random.Random(3).sample(ranges, len(ranges)):
        yield Counting(job).part(*one)


@pytest.fixture
def many_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut spaces into ranges of a few networks."""
    for name, value in {"networks.CHUNK": 16, "survey.CHUNK": 16, "survey._RANGE": 64}.items():
        monkeypatch.setattr(f"mncost.space.{name}", value)
    monkeypatch.setattr("mncost.space.parts._WAITING", 50)


@pytest.mark.usefixtures("many_ranges")
@pytest.mark.parametrize(
    "goals",
    [
        "macs",
        "macs:max,params",
        "macs:max,params,weight_bytes",
        "macs:max,params,peak_activation_bytes,weight_bytes",
    ],
)
def test_the_front_is_that_of_each_network_by_itself(goals: str) -> None:
    networks = [SMALL.network(number) for number in range(SMALL.size)]
    points = [
        [getattr(one, goal.metric) * (-1 if goal.largest else 1) for goal in goals_of(goals)]
        for one in networks
    ]
    expected = [
        number
        for number, one in enumerate(points)
        if not any(
            other != one and all(a <= b for a, b in zip(other, one, strict=True))
            for other in points
        )
    ]
    survey = SMALL.survey(goals)
    assert sorted(survey.numbers.tolist()) == expected
    assert survey.counted == SMALL.size == 216
    assert content(SMALL.survey(goals, executor=shuffled)) == content(survey)


@pytest.mark.usefixtures("many_ranges")
@pytest.mark.parametrize("order", [None, Goal("macs", largest=True)])
def test_the_best_and_reasons_in_any_order(order: Goal | None) -> None:
    space = Space.of(
        arch="resnext-50-32x4d",
        alpha="0.5:1.0:0.13",
        choices=[{"rows": ["stage1", "stage2"], "out": [96, 128, 160]}],
    )
    best = space.survey(keep=5, order=order)
    assert len(best) == 5
    assert content(space.survey(keep=5, order=order, executor=shuffled)) == content(best)
    whole = space.survey()
    assert content(space.survey(executor=shuffled)) == content(whole)
    lost = next(n for n in range(space.size) if n not in whole.numbers)
    with pytest.raises(InputError) as error:
        space.network(lost)
    assert str(error.value).endswith(whole.why[0])


@pytest.mark.usefixtures("many_ranges")
def test_a_sample_is_the_same_in_any_ranges() -> None:
    drawn = LARGE.survey(sample=200, seed=7)
    assert content(LARGE.survey(sample=200, seed=7, executor=shuffled)) == content(drawn)
    assert len(set(drawn.numbers.tolist())) == 200


def test_numbers_beyond_32_bits() -> None:
    """The last networks of 10 billion, which no array of all of them would reach."""
    assert LARGE.size == 8 * 20**7 > 2**33
    start = LARGE.size - 2**17
    part = Counting(Job(LARGE.design, METRICS)).part(start, LARGE.size)
    assert (part.counted, len(part.numbers)) == (LARGE.size - start, LARGE.size - start)
    for place in (0, 1, -1):
        number = int(part.numbers[place])
        network = LARGE.network(number)
        assert {one: part.costs[one][place] for one in METRICS} == {
            one: getattr(network, one) for one in METRICS
        }
    assert number == LARGE.size - 1


def test_several_processes_find_the_same() -> None:
    """As a program would see it: the same bytes, whatever counts."""
    words = ["space", str(EXAMPLE), "--pareto", "macs:max,params,weight_bytes", "-f", "csv"]
    one, two = (as_process([*words, "--jobs", jobs]) for jobs in ("1", "2"))
    assert one.status == two.status == 0, two.err
    assert one.out == two.out
    assert one.out.count("\n") > 100


_KILLS = """
import multiprocessing, os, signal
from mncost.errors import InputError
from mncost.space.space import Space

def progress(done, total):
    for child in multiprocessing.active_children():
        os.kill(child.pid, signal.SIGKILL)

if __name__ == "__main__":
    try:
        Space.of(arch="v2", choices=CHOICES).survey("macs", metrics=(), jobs=2, progress=progress)
    except InputError as error:
        print(error, len(multiprocessing.active_children()))
"""


def test_a_process_that_is_killed_is_named(tmp_path: Path) -> None:
    script = tmp_path / "kills.py"
    choices = [{"rows": [f"row{n}" for n in range(2, 8)], "kernel": list(range(1, 40, 2))}]
    script.write_text(_KILLS.replace("CHOICES", repr(choices)), "utf-8")
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.stdout.endswith("--jobs 1 needs less 0\n"), done
    assert done.stdout.startswith("a process that counted networks was ended from outside")


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks for processes in /proc")
def test_ctrl_c_ends_all_processes(tmp_path: Path) -> None:
    """What is left over fails the test: see tests/leftovers.py."""
    file = tmp_path / "large.toml"
    file.write_text(
        'arch = "v2"\n[[choices]]\nrows = ["row2", "row3", "row4", "row5", "row6", "row7"]\n'
        f"kernel = {list(range(1, 40, 2))}\n",
        "utf-8",
    )
    words = ["space", str(file), "--pareto", "macs,params", "--jobs", "2"]
    with background(words) as process:
        wait_until(lambda: len(_children(process.pid)) >= 3, process)  # two, and Python's tracker
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=300)
    assert (process.returncode, out) == (130, ""), err
    assert "Traceback" not in err


def _children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()


def test_where_no_thread_can_be_started_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """As under `pids.max`: the pool starts its processes, and then fails to start its thread."""

    def refuse(self: object, *arguments: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("concurrent.futures.ProcessPoolExecutor.submit", refuse)
    choice = {"rows": [f"row{n}" for n in range(2, 8)], "kernel": list(range(1, 40, 2))}
    with pytest.raises(InputError, match=r"^no more processes can be started \(can't start new"):
        Space.of(arch="v2", choices=[choice]).survey("macs", metrics=(), jobs=2)
