"""What was measured within the budget with room: the search goes back to a better network.

Latencies are predicted by a rule, and a script says what measuring them gives.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest

import mncost
from mncost.errors import InputError
from mncost.interval import Interval
from mncost.nas.back import Tried, may_fit
from mncost.nas.found import Search
from mncost.nas.log import Back, Log, Measured, Step
from mncost.network import Network
from mncost.place import OnePlace
from mncost.predict.predictor import Predictor
from mncost.predict.profile import read_profile
from tests.nas.small import START, Ruled, counted, network, seconds

Script: TypeAlias = Callable[[Callable[[Network], float]], None]
HALF = 0.08  # of a measured interval; the search goes by twice that
SMALL = seconds(*counted(START))
BUDGET = 0.7 * SMALL
NAMES = {
    "stem.out": "out16",
    "row2.expanded": "b",
    "row3.expanded": "c",
    "row3.out": "out24",
    "row4.expanded": "d",
    "last.out": "last",
}


def test_what_may_fit() -> None:
    """3 s measured as 3.3, 3.6 at most: 1.2 times what is predicted; so 4.1 s fit into 5 s."""
    good = Tried(Interval(3.3, 3.0, 3.6), 3.0)
    predicted = [4.5, 4.2, 4.1, 3.5]
    assert may_fit([0, 1, 2, 3], predicted, good, [], 5.0) == 2
    assert may_fit([0, 1], predicted, good, [], 5.0) is None
    # Another one took 1.25 times what was predicted, give or take 60 %: 3.5 s take 4.77 s at most.
    bad = Tried(Interval(5.0, 2.0, 8.0), 4.0)
    assert may_fit([0, 1, 2, 3], predicted, good, [bad], 5.0) == 3
    assert may_fit([0, 1, 2, 3], predicted, good, [bad], 4.7) is None


@pytest.fixture(scope="module")
def predictor(profile: Path) -> Predictor:
    assert profile.is_dir()  # where the profile is read from
    return Predictor(read_profile(OnePlace("fake")))


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Script:
    """Return what takes a function: how many times as long as predicted a network takes."""
    monkeypatch.chdir(tmp_path)
    network(tmp_path)
    module = importlib.import_module("mncost.nas.search")

    def use(times: Callable[[Network], float]) -> None:
        def measure(made: Any, *_: object) -> None:
            measured, (found, point) = [], made.found()
            correction = getattr(made.state, "clock", made.state).correction
            plain = {found: point.latency / correction.factor, made.what.first: SMALL}
            for one in (found, made.what.first):
                center = plain[one] * times(one)
                measured.append(Interval(center, center * (1 - HALF), center * (1 + HALF), 5))
            made.measured(*measured)

        monkeypatch.setattr(module, "_measure", measure)

    monkeypatch.setattr("mncost.nas.running.Clock", lambda *_: Ruled())
    return use


def search(predictor: Predictor, **options: Any) -> Search:
    given = {"runtime": "fake", "predictor": predictor, "step": 0.02, **options}
    return mncost.search(mncost.load("small.toml"), BUDGET, **given)


def by_hand(log: Log) -> list[float]:
    """Return what the rule says of the network after each step: its counts are worked out."""
    widths, found = dict(START), [SMALL]
    for one in log.records:
        if isinstance(one, Step):
            for key, width in one.proposal.changed.items():
                if key in NAMES:
                    widths[NAMES[key]] = width
            found.append(seconds(*counted(widths)))
    return found


def test_it_goes_back_to_the_widest_step_that_fits(predictor: Predictor, script: Script) -> None:
    script(lambda network: 1.1)
    made = search(predictor, log="log.jsonl")
    known = by_hand(made.log)
    widest = next(n for n, one in enumerate(known) if 1.1 * (1 + HALF) * one <= BUDGET)
    assert 0 < widest < len(known) - 1
    assert made.log.gone_back == widest
    assert made.is_within
    assert made.measured is not None
    assert made.measured.center == pytest.approx(1.1 * known[widest])
    assert seconds(made.network.macs, made.network.params) == pytest.approx(known[widest])
    Path("found.toml").write_text(made.file)
    assert mncost.load("found.toml").macs == made.network.macs
    assert f"what was found is step {widest}" in str(made)
    assert mncost.plot(made).finding.endswith(f"{made.measured.center * 1e3:.4g} ms measured")
    # A log that was cut off anywhere goes on to the same end.
    whole = Path("log.jsonl").read_text().splitlines(keepends=True)
    for count in (len(whole), len(whole) - 1, len(whole) - 2, len(whole) - 4):
        Path("cut.jsonl").write_text("".join(whole[:count]))
        again = search(predictor, resume="cut.jsonl")
        assert Path("cut.jsonl").read_text() == "".join(whole)
        assert again.file == made.file


def test_a_wider_one_that_does_not_fit_is_not_taken(predictor: Predictor, script: Script) -> None:
    """What is wider than that takes longer than its widths say: it ends where it had been."""
    script(lambda network: 1.1)
    plain = search(predictor)
    limit = plain.network.macs  # what was gone back to
    whole = mncost.load("small.toml").macs
    script(lambda network: 1.3 if limit <= network.macs < whole else 1.1)
    made = search(predictor, log="log.jsonl")
    tried = [one.number for one in made.log.records if isinstance(one, Back)]
    measured = [one for one in made.log.records if isinstance(one, Measured)]
    assert len(tried) == 2
    assert tried[0] < tried[1]
    assert measured[-2].found[2] > BUDGET  # type: ignore[operator]
    assert measured[-1] == measured[-3]
    assert made.network.macs < limit
    assert made.is_within
    fitting = [one.found[0] for one in measured if (one.found[2] or 1) <= BUDGET]
    assert made.measured is not None
    assert made.measured.center == max(fitting)
    before = Path("log.jsonl").read_bytes()
    assert search(predictor, resume="log.jsonl").file == made.file
    assert Path("log.jsonl").read_bytes() == before


def test_without_measuring_a_search_that_went_back_stays_there(
    predictor: Predictor, script: Script
) -> None:
    script(lambda network: 1.1)
    made = search(predictor, log="log.jsonl")
    before = Path("log.jsonl").read_bytes()
    assert search(predictor, resume="log.jsonl", measure=False).file == made.file
    assert Path("log.jsonl").read_bytes() == before


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ({"record": "back", "number": 99}, "no network of this search"),
        ({"record": "back", "number": -1}, "no network of this search"),
    ],
)
def test_logs_that_went_nowhere(
    line: dict[str, object], said: str, predictor: Predictor, script: Script
) -> None:
    script(lambda network: 1.1)
    search(predictor, log="log.jsonl")
    with Path("log.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")
    with pytest.raises(InputError, match=said):
        Log.read(Path("log.jsonl"))


def test_no_step_follows_what_went_back(predictor: Predictor, script: Script) -> None:
    script(lambda network: 1.1)
    made = search(predictor, log="log.jsonl")
    last = [one for one in made.log.records if isinstance(one, Step)][-1]
    Log(Path("log.jsonl"), made.log.records).append(
        Step(number=last.number + 1, taken=0, proposals=last.proposals)
    )
    with pytest.raises(InputError, match="not the next record"):
        Log.read(Path("log.jsonl"))
