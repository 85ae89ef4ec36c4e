"""JUnit XML: its structure, and what another library reads from it."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET

import junitparser
import pytest

from mncost.budget.junit import junit, junit_file
from mncost.budget.outcome import Inconclusive, Outcome
from mncost.errors import BudgetError, InputError, OutputError
from tests.budget.outcomes import HOSTILE, M, checked, exact, latency, one_of_each

BEGAN = "2026-11-21T13:00:00"
SECONDS = re.compile(r"\d+\.\d{3}")


class Kind(NamedTuple):
    """What an element may have: attributes, those that it must have, children in their order."""

    may: set[str]
    must: set[str]
    children: tuple[str, ...] = ()


# By the schema of Jenkins' xUnit plugin (junit-10.xsd), and what pytest's xunit1 and GitLab add:
# file, line and properties of a test case.
RESULT = Kind(set(), {"type", "message"})
SUITE = {"name", "tests", "failures", "errors", "time"}
KINDS = {
    "testsuites": Kind(set(), SUITE, ("testsuite",)),
    "testsuite": Kind(set(), SUITE | {"skipped", "timestamp"}, ("testcase", "system-out")),
    "testcase": Kind(
        {"file", "line"},
        {"classname", "name", "time"},
        ("properties", "skipped", "error", "failure"),
    ),
    "properties": Kind(set(), set(), ("property",)),
    "property": Kind(set(), {"name", "value"}),
    **dict.fromkeys(("skipped", "error", "failure"), RESULT),
    "system-out": Kind(set(), set()),
}


def parsed(text: str) -> ET.Element:
    """Parse a report, and check its structure and its totals."""
    root = ET.fromstring(text.encode())
    assert root.tag == "testsuites"
    for element in root.iter():
        kind = KINDS[element.tag]
        assert kind.must <= set(element.attrib) <= kind.may | kind.must
        order = [kind.children.index(child.tag) for child in element]
        assert order == sorted(order)
        if "time" in element.attrib:
            assert SECONDS.fullmatch(element.attrib["time"])
    for suite in (root, *root.iter("testsuite")):
        assert int(suite.attrib["tests"]) == len(list(suite.iter("testcase")))
        for tag, name in (("failure", "failures"), ("error", "errors")):
            assert int(suite.attrib[name]) == len(list(suite.iter(tag)))
    suite = root[0]
    assert int(suite.attrib["skipped"]) == len(list(suite.iter("skipped")))
    cases = Counter((case.get("classname"), case.get("name")) for case in root.iter("testcase"))
    assert set(cases.values()) <= {1}, "CI servers would take two for one"
    return root


def written(
    outcomes: list[Outcome], inconclusive: Inconclusive = "keep", file: str = "b.toml"
) -> str:
    """Return a report of outcomes."""
    verdicts = checked(outcomes, inconclusive)
    return junit(verdicts, ["a note"], "mncost", file, 12.34567, BEGAN)


def test_a_failure_says_what_was_found() -> None:
    """The message has the value and the limit; the properties have bare numbers."""
    root = parsed(written(one_of_each()))
    good, bad, _ = root.iter("testcase")
    assert [child.tag for child in good] == ["properties"]
    failure = bad.find("failure")
    assert failure is not None
    assert failure.get("type") == "budget"
    assert "300.8 M" in str(failure.get("message"))
    assert "300.0 M" in str(failure.text)
    found = {str(p.get("name")): p.get("value") for p in bad.iter("property")}
    exactly = dict.fromkeys(("value", "lo", "hi"), "300774272")
    assert found == {**exactly, "limit": "300000000", "unit": "count"}
    assert (bad.get("file"), bad.get("line")) == ("b.toml", "3")
    assert root[0].get("time") == "12.346"
    assert root[0].get("timestamp") == BEGAN
    assert root[0].findtext("system-out") == "a note"


@pytest.mark.parametrize(
    ("inconclusive", "tag"), [("keep", "error"), ("pass", "skipped"), ("fail", "failure")]
)
def test_an_inconclusive_limit_never_looks_like_one_that_holds(
    inconclusive: Inconclusive, tag: str
) -> None:
    """It is an error unless told otherwise, and visible even where it passes."""
    *_, case = parsed(written(one_of_each(), inconclusive)).iter("testcase")
    found = case[-1]
    assert (found.tag, found.get("type")) == (tag, "inconclusive")
    assert "too few runs" in str(found.get("message"))
    properties = {p.get("name"): p.get("value") for p in case.iter("property")}
    assert properties["lo"] == "0.0119"
    assert "hi" not in properties


@pytest.mark.parametrize(
    ("inconclusive", "tag"), [("keep", "error"), ("pass", "error"), ("fail", "failure")]
)
def test_a_limit_that_was_not_measured_is_never_skipped(
    inconclusive: Inconclusive, tag: str
) -> None:
    """A measurement that broke is no test that somebody left out."""
    root = parsed(written([latency("INCONCLUSIVE", None, None, None)], inconclusive))
    assert [child.tag for child in root[0][0]] == ["properties", tag]


def test_junitparser_reads_it() -> None:
    """Another library finds the same numbers of tests, and the same results."""
    report = junitparser.JUnitXml.fromstring(written(one_of_each()).encode())
    assert (report.tests, report.failures, report.errors) == (3, 1, 1)
    (suite,) = report
    assert (suite.name, suite.skipped, suite.time) == ("mncost", 0, 12.346)
    good, bad, open_ = suite
    assert good.is_passed
    assert isinstance(bad.result[0], junitparser.Failure)
    assert isinstance(open_.result[0], junitparser.Error)
    assert (bad.classname, bad.name) == ("v2", "macs [2]")


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("inconclusive", ["keep", "pass", "fail"])
def test_hostile_names_are_text(name: str, inconclusive: Inconclusive) -> None:
    """Whatever a budget is called, the report is XML, of the same structure, and says its name."""
    verdicts = checked(one_of_each(name, why=name), inconclusive)
    text = junit(verdicts, [name], name, name, 1, BEGAN)
    root = parsed(text)
    plain = parsed(written(one_of_each(), inconclusive))
    assert [e.tag for e in root.iter()] == [e.tag for e in plain.iter()]
    for case in root.iter("testcase"):
        classname = str(case.get("classname"))
        assert classname.isprintable()
        if name.isprintable():
            assert classname == name
    assert len(list(junitparser.JUnitXml.fromstring(text.encode()))) == 1


def test_two_limits_of_one_name_stay_two() -> None:
    """CI servers know a test case by its names."""
    outcomes = [exact(1, most=most * M) for most in (1, 2, 3)]
    names = [case.get("name") for case in parsed(written(outcomes)).iter("testcase")]
    assert names == ["macs", "macs [2]", "macs [3]"]


def test_without_a_file_there_is_none() -> None:
    """A limit from no file has neither file nor line."""
    outcome = latency("PASS", 1, 1, 1)
    outcome = outcome._replace(of=outcome.of._replace(line=None))
    (case,) = parsed(written([outcome], file="")).iter("testcase")
    assert set(case.attrib) == {"classname", "name", "time"}


def test_nothing_checked_is_a_report_too() -> None:
    """No limit, no test case."""
    assert parsed(junit(checked([]), [], "mncost", "", 0, BEGAN)).get("tests") == "0"


@pytest.mark.parametrize("inconclusive", ["keep", "pass", "fail"])
def test_a_limit_that_could_not_be_measured_is_an_error(inconclusive: Inconclusive) -> None:
    """Whatever an inconclusive limit counts as, and whatever was seen before the worker died."""
    broken = latency("ERROR", 11e-3, 10e-3, 11.5e-3, why="the worker died")
    root = parsed(written([broken], inconclusive))
    error = root[0][0].find("error")
    assert error is not None
    assert error.get("type") == "measurement"
    assert "the worker died" in str(error.get("message"))
    assert (root.get("errors"), root.get("failures")) == ("1", "0")


# ------------------------------------------------------------------------- checks without a result


def test_until_the_end_the_file_says_that_there_is_no_result(tmp_path: Path) -> None:
    """A report of an earlier check is not read in its place, even if the check is killed."""
    path = tmp_path / "j.xml"
    path.write_text(written(one_of_each()[:1]))
    with junit_file(path, "mncost check", "b.toml") as write:
        meanwhile = parsed(path.read_text())
        write(checked(one_of_each()[:1]), ["a note"])
    assert (meanwhile.get("tests"), meanwhile.get("errors")) == ("1", "1")
    after = parsed(path.read_text())
    assert (after.get("tests"), after.get("errors")) == ("1", "0")


@pytest.mark.parametrize("error", [InputError("bad"), BudgetError(["bad", "worse"])])
def test_a_check_that_cannot_be_made_is_an_error(error: InputError, tmp_path: Path) -> None:
    path = tmp_path / "j.xml"
    with pytest.raises(type(error)), junit_file(path, "mncost check", "b.toml"):
        raise error
    (case,) = parsed(path.read_text()).iter("testcase")
    unusable = case.find("error")
    assert unusable is not None
    assert unusable.get("type") == "unusable"
    assert str(unusable.text).splitlines() == str(error).splitlines()


def test_an_interrupted_check_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "j.xml"
    with pytest.raises(KeyboardInterrupt), junit_file(path, "mncost check", "b.toml"):
        raise KeyboardInterrupt
    assert parsed(path.read_text()).get("errors") == "1"


def test_a_file_that_is_no_report_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "my_net.toml"
    path.write_text("format = 1\n")
    with pytest.raises(OutputError), junit_file(path, "mncost check", "b.toml"):
        pass
    assert path.read_text() == "format = 1\n"


def test_an_empty_file_is_written(tmp_path: Path) -> None:
    """``mktemp`` makes one."""
    path = tmp_path / "j.xml"
    path.touch()
    with junit_file(path, "mncost check", "b.toml") as write:
        write(checked([]), [])
    assert parsed(path.read_text()).get("tests") == "0"
