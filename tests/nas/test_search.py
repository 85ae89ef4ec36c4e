"""``mncost search`` and ``mncost.search``: the command, its log, the user's score."""

from __future__ import annotations

import json
import re
import resource
from pathlib import Path

import pytest
from msgspec.structs import replace

import mncost
from mncost.errors import InputError
from mncost.measure.engine import Progress
from mncost.nas.log import Log, Step
from mncost.place import OnePlace
from mncost.predict.predictor import Predictor
from mncost.predict.profile import read_profile
from tests.measure.scripted import instead_of_processes, interrupt_when
from tests.nas.small import network
from tests.pictures.svg import texts
from tests.running import in_process

NET = ["small.toml", "--runtime", "fake", "--step", "5%"]
QUICK = [*NET, "--max-time", "20s"]
SPACE = 'arch = "v2"\nalpha = [0.35, 0.5, 0.75]\nresolution = [96, 128]\n'
SCORE = """
import random

calls = []

def score(network):
    calls.append(network.macs)
    return network.params / 1e6 + 1e-9 * random.random()

def raises(network):
    return 1 / 0

def text(network):
    return "much"

def endless(network):
    return float("inf")

number = 3
"""


@pytest.fixture
def here(profile: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty current directory; the profile is there."""
    monkeypatch.setenv("XDG_STATE_HOME", str(profile))
    monkeypatch.setenv("LOCALAPPDATA", str(profile))
    monkeypatch.chdir(tmp_path)
    instead_of_processes(monkeypatch)
    network(tmp_path)
    (tmp_path / "my.py").write_text(SCORE)
    (tmp_path / "space.toml").write_text(SPACE)
    return tmp_path


def seconds_of(words: list[str]) -> float:
    """Return what a network is predicted to take."""
    result = in_process(["predict", *words, "-f", "json"])
    return float(json.loads(result.out)["rows"][0]["latency"])


@pytest.fixture
def budget(here: Path) -> str:
    """Return 80 % of what the network is predicted to take."""
    return f"{0.8e6 * seconds_of(NET[:3]):.0f}us"


def search(*words: str, output: str = "found.toml") -> tuple[int, str, str]:
    result = in_process(["search", *words, "-o", output])
    return result.status, result.out, result.err


def test_the_network_that_is_found(here: Path, budget: str) -> None:
    status, out, err = search(*QUICK, "--max-latency", budget)
    assert status == 0, err
    assert "within" in out
    assert "by the whole interval (measured)" in out
    assert "no accuracy" in out
    assert "next: mncost plot found.jsonl -o found.png" in err
    found, first = mncost.load("found.toml"), mncost.load("small.toml")
    assert found.macs < first.macs
    for line in (
        "table found.toml",
        "bench found.toml --runtime fake --max-time 1s --no-twin",
        "prune found.toml --channels 0.5 -o again.toml",
    ):
        assert in_process(line.split()).status == 0, line
    log = Log.read(Path("found.jsonl"))
    assert log.measured is not None
    # The script: 40 MACs a nanosecond, 20 µs a call; 3 % between processes.
    assert log.measured.found[0] == pytest.approx(found.macs / 40e9 + 20e-6, rel=0.06)
    assert log.measured.first[0] == pytest.approx(first.macs / 40e9 + 20e-6, rel=0.06)
    sizes = [one.point.macs for one in log.records if isinstance(one, Step)]
    assert sizes == sorted(sizes, reverse=True)
    assert [first.macs, *sizes][-1 if log.gone_back is None else log.gone_back] == found.macs
    status, out, _ = search(*QUICK, "--max-latency", budget, "-f", "csv", output="csv.toml")
    assert len(out.splitlines()) == len(sizes) + 3  # the header, first, steps, found


def test_a_design_space(here: Path) -> None:
    """By number of MACs the best is the largest that fits: all six are enumerated."""
    words = ["--runtime", "fake", "--max-latency", "1.6ms", "--no-measure"]
    status, out, err = search("space.toml", *words, "--generations", "4", "--population", "3")
    assert status == 0, err
    survey = in_process(["space", "space.toml", "--runtime", "fake", "--predicted", "-f", "json"])
    every = json.loads(survey.out)["rows"]
    assert len(every) == 6
    best = max(one["macs"] for one in every if one["latency_hi"] <= 1.6e-3)
    assert mncost.load("found.toml").macs == best < max(one["macs"] for one in every)
    assert "no accuracy" in out


def test_resumed_is_the_same_as_uninterrupted(here: Path, budget: str) -> None:
    words = [*QUICK, "--max-latency", budget, "--no-measure"]
    words = [one for one in words if one not in ("--max-time", "20s")]
    assert search(*words)[0] == 0
    whole, file = Path("found.jsonl").read_bytes(), Path("found.toml").read_text()
    lines = whole.splitlines(keepends=True)
    assert len(lines) > 2
    Path("cut.jsonl").write_bytes(b"".join(lines[:2]) + lines[2][:50])  # killed while writing
    status, _, err = search(*words, "--resume", "cut.jsonl", output="found.toml")
    assert status == 0, err
    assert Path("cut.jsonl").read_bytes() == whole
    assert Path("found.toml").read_text() == file


def test_a_generation_is_resumed(here: Path) -> None:
    Path("space.toml").write_text(SPACE.replace("[0.35, 0.5, 0.75]", '"0.35:0.75:0.01"'))
    words = ["space.toml", "--runtime", "fake", "--max-latency", "1.5ms", "--no-measure"]
    words += ["--population", "4", "--generations", "5", "--seed", "3"]
    assert search(*words)[0] == 0
    whole = Path("found.jsonl").read_bytes()
    Path("cut.jsonl").write_bytes(b"".join(whole.splitlines(keepends=True)[:3]))
    assert search(*words, "--resume", "cut.jsonl")[0] == 0
    assert Path("cut.jsonl").read_bytes() == whole
    assert len(whole.splitlines()) == 6
    assert search(*words[:-1], "4")[0] == 0
    assert Path("found.jsonl").read_bytes() != whole  # another seed tries others


def test_the_score_is_the_users(here: Path, budget: str) -> None:
    words = [*NET, "--max-latency", budget, "--no-measure"]
    assert search(*words, "--score", "my.py:score")[0] == 0
    log = Log.read(Path("found.jsonl"))
    assert log.begin.score == "my.py:score"
    for record in log.records[1:]:
        for one in record.proposals:  # type: ignore[union-attr]
            assert one.point.score == pytest.approx(one.point.params / 1e6, abs=1e-6)
    first = Path("found.jsonl").read_bytes()
    assert search(*words, "--score", "my.py:score")[0] == 0
    assert Path("found.jsonl").read_bytes() == first  # random numbers begin anew for each call


@pytest.mark.parametrize(
    ("score", "said"),
    [
        ("my.py:raises", "my.py:raises raises ZeroDivisionError: division by zero"),
        ("my.py:text", "my.py:text returns a value of type str; accepted is a finite number"),
        ("my.py:endless", "my.py:endless returns inf; accepted is a finite number"),
        ("my.py:number", "a value of type int; accepted is a function"),
        ("my.py:nothing", "unknown name in my.py 'nothing'"),
        ("other.py:score", "--score other.py: no such file"),
        ("my.py", "accepted is my.py:score or package.module:score"),
        ("no_such_module_at_all:f", "importing it raises ModuleNotFoundError"),
    ],
)
def test_scores_that_cannot_be_used(score: str, said: str, here: Path) -> None:
    status, out, err = search(*NET, "--max-latency", "0.1ms", "--score", score)
    assert (status, out) == (2, "")
    assert said in err
    assert len(err.splitlines()) == 1


def test_the_traceback_of_a_score(here: Path) -> None:
    result = in_process(
        [
            "--traceback",
            "search",
            *NET,
            "--max-latency",
            "1ms",
            "--score",
            "my.py:raises",
            "-o",
            "f.toml",
        ]
    )
    assert result.status == 2
    assert re.search(r'my\.py", line \d+, in raises', result.err)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("small.toml --max-latency 0.001ms", "no layer can shrink any further"),
        ("v2 --max-latency 5", "accepted is a number with one of"),
        (
            "v2 --max-latency 5ms --population 3",
            "--population is only for the search of a design space",
        ),
        ("v2 --max-latency 5ms --step 0", "accepted is more than 0"),
        ("v2 --max-latency 5ms --round 0", "--round 0: accepted is a whole number"),
        ("v2 --max-latency 5ms --seed -1", "--seed -1: accepted is 0 or more"),
        ("v2 --max-latency 5ms --seed 4294967296", "--seed 4294967296: accepted is 0 or more"),
        ("v1,v2 --max-latency 5ms", "needs one network, and these are 2"),
        ("v2 --max-latency 5ms --resume none.jsonl", "none.jsonl: cannot be read"),
        ("v2 --max-latency 5ms --resume my.py", "my.py: line 1: no log of a search"),
        ("v2 --max-latency 5ms --no-measure --max-time 3s", "does not go with --no-measure"),
        ("v2 --max-latency 5ms --threads 2", "mncost calibrate --runtime fake --threads 2 makes"),
        ("space.toml --max-latency 5ms --step 2%", "--step is only for the search of a network"),
        ("space.toml --max-latency 5ms --alpha 0.5", "--alpha does not go with space.toml"),
        ("space.toml --max-latency 0.001ms", "the fastest takes at most"),
    ],
)
def test_input_that_cannot_be_used(words: str, said: str, here: Path) -> None:
    status, out, err = search(*words.split(), "--runtime", "fake")
    assert (status, out) == (2, "")
    assert said in err
    assert "Traceback" not in err


def test_the_log_of_another_search(here: Path, budget: str) -> None:
    words = [*NET, "--no-measure", "--max-latency"]
    assert search(*words, budget)[0] == 0
    status, _, err = search(*words, "9ms", "--resume", "found.jsonl")
    assert status == 2
    assert "found.jsonl: the log of another search: max latency" in err


def test_without_a_profile_it_says_what_makes_one(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("XDG_STATE_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tmp_path / "empty"))
    status, out, err = search("v2", "--max-latency", "5ms", "--runtime", "fake")
    assert (status, out) == (2, "")
    assert "mncost calibrate --runtime fake makes one" in err
    assert len(err.splitlines()) == 1
    assert not Path("found.jsonl").exists()


def test_measured_above_the_budget_it_goes_on(here: Path, budget: str) -> None:
    """Everything takes 1.3 times what is predicted: measuring corrects the predictions."""
    calibration = read_profile(OnePlace("fake"))
    fast = replace(
        calibration,
        cells=[replace(one, seconds=[s / 1.3 for s in one.seconds]) for one in calibration.cells],
        seen=[],
        unseen=[],
    )
    again = mncost.search(
        mncost.load("small.toml"),
        budget,
        runtime="fake",
        step=0.05,
        predictor=Predictor(fast),
        max_time=20,
    )
    kinds = [type(one).__name__ for one in again.log.records]
    assert kinds.count("Measured") > 1
    assert again.is_within
    assert again.measured is not None
    assert again.measured.hi is not None
    assert again.measured.hi <= again.max_latency


def test_a_log_that_cannot_be_written_ends_with_the_steps(here: Path, budget: str) -> None:
    """A limit on the size of files is to a write what a full disk is."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    assert search(*NET, "--no-measure", "--max-latency", budget, output="whole.toml")[0] == 0
    steps = sum(isinstance(one, Step) for one in Log.read(Path("whole.jsonl")).records)
    resource.setrlimit(resource.RLIMIT_FSIZE, (Path("whole.jsonl").stat().st_size - 9, hard))
    try:
        status, out, err = search(*NET, "--no-measure", "--max-latency", budget)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert status == 2
    assert re.findall(r"^step (\d+)", out, re.MULTILINE)[-1] == str(steps)
    assert err.splitlines()[-1] == "mncost: found.jsonl: File too large"
    assert not Path("found.toml").exists()


@pytest.mark.parametrize("steps", [False, True])
def test_interrupted_it_prints_the_steps_so_far(
    steps: bool, here: Path, budget: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first network is measured before a step is made, and then there is nothing to print."""

    def is_time(now: Progress) -> bool:
        has_steps = '"record":"step"' in Path("found.jsonl").read_text()
        return now.phase == "measure" and has_steps == steps

    interrupt_when(monkeypatch, is_time)
    status, out, err = search(*QUICK, "--max-latency", budget)
    assert status == 130
    assert ("step 1" in out) == steps
    assert "the same command with --resume found.jsonl goes on" in err
    assert not Path("found.toml").exists()


def test_from_python(here: Path, budget: str) -> None:
    made = mncost.search(
        mncost.load("small.toml"), budget, runtime="fake", step=0.05, max_time=20, log="log.jsonl"
    )
    assert repr(made).startswith("<mncost.Search of small: ")
    assert "measured" in repr(made)
    assert "found" in str(made)
    frame = made.to_frame()
    assert frame["what"].iloc[0] == "first"
    assert len(frame) == len(made.steps) + 2
    made.save("found.toml")
    assert mncost.load("found.toml").macs == made.network.macs
    picture = mncost.plot(made)
    assert "measured" in picture.finding
    with pytest.raises(InputError, match="drawn as it is"):
        mncost.plot(made, x="params")
    with pytest.raises(TypeError):
        mncost.search("v2", "5ms", nonsense=1)
    with pytest.raises(InputError, match="accepted is a function"):
        mncost.search("v2", "5ms", runtime="fake", score=3)  # type: ignore[arg-type]
    for budget_ in (float("nan"), float("inf"), 0.0, -1.0):
        with pytest.raises(InputError):
            mncost.search("v2", budget_, runtime="fake", measure=False)


def test_plot_draws_the_log(here: Path, budget: str) -> None:
    pytest.importorskip("matplotlib")
    assert search(*QUICK, "--max-latency", budget)[0] == 0
    result = in_process(["plot", "found.jsonl", "-o", "out.svg"])
    assert result.status == 0, result
    assert "predicted, score 1 → " in result.out
    assert Path("out.svg").read_text().count("<use") > 5
    result = in_process(["plot", "found.jsonl", "--x", "macs"])
    assert result.status == 2
    assert "--x does not go with the log of a search" in result.err
    assert in_process(["plot", "found.jsonl", "v2"]).status == 2


def test_generations_are_whole_numbers_in_a_picture(here: Path) -> None:
    pytest.importorskip("matplotlib")
    Path("space.toml").write_text(SPACE.replace("[0.35, 0.5, 0.75]", '"0.35:0.75:0.01"'))
    words = ["space.toml", "--runtime", "fake", "--max-latency", "1.5ms", "--no-measure"]
    assert search(*words, "--generations", "2", "--population", "3")[0] == 0
    assert len(Path("found.jsonl").read_text().splitlines()) == 3, "how it began, two generations"
    in_process(["plot", "found.jsonl", "-o", "out.svg"])
    said = texts(Path("out.svg").read_bytes())
    ticks = said[: said.index("generation")]
    assert {"1", "2"} <= set(ticks)
    assert all(tick.isdecimal() for tick in ticks)
