"""``mncost check`` as users run it, with a runtime that has a script."""

from __future__ import annotations

import csv
import io
import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

import mncost
from mncost.measure.run_file import read_run
from mncost.measure.runtimes.fake import SCRIPT
from tests.measure.scripted import instead_of_processes, interrupt_when
from tests.printed import Printed
from tests.running import Result

Cli = Callable[..., Result]

QUIET = {"process": 0.002, "noise": 0.002}

EXACT = '[[budget]]\nmodel = { arch = "v2" }\nmacs = "301 M"\nparams = "3.6 M"\n'
# 40 MACs a nanosecond: V2 takes 7.54 ms, V1 14.24 ms.
LATENCY = '[[budget]]\nmodel = { arch = "v2" }\nruntime = "fake"\nlatency = { p50 = "%s" }\n'
RATIO = (
    '[[budget]]\nmodel = { arch = "v2" }\nruntime = "fake"\n'
    'latency = { max_ratio = 0.9, to = { arch = "v1" } }\n'
)
REGRESSION = (
    '[[budget]]\nmodel = { arch = "v2" }\nruntime = "fake"\n'
    'latency = { regression = "5 %", against = "baseline" }\n'
)


@pytest.fixture(autouse=True)
def scripted(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SCRIPT, json.dumps(QUIET))
    if "processes" not in request.fixturenames:
        instead_of_processes(monkeypatch)


@pytest.fixture
def budgets(here: Path) -> Callable[..., str]:
    """Write budgets.toml, and return its name."""

    def write(*parts: str) -> str:
        Path("budgets.toml").write_text("\n".join(parts))
        return "budgets.toml"

    return write


Budgets = Callable[..., str]


@pytest.mark.parametrize(
    ("parts", "status"),
    [
        ((EXACT,), 0),
        ((EXACT.replace("301", "300"),), 1),
        ((LATENCY % "9 ms", RATIO), 0),
        ((LATENCY % "6 ms", RATIO), 1),
    ],
)
def test_the_exit_status(
    run_cli: Cli, budgets: Budgets, parts: tuple[str, ...], status: int
) -> None:
    found = run_cli(["check", budgets(*parts)])
    assert found.status == status
    others = [line for line in found.err.splitlines() if " of at most " not in line]
    assert others == [], "nothing but how far the measuring is"
    assert ("FAIL" in found.out) == (status == 1)


@pytest.mark.parametrize(("how", "status"), [(None, 3), ("pass", 0), ("fail", 1)])
def test_what_is_inconclusive_counts_as(
    run_cli: Cli, budgets: Budgets, how: str | None, status: int
) -> None:
    """The limit is where the latency is."""
    asked = [] if how is None else ["--inconclusive", how]
    close = LATENCY % "7.5396 ms"
    found = run_cli(["check", budgets(EXACT, close), "--max-time", "4", *asked])
    assert "INCONCLUSIVE" in found.out
    assert found.status == status


@pytest.mark.parametrize("generations", [1, 15])
def test_interrupted_it_prints_the_verdicts_of_that_time(
    run_cli: Cli, budgets: Budgets, monkeypatch: pytest.MonkeyPatch, generations: int
) -> None:
    """After one process nothing on latency is decided, however far off the limit is."""
    interrupt_when(monkeypatch, lambda now: (now.phase, now.done) == ("measure", generations))
    wide, close = (LATENCY % text for text in ("900 ms", "7.5396 ms"))
    file = budgets(EXACT, wide, close.replace('"v2"', '"v2", dialect = "timm"'))
    found = run_cli(["check", file, "--save", "run.json", "--junit", "j.xml", "-f", "csv"])
    rows = list(csv.DictReader(io.StringIO(found.out)))
    early = generations == 1
    assert found.status == 130
    assert [row["verdict"] for row in rows] == [
        *("PASS", "PASS", "INCONCLUSIVE" if early else "PASS", "INCONCLUSIVE")
    ]
    assert sum(bool(row["why"]) for row in rows) == (2 if early else 1)
    assert "run.json" in found.err.splitlines()[-1]
    assert read_run(Path("run.json")).stopped == "interrupted"
    assert 'type="unusable"' in Path("j.xml").read_text()


def test_interrupted_before_anything_was_measured_it_prints_a_line(
    run_cli: Cli, budgets: Budgets, monkeypatch: pytest.MonkeyPatch, snapshot: SnapshotAssertion
) -> None:
    interrupt_when(monkeypatch, lambda now: now.phase == "build")
    found = run_cli(["check", budgets(EXACT, LATENCY % "900 ms")])
    assert (found.status, found.out) == (130, "")
    assert found.err == snapshot(extension_class=Printed)


def test_every_format(run_cli: Cli, budgets: Budgets) -> None:
    file = budgets(EXACT, LATENCY % "9 ms")
    for name in ("terminal", "markdown", "csv", "json"):
        found = run_cli(["check", file, "--format", name])
        assert found.status == 0
        assert "latency p50" in found.out
    rows = json.loads(run_cli(["check", file, "-f", "json"]).out)["rows"]
    assert [row["metric"] for row in rows] == ["macs", "params", "latency p50"]
    assert rows[0]["value"] == 300_774_272
    assert rows[2]["value_lo"] < rows[2]["value"] < rows[2]["value_hi"] <= rows[2]["limit"]
    assert rows[2]["limit"] == 9e-3


def test_exact_only_leaves_the_others_out(
    run_cli: Cli, budgets: Budgets, snapshot: SnapshotAssertion
) -> None:
    found = run_cli(["check", budgets(EXACT, LATENCY % "1 ms"), "--exact-only"])
    assert found.status == 0
    assert found.out == snapshot(extension_class=Printed)


def test_the_side_files(run_cli: Cli, budgets: Budgets, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "summary.md")
    file = budgets(EXACT.replace("301", "300"), LATENCY % "9 ms")
    found = run_cli(["check", file, "--junit", "out.xml", "--github", "--save", "run.json"])
    assert found.status == 1
    cases = ET.parse("out.xml").getroot().findall(".//testcase")
    assert [case.find("failure") is not None for case in cases] == [True, False, False]
    assert "::error file=budgets.toml,line=3" in found.err
    assert "FAIL" in Path("summary.md").read_text()
    assert [cell.label.arch for cell in read_run(Path("run.json")).cells] == ["v2"]


def test_a_proposal_is_a_diff_and_changes_nothing(run_cli: Cli, budgets: Budgets) -> None:
    file = budgets(EXACT.replace("301", "300"))
    before = Path(file).read_text()
    found = run_cli(["check", file, "--update"])
    assert found.status == 1
    assert '-macs = "300 M"' in found.out
    assert '+macs = "300.774272 M"' in found.out
    assert Path(file).read_text() == before


def test_against_a_saved_run(run_cli: Cli, budgets: Budgets) -> None:
    bench = ["bench", "--arch", "v2", "--no-twin", "--runtime", "fake", "--max-time", "9"]
    run_cli([*bench, "-o", "run.json"])
    found = run_cli(["check", budgets(REGRESSION), "--baseline", "run.json"])
    assert found.status == 0, found.out


def test_against_an_older_file(run_cli: Cli, budgets: Budgets) -> None:
    compared = ["check", budgets(REGRESSION), "--baseline-arch", "v2", "--save", "run.json"]
    found = run_cli(compared)
    assert found.status == 0, found.out
    sides = run_cli(["show", "run.json", "--columns", "arch,arm", "-f", "csv"])
    assert sides.out.splitlines() == ["arch,arm", "v2,", "v2,baseline"]


def test_the_machines_noise_floor(
    run_cli: Cli, monkeypatch: pytest.MonkeyPatch, snapshot: SnapshotAssertion
) -> None:
    import mncost.budget.self_test as module

    whole = module.self_test
    monkeypatch.setattr(
        module, "self_test", lambda seconds, **rest: whole(seconds, runtime="fake", **rest)
    )
    found = run_cli(["check", "--self-test", "--max-time", "20"])
    assert found.status == 0
    said = "\n".join(found.out.splitlines()[:3])
    assert re.sub(r"\d+\.\d+", "N", said) == snapshot(extension_class=Printed)


BAD: tuple[tuple[tuple[str, ...], str], ...] = (
    ((EXACT,), "--inconclusive maybe"),
    ((EXACT,), "--baseline a.json --baseline-arch b"),
    ((EXACT,), "--allow-different-machine"),
    ((EXACT,), "--exact-only --max-time 3"),
    ((EXACT,), "--save run.json"),
    ((EXACT,), "--max-time 9s"),
    ((EXACT,), "--update -f json"),
    ((EXACT,), "--baseline none.json"),
    ((EXACT,), "--baseline-arch none.toml"),
    ((EXACT,), "--baseline-arch v2"),
    ((EXACT,), "--baseline-python none/python"),
    ((LATENCY % "9 ms",), "--baseline none.json"),
    ((LATENCY % "9 ms",), "--exact-only"),
    ((EXACT,), "-o budgets.toml"),
    ((EXACT,), "--junit budgets.toml"),
    ((REGRESSION,), "--baseline budgets.toml --save budgets.toml"),
    ((EXACT,), "--self-test"),
    ((EXACT,), "--self-test --github"),
    ((EXACT,), "--junit none/out.xml"),
    ((REGRESSION,), ""),
    ((REGRESSION,), "--baseline x.json"),
    ((REGRESSION,), "--baseline budgets.toml"),
    ((REGRESSION,), "--baseline-arch v1"),
    ((REGRESSION,), "--baseline-python none/python"),
    (("",), ""),
    ((EXACT.replace("301 M", "301"), EXACT.replace("3.6 M", "-3 M")), ""),
    ((EXACT.replace("301 M", "301"),), "--baseline x.json"),
    ((EXACT.replace("301 M", "301"),), "--baseline-python none/python"),
)


def test_bad_input_is_one_line_for_each_problem(
    run_cli: Cli, budgets: Budgets, snapshot: SnapshotAssertion
) -> None:
    printed = []
    for parts, words in BAD:
        status, out, err = run_cli(["check", budgets(*parts), *words.split()])
        assert (status, out) == (2, ""), words
        assert all(line.startswith("mncost: ") for line in err.splitlines())
        printed.append(f"$ mncost check budgets.toml {words}".rstrip() + f"\n{err}")
    assert [path.name for path in Path().iterdir()] == ["budgets.toml"]
    assert "".join(printed) == snapshot(extension_class=Printed)


def test_exit_2_leaves_no_passing_report(run_cli: Cli, budgets: Budgets) -> None:
    """A CI server that reads the file in any case reads an error, not the last check's result."""
    file = budgets(EXACT)
    assert run_cli(["check", file, "--junit", "j.xml"]).status == 0
    budgets(EXACT.replace("301 M", "301"))
    assert run_cli(["check", file, "--junit", "j.xml"]).status == 2
    root = ET.parse("j.xml").getroot()
    assert (root.get("errors"), root.get("failures")) == ("1", "0")


@pytest.mark.usefixtures("processes")
@pytest.mark.parametrize("how", [None, "pass", "fail"])
def test_a_worker_that_dies_is_an_error_in_every_output(
    run_cli: Cli, budgets: Budgets, monkeypatch: pytest.MonkeyPatch, how: str | None
) -> None:
    """Whatever an inconclusive limit counts as: exit status, table, JUnit, annotations."""
    fault = {"on": "run", "do": "die", "macs": 59_285_808, "seed": 3, "after": 30}
    monkeypatch.setenv(SCRIPT, json.dumps({"faults": [fault]}))
    text = (LATENCY % "1.50 ms").replace('"v2"', '"v2", alpha = 0.35')
    asked = [] if how is None else ["--inconclusive", how]
    found = run_cli(["check", budgets(text), "--junit", "j.xml", "--github", *asked])
    assert found.status == 2
    assert "ERROR" in found.out
    root = ET.parse("j.xml").getroot()
    assert (root.get("errors"), root.get("failures")) == ("1", "0")
    assert "::error file=budgets.toml,line=4,title=ERROR" in found.err


def test_an_output_does_not_overwrite_an_architecture(run_cli: Cli, budgets: Budgets) -> None:
    assert run_cli(["export", "--arch", "v2", "-o", "net.toml"]).status == 0
    before = Path("net.toml").read_text()
    file = budgets(EXACT.replace('"v2"', '"net.toml"'))
    for option in ("-o", "--junit"):
        found = run_cli(["check", file, option, "net.toml"])
        assert found.status == 2
        assert Path("net.toml").read_text() == before


@pytest.mark.parametrize("name", ["::stop-commands::x", "##vso[task.complete]", "##[error]x"])
@pytest.mark.parametrize("form", ["terminal", "markdown", "csv", "json"])
def test_no_name_is_a_command_of_the_ci_server(
    run_cli: Cli, budgets: Budgets, name: str, form: str
) -> None:
    found = run_cli(["check", budgets(f'{EXACT}name = "{name}"'), "-f", form, "--github"])
    assert found.status == 0
    for line in (found.out + found.err).splitlines():
        assert not line.lstrip().startswith("::stop")
        assert not re.search(r"##(vso)?\[", line)


def test_python_checks_too(budgets: Budgets) -> None:
    file = budgets(EXACT)
    verdicts = mncost.check(file)
    assert verdicts.ok
    assert "300.8 M" in str(verdicts)
    assert not mncost.check(budgets(EXACT.replace("301", "300"))).ok


def test_without_a_budget_file(run_cli: Cli, here: Path, snapshot: SnapshotAssertion) -> None:
    found = run_cli(["check"])
    assert found.status == 2
    assert found.err == snapshot(extension_class=Printed)


def test_exact_budgets_import_nothing_heavy(run_process: Cli, budgets: Budgets) -> None:
    code = (
        "import sys; from mncost.cli.main import run; run(['check', 'budgets.toml']); "
        "heavy = {'torch', 'onnx', 'onnxruntime', 'numpy', 'scipy', 'pandas', 'rich.table'}; "
        "print('loaded:', sorted(heavy & set(sys.modules)))"
    )
    budgets(EXACT)
    import subprocess
    import sys

    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300
    )
    assert "loaded: []" in found.stdout
