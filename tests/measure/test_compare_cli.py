"""``mncost compare`` as users run it: on paper, and measured with a runtime that has a script."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from syrupy.assertion import SnapshotAssertion

import mncost
from mncost.measure.ceilings import PRODUCT_BATCH, PRODUCT_MACS
from mncost.measure.run_file import read_run
from mncost.measure.runtimes.fake import SCRIPT
from tests.measure.scripted import instead_of_processes
from tests.printed import Printed, refused
from tests.running import Result, in_process

Cli = Callable[..., Result]

QUIET = {"process": 0.002, "noise": 0.002, "overhead_ns": 0.0}
V1 = ("compare", "--arch", "v1")
BENCH = (*V1, "--bench", "--runtime", "fake")


@pytest.fixture(autouse=True)
def scripted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is started: test_real_runtimes has a comparison in processes."""
    _script(monkeypatch)


def _script(patch: pytest.MonkeyPatch) -> None:
    patch.setenv(SCRIPT, json.dumps(QUIET))
    instead_of_processes(patch)


class Compared(NamedTuple):
    """V1 beside its twin: what was printed as CSV, and the run file."""

    result: Result
    file: str


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Compared:
    file = str(tmp_path_factory.mktemp("compared") / "run.json")
    with pytest.MonkeyPatch.context() as patch:
        _script(patch)
        return Compared(in_process([*BENCH, "--save", file, "-f", "csv"]), file)


def rows(result: Result) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(result.out)))


def document(result: Result) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(result.out)
    return found


# --------------------------------------------------------------------------------------- on paper


def test_every_cell_of_a_grid_stands_beside_its_twin(run_cli: Cli) -> None:
    found = rows(run_cli([*V1, "--alpha", "0.25:1.0", "--resolution", "128:224", "-f", "csv"]))
    assert len(found) == 16
    last = found[-1]
    # V1 paper, Table 4: 569 M and 4.2 M against 4866 M and 29.3 M.
    assert round(int(last["macs"]) / 1e6) == 569
    assert int(last["twin_macs"]) == pytest.approx(4866e6, rel=0.0005)  # see test_papers
    assert round(int(last["params"]) / 1e6, 1) == 4.2
    assert round(int(last["twin_params"]) / 1e6, 1) == 29.3
    assert float(last["macs_ratio"]) == pytest.approx(4866 / 569, rel=0.002)


def test_layers_are_the_distinct_pairs_and_how_often_each_stands(run_cli: Cli) -> None:
    """V1 has 13 pairs, five of them at 512 channels and 14 × 14 pixels (Table 1)."""
    found = rows(run_cli([*V1, "--layers", "-f", "csv"]))
    assert [row["occurrences"] for row in found] == ["1"] * 6 + ["5"] + ["1"] * 2
    assert found[6]["first"] == "row8.1.depthwise"
    for row in found:
        theory = 1 / int(row["out_channels"]) + 1 / int(row["kernel"]) ** 2
        assert float(row["theoretical_macs_share"]) == pytest.approx(theory)
        assert float(row["macs_share"]) == pytest.approx(theory)


def test_the_fused_twin_is_another_comparison(run_cli: Cli) -> None:
    (row,) = rows(run_cli(["compare", "--arch", "v2", "--twin", "fused", "-f", "csv"]))
    network = mncost.load("v2")
    assert int(row["twin_macs"]) == network.as_twin("fused").macs != network.standard.macs


def test_networks_without_such_a_twin_are_left_out_with_a_note(run_cli: Cli) -> None:
    result = run_cli(["compare", "--arch", "v1,v2", "--twin", "fused", "-f", "json"])
    found = document(result)
    assert [row["arch"] for row in found["rows"]] == ["v2"]
    assert any("v1 has no fused twin" in note for note in found["notes"])


def test_precisions_side_by_side(run_cli: Cli) -> None:
    found = rows(run_cli([*V1, "--fp32", "--int8", "-f", "csv"]))
    assert [row["precision"] for row in found] == ["fp32", "int8"]
    full, quantised = (int(row["peak_activation_bytes"]) for row in found)
    assert full == 4 * quantised


# --------------------------------------------------------------------------------------- measured


def test_a_measured_comparison_has_networks_pairs_and_layers(compared: Compared) -> None:
    assert compared.result.status == 0
    found = rows(compared.result)
    levels = [row["level"] for row in found]
    assert [levels.count(level) for level in ("network", "pair", "layer")] == [1, 9, 27]
    for row in found[:10]:
        # The script makes a time of multiply-accumulates and of nothing else.
        lo, center, hi = (float(row[f"speedup{end}"]) for end in ("_lo", "", "_hi"))
        assert lo <= center <= hi
        assert center == pytest.approx(float(row["macs_ratio"]), rel=0.02)
        assert (
            float(row["efficiency_lo"]) <= float(row["efficiency"]) <= float(row["efficiency_hi"])
        )
    for row in found[10:]:
        assert row["bound"] in ("memory-bound", "compute-bound")
        assert float(row["ceiling_share_lo"]) <= float(row["ceiling_share"])
    network = found[0]
    assert float(network["depthwise_time_share"]) == pytest.approx(
        float(network["depthwise_macs_share"]), rel=0.05
    )
    assert int(network["measured_peak_bytes"]) > int(network["peak_activation_bytes"])
    assert int(network["twin_measured_peak_bytes"]) > 0


def test_the_terminal_shows_every_table_and_says_what_they_show(
    run_cli: Cli, compared: Compared
) -> None:
    out = run_cli(["compare", "--run", compared.file]).out
    for title in ("Networks and their standard twins", "Peak memory", "Layers on", "Roofline of"):
        assert title in out
    assert "times fewer MACs than the standard twin" in out
    assert "the depthwise ones hold" in out
    assert "GMAC/s (a large matrix product)" in out
    markdown = run_cli(["compare", "--run", compared.file, "-f", "markdown"]).out
    assert markdown.count("| --- |") or markdown.count("|---") or markdown.count("---:")


def test_several_networks_are_measured_without_layers_and_memory(run_cli: Cli) -> None:
    found = rows(run_cli([*BENCH, "--alpha", "0.5,1.0", "-f", "csv"]))
    assert [row["level"] for row in found] == ["network", "network"]
    assert {row["measured_peak_bytes"] for row in found} == {""}
    asked = rows(run_cli([*BENCH, "--alpha", "0.5,1.0", "--layers", "--memory", "-f", "csv"]))
    assert [row["level"] for row in asked].count("pair") == 18
    assert all(row["measured_peak_bytes"] for row in asked[:2])


def test_pairs_of_several_networks_are_measured_once(run_cli: Cli, here: Path) -> None:
    """V3-Large and its minimalistic variant share shapes, but not activations and kernels."""
    run_cli([*BENCH[:2], "v1,v1", *BENCH[3:], "--layers", "--save", "run.json"])
    run = read_run(Path("run.json"))
    assert len(run.pairs) == 9
    networks = [
        cell.id for cell in run.cells if cell.subject.part is None and cell.subject.twin is None
    ]
    assert all(set(pair.counts) == set(networks) for pair in run.pairs)


def test_both_precisions(run_cli: Cli) -> None:
    found = rows(run_cli([*BENCH, "--fp32", "--int8", "--no-layers", "-f", "csv"]))
    assert [row["precision"] for row in found] == ["fp32", "int8"]
    full, quantised = (float(row["latency"]) for row in found)
    assert full == pytest.approx(2 * quantised, rel=0.03)  # the script's INT8 is twice as fast


def test_a_twin_that_is_too_large_is_not_timed_and_the_cell_says_so(run_cli: Cli) -> None:
    limited = [*BENCH, "--alpha", "0.25,1.0", "--max-twin-gmacs", "1"]
    small, large = rows(run_cli([*limited, "-f", "csv"]))
    assert small["why"] == ""
    assert small["speedup"] != ""
    assert large["speedup"] == large["twin_latency"] == ""
    assert large["latency"] != ""
    assert float(large["macs_ratio"]) > 8
    assert large["why"] == "4.9 GMACs, more than the 1 that are timed"
    result = run_cli(limited)
    assert result.status == 0
    assert "not timed" in result.out
    assert "4.9 GMACs, more than the 1 that are timed" in result.out


def test_a_saved_run_says_the_same(run_cli: Cli, compared: Compared, here: Path) -> None:
    shown = run_cli(["compare", "--run", compared.file, "-f", "csv"])
    assert shown.out == compared.result.out
    measured = run_cli([*BENCH, "--no-layers", "--save", "run.json"])
    assert run_cli(["compare", "--run", "run.json"]).out == measured.out


def test_a_saved_run_can_be_resumed(run_cli: Cli, here: Path) -> None:
    run_cli([*BENCH, "--no-layers", "--max-time", "2", "--save", "run.json"])
    before = read_run(Path("run.json"))
    resumed = run_cli(["bench", "--resume", "run.json", "--max-time", "5"])
    assert resumed.status == 0
    after = read_run(Path("run.json"))
    assert len(after.processes) > len(before.processes)
    assert after.memory == before.memory


def test_show_shows_the_networks_of_a_comparison(run_cli: Cli, compared: Compared) -> None:
    shown = run_cli(["show", compared.file]).out
    assert "row2" not in shown
    parts = [row["part"] for row in rows(run_cli(["show", compared.file, "-f", "csv"]))]
    assert parts.count("") == 2
    assert "row2.depthwise" in parts


def test_columns_can_be_chosen(run_cli: Cli, compared: Compared) -> None:
    columns = ["--columns", "level,macs_ratio,speedup", "-f", "csv"]
    chosen = run_cli(["compare", "--run", compared.file, *columns])
    assert chosen.out.splitlines()[0] == "level,macs_ratio,speedup,speedup_lo,speedup_hi"


def test_a_runtime_that_cannot_be_measured_at_its_ceilings_is_still_measured(
    run_cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = {"on": "load", "do": "refuse", "macs": PRODUCT_MACS // PRODUCT_BATCH}
    monkeypatch.setenv(SCRIPT, json.dumps({**QUIET, "faults": [refused]}))
    result = run_cli([*BENCH, "-f", "json"])
    assert result.status == 0
    found = document(result)
    assert {row["bound"] for row in found["rows"] if row["level"] == "layer"} == {None}
    assert any("no ceilings of fake in fp32" in note for note in found["notes"])


# -------------------------------------------------------------------------------------- bad input


BAD = (
    "",
    "--arch v1 --twin fussed",
    "--arch v1 --twin fused",
    "--arch v1 --twin fused --bench",
    "--arch v1 --runtime torch",
    "--arch v1 --no-memory",
    "--arch v1 --max-time 9",
    "--arch v1 --precision int9",
    "--arch v1 --bench --runtime fake --precision fp16",
    "--arch v1 --bench --runtime fake --max-twin-gmacs 0",
    "--arch v1 --bench --runtime fake --max-twin-gmacs nan",
    "--arch v1 --bench --runtime fake --save run.csv",
    "--arch v1 --bench --runtime fake -o none/x.csv",
    "--arch v1 --bench --runtime fake --save none/x.json",
    "--arch v1 --bench --runtime fake --columns speedups",
    "--arch v1 --columns speedup",
    "--run x.json --arch v1",
    "--run x.json --int8",
    "--run x.json",
)


def test_bad_input_is_one_line(run_cli: Cli, here: Path, snapshot: SnapshotAssertion) -> None:
    assert refused(run_cli, "compare", BAD) == snapshot(extension_class=Printed)
    assert not list(here.iterdir())


def test_a_run_without_twins_cannot_be_compared(run_cli: Cli, here: Path) -> None:
    run_cli(["bench", "--arch", "v2", "--runtime", "fake", "--no-twin", "-o", "run.json"])
    result = run_cli(["compare", "--run", "run.json"])
    assert result.status == 2
    assert "run.json: a run without twins" in result.err
