"""Exports for pyperf, as pyperf itself reads them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyperf
import pytest
from msgspec.structs import replace

from mncost.errors import MeasureError, MissingExtraError
from mncost.measure.records import Run
from mncost.results.pyperf import to_pyperf as to_pyperf_results
from mncost.results.results import Results
from tests.measure.synthetic import MACHINE, cell, run_of, simulated

CELLS = [cell(0), cell(1, twin="standard"), cell(2, runtime="torch", threads=2)]


def to_pyperf(run: Run) -> str:
    return to_pyperf_results(Results(run))


def run_with(latencies: dict[int, float], **changes: object) -> Run:
    return simulated(dict(latencies), CELLS, processes=3, rounds=4, **changes)  # type: ignore[arg-type]


def told(*words: str) -> str:
    """Return what a command of pyperf prints."""
    done = subprocess.run(
        [sys.executable, "-m", "pyperf", *words], capture_output=True, text=True, check=True
    )
    return done.stdout


def test_pyperf_compares_two_exports(here: Path) -> None:
    (here / "old.json").write_text(to_pyperf(run_with({0: 1e7, 1: 5e7}, seed=1)))
    (here / "new.json").write_text(to_pyperf(run_with({0: 2e7, 1: 5e7}, seed=2)))
    found = told("compare_to", "old.json", "new.json")
    slower = next(line for line in found.splitlines() if "slower" in line)
    assert slower.startswith("v2 α 1 at 224 px, onnxruntime, fp32, 1 thread, batch 1: ")
    assert 1.8 < float(slower.split()[-2].removesuffix("x")) < 2.2
    told("stats", "new.json")
    told("check", "new.json")


def test_every_sample_is_there_in_seconds(here: Path) -> None:
    run = run_with({0: 1e7, 1: 5e7}, warmups=2)
    (here / "run.json").write_text(to_pyperf(run))
    suite = pyperf.BenchmarkSuite.load(str(here / "run.json"))
    assert len(suite) == 2  # nothing was measured of the third cell
    for benchmark, summary in zip(suite, Results(run).summaries[:2], strict=True):
        assert summary.latency is not None
        assert benchmark.get_nrun() == 3
        assert benchmark.get_nvalue() == summary.runs
        assert [len(run.warmups) for run in benchmark.get_runs()] == [8] * 3  # of 4 rounds
        assert min(benchmark.get_values()) == pytest.approx(summary.min_latency)
        assert benchmark.median() == pytest.approx(summary.latency.center, rel=0.1)


def test_what_is_known_of_the_machine_goes_along(here: Path) -> None:
    run = run_with({0: 1e7}, machine=replace(MACHINE, cpu=" two \n lines ", os=""))
    run.started = "not a date"
    for process in run.processes:
        process.versions["onnxruntime"] = ""
    (here / "run.json").write_text(to_pyperf(run))
    found = pyperf.Benchmark.load(str(here / "run.json")).get_metadata()
    assert found["cpu_model_name"] == "two lines"
    assert found["python_version"] == "3.11.7"
    assert found["mncost_version"] == run.mncost_version
    assert not found.keys() & {"hostname", "platform", "date", "onnxruntime_version"}


def test_processes_have_their_own_dates(here: Path) -> None:
    (here / "run.json").write_text(to_pyperf(run_with({0: 1e7})))
    first, last = pyperf.Benchmark.load(str(here / "run.json")).get_dates()
    assert (last - first).total_seconds() >= 20  # processes start every 10 s


def test_cells_that_read_alike_get_names_of_their_own() -> None:
    cells = [cell(0), cell(1), cell(2)]
    text = to_pyperf(simulated({0: 1e7, 1: 1e7, 2: 1e7}, cells))
    suite = pyperf.BenchmarkSuite.loads(text)
    names = suite.get_benchmark_names()
    assert len(set(names)) == 3


def test_nothing_to_export_and_no_pyperf(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MeasureError, match="no cell of this run has a sample"):
        to_pyperf(run_of(CELLS))
    monkeypatch.setitem(sys.modules, "pyperf", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'mncost\[pyperf\]'"):
        to_pyperf(run_with({0: 1e7}))
