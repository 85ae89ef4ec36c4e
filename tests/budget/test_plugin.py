"""The pytest plugin, in test runs of its own; what it checks with is a stub, or counts for real."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from itertools import dropwhile, islice, takewhile
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from syrupy.assertion import SnapshotAssertion

import mncost.budget.file
import mncost.budget.words
import mncost.measure.cells  # noqa: F401  loaded once, and not anew in each inner test run
from tests.printed import Printed
from tests.test_imports import HEAVY

pytest_plugins = ["pytester"]

# Stands in for the measurement: says what it was asked for, and finds what a test wants.
STUB = """
import json, sys, types
from pathlib import Path
from mncost.budget.outcome import Outcome
from mncost.budget.records import Exact, Latency, Ratio
from mncost.errors import MeasureError
from mncost.interval import Interval

FOUND = {found}

def check(limits, *, max_time=None):
    with Path("asked.jsonl").open("a") as stream:
        for limit in limits:
            place = limit.place
            asked = [limit.budget, limit.name, limit.model.arch, limit.precision]
            asked += [place.runtime, place.provider, place.threads, place.batch]
            asked += [limit.metric, *limit.bound, max_time]
            stream.write(json.dumps(asked, default=lambda model: model.arch) + "\\n")
    if FOUND == "error":
        raise MeasureError("no such runtime")
    if FOUND == "nothing":
        return []
    if FOUND == "no sample":
        return [Outcome(limit, "INCONCLUSIVE", None, "time") for limit in limits]
    value = Interval(12.5e-3, 12.1e-3, 12.9e-3, 5)
    return [Outcome(limit, verdict, value, "time") for limit, verdict in zip(limits, FOUND)]

module = types.ModuleType("mncost.budget.run")
module.check = check
sys.modules["mncost.budget.run"] = module
"""
TEST = """
def test_it(mncost_budget):
    mncost_budget({arguments})
    print("went on")
"""


@pytest.fixture
def session(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """Return a test run in a directory of its own, that this one's plugins leave alone."""
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    return pytester


def run_stubbed(
    session: pytest.Pytester,
    found: list[str] | str,
    *options: str,
    arguments: str = "'v2', latency_p50='12 ms', latency_p99='12 ms'",
) -> pytest.RunResult:
    """Run one test, for whose limits the stub finds these verdicts."""
    session.makeconftest(STUB.replace("{found}", repr(found)))
    session.makepyfile(test_net=TEST.replace("{arguments}", arguments))
    return session.runpytest_inprocess("-p", "no:cacheprovider", *options)


def asked(session: pytest.Pytester) -> list[list[object]]:
    """Return what the stub was asked for."""
    path = session.path / "asked.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def section(result: pytest.RunResult, title: str) -> str:
    """Return what stands below a title of pytest's report."""
    below = islice(dropwhile(lambda line: title not in line, result.outlines), 1, None)
    lines = takewhile(lambda line: line[:3] != "===", below)
    return "".join(f"{line}\n" for line in lines if line)


# ------------------------------------------------------------------------------------ verdicts


def test_a_budget_that_holds(session: pytest.Pytester, snapshot: SnapshotAssertion) -> None:
    """The test goes on; the end of the session says how many hold."""
    result = run_stubbed(session, ["PASS", "PASS"])
    result.assert_outcomes(passed=1)
    assert section(result, "mncost budgets") == snapshot(extension_class=Printed)


def test_a_budget_that_fails(session: pytest.Pytester, snapshot: SnapshotAssertion) -> None:
    """One line for each limit that does not hold, and no traceback."""
    result = run_stubbed(session, ["PASS", "FAIL"])
    result.assert_outcomes(failed=1)
    said = section(result, " FAILURES ") + section(result, "mncost budgets")
    assert said == snapshot(extension_class=Printed)


@pytest.mark.parametrize(
    ("options", "outcome"),
    [
        ((), "failed"),
        (("--mncost-inconclusive=fail",), "failed"),
        (("--mncost-inconclusive=skip",), "skipped"),
        (("--mncost-inconclusive=pass",), "passed"),
    ],
)
def test_what_is_inconclusive_is_never_silent(
    session: pytest.Pytester, options: tuple[str, ...], outcome: str
) -> None:
    """It fails the test unless told otherwise, and is named whatever was told."""
    result = run_stubbed(session, ["PASS", "INCONCLUSIVE"], *options)
    result.assert_outcomes(**{outcome: 1})
    assert section(result, "mncost budgets").startswith("INCONCLUSIVE test_net.py::test_it: ")


@pytest.mark.parametrize("option", ["fail", "skip", "pass"])
def test_what_could_not_be_measured_fails(session: pytest.Pytester, option: str) -> None:
    """A worker that died is no inconclusive budget."""
    result = run_stubbed(session, ["PASS", "ERROR"], f"--mncost-inconclusive={option}")
    result.assert_outcomes(failed=1)
    assert section(result, "mncost budgets").startswith("ERROR test_net.py::test_it: ")


@pytest.mark.parametrize("option", ["skip", "pass"])
def test_what_fails_fails_beside_what_is_inconclusive(
    session: pytest.Pytester, option: str
) -> None:
    """Leniency is for what is inconclusive alone."""
    options = f"--mncost-inconclusive={option}"
    run_stubbed(session, ["INCONCLUSIVE", "FAIL"], options).assert_outcomes(failed=1)


@pytest.mark.parametrize("found", ["error", "nothing"])
def test_what_cannot_be_checked_fails(
    session: pytest.Pytester, found: str, snapshot: SnapshotAssertion
) -> None:
    """Nothing found is not a budget that holds."""
    result = run_stubbed(session, found)
    result.assert_outcomes(failed=1)
    assert section(result, " FAILURES ") == snapshot(extension_class=Printed)


# ----------------------------------------------------------------------------------- arguments


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("'v2', macs='107.3 M'", ["macs", "macs", 107_300_000, None]),
        ("'v2', params=3_504_872", ["params", "params", 3_504_872, None]),
        ("'v2', weight_bytes='14 MiB'", ["weight_bytes", "weight_bytes", 14 * 2**20, None]),
        (
            "'v2', peak_activation_bytes='1 kB'",
            ["peak_activation_bytes", "peak_activation_bytes", 1000, None],
        ),
        ("'v2', latency_p50='12 ms'", ["latency p50", 50.0, 12e-3]),
        ("'v2', latency='12 ms'", ["latency p50", 50.0, 12e-3]),
        ("'v2', weight_bytes=4096", ["weight_bytes", "weight_bytes", 4096, None]),
        ("'v2', latency_p99_9='120 us'", ["latency p99.9", 99.9, 120e-6]),
        ("'v2', max_ratio=1.5, to='v1'", ["latency ratio to v1", "v1", 1.5]),
        ("'v2', max_ratio='0.9', to={'arch': 'v1'}", ["latency ratio to v1", "v1", 0.9]),
    ],
)
def test_limits_have_units(
    session: pytest.Pytester, arguments: str, expected: list[object]
) -> None:
    """A limit is read as a budget file's is, to the unit."""
    run_stubbed(session, ["PASS"], arguments=arguments).assert_outcomes(passed=1)
    ((*who, _), *others) = asked(session)
    assert others == []
    assert who[:4] == [1, "test_net.py::test_it", "v2", "fp32"]
    assert who[4:8] == ["onnxruntime", None, 1, 1]
    assert who[8:] == [
        pytest.approx(value) if isinstance(value, float) else value for value in expected
    ]


def test_where_and_how_long(session: pytest.Pytester) -> None:
    """What a budget file says of a place goes by the same names."""
    arguments = (
        "__import__('pathlib').Path('my_net.toml'), latency_p50='1 ms', runtime='torch',"
        " provider='CPU', threads=2, batch=8, precision='int8', max_time='2 min'"
    )
    run_stubbed(session, ["PASS"], arguments=arguments).assert_outcomes(passed=1)
    ((*_, arch, precision, runtime, provider, threads, batch, _, _, _, seconds),) = asked(session)
    assert [arch, precision, runtime, provider] == ["my_net.toml", "int8", "torch", "CPU"]
    assert [threads, batch, seconds] == [2, 8, 120.0]


def test_each_call_is_a_budget(session: pytest.Pytester) -> None:
    """Calls are numbered through the session."""
    session.makeconftest(STUB.replace("{found}", "['PASS', 'PASS']"))
    call = "    mncost_budget('v2', latency_p50='12 ms')\n"
    session.makepyfile(
        f"def test_a(mncost_budget):\n{call}{call}\ndef test_b(mncost_budget):\n{call}"
    )
    result = session.runpytest_inprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=2)
    assert [number for number, *_ in asked(session)] == [1, 2, 3]
    result.stdout.fnmatch_lines(["3 budgets hold"])


BAD = [
    "'v2'",
    "'v2', macs=None",
    "'v2', macs='300'",
    "'v2', macs=-1",
    "'v2', macs=True",
    "'v2', macs=1.5",
    "'v2', weight_bytes='1 M'",
    "'v2', latency_p50=12",
    "'v2', latency=12",
    "'v2', max_ratio=1001, to='v1'",
    "'v2', latency_p50='0 ms'",
    "'v2', latency_p100='12 ms'",
    "'v2', latency_p0='12 ms'",
    "'v2', p50='12 ms'",
    "'v2', mac='1 M'",
    "'v2', max_ratio=1.5",
    "'v2', macs='1 M', to='v1'",
    "'v2', max_ratio=0, to='v1'",
    "'v2', max_ratio='nan', to='v1'",
    "'v2', max_ratio='1.5 x', to='v1'",
    "{'alpha': 1.0}, macs='1 M'",
    "{'arch': 'v2', 'alhpa': 1.0}, macs='1 M'",
    "None, macs='1 M'",
    "'v2', macs='1 M', threads=0",
    "'v2', macs='1 M', batch='8'",
    "'v2', macs='1 M', max_time='soon'",
    "'v2', alpha=0.5, macs='1 M'",
]


def test_bad_arguments_fail_in_one_line(
    session: pytest.Pytester, snapshot: SnapshotAssertion
) -> None:
    """What cannot be read is no budget that holds; nothing is measured."""
    session.makeconftest(STUB.replace("{found}", "['PASS'] * 9"))
    tests = [
        TEST.replace("test_it", f"test_{number}").replace("{arguments}", arguments)
        for number, arguments in enumerate(BAD)
    ]
    session.makepyfile(test_net="".join(tests))
    result = session.runpytest_inprocess("-p", "no:cacheprovider")
    result.assert_outcomes(failed=len(BAD))
    said = [line for line in result.outlines if line.startswith("mncost_budget: ")]
    pairs = zip(BAD, said, strict=True)
    assert "".join(f"{bad}\n  {line}\n" for bad, line in pairs) == snapshot(extension_class=Printed)
    assert asked(session) == []


# ------------------------------------------------------------------------------------- reports


def reported(session: pytest.Pytester, name: str, *options: str) -> str:
    """Return the report of a session with a limit that holds, and one that does not."""
    result = run_stubbed(session, ["PASS", "FAIL"], f"--mncost-report={name}", *options)
    result.assert_outcomes(failed=1)
    return (session.path / name).read_text("utf-8")


def test_report_as_json(session: pytest.Pytester) -> None:
    """Rows for programs."""
    rows = json.loads(reported(session, "report.json"))["rows"]
    assert [(row["metric"], row["verdict"], row["limit"]) for row in rows] == [
        ("latency p50", "PASS", 12e-3),
        ("latency p99", "FAIL", 12e-3),
    ]
    assert {row["name"] for row in rows} == {"test_net.py::test_it"}


def test_report_as_csv(session: pytest.Pytester) -> None:
    """The same rows, for spreadsheets."""
    rows = list(csv.DictReader(reported(session, "report.csv").splitlines()))
    assert [row["verdict"] for row in rows] == ["PASS", "FAIL"]


def test_report_as_markdown(session: pytest.Pytester, snapshot: SnapshotAssertion) -> None:
    """The table for people."""
    assert reported(session, "report.MD") == snapshot(extension_class=Printed)


def test_report_as_junit(session: pytest.Pytester) -> None:
    """A test case for each limit."""
    root = ET.fromstring(reported(session, "report.xml"))
    cases = {case.get("name"): [child.tag for child in case] for case in root.iter("testcase")}
    assert cases == {
        "latency p50": ["properties"],
        "latency p99": ["properties", "failure"],
    }


@pytest.mark.parametrize(
    ("option", "tag"), [("fail", "failure"), ("skip", "skipped"), ("pass", "skipped")]
)
def test_junit_follows_the_tests(session: pytest.Pytester, option: str, tag: str) -> None:
    """What an inconclusive limit does to its test, it does to the report."""
    run_stubbed(
        session,
        ["PASS", "INCONCLUSIVE"],
        f"--mncost-inconclusive={option}",
        "--mncost-report=r.xml",
    )
    root = ET.parse(session.path / "r.xml").getroot()
    assert [child.tag for child in list(root.iter("testcase"))[1]] == ["properties", tag]


def test_a_session_without_budgets_has_an_empty_report(
    session: pytest.Pytester, snapshot: SnapshotAssertion
) -> None:
    """It is there, and says that nothing was checked."""
    session.makepyfile("def test_it(): pass")
    result = session.runpytest_inprocess("-p", "no:cacheprovider", "--mncost-report=report.md")
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*mncost budgets*")
    report = (session.path / "report.md").read_text("utf-8")
    assert report == snapshot(extension_class=Printed)


UNUSABLE = ["--mncost-report=report.yaml", "--mncost-report=no/such/folder/r.json"]


@pytest.mark.parametrize(
    "option", [*UNUSABLE, "--mncost-inconclusive=maybe"], ids=["suffix", "folder", "choice"]
)
def test_options_that_cannot_be_used(
    session: pytest.Pytester, option: str, snapshot: SnapshotAssertion
) -> None:
    """The session ends before any test, in one line."""
    result = run_stubbed(session, ["PASS", "PASS"], option)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert asked(session) == []
    if option in UNUSABLE:  # argparse words the other one
        said = result.stderr.str().replace(str(session.path), "")
        assert said == snapshot(extension_class=Printed)


def test_distributed_tests_have_no_report(session: pytest.Pytester) -> None:
    """Workers of pytest-xdist would overwrite each other's: it is refused, not wrong."""
    session.makepyfile("def test_it(): pass")
    result = session.runpytest_inprocess("--mncost-report=r.json", "--dist=load")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*pytest-xdist*"])


# ---------------------------------------------------------------------------------------- real


def test_counts_for_real(session: pytest.Pytester) -> None:
    """V2's 300,774,272 MACs (torchvision's and the paper's 300 M) are within one limit of two."""
    session.makepyfile(
        """
        def test_holds(mncost_budget):
            mncost_budget("v2", macs=300_774_272)

        def test_fails(mncost_budget):
            mncost_budget({"arch": "v2", "alpha": 1.0}, macs="300.774271 M")

        def test_unknown(mncost_budget):
            mncost_budget("v9", macs="1 M")
        """
    )
    result = session.runpytest_inprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(["FAIL: *300,774,272*300,774,271", "mncost_budget: *'v9'*"])


def test_the_plugin_is_cheap_to_import() -> None:
    """pytest imports it in every environment: of mncost it needs itself alone, nothing heavy."""
    program = (
        "import sys, pytest; before = set(sys.modules); import mncost.pytest_plugin\n"
        "print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, text=True
    )
    loaded = set(done.stdout.split())
    assert {name for name in loaded if name.startswith("mncost")} == {
        *("mncost", "mncost.pytest_plugin", "mncost.render", "mncost.render.shown")
    }
    assert loaded & {*HEAVY, "msgspec", "rich", "typer"} == set()


def test_pytest_finds_the_plugin(tmp_path: Path) -> None:
    """In a project that only has mncost installed, the fixture is there."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--fixtures", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        capture_output=True,
        check=False,
        text=True,
    )
    assert "mncost_budget" in done.stdout
