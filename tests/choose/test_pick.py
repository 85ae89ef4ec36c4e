"""``mncost.pick``: what notebooks get. The command line is a shell over the same functions."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs
from syrupy.assertion import SnapshotAssertion

import mncost
from mncost.choose.limits import Limits
from mncost.choose.pick import choose
from mncost.choose.timing import Timing
from mncost.measure.engine import Progress
from mncost.measure.run_file import read_run, write_run
from mncost.measure.runtimes.fake import Script
from mncost.published.accuracy import candidates
from mncost.published.figures import read_published
from mncost.results.results import Results
from tests.choose.playing import play
from tests.printed import Printed, refusals

V2_MACS = 300_774_272  # torchvision's mobilenet_v2, at 224 pixels
MS = 1e-3


def names(picked: mncost.Pick) -> list[str]:
    return [one.name for one in picked]


# ----------------------------------------------------------------------------- counts and accuracy


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ({"max_macs": "150M"}, {"max_macs": 150e6}),
        ({"max_params": "3.5 M"}, {"max_params": 3_500_000}),
        ({"max_size": "10 MB"}, {"max_size": 10_000_000}),
        ({"max_memory": "12MiB"}, {"max_memory": 12 * 2**20}),
        ({"min_top1": "70 %"}, {"min_top1": 70}),
    ],
)
def test_texts_and_bare_numbers_mean_the_same(text: dict[str, Any], number: dict[str, Any]) -> None:
    found = mncost.pick("v1,v2,v3", **text)
    assert names(found) == names(mncost.pick("v1,v2,v3", **number))
    assert 0 < len(found) < found.considered


def test_a_cost_that_equals_its_limit_is_within_it() -> None:
    at_limit = mncost.pick("v2", 1.0, 224, max_macs=V2_MACS)
    assert {one.network.macs for one in at_limit} == {V2_MACS}
    assert not mncost.pick("v2", 1.0, 224, max_macs=V2_MACS - 1)
    assert mncost.pick("v2", 0.75, 160, dialect="paper", min_top1=66.4)  # Google prints 66.4
    assert not mncost.pick("v2", 0.75, 160, dialect="paper", min_top1=66.5)


def test_each_network_has_its_accuracy_with_its_source() -> None:
    (one, *_) = mncost.pick("v3-large", 0.75, 224, dialect="paper")
    assert (one.rank, one.top1, one.latency) == (1, 73.3, None)
    assert one.source.startswith("arXiv:1905.02244 Table 3")
    assert (one.network.arch, one.network.alpha, one.network.resolution) == ("v3-large", 0.75, 224)
    assert one.figure in read_published()


def test_what_a_limit_costs_in_points() -> None:
    """Google prints 70.7 % for V2 at 192 pixels with 221 M MACs, and 68.7 % for its 0.75."""
    (cost,) = mncost.pick("v2", [0.75, 1.0], 192, dialect="paper", max_macs="222M").without
    assert (cost.limit, cost.gain, cost.more) == ("max_macs", 0.0, 0)
    (cost,) = mncost.pick("v2", [0.75, 1.0], 192, dialect="paper", max_macs="200M").without
    assert cost.gain == pytest.approx(70.7 - 68.7)
    assert cost.more == 1
    assert cost.best is not None
    assert repr(cost.best) == "<v2 α 1 at 192 px: 70.7 %>"


def test_contradictory_limits_fit_nothing_and_say_what_each_costs(
    snapshot: SnapshotAssertion,
) -> None:
    found = mncost.pick(max_macs="1M", min_top1=80)
    assert not found
    assert (len(found), found.known, found.near_ties) == (0, 0, [])
    macs, top1 = found.without
    assert (macs.limit, macs.gain) == ("max_macs", None)
    assert macs.best is not None
    assert macs.best.top1 > 80
    assert (top1.limit, top1.best, top1.more) == ("min_top1", None, 0)
    assert not found.is_inconclusive
    assert repr(found) == snapshot(extension_class=Printed)


def test_top_cuts_the_sequence_but_not_what_is_known() -> None:
    every = mncost.pick("mobilenets", max_size="10MB")
    first = mncost.pick("mobilenets", max_size="10MB", top=1)
    assert names(first) == names(every)[:1]
    assert first.known == every.known == len(every) > 10
    assert [one.rank for one in first.near_ties] == [one.rank for one in every.near_ties] != []
    assert names(mncost.pick("mobilenets", max_size="10MB", top=10_000)) == names(every)


def test_the_best_is_no_near_tie_of_itself() -> None:
    """By hand: 66.0 % and the next, 65.928 %, are closer than 0.58 points."""
    found = mncost.pick("mobilenets", max_size="10MB", top=2)
    assert [one.is_near_tie for one in found] == [False, True]


def test_it_is_a_sequence_and_a_frame() -> None:
    pandas = pytest.importorskip("pandas")
    found = mncost.pick("v2", dialect="paper", max_macs="100M")
    frame = found.to_frame()
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame["rank"]) == list(range(1, len(found) + 1))
    assert list(frame["macs"]) == [one.network.macs for one in found]
    assert list(frame["top1"]) == [one.top1 for one in found]
    assert list(frame["near_tie"]) == [one.is_near_tie for one in found]
    assert {"source", "variant", "precision", "memory_bytes"} < set(frame.columns)
    assert not {"latency"} & set(frame.columns)
    assert found[-1] == list(found)[-1]
    assert found[:2] == tuple(found)[:2]


def test_an_empty_frame_has_all_columns() -> None:
    pytest.importorskip("pandas")
    empty = mncost.pick(max_macs=0).to_frame()
    assert list(empty.columns) == list(mncost.pick(max_macs="100M").to_frame().columns)
    assert len(empty) == 0


def test_what_is_shown_in_a_notebook_has_the_sources_and_what_limits_cost(
    snapshot: SnapshotAssertion,
) -> None:
    text = repr(mncost.pick("mobilenets", max_size="10MB"))
    assert "\n[1] arXiv:2404.10518" in text
    assert text == snapshot(extension_class=Printed)


BAD: list[dict[str, Any]] = [
    {"max_macs": float("nan")},
    {"max_macs": float("inf")},
    {"max_params": -1},
    {"max_macs": 150},
    {"min_top1": 0.68},
    {"max_params": True},
    {"max_macs": "150"},
    {"max_size": "-1MB"},
    {"max_size": []},
    {"min_top1": 0},
    {"min_top1": float("nan")},
    {"top": 0},
    {"top": 1.5},
    {"precision": "int4"},
    {"max_latency": 8},
    {"max_latency": "0ms"},
    {"max_latency": "nan ms"},
    {"max_latency": "-8ms"},
    {"max_latency": "8ms", "percentile": 100},
    {"max_latency": "8ms", "threads": 0},
    {"max_latency": "8ms", "max_time": "soon"},
    {"max_latency": "8ms", "runtime": "onnx"},
    {"max_latency": "8ms", "run": "no.json"},
    {"max_latency": "8ms", "run": "r", "save": "s"},
    {"max_latency": "8ms", "run": "r", "max_time": 1},
    {"run": "r"},
    {"percentile": 99},
    {"threads": 2},
]


def test_bad_input(here: Path, snapshot: SnapshotAssertion) -> None:
    assert refusals(mncost.pick, BAD, "v2") == snapshot(extension_class=Printed)


def test_picking_by_counts_imports_nothing_of_the_measuring() -> None:
    program = (
        "import sys, mncost\n"
        "assert repr(mncost.pick(max_macs='150M', max_memory='20MB', min_top1=60))\n"
        "print(*sorted(sys.modules))\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=300
    )
    loaded = found.stdout.split()
    assert "mncost.choose.pick" in loaded
    unwanted = ("mncost.measure", "mncost.budget", "mncost.cli", "mncost.plot", "mncost.models")
    heavy = ("numpy", "scipy", "pandas", "onnx", "torch", "typer", "rich")
    assert [name for name in loaded if name.startswith((*unwanted, *heavy))] == []


# -------------------------------------------------------------------------------- measured latency


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch, here: Path) -> None:
    play(monkeypatch)


def measured(arch: str = "v2,v3", alpha: Any = "0.5:1.0", **others: Any) -> Results:
    return mncost.bench(arch, alpha=alpha, twin=False, runtime="fake", **others)


@pytest.mark.usefixtures("scripted")
def test_it_measures_and_picks_again_from_what_was_measured() -> None:
    """By hand: of those up to 4.5 ms (180 M MACs) V3-Large 0.75 is the most accurate."""
    limits: dict[str, Any] = {"max_latency": "4.5ms", "max_size": "20MB"}
    found = mncost.pick("v2,v3", **limits, runtime="fake", save="run.json")
    assert len(found) == 3
    first = found[0]
    assert (first.network.arch, first.network.alpha) == ("v3-large", 0.75)
    assert first.latency is not None
    assert first.latency.lo is not None
    assert first.latency.hi is not None
    truth = first.network.macs / 40e9 + 20e-6
    assert first.latency.lo < truth < first.latency.hi <= 4.5 * MS
    (cost,) = found.without
    assert (cost.limit, cost.more) == ("max_latency", None), "not all were measured"
    assert found.run is not None
    assert found.run.run.stopped == "decided"
    for run in (found.run, "run.json", Path("run.json")):
        again = mncost.pick("v2,v3", **limits, run=run)
        assert again[0].name == first.name
        assert [one.limit for one in again.without] == ["max_latency"]


@pytest.mark.usefixtures("scripted")
def test_picking_from_a_measurement() -> None:
    """By hand: 1.4 ms and 3.9 ms are within 4.5 ms, 5.4 ms and 7.5 ms are not."""
    run = measured()
    found = mncost.pick("v2,v3", run=run, max_latency="4.5ms")
    fit = {(one.network.arch, one.network.alpha) for one in found}
    assert {("v3-large", 0.75), ("v3-small", 1.0), ("v2", 0.5)} <= fit
    assert not {("v3-large", 1.0), ("v2", 1.0)} & fit
    assert len(found) == found.known > 5
    here = {(cell.label.arch, cell.label.alpha, cell.subject.resolution) for cell in run.run.cells}
    others = [one.network for one in found.not_measured if one.network.dialect == "paper"]
    assert others
    assert not here & {(net.arch, net.alpha, net.resolution) for net in others}
    frame = found.to_frame()
    assert all(frame["latency_lo"] < frame["latency"])
    assert all(frame["latency_hi"] <= 4.5e-3)


@pytest.mark.usefixtures("scripted")
def test_what_the_latency_costs_beside_another_limit() -> None:
    """Up to 12 MiB; the most accurate network of that size is too slow."""
    limits: dict[str, Any] = {"max_latency": "3ms", "max_size": "12MiB"}
    found = mncost.pick("v2,v3", run=measured(dialect="paper"), **limits)
    (latency,) = found.without
    assert latency.limit == "max_latency"
    assert latency.best is not None
    assert latency.best.network.weight_bytes <= 12 * 2**20
    assert latency.gain == pytest.approx(latency.best.top1 - found[0].top1)


# ------------------------------------------------------------------------------ networks in hand


def test_networks_in_hand() -> None:
    networks = [mncost.load("v2", 0.5), mncost.load("v2", 1.0), mncost.load("v2", 0.9)]
    found = mncost.pick(networks, max_macs="400M")
    assert [one.network.alpha for one in found] == [1.0, 0.5]
    assert found[0].network is networks[1]
    (note,) = found.notes
    assert note in str(found)
    assert mncost.pick(networks[0])[0].network is networks[0]
    with pytest.raises(mncost.InputError, match="accuracy"):
        mncost.pick(networks[2])
    with pytest.raises(mncost.InputError):
        mncost.pick(networks, dialect="timm")  # they have theirs
    assert [one.network.arch for one in mncost.pick(["v1", "v2"], alpha=1.0, resolution=224)] == [
        one.network.arch for one in mncost.pick("v1,v2", alpha=1.0, resolution=224)
    ]


@pytest.mark.usefixtures("scripted")
def test_networks_in_hand_are_measured() -> None:
    networks = [mncost.load("v2", 0.5), mncost.load("v2", 1.0)]
    found = mncost.pick(networks, max_latency="4.5ms", runtime="fake")
    assert [one.network for one in found] == networks[:1]


@pytest.mark.usefixtures("scripted")
def test_a_latency_whose_interval_holds_the_limit_is_undecided() -> None:
    run = measured("v3-large", 1.0)
    at = run.interval(0)
    assert at is not None
    limit = f"{at.center / MS:.4f}ms"
    found = mncost.pick("v3-large", 1.0, dialect="paper", run=run, max_latency=limit)
    assert not found
    assert found.is_inconclusive
    assert [one.candidate.name for one in found.undecided] == ["v3-large α 1 at 224 px"]
    beyond = mncost.pick("v3-large", 1.0, dialect="paper", run=run, max_latency="1us")
    assert not beyond.is_inconclusive
    assert beyond.undecided == []


def test_a_percentile_may_fail_where_the_median_passes(
    monkeypatch: pytest.MonkeyPatch, here: Path
) -> None:
    """By the script one run of ten takes five times as long: p50 is 1.4 ms, p95 7.2 ms."""
    play(monkeypatch, Script(process=0.002, noise=0.002, outliers=0.1))
    run = measured("v3-small", 1.0)
    small: dict[str, Any] = {"arch": "v3-small", "alpha": 1.0, "dialect": "paper", "run": run}
    assert mncost.pick(**small, max_latency="3ms")
    assert mncost.pick(**small, max_latency="3ms", percentile=50)
    assert not mncost.pick(**small, max_latency="3ms", percentile=95)
    found = mncost.pick(**small, max_latency="9ms", percentile=95)
    assert found
    assert "p95" in repr(found)


def test_int8_is_measured_in_int8(monkeypatch: pytest.MonkeyPatch, here: Path) -> None:
    """The script's INT8 does 80 MACs a nanosecond."""
    play(monkeypatch)
    found = mncost.pick("v2", 1.0, 224, precision="int8", max_latency="4ms", runtime="fake")
    assert found
    for one in found:
        assert one.network.precision == "int8"
        assert one.figure.precision == "int8"
        assert one.latency is not None
        assert one.latency.center == pytest.approx(one.network.macs / 80e9 + 20e-6, rel=0.01)
    assert not mncost.pick("v2", 1.0, 224, max_latency="4ms", runtime="fake"), "fp32 takes 7.5 ms"
    with pytest.raises(mncost.InputError, match="fp32"):
        mncost.pick("v2", run=found.run, max_latency="4ms")


@pytest.mark.usefixtures("scripted")
def test_a_run_without_such_networks_decides_nothing() -> None:
    run = measured("v1", 1.0)
    found = mncost.pick("v2", run=run, max_latency="1s")
    assert not found
    assert not found.is_inconclusive, "no more measuring is asked for"
    assert len(found.not_measured) == found.considered


@pytest.mark.usefixtures("scripted")
def test_a_run_of_another_machine_is_said() -> None:
    measured("v3-small", 1.0).save("run.json")
    run = read_run(Path("run.json"))
    run.machine = structs.replace(run.machine, cpu="abacus")
    write_run(run, Path("other.json"))
    here = repr(mncost.pick("v3-small", run="run.json", max_latency="9ms"))
    there = repr(mncost.pick("v3-small", run="other.json", max_latency="9ms"))
    assert ("abacus" in here, "abacus" in there) == (False, True)


@pytest.mark.usefixtures("scripted")
def test_nothing_is_measured_if_nothing_keeps_to_the_other_limits() -> None:
    found = mncost.pick("v2", max_latency="9ms", max_macs="1k", runtime="fake", save="run.json")
    assert not found
    assert not found.is_inconclusive
    assert found.run is None
    assert not Path("run.json").exists()


def test_time_that_is_over_leaves_networks_unmeasured(
    monkeypatch: pytest.MonkeyPatch, here: Path
) -> None:
    """Processes that differ by 10 % cannot decide within a second what is near the limit."""
    play(monkeypatch, Script(process=0.1))
    found = mncost.pick("v2", max_latency="2ms", runtime="fake", max_time=1)
    assert found.undecided or found.not_measured
    assert "max_time" in repr(found)
    assert found.run is not None
    assert found.run.run.options.max_time == 1


@pytest.mark.usefixtures("scripted")
def test_an_interrupted_search_picks_nothing_and_keeps_what_was_measured() -> None:
    def interrupt(progress: Progress) -> None:
        if progress.rounds >= 2:
            raise KeyboardInterrupt

    timing = Timing(max_latency="4.5ms", runtime="fake", save="run.json")
    with pytest.raises(KeyboardInterrupt):
        choose(candidates("v2"), Limits(), timing, watch=interrupt)
    assert read_run(Path("run.json")).stopped == "interrupted"
