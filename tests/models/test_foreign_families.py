"""Weights of one network of each other family: ours then computes what theirs does."""

from __future__ import annotations

import gzip
import json
from typing import Any

import numpy as np
import pytest
import torch

import mncost
from mncost.models.foreign import map_foreign
from tests.models.data.record_foreign import CLASSES, FAMILIES, FAMILIES_FILE, SIZE, image
from tests.models.test_foreign import state_of
from tests.models.test_onnx import run_onnx

# What torchvision and timm really answered, see data/record_foreign.py.
RECORDS: list[dict[str, Any]] = [
    json.loads(line) for line in gzip.decompress(FAMILIES_FILE.read_bytes()).splitlines()
]


def weights_count(record: dict[str, Any]) -> int:
    return sum(int(np.prod(shape)) for shape in record["shapes"].values())


def marked(record: dict[str, Any]) -> Any:
    """The large ones take seconds each."""
    marks = [pytest.mark.slow] if weights_count(record) > 4_000_000 else []
    return pytest.param(record, marks=marks, id=record["builder"])


@pytest.mark.parametrize("record", [marked(record) for record in RECORDS])
def test_the_same_outputs(record: dict[str, Any]) -> None:
    """Torch and ONNX, within 1e-4 of their standard deviation."""
    size = record.get("size", SIZE)
    net = mncost.load(record["arch"], 1.0, size, record["dialect"], CLASSES)
    weights = map_foreign(state_of(record), net.graph, "their.pth")
    expected = np.array(record["output"])
    assert expected.std() > 1e-4
    with torch.no_grad():
        got = net.to_torch(weights=weights).eval()(image(size)).numpy()
    assert np.abs(got - expected).max() <= 1e-4 * expected.std()
    by_onnx = run_onnx(net.to_onnx(weights=weights, dynamic_batch=True), image(size).numpy())
    assert np.abs(by_onnx - expected).max() <= 2e-4 * expected.std()


def test_every_recording_is_there() -> None:
    """Each line of the recorder's table, in its order."""
    assert [(r["arch"], r["dialect"]) for r in RECORDS] == [one[:2] for one in FAMILIES]
