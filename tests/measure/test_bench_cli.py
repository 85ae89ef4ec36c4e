"""``mncost bench`` and ``show`` as users run them: real processes, and a runtime with a script."""

from __future__ import annotations

import csv
import io
import json
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import jsonschema
import psutil
import pytest
from syrupy.assertion import SnapshotAssertion

import mncost
from mncost.measure.run_file import read_run, run_schema
from mncost.measure.runtimes.fake import SCRIPT
from tests.measure.scripted import instead_of_processes
from tests.printed import Printed, refused
from tests.running import Result, background, wait_until

Cli = Callable[..., Result]

QUIET = {"process": 0.002, "noise": 0.002}
V1, V2 = (
    ("bench", "--arch", "v1", "--runtime", "fake"),
    ("bench", "--arch", "v2", "--runtime", "fake"),
)
V2_MACS = 300_774_272


@pytest.fixture(autouse=True)
def scripted(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SCRIPT, json.dumps(QUIET))
    if "processes" not in request.fixturenames:
        instead_of_processes(monkeypatch)


def script(monkeypatch: pytest.MonkeyPatch, **behaviour: object) -> None:
    monkeypatch.setenv(SCRIPT, json.dumps({**QUIET, **behaviour}))


def fault(on: str, do: str, **more: object) -> dict[str, object]:
    return {"on": on, "do": do, **more}


def files(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir()]


def rows(result: Result) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(result.out)))


@pytest.mark.usefixtures("processes")
def test_a_run_and_its_file_say_the_same(run_cli: Cli, here: Path) -> None:
    ran = run_cli([*V2, "--alpha", "0.5,1.0", "-o", "run.json", "--format", "csv"])
    assert ran.status == 0
    first, *others = ran.err.splitlines()
    assert re.fullmatch(r"mncost: 4 cells: about \d+ s for ± 2 %", first)
    assert all(one.startswith("mncost: note: ") for one in others)  # and no progress
    shown = run_cli(["show", "run.json", "--format", "csv"])
    assert shown.out == ran.out
    table = rows(ran)
    assert [(row["alpha"], row["twin"]) for row in table] == [
        ("0.5", ""),
        ("0.5", "standard"),
        ("1.0", ""),
        ("1.0", "standard"),
    ]
    for row in table:
        lo, center, hi = (float(row[f"latency{end}"]) for end in ("_lo", "", "_hi"))
        assert lo < center < hi
        assert (hi - lo) / 2 / center <= 0.02
        assert row["reached"] == "true"
    # The script makes latency proportional to MACs, but for an overhead.
    assert float(table[2]["speedup"]) == pytest.approx(float(table[2]["macs_ratio"]), rel=0.02)
    jsonschema.validate(json.loads(Path("run.json").read_text()), json.loads(run_schema()))


def test_every_format_has_every_cell(run_cli: Cli, here: Path) -> None:
    run_cli([*V2, "-o", "run.json"])
    for name, cells in (("terminal", 1), ("markdown", 1), ("csv", 2), ("json", 2)):
        shown = run_cli(["show", "run.json", "--format", name])
        assert shown.status == 0
        assert "v2" in shown.out
        if name == "json":
            document = json.loads(shown.out)
            assert document["schema_version"] == 2
            assert len(document["rows"]) == cells
            assert document["rows"][0]["latency_lo"] < document["rows"][0]["latency_hi"]


def test_a_table_for_people_has_a_row_for_a_network_and_its_twin(run_cli: Cli, here: Path) -> None:
    shown = run_cli([*V2]).out
    (line,) = [line for line in shown.splitlines() if line.startswith("v2  ")]
    assert line.count("±") == 4  # latency, GMAC/s, the twin's latency, the speed-up
    assert "4.07" in line  # the ratio of MACs, as mncost table prints it
    assert "every interval within ±2.0%" in shown
    assert max(map(len, shown.splitlines()[:5])) <= 100


def test_percentiles_have_bounds_of_their_own(run_cli: Cli, here: Path) -> None:
    options = ["--no-twin", "--processes", "30", "--percentiles", "50,99.999"]
    ran = run_cli([*V2, *options, "--format", "csv"])
    (row,) = rows(ran)
    assert float(row["p50_lo"]) <= float(row["p50"]) <= float(row["p50_hi"])
    assert row["p99.999"]
    assert row["p99.999_hi"] == ""
    people = run_cli([*V2, "--no-twin", "--percentiles", "99.999"]).out
    assert "–?)" in people or "±?" in people


def test_layers_have_the_time_that_the_profile_says(run_cli: Cli, here: Path) -> None:
    ran = run_cli([*V2, "--by", "layer", "-o", "run.json", "-f", "csv"])
    assert ran.status == 0
    table = rows(ran)
    layers = [layer for layer in mncost.load("v2").layers if layer.macs]
    assert [row["layer"] for row in table] == [*(x.name for x in layers), "(session)"]
    assert sum(int(row["macs"]) for row in table) == V2_MACS
    assert sum(float(row["time_share"]) for row in table) == pytest.approx(1, abs=1e-3)
    for row, layer in zip(table, layers, strict=False):  # the script's kernels take 90 % of a run
        assert float(row["time_share"]) == pytest.approx(0.9 * layer.macs / V2_MACS, rel=1e-3)
        assert float(row["time_lo"]) < float(row["time"]) < float(row["time_hi"])
    whole = run_cli(["show", "run.json", "-f", "csv"])
    (total,) = rows(whole)
    times = sum(float(row["time"]) for row in table)
    assert times == pytest.approx(float(total["latency"]), rel=2e-3)
    people = run_cli(["show", "run.json", "--by", "layer"]).out
    assert "the profiler makes a run 1.2" in people
    assert "depthwise 6.9% of the MACs" in people


def test_a_run_without_profiles_has_no_layers(run_cli: Cli, here: Path) -> None:
    run_cli([*V2, "-o", "run.json"])
    shown = run_cli(["show", "run.json", "--by", "layer"])
    assert shown.status == 2
    assert "measure with --by layer" in shown.err


def test_columns_can_be_chosen(run_cli: Cli, here: Path) -> None:
    ran = run_cli([*V2, "--no-twin", "--columns", "latency,runs", "--format", "csv"])
    assert ran.out.splitlines()[0] == "latency,latency_lo,latency_hi,runs"
    wrong = run_cli([*V2, "--columns", "latency_ms"])
    assert wrong.status == 2
    assert "unknown column 'latency_ms' (did you mean 'latency'?)" in wrong.err


@pytest.mark.usefixtures("processes")
def test_a_cell_that_fails_costs_itself_and_the_exit_status(
    run_cli: Cli, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(monkeypatch, faults=[fault("run", "die", macs=V2_MACS)])
    ran = run_cli(["bench", "--arch", "v1,v2", "--runtime", "fake", "--no-twin", "-f", "csv"])
    assert ran.status == 1
    one, two = rows(ran)
    assert (one["arch"], one["failure"], two["arch"]) == ("v1", "", "v2")
    assert "SIGKILL" in two["failure"]
    assert one["latency_hi"]
    assert two["latency"] == ""
    assert "failed: v2 α 1 at 224 px" in ran.err


def test_a_run_in_which_everything_fails_is_still_a_table(
    run_cli: Cli, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(monkeypatch, faults=[fault("start", "exit")])
    ran = run_cli([*V2, "-o", "run.json"])
    assert ran.status == 1
    assert "exited with status 3: the fake runtime gives up" in ran.out
    assert "no cell was left" in ran.out
    assert run_cli(["show", "run.json"]).status == 0


def test_copies_say_what_difference_the_machine_makes_up(run_cli: Cli, here: Path) -> None:
    ran = run_cli([*V2, "--no-twin", "--copies", "2", "-f", "csv"])
    assert [row["copy"] for row in rows(ran)] == ["1", "2"]


def test_a_run_file_on_standard_output_comes_alone(run_cli: Cli, here: Path) -> None:
    ran = run_cli([*V2, "--save", "-"])
    assert json.loads(ran.out)["kind"] == "mncost run"
    shown = run_cli(["show", "-"], stdin=ran.out.encode())
    assert "v2" in shown.out
    assert files(here) == []


def test_pyperf_gets_a_file_of_its_own(run_cli: Cli, here: Path) -> None:
    ran = run_cli([*V2, "-o", "run.json", "--export", "pyperf"])
    assert ran.status == 0
    assert sorted(files(here)) == ["run.json", "run.pyperf.json"]
    shown = run_cli(["show", "run.json", "--export", "pyperf", "-o", "again.json"])
    assert shown.status == 0
    assert Path("again.json").read_text() == Path("run.pyperf.json").read_text()


def test_a_run_is_resumed(run_cli: Cli, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(monkeypatch, process=0.05)
    first = run_cli([*V2, "--max-time", "5s", "--target-error", "0.1%", "-o", "run.json"])
    assert "stopped at --max-time after 5 s" in first.out
    before = read_run(Path("run.json"))
    second = run_cli(["bench", "--resume", "run.json", "--max-time", "10s"])
    assert second.status == 0
    after = read_run(Path("run.json"))
    assert after.seconds == pytest.approx(15, abs=1)
    assert len(after.processes) > len(before.processes)
    assert after.processes[: len(before.processes)] == before.processes
    assert after.cells == before.cells


def test_a_run_is_not_resumed_with_other_versions(run_cli: Cli, here: Path) -> None:
    run_cli([*V2, "-o", "run.json"])
    document = json.loads(Path("run.json").read_text())
    for process in document["processes"]:
        process["versions"]["python"] = "3.9.9"
    Path("run.json").write_text(json.dumps(document))
    before = Path("run.json").read_bytes()
    ran = run_cli(["bench", "--resume", "run.json", "--target-error", "0.01%"])
    assert ran.status == 2
    assert "not resumed: fake was measured with python 3.9.9, and now has" in ran.err
    assert Path("run.json").read_bytes() == before


@pytest.mark.usefixtures("processes")
def test_another_interpreter_is_measured_beside_ours(run_cli: Cli, here: Path) -> None:
    ran = run_cli([*V2, "--no-twin", "--python", sys.executable, "-f", "csv"])
    ours, theirs = rows(ran)
    assert (ours["python"], theirs["python"]) == ("", sys.executable)
    assert ours["python_speedup"] == ""
    # The same runtime with the same script: the interval holds 1.
    assert float(theirs["python_speedup_lo"]) <= 1 <= float(theirs["python_speedup_hi"])


def test_a_run_knows_its_networks_when_it_is_resumed(run_cli: Cli, here: Path) -> None:
    """The architecture file, or what standard input said, is not needed any more."""
    source = Path(__file__).parents[1] / "tiny.toml"
    Path("net.toml").write_text(source.read_text())
    run_cli(
        ["bench", "--arch", "net.toml", "--runtime", "fake", "--max-time", "0.3", "-o", "run.json"]
    )
    before = read_run(Path("run.json"))
    Path("net.toml").unlink()
    ran = run_cli(
        ["bench", "--resume", "run.json", "--target-error", "0.001%", "--max-time", "0.3"]
    )
    assert ran.status == 0
    after = read_run(Path("run.json"))
    assert (after.cells, after.models) == (before.cells, before.models)
    assert len(after.processes) > len(before.processes)


def is_measured(file: Path) -> bool:
    """Whether a run that is under way has been saved with samples."""
    return file.exists() and any(process.bursts for process in read_run(file).processes)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_saves_prints_and_ends_the_workers(number: signal.Signals, here: Path) -> None:
    arguments = [*V2, "--max-time", "100h", "--target-error", "0.0001%", "-o", "run.json"]
    env = {SCRIPT: json.dumps({**QUIET, "process": 0.1}), "TMPDIR": str(here)}
    with background(arguments, env=env) as process:
        wait_until(lambda: is_measured(Path("run.json")), process)
        process.send_signal(number)
        out, err = process.communicate(timeout=300)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert "interrupted after" in out
    assert "v2" in out
    assert read_run(Path("run.json")).stopped == "interrupted"
    assert not [p for p in psutil.process_iter(["ppid"]) if p.info["ppid"] == process.pid]
    assert [path.name for path in here.iterdir()] == ["run.json"]


def test_the_output_is_the_table_and_the_run_is_saved_beside_it(run_cli: Cli, here: Path) -> None:
    ran = run_cli([*V2, "-o", "table.csv", "--save", "run.json"])
    assert (ran.status, ran.out) == (0, "")
    assert sorted(files(here)) == ["run.json", "table.csv"]
    assert Path("table.csv").read_text() == run_cli(["show", "run.json", "-f", "csv"]).out


def test_an_output_in_json_is_the_run_file_unless_the_table_is_json(
    run_cli: Cli, here: Path
) -> None:
    """Before there was ``--save``, ``-o run.json`` saved the run."""
    old = run_cli([*V2, "-o", "run.json"])
    assert "CPU latency" in old.out
    assert "next: mncost report run.json" in old.err
    assert read_run(Path("run.json")).cells
    assert run_cli([*V2, "-o", "table.json", "--format", "json"]).out == ""
    assert json.loads(Path("table.json").read_text())["table"] == "bench"
    assert run_cli([*V2, "-o", "table.json", "--save", "run.json"]).out == ""
    assert json.loads(Path("table.json").read_text())["table"] == "bench"


def test_a_run_ends_with_what_it_found(run_cli: Cli) -> None:
    """The script's latencies follow the MACs: V1 has 568.74 M, V2 300.77 M."""
    ran = run_cli(["bench", "v1", "v2", "--runtime", "fake", "--no-twin", "--max-time", "60"])
    (last,) = [line for line in ran.out.splitlines() if " times as fast as " in line]
    words = last.split()
    assert (words[0], words[-1]) == ("v2", "v1")
    assert float(words[2]) == pytest.approx(568_740_352 / 300_774_272, rel=0.05)


UNUSABLE = [
    "--runtime onxruntime",
    "--device gpu",
    "--precision int4",
    "--batch 0",
    "--batch one",
    "--threads 0",
    "--max-time soon",
    "--max-time 0s",
    "--target-error 200%",
    "--processes 0",
    "--percentiles 101",
    "--by block",
    "--runtime torch --by layer",
    "--export perf",
    "--export pyperf",
    "--save run.csv",
    "-o nowhere/run.json",
    "-o .",
    "--python nowhere/python",
    "--alpha 9:10",
    "--resume run.json",
]


def test_bad_input_is_one_line_and_nothing_is_measured(
    run_cli: Cli, here: Path, snapshot: SnapshotAssertion
) -> None:
    fake = ("" if "--runtime" in call else "--runtime fake " for call in UNUSABLE)
    calls = [f"--arch v2 {runtime}{call}" for runtime, call in zip(fake, UNUSABLE, strict=True)]
    assert refused(run_cli, "bench", calls) == snapshot(extension_class=Printed)
    assert files(here) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b'{"kind": "mncost run"', "truncated or not JSON"),
        (b"hello", "truncated or not JSON"),
        (b'{"table": "bench", "schema_version": 1}', "a table that mncost printed"),
        (b'{"kind": "mncost run", "schema_version": 99}', "schema version 99"),
    ],
)
@pytest.mark.parametrize("line", ["show run.json", "bench --resume run.json"])
def test_a_file_that_is_no_run(
    content: bytes, message: str, line: str, run_cli: Cli, here: Path
) -> None:
    Path("run.json").write_bytes(content)
    ran = run_cli(line.split())
    assert ran.status == 2
    assert message in ran.err
    assert ran.err.count("\n") == 1
    assert Path("run.json").read_bytes() == content


def test_a_run_file_that_cannot_be_written_is_found_before_measuring(
    run_cli: Cli, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(monkeypatch, faults=[fault("start", "hang")])  # would take a minute
    assert run_cli([*V2, "-o", "nowhere/run.json"]).status == 2


def test_python_gets_the_same(here: Path) -> None:
    measured = mncost.bench("v2", runtime="fake", output="run.json")
    frame = measured.to_frame()
    assert list(frame["twin"].fillna("")) == ["", "standard"]
    median = measured.summaries[0].latency
    assert median is not None
    assert frame["latency"].iloc[0] == pytest.approx(median.center, rel=1e-12)
    again = mncost.Results.read("run.json")
    assert again.to_frame().equals(frame)
    assert again.run == measured.run
    again.save("copy.json")
    assert Path("copy.json").read_bytes() == Path("run.json").read_bytes()


@pytest.mark.parametrize("line", ["bench --arch v2 --runtime fake", "show run.json"])
def test_missing_packages_are_found_before_anything_is_measured(
    line: str, run_cli: Cli, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mncost.extras.find_spec", lambda name: None)
    ran = run_cli(line.split())
    assert ran.status == 2
    assert ran.err.startswith("mncost: needs numpy, scipy")
    extra = "bench" if line.startswith("bench") else "results"
    assert ran.err.endswith(f"{sys.executable} -m pip install 'mncost[{extra}]'\n")
