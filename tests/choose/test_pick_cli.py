"""``mncost pick`` and ``mncost table --pareto`` as users run them."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

import mncost
from mncost.errors import OutputError
from mncost.measure.records import Run
from mncost.measure.run_file import read_run
from tests.choose.playing import play
from tests.choose.test_accuracy import rows
from tests.measure.scripted import interrupt_when
from tests.printed import Printed, refused
from tests.running import Result, in_process

Cli = Callable[..., Result]


def as_rows(result: Result) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(result.out)))


def test_limits_against_the_published_macs(run_cli: Cli) -> None:
    """Where a source prints MACs and accuracy, it says itself which of its rows fit."""
    words = "pick --arch v1,v2,v3 --max-macs 350M --min-top1 68 --top 99 -f csv"
    found = run_cli(words.split())
    assert found.status == 0
    picked = {(row["arch"], float(row["alpha"]), row["resolution"]) for row in as_rows(found)}
    printed = [
        row
        for row in rows()
        if row["arch"] in ("v1", "v2", "v3-large", "v3-small") and row["macs_m"]
        if row["resolution"] and float(row["top1"]) >= 68
    ]
    keys = [(row["arch"], float(row["alpha"]), row["resolution"]) for row in printed]
    fit = {key for key, row in zip(keys, printed, strict=True) if float(row["macs_m"]) < 340}
    too_big = {key for key, row in zip(keys, printed, strict=True) if float(row["macs_m"]) > 360}
    assert fit <= picked
    assert not too_big & picked
    assert len(fit) > 5
    assert len(too_big) > 5


def test_every_row_keeps_to_every_limit(run_cli: Cli) -> None:
    words = "--max-macs 300M --max-params 3.5M --max-size 12MiB --max-memory 16MB --min-top1 60"
    found = as_rows(run_cli(["pick", *words.split(), "--top", "99", "-f", "csv"]))
    assert len(found) > 10
    assert all(int(row["macs"]) <= 300e6 for row in found)
    assert all(int(row["params"]) <= 3.5e6 for row in found)
    assert all(int(row["weight_bytes"]) <= 12 * 2**20 for row in found)
    assert all(int(row["memory_bytes"]) <= 16e6 for row in found)
    assert all(float(row["top1"]) >= 60 for row in found)
    accuracies = [float(row["top1"]) for row in found]
    assert accuracies == sorted(accuracies, reverse=True)
    assert all(row["source"] for row in found)


def test_what_each_limit_costs() -> None:
    """It is what picking without the limit gives."""
    limits: dict[str, Any] = {"max_macs": "150M", "min_top1": 68}
    picked = mncost.pick("v1,v2,v3", **limits)
    for cost in picked.without:
        others = {name: value for name, value in limits.items() if name != cost.limit}
        free = mncost.pick("v1,v2,v3", **others)
        assert cost.best is not None
        assert cost.best.figure == free[0].figure
        assert cost.gain == free[0].top1 - picked[0].top1
        assert cost.more == free.known - picked.known
    assert [cost.limit for cost in picked.without] == [*limits]


def test_near_ties_are_shown(run_cli: Cli) -> None:
    found = run_cli(["pick", "mobilenets", "--max-size", "10MB", "--top", "4"])
    assert "≈2" in found.out
    table = json.loads(
        run_cli(["pick", "mobilenets", "--max-size", "10MB", "--top", "4", "-f", "json"]).out
    )
    assert [row["near_tie"] for row in table["rows"]] == [False, True, True, True]


def test_nothing_fits(run_cli: Cli) -> None:
    found = run_cli(["pick", "--arch", "v2", "--max-macs", "100M", "--min-top1", "72"])
    assert found.status == 1
    hopeless = run_cli(["pick", "--max-macs", "1k", "--max-params", "1k"])
    assert hopeless.status == 1


def test_nothing_that_fits_has_no_rows_for_programs_and_no_head_for_people(run_cli: Cli) -> None:
    words = ["pick", "--arch", "v2", "--max-macs", "100M", "--min-top1", "72"]
    people = run_cli(words).out
    assert len(people.splitlines()) == 3
    assert "|" not in run_cli([*words, "-f", "markdown"]).out
    head, *lines = run_cli([*words, "-f", "csv"]).out.splitlines()
    assert head.startswith("rank,near_tie,arch,")
    assert lines == []
    table = json.loads(run_cli([*words, "-f", "json"]).out)
    assert table["rows"] == []
    assert len(table["columns"]) > 10


def test_more_than_fit_may_be_asked_for(run_cli: Cli) -> None:
    words = ["pick", "--arch", "v1,v2,v3", "--max-macs", "150M", "--min-top1", "68", "-f", "csv"]
    assert len(as_rows(run_cli([*words, "--top", "1000"]))) == 3
    assert len(as_rows(run_cli([*words, "--top", "2"]))) == 2
    assert run_cli([*words, "--top", "0"]).status == 2


def test_picking_by_counts_needs_nothing_heavy_and_nothing_of_the_measuring() -> None:
    code = (
        "import sys; from mncost.cli.main import run; run(['pick', '--max-macs', '150M']); "
        "heavy = ('torch', 'onnx', 'numpy', 'scipy', 'pandas', 'mncost.measure', 'mncost.budget'); "
        "print('loaded:', [name for name in sys.modules if name.startswith(heavy)])"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300
    )
    assert "loaded: []" in found.stdout


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run of V2 and V3 on a runtime that does 40 MACs a nanosecond, and hardly varies."""
    file = tmp_path_factory.mktemp("measured") / "run.json"
    words = "bench --arch v2,v3-large,v3-small --no-twin --runtime fake --alpha 0.5:1.0 -o"
    with pytest.MonkeyPatch.context() as patch:
        play(patch)
        assert in_process([*words.split(), str(file)]).status == 0
    return file


@pytest.fixture
def run_file(measured: Path, here: Path) -> str:
    """Return the name of a copy of the run, in the current directory."""
    shutil.copy(measured, "run.json")
    return "run.json"


def test_a_latency_passes_by_its_interval_in_a_saved_run(run_cli: Cli, run_file: str) -> None:
    """At 40 MACs a nanosecond V2 takes 7.5 ms, V3-Large 5.4 ms, its 0.75 3.9 ms."""
    found = run_cli(["pick", "--run", run_file, "--max-latency", "4.5ms", "-f", "csv"])
    assert found.status == 0
    picked = as_rows(found)
    assert (picked[0]["arch"], picked[0]["alpha"]) == ("v3-large", "0.75")
    for row in picked:
        lo, center, hi = (float(row[f"latency{part}"]) for part in ("_lo", "", "_hi"))
        assert lo < center < hi <= 4.5e-3
    assert float(picked[0]["latency"]) == pytest.approx(154_560_624 / 40e9, rel=0.02)
    assert ("v2", "1") not in {(row["arch"], row["alpha"]) for row in picked}
    shown = run_cli(["pick", "--run", run_file, "--max-latency", "4.5ms", "--top", "1"]).out
    assert re.search(r"3\.[89]\d* ±0\.", shown)


def test_a_limit_within_the_interval_is_undecided(run_cli: Cli, run_file: str) -> None:
    listed = as_rows(run_cli(["pick", "--run", run_file, "--max-latency", "1s", "-f", "csv"]))
    (large,) = [row for row in listed if (row["arch"], row["alpha"]) == ("v3-large", "1.0")]
    limit = f"{float(large['latency']) * 1e3:.4f}ms"
    words = ["pick", "--run", run_file, "--max-latency", limit, "--min-top1", "75"]
    found = run_cli(words)
    assert found.status == 3
    beyond = run_cli(["pick", "--run", run_file, "--max-latency", "1us"])
    assert beyond.status == 1
    tail = run_cli(["pick", "--run", run_file, "--max-latency", "1s", "--percentile", "99.9"])
    assert tail.status == 3


def test_columns_are_the_ones_asked_for(run_cli: Cli, run_file: str) -> None:
    words = ["pick", "--run", run_file, "--max-latency", "4.5ms", "--columns", "arch,latency"]
    (head, *_) = run_cli([*words, "-f", "csv"]).out.splitlines()
    assert head == "rank,near_tie,arch,latency,latency_lo,latency_hi"
    people = run_cli(words).out
    assert re.search(r"^1 +v3-large +3\.\d+ ±0\.\d+$", people, re.MULTILINE)
    without = run_cli(["pick", "--max-macs", "100M", "--columns", "arch,latency"])
    assert (without.status, without.out) == (2, "")


def test_interrupted_it_prints_what_is_known_and_keeps_what_was_measured(
    run_cli: Cli, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    play(monkeypatch)
    interrupt_when(monkeypatch, lambda progress: progress.rounds >= 2)
    words = "pick --arch v2 --max-latency 4.5ms --runtime fake --save run.json"
    found = run_cli(words.split())
    assert found.status == 130
    assert "undecided: " in found.out
    assert found.err.splitlines()[-1].startswith("mncost: interrupted: ")
    assert read_run(here / "run.json").stopped == "interrupted"


BAD_LATENCIES = (
    "--max-latency 5ms --runtime onnx",
    "--max-macs 1M --save r.json",
    "--max-macs 1M --max-time 9s",
    "--run run.json --max-latency 5ms --save r.json",
    "--max-latency 5ms --save none/r.json",
    "--run run.json",
    "--percentile 99",
    "--run run.json --max-latency 5",
    "--run run.json --max-latency 5ms --percentile 100",
    "--run run.json --max-latency 5ms --runtime fak",
    "--run run.json --max-latency 5ms --threads 2",
    "--run run.json --max-latency 5ms --precision int8",
    "--run none.json --max-latency 5ms",
)


@pytest.mark.usefixtures("run_file")
def test_bad_latency_limits(run_cli: Cli, snapshot: SnapshotAssertion) -> None:
    assert refused(run_cli, "pick", BAD_LATENCIES) == snapshot(extension_class=Printed)


def test_a_front_of_the_grid(run_cli: Cli) -> None:
    words = "table --arch v1,v2 --alpha 0.25:1.4 --resolution 96:224 --pareto top1,macs"
    found = as_rows(run_cli([*words.split(), "-f", "csv"]))
    points = sorted((int(row["macs"]), float(row["top1"])) for row in found)
    assert len(points) > 5
    accuracies = [top1 for _, top1 in points]
    assert accuracies == sorted(set(accuracies))  # whoever needs more MACs is more accurate
    every = as_rows(run_cli([*words.split()[:-2], "--columns", "arch,macs,top1", "-f", "csv"]))
    rest = [row for row in every if row["top1"]]
    assert len(rest) > len(found)
    for row in rest:
        assert any(m <= int(row["macs"]) and t >= float(row["top1"]) for m, t in points)
    shown = run_cli(words.split()).out
    assert "[1] " in shown


def test_a_front_of_three_metrics_against_all_pairs(run_cli: Cli) -> None:
    grid = ["table", "--arch", "v1,v2,v3", "--alpha", "0.25:1.4", "--resolution", "96:224"]
    metrics = "top1,macs,peak_activation_bytes"

    def points(*options: str) -> list[tuple[float, ...]]:
        found = as_rows(run_cli([*grid, *options, "--columns", metrics, "-f", "csv"]))
        names = metrics.split(",")
        return [tuple(float(row[name]) for name in names) for row in found if row["top1"]]

    every, kept = points(), points("--pareto", metrics)
    expected = [
        p
        for p in every
        if not any(o[0] >= p[0] and o[1] <= p[1] and o[2] <= p[2] and o != p for o in every)
    ]
    assert sorted(kept) == sorted(expected)
    assert 5 < len(kept) < len(every)


BAD = (
    "--max-macs -5M",
    "--max-macs nan",
    "--max-latency 8",
    "--max-latency 0ms",
    "--max-latency 8ms --percentile 100",
    "--max-latency 8ms --threads 0",
    "--max-latency 8ms --run no.json",
    "--max-latency 8ms --run no.json --max-time 9",
    "--max-macs 1M --percentile 9",
    "--max-macs 150",
    "--max-size 10M",
    "--min-top1 0.68",
    "--min-top1 170",
    "--min-top1 nan",
    "--arch v2 --precision fp16",
)
NO_FRONT = (
    "--arch v2 --pareto top1",
    "--arch v2 --pareto macs,macs",
    "--arch v2 --pareto top1,mac",
    "--arch v2 --pareto top1,macs --pivot macs",
    "--arch v2 --pareto top1,macs --published",
    "--arch v2 --alpha 0.9 --pareto top1,macs",
)


def test_bad_input_is_one_line(run_cli: Cli, snapshot: SnapshotAssertion) -> None:
    assert refused(run_cli, "pick", BAD) == snapshot(extension_class=Printed)
    assert refused(run_cli, "table", NO_FRONT) == snapshot(extension_class=Printed)


def test_a_run_that_cannot_be_saved_is_said_after_the_table(
    run_cli: Cli, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(run: Run, path: Path) -> None:
        raise OutputError(f"{path}: cannot be written: No space left on device")

    play(monkeypatch)
    monkeypatch.setattr("mncost.measure.saving.write_run", full)
    words = "pick --arch v2 --max-latency 4.5ms --runtime fake --save run.json"
    done = run_cli(words.split())
    assert done.status == 2
    assert "--max-latency" in done.out
    said = "run.json: cannot be written: No space left on device; the run is not saved\n"
    assert done.err.endswith(said)
