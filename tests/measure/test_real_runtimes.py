"""One short real run on the real runtimes: everything at once, and no number is asserted."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import pytest

from mncost.measure.run_file import read_run
from tests.running import Result

Cli = Callable[..., Result]
SMALL = ("--alpha", "0.35", "--resolution", "96")
SHORT = ("--processes", "2", "--max-time", "10s", "--target-error", "90%")


def rows(result: Result) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(result.out)))


def test_both_runtimes_both_precisions_and_the_twin(run_cli: Cli, here: Path) -> None:
    options = ["--precision", "fp32,int8", "--batch", "1,2", "-o", "run.json", "-f", "csv"]
    ran = run_cli(["bench", "--arch", "v2", *SMALL, *SHORT, *options])
    assert ran.status == 0
    table = rows(ran)
    kinds = [(row["runtime"], row["precision"], row["batch"], row["twin"]) for row in table]
    assert len(kinds) == len(set(kinds)) == 4 * 3  # runtime and precision: torch has no INT8
    for row in table:
        assert 0 < float(row["min_ms"]) <= float(row["latency_ms"])
        if not row["twin"]:
            assert float(row["speedup"]) > 0
        if row["precision"] == "int8":
            assert float(row["int8_speedup"]) > 0
            assert 0 < float(row["logits_error"]) < 0.2
    full, quantised = (
        next(int(row["file_bytes"]) for row in table if row["precision"] == precision)
        for precision in ("fp32", "int8")
    )
    assert 3 < full / quantised < 4.5
    run = read_run(Path("run.json"))
    for process in run.processes:
        assert ("torch" in process.versions) == (process.runtime == "torch")
        assert process.runtime in process.versions


def test_layers_of_a_real_profile(run_cli: Cli, here: Path) -> None:
    ran = run_cli(["bench", "--arch", "v3-small", *SMALL, *SHORT, "--by", "layer", "-f", "csv"])
    assert ran.status == 0
    table = rows(ran)
    shares = [float(row["time_share"]) for row in table]
    assert sum(shares) == pytest.approx(1, abs=0.05)  # the centres are geometric means
    assert {row["kind"] for row in table} > {"conv", "depthwise", "pointwise", "scale", "linear"}


def test_more_threads_than_cores_is_a_caution(run_cli: Cli, here: Path) -> None:
    options = ["--runtime", "onnxruntime", "--no-twin", "--threads", "64"]
    ran = run_cli(["bench", "--arch", "v2", *SMALL, *SHORT, *options])
    assert ran.status == 0
    assert "threads: v2" in ran.out
    assert "64 threads on" in ran.out


def test_a_model_that_is_too_large_fails_and_the_others_go_on(run_cli: Cli, here: Path) -> None:
    options = [
        "--runtime",
        "onnxruntime",
        "--no-twin",
        "--alpha",
        "0.35,16",
        "-r",
        "96",
        "-f",
        "csv",
    ]
    ran = run_cli(["bench", "--arch", "v2", *SHORT, *options])
    assert ran.status == 1
    small, large = rows(ran)
    assert (small["failure"], large["latency_ms"]) == ("", "")
    assert small["latency_ms"]
    assert "2 GiB" in large["failure"] or "memory" in large["failure"]
