"""Runs to make pages of: measured by a scripted runtime, or made up."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from mncost.measure.runtimes.fake import SCRIPT
from tests.measure.scripted import instead_of_processes
from tests.running import Result

Cli = Callable[..., Result]


@pytest.fixture(autouse=True)
def scripted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SCRIPT, json.dumps({"process": 0.002, "noise": 0.002}))
    instead_of_processes(monkeypatch)


@pytest.fixture
def run_file(run_cli: Cli, here: Path) -> str:
    """Return a run of V2's and V3-Small's published networks, with the first ones' twins."""
    words = "bench --arch v2,v3-small --alpha 0.35:1.0 --runtime fake -o run.json"
    result = run_cli(words.split())
    assert result.status == 0, result.err
    return "run.json"


@pytest.fixture
def pairs_file(run_cli: Cli, here: Path) -> str:
    """Return a run of V1, its twin, their layers and their memory."""
    words = "compare --arch v1 --bench --runtime fake --save pairs.json"
    result = run_cli(words.split())
    assert result.status == 0, result.err
    return "pairs.json"
