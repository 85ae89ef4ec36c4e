"""The outcomes as JUnit XML, the format in which CI servers read results of tests.

Each limit is a test case. One that fails has a ``failure`` of type ``budget``. An inconclusive one
never looks like one that holds: it has an ``error`` of type ``inconclusive`` (the check could not
be made, and its exit status is 3), or what ``--inconclusive`` says: with ``fail`` a ``failure``
of that type, with ``pass`` it is ``skipped``, which CI servers show and do not fail on.

Test cases have ``file`` and ``line``, by which GitLab and reporters link them, and ``properties``.
Jenkins' ``junit`` step, GitLab and Azure read what they know of it; Jenkins' xUnit plugin checks
files by a schema that knows these only for suites.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from xml.etree import ElementTree as ET

from mncost.budget.records import Outcome
from mncost.budget.tables import sentence
from mncost.budget.verdicts import Inconclusive, settled
from mncost.errors import one_line

__all__ = ["junit"]

_COUNTED = {"failure": "failures", "error": "errors", "skipped": "skipped"}


def junit(
    outcomes: Sequence[Outcome],
    notes: Sequence[str],
    suite: str,
    file: str,
    seconds: float,
    timestamp: str,
    *,
    inconclusive: Inconclusive = "keep",
) -> str:
    """Return the outcomes as JUnit XML.

    Args:
        outcomes: one test case each.
        notes: conditions and warnings, for ``system-out``.
        suite: what the suite is called.
        file: the file of the budgets; ``""`` if there is none.
        seconds: how long the check took.
        timestamp: when it began, in ISO 8601.
        inconclusive: what an inconclusive limit counts as.
    """
    tags = [_tag(outcome, inconclusive) for outcome in outcomes]
    counts = Counter(_COUNTED[tag] for tag in tags if tag)
    totals = {name: str(counts[name]) for name in ("failures", "errors")}
    totals |= {"tests": str(len(outcomes)), "time": f"{seconds:.3f}"}
    totals["name"] = suite
    root = ET.Element("testsuites", _clean(totals))
    more = {"skipped": str(counts["skipped"]), "timestamp": timestamp}
    body = ET.SubElement(root, "testsuite", _clean(totals | more))
    seen: Counter[tuple[str, str]] = Counter()
    for outcome, tag in zip(outcomes, tags, strict=True):
        named = (outcome.of.name, outcome.of.metric)
        seen[named] += 1
        _add_case(body, outcome, _unique(outcome.of.metric, seen[named]), file, tag)
    if notes:
        ET.SubElement(body, "system-out").text = "\n".join(map(one_line, notes))
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _unique(metric: str, occurrence: int) -> str:
    """CI servers take test cases of the same names for one: number the second, the third."""
    return metric if occurrence == 1 else f"{metric} [{occurrence}]"


def _add_case(suite: ET.Element, outcome: Outcome, name: str, file: str, tag: str | None) -> None:
    # Comparing takes no time; what the measurements took is the suite's, they are interleaved.
    attributes = {"classname": outcome.of.name, "name": name, "time": "0.000"}
    if file:
        attributes["file"] = file
    if outcome.of.line is not None:
        attributes["line"] = str(outcome.of.line)
    case = ET.SubElement(suite, "testcase", _clean(attributes))
    properties = ET.SubElement(case, "properties")
    for key in ("value", "lo", "hi", "limit", "unit"):
        value = getattr(outcome, key)
        if value is not None:
            ET.SubElement(properties, "property", _clean({"name": key, "value": str(value)}))
    if tag:
        kind = "budget" if outcome.verdict == "FAIL" else "inconclusive"
        text = sentence(outcome)
        ET.SubElement(case, tag, _clean({"type": kind, "message": text})).text = text


def _tag(outcome: Outcome, inconclusive: Inconclusive) -> str | None:
    """Return the element that says what became of a limit, if it does not hold."""
    match settled(outcome, inconclusive):
        case "FAIL":
            return "failure"
        case "INCONCLUSIVE":
            return "error"
        case "PASS":
            return None if outcome.verdict == "PASS" else "skipped"


def _clean(attributes: dict[str, str]) -> dict[str, str]:
    """Escape what XML cannot hold, e.g. control characters, and line ends with it."""
    return {key: one_line(value) for key, value in attributes.items()}
