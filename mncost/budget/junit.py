"""The outcomes as JUnit XML, the format in which CI servers read results of tests.

Each limit is a test case. A limit that fails has a ``failure`` of type ``budget``. A limit that
could not be measured has an ``error`` of type ``measurement``. An inconclusive limit never looks
like one that holds: it has an ``error`` of type ``inconclusive`` (exit status 3). With
``--inconclusive fail`` that is a ``failure`` of the same type; with ``pass`` the test case is
``skipped``, which CI servers show and do not fail on.

A check that ends without a result has one test case with an ``error`` of type ``unusable``, so
that no report of an earlier check is read in its place.

Test cases have ``file`` and ``line``, by which GitLab and reporters link them, and ``properties``.
Jenkins' ``junit`` step, GitLab and Azure read what they know of it. Jenkins' xUnit plugin checks
files by a schema that knows these only for suites.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias
from xml.etree import ElementTree as ET

from mncost.budget.outcome import Ending, Outcome, Verdicts, settled
from mncost.budget.words import sentence
from mncost.errors import BudgetError, InputError, OutputError, one_line
from mncost.render.write import check_writable, write_atomically

__all__ = ["Writer", "junit", "junit_file"]

Writer: TypeAlias = Callable[[Verdicts, Sequence[str]], None]
"""Writes verdicts, and notes for ``system-out``."""

_COUNTED = {"failure": "failures", "error": "errors", "skipped": "skipped"}
_KINDS: dict[Ending, str] = {
    "FAIL": "budget",
    "INCONCLUSIVE": "inconclusive",
    "ERROR": "measurement",
}
_NO_RESULT = "the check ended without a result"


@contextmanager
def junit_file(path: Path, suite: str, file: str) -> Iterator[Writer]:
    """Yield what writes a JUnit file in the end; until then the file says that there is no result.

    Args:
        path: of the JUnit file; one that exists must be XML, or empty.
        suite: what the suite is called.
        file: the file of the budgets.

    Raises:
        OutputError: the file cannot be written, or is no JUnit file.
    """
    _check_is_report(path)
    began, timestamp = time.monotonic(), datetime.now(UTC).isoformat(timespec="seconds")
    _write(path, _without_result([_NO_RESULT], suite, timestamp))

    def write(verdicts: Verdicts, notes: Sequence[str]) -> None:
        took = time.monotonic() - began
        _write(path, junit(verdicts, notes, suite, file, took, timestamp))

    try:
        yield write
    except InputError as error:
        problems = error.problems if isinstance(error, BudgetError) else [str(error)]
        _write(path, _without_result(problems, suite, timestamp))
        raise


def _check_is_report(path: Path) -> None:
    check_writable(path)
    if not path.is_file():
        return
    with path.open("rb") as stream:
        start = stream.read(64).lstrip(b"\xef\xbb\xbf \t\r\n")
    if start and not start.startswith(b"<"):
        raise OutputError(f"{path}: exists and is no XML: not overwritten by a JUnit file")


def _write(path: Path, text: str) -> None:
    write_atomically(path, text.encode())


def _without_result(problems: Sequence[str], suite: str, timestamp: str) -> str:
    """Return a report of a check that came to no result: one test case, with an error."""
    root, body = _suite(suite, 1, Counter(error=1), 0.0, timestamp)
    named = {"classname": suite, "name": suite, "time": "0.000"}
    case = ET.SubElement(body, "testcase", _clean(named))
    error = ET.SubElement(case, "error", _clean({"type": "unusable", "message": problems[0]}))
    error.text = "\n".join(map(one_line, problems))
    return _text(root)


def junit(
    verdicts: Verdicts,
    notes: Sequence[str],
    suite: str,
    file: str,
    seconds: float,
    timestamp: str,
) -> str:
    """Return the outcomes as JUnit XML.

    Args:
        verdicts: one test case each.
        notes: conditions and warnings, for ``system-out``.
        suite: what the suite is called.
        file: the file of the budgets; ``""`` if there is none.
        seconds: how long the check took.
        timestamp: when it began, in ISO 8601.
    """
    endings = [settled(outcome, verdicts.inconclusive) for outcome in verdicts]
    tags = [_tag(outcome, end) for outcome, end in zip(verdicts, endings, strict=True)]
    root, body = _suite(suite, len(tags), Counter(filter(None, tags)), seconds, timestamp)
    seen: Counter[tuple[str, str]] = Counter()
    for outcome, tag in zip(verdicts, tags, strict=True):
        named = (outcome.of.name, outcome.of.metric)
        seen[named] += 1
        _add_case(body, outcome, _unique(outcome.of.metric, seen[named]), file, tag)
    if notes:
        ET.SubElement(body, "system-out").text = "\n".join(map(one_line, notes))
    return _text(root)


def _suite(
    name: str, tests: int, tags: Counter[str], seconds: float, timestamp: str
) -> tuple[ET.Element, ET.Element]:
    """Return a report and its one suite, with their totals."""
    counts = {_COUNTED[tag]: number for tag, number in tags.items()}
    totals = {key: str(counts.get(key, 0)) for key in ("failures", "errors")}
    totals |= {"tests": str(tests), "time": f"{seconds:.3f}", "name": name}
    root = ET.Element("testsuites", _clean(totals))
    more = {"skipped": str(counts.get("skipped", 0)), "timestamp": timestamp}
    return root, ET.SubElement(root, "testsuite", _clean(totals | more))


def _text(root: ET.Element) -> str:
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _unique(metric: str, occurrence: int) -> str:
    """Number the second and the third of a name: CI servers take equal names for one test case."""
    return metric if occurrence == 1 else f"{metric} [{occurrence}]"


def _add_case(suite: ET.Element, outcome: Outcome, name: str, file: str, tag: str | None) -> None:
    # Measurements are interleaved, so their time is the suite's; comparing takes none.
    attributes = {"classname": outcome.of.name, "name": name, "time": "0.000"}
    if file:
        attributes["file"] = file
    if outcome.of.line is not None:
        attributes["line"] = str(outcome.of.line)
    case = ET.SubElement(suite, "testcase", _clean(attributes))
    properties = ET.SubElement(case, "properties")
    value, lo, hi = (outcome.value or (None, None, None))[:3]
    for key, number in (("value", value), ("lo", lo), ("hi", hi), ("limit", outcome.limit)):
        if number is not None:
            ET.SubElement(properties, "property", _clean({"name": key, "value": str(number)}))
    ET.SubElement(properties, "property", {"name": "unit", "value": outcome.unit})
    if tag:
        kind, text = _KINDS[outcome.verdict], sentence(outcome)
        ET.SubElement(case, tag, _clean({"type": kind, "message": text})).text = text


def _tag(outcome: Outcome, ending: Ending) -> str | None:
    """Return the element that says what became of a limit, if it does not hold."""
    match ending:
        case "FAIL":
            return "failure"
        case "INCONCLUSIVE" | "ERROR":
            return "error"
        case "PASS":
            return None if outcome.verdict == "PASS" else "skipped"


def _clean(attributes: dict[str, str]) -> dict[str, str]:
    """Escape what XML cannot hold, e.g. control characters, and line ends with it."""
    return {key: one_line(value) for key, value in attributes.items()}
