"""Training steps and weights of which many are 0, as cells of the engine."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import mncost
from mncost.errors import InputError
from mncost.in_hand import teacher_of
from mncost.measure.runtimes.torch_step import training_step
from mncost.measure.where import Where
from mncost.models.sparse import sparse, sparse_bytes
from mncost.models.torch_model import load_weights, torch_module
from mncost.models.weights import random_weights
from tests.measure.scripted import instead_of_processes


@pytest.fixture(autouse=True)
def _no_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    instead_of_processes(monkeypatch)


def rows_of(run_cli: Callable[..., Any], words: str) -> list[dict[str, Any]]:
    result = run_cli(["bench", *words.split(), "--runtime", "fake", "--format", "json"])
    assert result.status == 0, result
    rows: list[dict[str, Any]] = json.loads(result.out)["rows"]
    return rows


def test_steps_stand_beside_an_inference(run_cli: Callable[..., Any]) -> None:
    """In the script a step takes three times an inference; MACs are those of a step."""
    rows = rows_of(run_cli, "v2 --alpha 0.35 --training --train head,bias+head --max-time 2s")
    assert [row["training"] for row in rows] == [None, "head", "bias+head"]
    latencies = [row["latency"] for row in rows]
    assert latencies[1] / latencies[0] == pytest.approx(3, rel=0.2)
    net = mncost.load("v2", alpha=0.35)
    steps = [net.training(train, batch=1).macs for train in ("head", "head+bias")]
    assert [row["macs"] for row in rows] == [net.macs, *steps]


def test_what_is_found(run_cli: Callable[..., Any]) -> None:
    said = run_cli(["bench", "v2", "--training", "--runtime", "fake", "--max-time", "3s"]).out
    assert "a step that trains all takes" in said
    assert "2.96 times its MACs" in said
    words = "bench v2 --sparsity 0,0.9 --no-twin --runtime fake --max-time 3s"
    said = run_cli(words.split()).out
    assert "times as fast as without zeros" in said
    assert "a file without the zeros has" in said


def test_a_teacher_by_the_name_of_a_checkpoint() -> None:
    student = mncost.load("v2", resolution=160)
    teacher = teacher_of(student, "mobilenet_v2_1.0_224")
    assert teacher is not None
    assert teacher.macs == student.macs + 1280  # it has 1,001 classes


def test_a_teacher_runs_beside_the_steps(run_cli: Callable[..., Any]) -> None:
    rows = rows_of(run_cli, "v2 --training --train all --teacher v1 --max-time 2s")
    measured = sorted((row["arch"], row["training"] or "") for row in rows)
    assert measured == [("v1", ""), ("v2", ""), ("v2", "all")]
    words = "bench v2 --training --train all --teacher v1 --runtime fake --max-time 3s"
    said = run_cli(words.split()).out
    student, teacher = mncost.load("v2"), mncost.load("v1")
    step = student.training("all", batch=1)
    assert f"{1 + teacher.macs / step.macs:.2f} times its MACs" in said
    on_paper = student.training("all", batch=4, teacher=teacher)
    assert on_paper.distilled_macs == 4 * (step.macs + teacher.macs)
    assert run_cli(["bench", "v2", "--teacher", "v1", "--runtime", "fake"]).status == 2
    assert run_cli(["table", "v2", "--teacher", "v1"]).status == 2
    assert run_cli(["table", "v2", "--training", "--teacher", "v9"]).status == 2


def test_zeros_are_cells(run_cli: Callable[..., Any], here: Path) -> None:
    rows = rows_of(run_cli, "v2 --sparsity 0,50%,0.9 --no-twin --max-time 2s --save run.json")
    assert [row["sparsity"] for row in rows] == [0.0, 0.5, 0.9]
    again = run_cli(["show", "run.json", "--format", "json"])
    assert [row["sparsity"] for row in json.loads(again.out)["rows"]] == [0.0, 0.5, 0.9]


@pytest.mark.parametrize("train", ["all", "head", "norm", "last:2"])
def test_a_step_trains_what_it_says(train: str) -> None:
    """Gradients arrive where they should, every step does the same, no weight moves."""
    net = mncost.load("v3-small", alpha=0.35, resolution=32, classes=7)
    module = torch_module(net.graph)
    load_weights(module, random_weights(net.graph))
    module.requires_grad_(False)
    before = {name: one.clone() for name, one in module.named_parameters()}
    step = training_step(module, net.graph, [torch.randn(4, 3, 32, 32)], train)
    losses = [float(step().detach()) for _ in range(2)]  # type: ignore[attr-defined]
    assert all(np.isfinite(losses))
    with_gradient = {name for name, one in module.named_parameters() if one.grad is not None}
    trained = sum(one.numel() for one in module.parameters() if one.grad is not None)
    assert trained == net.training(train, batch=4).trained_params
    assert any("classifier" in name for name in with_gradient) == (train != "norm")
    after = dict(module.named_parameters())
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_fake_quantisation_rounds_weights_and_what_layers_read() -> None:
    """There are at most 256 different numbers, each at most a step from the exact one."""
    net = mncost.load("v3-small", alpha=0.35, resolution=32, classes=7)
    module = torch_module(net.graph)
    load_weights(module, random_weights(net.graph))
    module.requires_grad_(False)
    images = torch.randn(4, 3, 32, 32)
    stem = next(one for one in module.modules() if isinstance(one, torch.nn.Conv2d))
    weight = stem.weight.clone()
    step = training_step(module, net.graph, [images], "head+qat")
    seen: list[torch.Tensor] = []
    stem.register_forward_hook(lambda layer, read, made: seen.append(read[0]))
    losses = [float(step().detach()) for _ in range(2)]  # type: ignore[attr-defined]
    assert all(np.isfinite(losses))

    (read, _), spread = seen, float(images.max() - images.min())
    assert 100 < len(read.unique()) <= 256
    assert 0 < float((read - images).abs().max()) <= 1.01 * spread / 255
    for rounded, exact in zip(stem.weight, weight, strict=True):  # a scale for each channel
        assert len(rounded.unique()) <= 256
        assert 0 < float((rounded - exact).abs().max()) <= 1.01 * float(exact.abs().max()) / 127

    trained = sum(one.numel() for one in module.parameters() if one.grad is not None)
    assert trained == net.training("head", batch=4).trained_params
    quantised = [one for one in module.modules() if hasattr(one, "fake_quant_enabled")]
    layers = [one for one in module.modules() if isinstance(one, torch.nn.Conv2d | torch.nn.Linear)]
    assert len(quantised) == 2 * len(layers)


def test_qat_beside_fp32(run_cli: Callable[..., Any]) -> None:
    rows = rows_of(run_cli, "v2 --alpha 0.35 --training --train all,all+qat --max-time 2s")
    assert [row["training"] for row in rows] == [None, "all", "all+qat"]
    assert rows[1]["macs"] == rows[2]["macs"]  # rounding is no multiply-accumulate


def test_a_step_of_what_has_no_logits() -> None:
    net = mncost.load("ssdlite-v3-large", alpha=0.2, resolution=64)
    module = torch_module(net.graph).requires_grad_(False)
    step = training_step(module, net.graph, [torch.randn(2, 3, 64, 64)], "last:1")
    step()
    assert sum(one.grad is not None for one in module.parameters()) > 0


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_the_smallest_weights_are_zeroed(share: float) -> None:
    net = mncost.load("v2", alpha=0.35, resolution=32)
    weights = random_weights(net.graph)
    made = sparse(net.graph, weights, share)
    size = 0
    for name, values in weights.items():
        now = made[name]
        if values.ndim > 1:
            zeros = int((now == 0).sum())
            assert zeros == int(share * values.size)
            kept = now != 0
            assert abs(values[kept]).min() >= abs(values[~kept]).max()
            assert np.array_equal(now[kept], values[kept])
            size += 4 * int(kept.sum()) + len(np.packbits(kept))
        else:
            assert np.array_equal(now, values)
            size += values.nbytes
    assert sparse_bytes(net.graph, share) == size
    assert sparse_bytes(net.graph, 0) == sum(values.nbytes for values in weights.values())


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"train": "head"}, "needs --training"),
        ({"training": True, "runtime": "onnxruntime"}, "does not train"),
        ({"training": True, "precision": "int8"}, "fp32"),
        ({"sparsity": 1.0}, "below 1"),
        ({"sparsity": (0, -0.5)}, "from 0"),
    ],
)
def test_what_cannot_be_measured(given: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        Where(**given)


@pytest.mark.parametrize("words", ["--training --train hed", "--training --by layer"])
def test_bad_options(run_cli: Callable[..., Any], words: str) -> None:
    result = run_cli(["bench", "v2", "--runtime", "fake", "--max-time", "1s", *words.split()])
    assert (result.status, result.out) == (2, "")
