"""Every fuzzer, with few inputs: `python -m tests.fuzz` tries as many as one likes."""

from __future__ import annotations

import os
from random import Random

import pytest

from tests.fuzz.running import FUZZERS, Fuzzer, try_many
from tests.fuzz.trying import STATUSES, call, outcome
from tests.running import Result

pytest.importorskip("scipy", reason="most fuzzers measure, with a scripted runtime")

INPUTS = int(os.environ.get("MNCOST_FUZZ", "300"))
WEIGHTS = sum(fuzzer.weight for fuzzer in FUZZERS.values())


@pytest.mark.parametrize("name", FUZZERS)
def test_no_input_is_a_fault(name: str) -> None:
    tried = try_many(name, 1, 0, INPUTS * FUZZERS[name].weight // WEIGHTS)
    assert tried.faults == []
    # A fuzzer whose inputs are all refused at the door tests nothing behind it.
    assert tried.outcomes.get("accepted")
    assert set(tried.outcomes) <= set(STATUSES.values())


def test_faults_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash, a line for a CI service, a status that nothing promises; by the input's number."""

    def attempt(random: Random) -> str:
        return outcome(call(["list"]))

    faults: list[Result | Exception] = [
        ValueError("x"),
        Result(0, "a\n::stop-commands::x\n", ""),
        Result(9, "", ""),
    ]

    def wrong(words: list[str], stdin: bytes) -> Result:
        if isinstance(fault := faults.pop(0), Result):
            return fault
        raise fault

    monkeypatch.setattr("tests.fuzz.trying.in_process", wrong)
    monkeypatch.setitem(FUZZERS, "axes", Fuzzer(attempt, 1))
    tried = try_many("axes", 0, 5, 3)
    assert [index for _, index in tried.faults] == [5, 6, 7]
    assert tried.outcomes == {"FAULT": 3}
