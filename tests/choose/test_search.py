"""Measuring as few candidates as it takes: with a runtime that has a script, and no time passes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from math import exp
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from mncost.choose.latency import LatencyLimit, verdict_of
from mncost.choose.search import PATIENCE, WINDOW, Search, search
from mncost.interval import Interval
from mncost.measure.records import Failure, Options, Place, Run
from mncost.measure.run_file import read_run
from mncost.measure.runtimes.fake import Script
from mncost.place import OnePlace
from mncost.published.accuracy import Candidate, candidates
from mncost.runs.begin import empty_run
from mncost.runs.networks import cells_of, places_of
from mncost.stats.looks import Looks
from mncost.stats.moods import Moods
from tests.choose.playing import play
from tests.running import Result

Cli = Callable[..., Result]
MS = 1e-3
MACS = 40e9  # that the script does a second
FAKE = OnePlace("fake", 1)


@pytest.fixture(autouse=True)
def scripted(monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch)


def searching(found: Sequence[Candidate], limit: float, wanted: int) -> Search:
    """Return a search that has not begun."""
    options = Options(target_error=0.02, max_time=1, processes=1, seed=0)
    cells = cells_of([one.network for one in found], Place("fake"))
    return Search(found, LatencyLimit(limit), wanted, empty_run(cells, options))


def measured_cells(run: Run) -> set[int]:
    return {b.cell for p in run.processes for b in p.visits() if b.cell is not None}


@pytest.mark.parametrize("limit", [1.0, 3.0, 4.2, 20.0])
def test_it_finds_what_the_script_says(limit: float) -> None:
    """Brute force: who is well within the limit by its MACs, the most accurate first."""
    found = candidates("v1,v2,v3-large,v3-small")
    seen = search(found, LatencyLimit(limit * MS, place=FAKE), 3)
    assert seen.results is not None
    run = seen.results.run
    passed = [one.candidate for one in seen.timed if one.verdict == "PASS"]
    clear = [one for one in found if one.network.macs / MACS < 0.9 * limit * MS]
    perhaps = [one for one in found if one.network.macs / MACS < 1.05 * limit * MS]
    assert len(passed) >= 3
    assert set(passed) <= set(perhaps)
    best = min(passed[:3], key=lambda one: one.top1)
    assert all(one in passed for one in clear if one.top1 > best.top1)
    assert run.stopped == "decided"
    assert len(measured_cells(run)) < len(found) / 2


def drawn(kind: str, rng: np.random.Generator, rows: int, count: int) -> NDArray[Any]:
    """Return the log latencies of candidates (rows) in the processes of each generation.

    As measured: most of a process's variance is common to all candidates of a generation.
    """
    if kind == "layouts":  # 20 % of all processes take 8 % longer
        slow = rng.random((rows, count)) < 0.2
        return 0.005 * rng.standard_normal((rows, count)) + 0.08 * (slow - 0.2)
    mood = rng.standard_normal(count)
    for n in range(1, count if kind == "moods" else 0):
        mood[n] = 0.7 * mood[n - 1] + (1 - 0.7**2) ** 0.5 * mood[n]
    return 0.018 * mood + 0.009 * rng.standard_normal((rows, count))


def passed(logs: NDArray[Any], limit: float, late: int = 0) -> NDArray[Any]:
    """Return which candidates pass at some look, each before it fails.

    All but five of them are measured from the generation ``late`` on.
    """
    looks, count = Looks(tests=98), logs.shape[1]
    verdicts: dict[int, str] = {}
    for n in range(1, count + 1):
        level = looks.level(n / count, n == count)
        seen = {
            row: {g: float(exp(logs[row, g])) for g in range(late * (row >= 5), n)}
            for row in range(len(logs))
        }
        moods = Moods({row: values for row, values in seen.items() if values})
        for row in seen:
            if row not in verdicts:
                interval = moods.interval(row, level)
                if verdict := verdict_of(interval, limit, looks.alpha / looks.tests):
                    verdicts[row] = verdict
    return np.array([verdicts.get(row) == "PASS" for row in range(len(logs))])


@pytest.mark.slow
@pytest.mark.simulation
@pytest.mark.parametrize("late", [0, 8])
@pytest.mark.parametrize("kind", ["quiet", "moods", "layouts"])
def test_near_ties_that_are_just_too_slow_hardly_ever_pass(kind: str, late: int) -> None:
    """Fifteen candidates at the limit: any of them that passes is a wrong pick."""
    rng = np.random.default_rng(1)
    wrong = sum(passed(drawn(kind, rng, 15, 20), 1.0, late).any() for _ in range(60))
    assert wrong <= stats.binom.ppf(0.999, 60, 0.02)


@pytest.mark.parametrize(("kind", "room"), [("quiet", 0.05), ("moods", 0.12), ("layouts", 0.12)])
def test_what_is_clearly_fast_enough_passes(kind: str, room: float) -> None:
    rng = np.random.default_rng(2)
    assert np.mean([passed(drawn(kind, rng, 15, 20), exp(room)) for _ in range(6)]) > 0.85


def test_room_for_a_layout_that_no_process_has_shown() -> None:
    """By hand: of two processes, 77.6 % may have it; 5 % of that are 3.9 %."""
    assert verdict_of(Interval(1.0, 0.99, 1.0, 2), 1.038, 0.05) is None
    assert verdict_of(Interval(1.0, 0.99, 1.0, 2), 1.039, 0.05) == "PASS"
    assert verdict_of(Interval(1.0, 0.99, 1.01, 2), 0.98, 0.05) == "FAIL"
    assert verdict_of(Interval(1.0, None, None, 1), 2.0, 0.05) is None
    assert verdict_of(None, 2.0, 0.05) is None


def test_what_is_far_too_slow_is_measured_once(tmp_path: Path) -> None:
    found = candidates("v1,v2,v3-large,v3-small")
    seen = search(found, LatencyLimit(1 * MS, place=FAKE), 1)
    assert seen.results is not None
    run = seen.results.run
    slow = [i for i, one in enumerate(found) if one.network.macs / MACS > 2.2 * MS]
    for cell in measured_cells(run) & set(slow):
        assert len({p.generation for p in run.processes for b in p.visits() if b.cell == cell}) == 1
    dropped = {found.index(one) for one in seen.too_slow}
    assert dropped >= measured_cells(run) & set(slow)
    assert not dropped & {i for i, one in enumerate(found) if one.network.macs / MACS < MS}


def test_the_first_ones_reach_from_cheap_to_expensive() -> None:
    found = candidates("v2")
    first = searching(found, 1 * MS, 3).first()
    macs = sorted(one.network.macs for one in found)
    chosen = sorted(found[index].network.macs for index in first)
    assert len(first) == 5
    assert chosen[0] <= macs[len(macs) // 5]
    assert chosen[-1] >= macs[4 * len(macs) // 5]
    assert len(searching(found[:2], 1 * MS, 3).first()) == 2


def test_what_stays_undecided_keeps_no_others_out() -> None:
    """A window of those that are new, beside those that were looked at in vain."""
    found = candidates("v2")
    seeker = searching(found, 2 * MS, 1)
    assert seeker.needed() == set(range(WINDOW))
    seeker.waited.update(dict.fromkeys(range(4), PATIENCE))
    assert seeker.needed() == set(range(WINDOW + 4))
    seeker.verdicts = {WINDOW: "PASS"}
    assert seeker.needed() == set(range(WINDOW)), "but what is less accurate is not wanted"
    seeker.intervals = {WINDOW: Interval(1 * MS, 1 * MS, 1 * MS, 2)}
    assert seeker.latencies().open == found[:WINDOW]


def test_what_failed_keeps_no_others_out() -> None:
    seeker = searching(candidates("v2"), 2 * MS, 1)
    seeker.results.run.failures += [
        Failure(cell=cell, generation=0, reason="no") for cell in range(WINDOW)
    ]
    assert seeker.needed() == set(range(WINDOW, 2 * WINDOW))


def test_a_candidate_passes_where_it_passes_at_one_place() -> None:
    """Two places: cells 0 and 1 are the first candidate, and so on."""
    found = candidates("v2")
    options = Options(target_error=0.02, max_time=1, processes=1, seed=0)
    places = Place("fake"), Place("onnxruntime")
    run = empty_run(cells_of([one.network for one in found], *places), options)
    seeker = Search(found, LatencyLimit(2 * MS), 2, run)
    assert seeker.needed() == set(range(2 * WINDOW))
    one, other = (Interval(time * MS, time * MS, time * MS, 2) for time in (1.5, 1.0))
    seeker.verdicts = {0: "PASS", 1: "PASS", 2: "FAIL", 4: "FAIL", 5: "FAIL"}
    seeker.intervals = {0: one, 1: other, 2: one}
    assert seeker.needed() == {3, *range(6, 2 * WINDOW + 4)}, "its other place may do"
    seeker.dropped = {3}
    first, second = seeker.latencies().timed
    assert (first.candidate, first.place.runtime, first.verdict) == (
        found[0],
        "onnxruntime",
        "PASS",
    )
    assert (second.candidate, second.place.runtime, second.verdict) == (found[1], "fake", "FAIL")


def test_all_runtimes_are_those_that_have_such_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mncost.measure.where.is_installed", lambda name: True)
    monkeypatch.setattr("mncost.runs.networks.offer", lambda runtime, python: [None])
    places = places_of(OnePlace("all", 2), "int8")
    runtimes = {place.runtime for place in places}
    assert {"onnxruntime", "openvino", "litert"} <= runtimes
    assert not {"torch", "ncnn", "torch-compile"} & runtimes
    assert {(place.threads, place.precision) for place in places} == {(2, "int8")}


def test_pick_measures_now(run_cli: Cli, here: Path) -> None:
    words = "pick --arch v2,v3 --max-latency 4.5ms --max-size 20MB --runtime fake --save run.json"
    found = run_cli(words.split())
    assert found.status == 0
    assert re.search(r"^1 +v3-large ", found.out, re.MULTILINE)
    assert "--max-size" not in found.out, "what it costs would take measuring others"
    run = read_run(Path("run.json"))
    assert run.stopped == "decided"
    assert len(run.files) == len(measured_cells(run)), "only what is measured is built"
    again = run_cli(["pick", "--run", "run.json", "--max-latency", "4.5ms", "-f", "json"])
    assert json.loads(again.out)["rows"][0]["arch"] == "v3-large"
    assert run_cli(["show", "run.json", "-f", "csv"]).status == 0


def test_nothing_is_fast_enough(run_cli: Cli) -> None:
    found = run_cli(["pick", "--arch", "v1", "--max-latency", "1us", "--runtime", "fake"])
    assert found.status == 1
    assert "--max-latency: v1" in found.out


def test_time_that_is_over_is_no_verdict(run_cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch, Script(process=0.05))
    words = "pick --arch v2 --max-latency 7.6ms --min-top1 73 --runtime fake --resolution 224"
    found = run_cli([*words.split(), "--alpha", "1.0", "--max-time", "9s"])
    assert found.status == 3
    assert "undecided: v2 α 1 at 224 px" in found.out
