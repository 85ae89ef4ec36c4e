"""ExecuTorch: lowering takes a minute for V2, so that this is a small network, and slow yet."""

from __future__ import annotations

from pathlib import Path

import pytest

import mncost
from mncost.measure.layer_shares import layer_shares
from mncost.measure.runtimes.executorch import ExecuTorch
from mncost.measure.workers.process import start_worker
from mncost.measure.workers.worker import WorkerSpec
from mncost.models.formats import Model, format_named
from mncost.models.weights import random_weights
from tests.measure import asking

pytest.importorskip("executorch", reason="pip install 'mncost[executorch]'")
pytestmark = pytest.mark.slow


@pytest.mark.parametrize("precision", ExecuTorch.precisions)
def test_a_worker(tmp_path: Path, precision: str) -> None:
    """Every layer with MACs has a time of its own; tests/readers/test_pte.py has its outputs."""
    net = mncost.load(str(Path(__file__).parents[1] / "tiny.toml"), 1.0, 32)
    model = Model(net.graph, net.inputs, precision, lambda: random_weights(net.graph, 5))
    said = format_named("executorch").write(model, tmp_path)
    assert (said is None) == (precision == "fp32")
    assert said is None or 1e-3 < said.error < 0.5
    worker = start_worker(WorkerSpec("executorch", 1))
    try:
        assert set(worker.hello.versions) >= {"python", "torch", "numpy"}
        loaded = worker.ask(asking.load(0, tmp_path))
        assert all(ns > 0 for ns in loaded.ns)
        assert loaded.operators == len(net.graph.nodes)
        assert len(worker.ask(asking.burst(0, warmups=1, runs=4)).ns) == 4
        profiled = worker.ask(asking.profile(tmp_path, precision=precision, rounds=2))
    finally:
        worker.close()
    layers = layer_shares(ExecuTorch, net.graph, net.inputs, profiled)
    assert {layer.layer for layer in layers} >= {one.name for one in net.layers if one.macs}
