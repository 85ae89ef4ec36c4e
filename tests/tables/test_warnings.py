"""Warnings: people get one line with the cause and what to do, programs get all of them."""

from __future__ import annotations

import json

import pytest

from mncost import units
from mncost.measure.records import Failure, Run
from mncost.render.json import render as as_json
from mncost.render.plain import render as as_text
from mncost.results.results import Results
from mncost.tables.run import run_table
from mncost.tables.warnings import warning_line
from tests.results.test_warnings import calm, conditions


def _line(run: Run) -> str:
    return warning_line(Results(run))


def test_a_calm_run_has_no_line() -> None:
    assert _line(calm()) == ""


def test_other_programs_are_named_and_the_advice_is_a_quiet_machine() -> None:
    line = _line(calm(conditions=conditions(other_load=1.4)))
    assert line == "Doubtful: other programs used 1.4 cores. Try again on a quiet machine."


def test_a_run_of_one_process_is_unreliable_and_needs_time() -> None:
    run = calm(generations=1, rounds=20)
    run.seconds = 10.0  # no interval: ten times as long is advised
    assert _line(run).startswith("Unreliable: only 1 process. Try --max-time 2min.")
    run.conditions = conditions(other_load=1.4)
    assert "other programs used 1.4 cores. Try --max-time 2min on a quiet machine." in _line(run)


@pytest.mark.parametrize("seconds", [0.5, 25.0, 600.0, 10_000.0])
def test_the_time_that_is_advised_is_longer_within_reason(seconds: float) -> None:
    run = calm(generations=1)
    run.seconds = seconds
    advised = units.seconds("", _line(run).partition("--max-time ")[2].split(".")[0])
    assert min(2 * seconds, 1800) <= advised <= 1800


def test_people_get_one_line_and_programs_everything() -> None:
    run = calm(generations=2, rounds=2, conditions=conditions(other_load=1.4, steal=0.3))
    results = Results(run)
    table = run_table(results)
    every = [warning.text for warning in results.warnings]
    assert len(every) > 3
    shown = as_text(table)
    assert not any(text in shown for text in every)
    assert shown.splitlines()[-1] == warning_line(results)
    assert f"{len({w.name for w in results.warnings}) - 1} more warnings: -v." in shown
    notes = "\n".join(json.loads(as_json(table))["notes"])
    assert all(text in notes for text in every)
    assert all(text in as_text(table.in_full()) for text in every)
    assert warning_line(results) not in as_text(table.in_full())


def test_a_few_failures_are_always_said_and_many_are_counted() -> None:
    run = calm(cells=6)
    run.failures = [Failure(cell=c, generation=0, reason=f"broken {c}") for c in range(5)]
    shown = as_text(run_table(Results(run)))
    assert [f"broken {c}" in shown for c in range(5)] == [True] * 3 + [False] * 2
    assert "failed: 2 more" in shown
    assert "broken 4" in as_json(run_table(Results(run)))
