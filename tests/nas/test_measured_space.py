"""Searches over a design space, and a script that says what measuring a network gives."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest

import mncost
from mncost.interval import Interval
from mncost.nas.found import Search
from mncost.nas.log import Generation, Log, Measured
from mncost.nas.search import _standing
from mncost.network import Network
from mncost.place import OnePlace
from mncost.predict.predictor import Predictor
from mncost.predict.profile import read_profile
from mncost.space.space import Space

BUDGET = 1.5e-3
SPACE = 'arch = "v2"\nalpha = "0.35:0.75:0.01"\nresolution = [96, 128]\n'
Script: TypeAlias = Callable[[Callable[[Network], Interval]], list[Network]]


@pytest.fixture(scope="module")
def predictor(profile: Path) -> Predictor:
    assert profile.is_dir()  # where the profile is read from
    return Predictor(read_profile(OnePlace("fake")))


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Script:
    """Return what takes a function: what measuring a network gives. It returns which were."""
    monkeypatch.chdir(tmp_path)
    Path("space.toml").write_text(SPACE)
    module = importlib.import_module("mncost.nas.search")

    def use(gives: Callable[[Network], Interval]) -> list[Network]:
        asked: list[Network] = []

        def measure(made: Any, *_: object) -> None:
            network, point = made.found()
            asked.append(network)
            if made.is_new:  # the first one is as fast as predicted
                half = 0.01 * point.latency
                same = Interval(point.latency, point.latency - half, point.latency + half)
                made.measured(same, same)
            else:
                made.measured(gives(network), gives(network))

        monkeypatch.setattr(module, "_measure", measure)
        return asked

    return use


def just_below(_: Network) -> Interval:
    """Fit into the budget, though twice the upper half of the interval does not."""
    return Interval(0.98 * BUDGET, 0.965 * BUDGET, 0.995 * BUDGET, 5)


def search(predictor: Predictor, of: str = "space.toml", **options: Any) -> Search:
    given = {"runtime": "fake", "predictor": predictor, "population": 4, **options}
    return mncost.search(of, BUDGET, **given)


def test_what_is_written_is_what_was_measured(predictor: Predictor, script: Script) -> None:
    asked = script(just_below)
    made = search(predictor, generations=3)
    assert made.is_within
    assert made.measured is not None
    assert made.measured.center == pytest.approx(0.98 * BUDGET)
    assert (made.network.alpha, made.network.macs) == (asked[-1].alpha, asked[-1].macs)
    assert len(asked) == 2


def test_a_network_that_was_not_measured_has_no_measured_latency(
    predictor: Predictor, script: Script
) -> None:
    """Whatever is measured takes a little too long: each corrects the predictions."""
    asked = script(lambda _: Interval(1.01 * BUDGET, BUDGET, 1.02 * BUDGET, 5))
    made = search(predictor, generations=3)
    assert len(asked) == 6
    is_last = made.network.macs == asked[-1].macs
    assert (made.measured is not None) == is_last
    assert made.is_within is not True or not is_last


def test_more_generations_after_one_that_fits(predictor: Predictor, script: Script) -> None:
    script(just_below)
    before = search(predictor, generations=1, log="log.jsonl")
    asked = script(just_below)
    made = search(predictor, generations=4, resume="log.jsonl")
    records = Log.read(Path("log.jsonl")).records
    assert [one.number for one in records if isinstance(one, Generation)] == [1, 2, 3, 4]
    assert isinstance(records[-1], Measured)
    assert made.measured is not None
    assert made.network.macs == asked[-1].macs
    assert made.network.macs >= before.network.macs  # the score is the share of MACs
    # The log goes on to the same end, and nothing is measured again.
    asked = script(just_below)
    assert search(predictor, generations=4, resume="log.jsonl").file == made.file
    assert asked == []


def test_a_log_is_resumed_from_another_directory(predictor: Predictor, script: Script) -> None:
    script(just_below)
    Path("there").mkdir()
    Path("space.toml").rename("there/space.toml")
    made = search(predictor, "there/space.toml", generations=2, measure=False, log="log.jsonl")
    file = str(Path("there/space.toml").resolve())
    assert search(predictor, file, generations=2, measure=False, resume="log.jsonl").file == (
        made.file
    )


def test_the_architecture_as_it_stands() -> None:
    space = Space.of(arch="v2", alpha=0.5, resolution=[224, 160], output_stride=16)
    first = _standing(space, "fp32")
    assert first.resolution == 224
    assert first.macs == mncost.load("v2", 0.5, 224, output_stride=16).macs
