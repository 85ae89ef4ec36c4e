"""``mncost compare-runs`` on two scripted runs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from mncost.measure.runtimes.fake import SCRIPT
from tests.measure.scripted import instead_of_processes
from tests.running import Result

Cli = Callable[..., Result]
QUIET = {"process": 0.002, "noise": 0.002}


@pytest.fixture(autouse=True)
def scripted(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "processes" not in request.fixturenames:
        instead_of_processes(monkeypatch)


def bench(
    run_cli: Cli, monkeypatch: pytest.MonkeyPatch, file: str, arch: str, **more: object
) -> None:
    monkeypatch.setenv(SCRIPT, json.dumps({**QUIET, **more}))
    ran = run_cli(["bench", "--arch", arch, "--runtime", "fake", "--no-twin", "-o", file])
    assert ran.status == 0


def edited(file: str, change: Callable[[dict[str, object]], object]) -> None:
    document = json.loads(Path(file).read_text())
    change(document)
    Path(file).write_text(json.dumps(document))


def rows(result: Result) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(result.out)))


def test_what_became_slower_is_said(
    run_cli: Cli, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The overhead of a run grows: the reference workload has none, so the machine is the same."""
    bench(run_cli, monkeypatch, "old.json", "v2,v3-small")
    bench(run_cli, monkeypatch, "new.json", "v2,v1", overhead_ns=820_000)
    compared = run_cli(["compare-runs", "old.json", "new.json", "-f", "csv"])
    assert compared.status == 0
    (row,) = rows(compared)
    true = (300_774_272 / 40 + 820_000) / (300_774_272 / 40 + 20_000)
    assert row["verdict"] == "slower"
    assert float(row["ratio"]) == pytest.approx(true, rel=0.01)
    assert float(row["ratio_lo"]) < float(row["ratio"]) < float(row["ratio_hi"])
    assert float(row["beside_reference"]) == pytest.approx(true, rel=0.01)
    people = run_cli(["compare-runs", "old.json", "new.json"]).out
    assert "slower" in people
    assert "only in the old run: v3-small" in people
    assert "only in the new run: v1" in people
    assert "reference workload (arithmetic): " in people
    assert "reference workload (memory): " in people


def test_a_slower_machine_is_no_slower_model(
    run_cli: Cli, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench(run_cli, monkeypatch, "old.json", "v2")
    bench(run_cli, monkeypatch, "new.json", "v2", macs_per_ns=36.0)
    (row,) = rows(run_cli(["compare-runs", "old.json", "new.json", "-f", "csv"]))
    assert float(row["ratio"]) == pytest.approx(40 / 36, rel=0.01)
    assert row["verdict"] == "no difference seen"


def test_a_run_is_no_different_from_itself(
    run_cli: Cli, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench(run_cli, monkeypatch, "run.json", "v1,v2")
    for row in rows(run_cli(["compare-runs", "run.json", "run.json", "-f", "csv"])):
        assert float(row["ratio"]) == pytest.approx(1, abs=1e-12)
        assert row["verdict"] == "no difference seen"


def test_another_machine_is_refused_unless_told(
    run_cli: Cli, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench(run_cli, monkeypatch, "old.json", "v2")
    bench(run_cli, monkeypatch, "new.json", "v2")
    edited("new.json", lambda d: d["machine"].update(cpu="Another"))  # type: ignore[attr-defined]
    refused = run_cli(["compare-runs", "old.json", "new.json"])
    assert refused.status == 2
    assert "the runs are of different machines: CPU: " in refused.err
    assert refused.err.count("\n") == 1
    allowed = run_cli(["compare-runs", "old.json", "new.json", "--allow-different-machine"])
    assert allowed.status == 0
    assert "different machines" in allowed.out


@pytest.mark.parametrize("which", [0, 1])
def test_a_file_that_is_no_run_is_refused(
    which: int, run_cli: Cli, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench(run_cli, monkeypatch, "run.json", "v2")
    Path("broken.json").write_bytes(Path("run.json").read_bytes()[:1000])
    files = ["run.json", "run.json"]
    files[which] = "broken.json"
    compared = run_cli(["compare-runs", *files])
    assert compared.status == 2
    assert "broken.json: truncated or not JSON at byte" in compared.err
    assert compared.out == ""


def test_runs_without_a_common_cell(
    run_cli: Cli, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench(run_cli, monkeypatch, "old.json", "v2")
    bench(run_cli, monkeypatch, "new.json", "v1")
    compared = run_cli(["compare-runs", "old.json", "new.json"])
    assert compared.status == 2
    assert "no measured cell in common" in compared.err
