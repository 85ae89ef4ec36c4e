"""The convention ``onnx-tool`` gives what that tool printed for the ONNX files that we write."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import mncost
from mncost.cost.conventions import CONVENTIONS
from tests.networks import network_of_rows
from tests.witness.record_onnx_tool import printed, rows

FILE = Path(__file__).parents[1] / "witness" / "onnx_tool.jsonl"
VERSION, *RECORDS = [json.loads(line) for line in FILE.read_text().splitlines()]


def network_of(record: dict[str, Any]) -> mncost.Network:
    if "activation" in record:
        return network_of_rows(rows(record["activation"]), 16)
    return mncost.load(
        record["arch"], record["alpha"], record["resolution"], dialect=record["dialect"]
    )


@pytest.mark.parametrize("record", RECORDS, ids=lambda one: one.get("arch", one.get("activation")))
def test_what_it_printed(record: dict[str, Any]) -> None:
    """To the unit: families, and layers of every kind with each activation."""
    convention = CONVENTIONS["onnx-tool"]
    assert convention.version == VERSION["onnx-tool"]
    assert convention.total(network_of(record).seen) == record["macs"]


@pytest.mark.slow
def test_what_it_prints() -> None:
    pytest.importorskip("onnx_tool")
    network = mncost.load("v3-small", 0.5, 97)
    assert CONVENTIONS["onnx-tool"].total(network.seen) == printed(network)
