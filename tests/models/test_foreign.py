"""Weights of torchvision's and timm's models: ours then compute what theirs do, or say why not."""

from __future__ import annotations

import argparse
import gzip
import json
import os
import pickle
from collections import OrderedDict
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import safetensors.torch
import torch
from torch import nn

import mncost
from mncost.errors import InputError
from mncost.models.checkpoints import read_checkpoint
from mncost.models.foreign import map_foreign
from mncost.network import Network
from tests.models.data.record_foreign import CLASSES, FILE, SIZE, fill, image
from tests.models.test_onnx import run_onnx
from tests.running import Result

State = dict[str, torch.Tensor]

# What torchvision and timm really answered, see data/record_foreign.py.
RECORDS: list[dict[str, Any]] = [
    json.loads(line) for line in gzip.decompress(FILE.read_bytes()).splitlines()
]


def state_of(record: dict[str, Any]) -> State:
    """Return the foreign state dict, in its own order."""
    return {name: fill(name, tuple(shape)) for name, shape in record["shapes"].items()}


def network_of(record: dict[str, Any]) -> Network:
    return mncost.load(
        record["arch"], record["alpha"], SIZE, dialect=record["dialect"], classes=CLASSES
    )


@cache
def small() -> State:
    """Return torchvision's MobileNetV2 at α 0.35."""
    return state_of(RECORDS[0])


def small_network() -> Network:
    return network_of(RECORDS[0])


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record["builder"])
def test_the_same_outputs(record: dict[str, Any]) -> None:
    """Within 1e-4 of their standard deviation; by a file that is sorted by name just as well."""
    net, state = network_of(record), state_of(record)
    weights = map_foreign(state, net.graph, "their.pth")
    by_name = map_foreign(dict(sorted(state.items())), net.graph, "their.safetensors")
    assert all(np.array_equal(weights[name], by_name[name]) for name in weights)
    with torch.no_grad():
        got = net.to_torch(weights=weights).eval()(image()).numpy()
    expected = np.array(record["output"])
    assert expected.std() > 0.01
    assert np.abs(got - expected).max() <= 1e-4 * expected.std()


def test_every_architecture_of_both_projects_is_recorded() -> None:
    recorded = {(record["arch"], record["dialect"]) for record in RECORDS}
    assert len(recorded) == 3 + 11
    assert {record["alpha"] for record in RECORDS if record["dialect"] == "torchvision"} > {1.0}


@pytest.mark.parametrize(
    "save",
    [
        lambda state, path: torch.save(state, path.with_suffix(".pth")),
        lambda state, path: torch.save({"state_dict": state, "epoch": 3}, path.with_suffix(".pt")),
        lambda state, path: torch.save({"model": OrderedDict(state)}, path.with_suffix(".pth")),
        lambda state, path: torch.save({"net": state, "acc": 0.93}, path.with_suffix(".pth")),
        lambda state, path: torch.save(
            {"epoch": 3, "optimizer": {"lr": 0.1}, "model_state_dict": state},
            path.with_suffix(".pth"),
        ),
        lambda state, path: torch.save({"backbone": state}, path.with_suffix(".pth")),
        lambda state, path: torch.save(
            {f"module.{name}": value for name, value in state.items()}, path.with_suffix(".pth")
        ),
        lambda state, path: torch.save(
            state, path.with_suffix(".pth"), _use_new_zipfile_serialization=False
        ),
        lambda state, path: safetensors.torch.save_file(state, path.with_suffix(".safetensors")),
    ],
    ids=[
        *("plain", "state_dict", "model", "net", "model_state_dict", "the only one"),
        *("DistributedDataParallel", "old format", "safetensors"),
    ],
)
def test_files(save: Callable[[State, Path], None], tmp_path: Path) -> None:
    save(small(), tmp_path / "their")
    (path,) = tmp_path.iterdir()
    got = run_onnx(small_network().to_onnx(weights=path, dynamic_batch=True), image().numpy())
    expected = np.array(RECORDS[0]["output"])
    assert np.abs(got - expected).max() <= 1e-4 * expected.std()


def prefixed(prefix: str) -> State:
    return {f"{prefix}{name}": value for name, value in small().items()}


def averaged() -> dict[str, torch.Tensor]:
    """Return what torch.optim.swa_utils.AveragedModel saves: a counter beside the weights."""
    return {"n_averaged": torch.tensor(7), **prefixed("module.")}


CHECKPOINTS: dict[str, tuple[Any, str]] = {
    "plain": (small(), ""),
    "compiled": (prefixed("_orig_mod."), ""),
    "lightning": ({"state_dict": prefixed("model.net."), "epoch": 3}, "state_dict"),
    "averaged": (averaged(), ""),
    "torchvision's script": (
        {
            "model": small(),
            "model_ema": averaged(),
            "optimizer": {"state": {0: {"exp_avg": torch.ones(3)}}},
            "args": argparse.Namespace(lr=0.1),
        },
        "model",
    ),
    "timm's script": (
        {"arch": "mobilenetv2", "state_dict": small(), "state_dict_ema": small(), "metric": 71.2},
        "state_dict",
    ),
    "nested": ({"ema": {"decay": 0.999, "module": small()}}, "ema.module"),
    "optimizer by names": (
        {"optimizer": {"state": {"a.weight": {"exp_avg": torch.ones(3)}}}, "net": small()},
        "net",
    ),
}


@pytest.mark.parametrize(("content", "key"), CHECKPOINTS.values(), ids=CHECKPOINTS)
def test_checkpoints_of_training_scripts(content: Any, key: str, tmp_path: Path) -> None:
    """The state dict stands in various places; what it is called is said."""
    torch.save(content, path := tmp_path / "their.pth")
    checkpoint = read_checkpoint(path)
    assert checkpoint.key == key
    weights = map_foreign(checkpoint.state, small_network().graph, "their.pth")
    assert np.array_equal(weights["stem.conv.weight"], small()["features.0.0.weight"].numpy())
    assert len(weights) == len([name for name in small() if "tracked" not in name])


def test_a_prefix_before_our_own_names(tmp_path: Path) -> None:
    """Sorted by name they are in no order of execution: the names decide."""
    net = mncost.load("v2", 0.35, 64, classes=10)
    state = {f"module.{k}": v for k, v in net.to_torch(seed=5).state_dict().items()}
    safetensors.torch.save_file(state, path := tmp_path / "own.safetensors")
    again = net.to_torch(weights=path).state_dict()
    assert all(torch.equal(again[k], state[f"module.{k}"]) for k in again)


def two(tmp_path: Path) -> Path:
    """Write a checkpoint of two state dicts that differ."""
    doubled = {name: 2 * value for name, value in small().items()}
    torch.save({"model_ema": averaged(), "model": doubled}, path := tmp_path / "two.pth")
    return path


def test_a_key_may_name_what_a_state_dict_is_in(tmp_path: Path) -> None:
    doubled = {name: 2 * value for name, value in small().items()}
    torch.save({"ema": {"module": small()}, "net": doubled}, path := tmp_path / "in.pth")
    module = small_network().to_torch(weights=path, weights_key="ema")
    assert torch.equal(module.get_submodule("stem.conv").weight, small()["features.0.0.weight"])


@pytest.mark.parametrize(("key", "factor"), [("model", 2), ("model_ema", 1)])
def test_a_key_chooses(key: str, factor: int, tmp_path: Path) -> None:
    module = small_network().to_torch(weights=two(tmp_path), weights_key=key)
    stem = small()["features.0.0.weight"]
    assert torch.equal(module.get_submodule("stem.conv").weight, factor * stem)


def test_of_several_the_one_that_is_taken_is_said(
    here: Path, run_cli: Callable[..., Result]
) -> None:
    """The trained weights come before the averaged ones, whatever the order in the file."""
    path = two(here)
    said = "two.pth: took the state dict model; it holds model_ema too: --weights-key chooses"
    words = "export --arch v2 --alpha 0.35 --dialect torchvision --classes 10 --weights two.pth"
    status, _, err = run_cli([*words.split(), "-o", "net.pt"])
    assert (status, err) == (0, f"mncost: {said}\n")
    status, _, err = run_cli([*words.split(), "--weights-key", "model_emma", "-o", "net.pt"])
    assert status == 2
    assert "unknown weights key 'model_emma' (did you mean 'model_ema'?)" in err
    with pytest.warns(UserWarning, match="took the state dict model; it holds model_ema too"):
        small_network().to_torch(weights=path)


def test_a_key_without_a_file(run_cli: Callable[..., Result]) -> None:
    status, _, err = run_cli(["export", "v2", "--weights-key", "model", "-o", "net.pt"])
    assert (status, err.count("\n")) == (2, 1)
    assert "--weights-key needs --weights" in err


def test_names_of_very_many_parts(tmp_path: Path) -> None:
    """A line, and no recursion as deep as the name."""
    torch.save({".".join("a" * 900): torch.zeros(1)}, tmp_path / "deep.pth")
    with pytest.raises(InputError, match="more than 100 parts"):
        small_network().to_torch(weights=tmp_path / "deep.pth")


def test_half_precision(tmp_path: Path) -> None:
    torch.save({k: v.to(torch.bfloat16) for k, v in small().items()}, tmp_path / "half.pth")
    state = small_network().to_torch(weights=tmp_path / "half.pth").state_dict()
    stem = small()["features.0.0.weight"].to(torch.bfloat16).float()
    assert torch.equal(state["stem.conv.weight"], stem)


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_our_own_files(suffix: str, tmp_path: Path) -> None:
    """Also sorted by name, which is not the order of our layers."""
    net = mncost.load("v4-hybrid-m", 0.1, 64)
    module, path = net.to_torch(seed=5), tmp_path / f"own{suffix}"
    if suffix == ".pt":
        torch.save(module.state_dict(), path)
    else:
        safetensors.torch.save_file(module.state_dict(), path)
    arrays = {
        tensor.name: onnx.numpy_helper.to_array(tensor).ravel()
        for tensor in net.to_onnx(weights=path).graph.initializer
    }
    state = {k: v for k, v in module.state_dict().items() if "tracked" not in k}
    assert arrays.keys() == state.keys()
    assert all(np.array_equal(arrays[k], v.numpy().ravel()) for k, v in state.items())


def test_features_of_foreign_weights() -> None:
    """The classifier's weights are checked, and then left out."""
    net, state = small_network(), small()
    weights = map_foreign(state, net.graph, "their.pth")
    with torch.no_grad():
        embedding = net.to_torch(features=True, weights=weights).eval()(image())
    logits = embedding @ state["classifier.1.weight"].T + state["classifier.1.bias"]
    expected = torch.tensor(RECORDS[0]["output"])
    assert (logits - expected).abs().max() <= 1e-4 * expected.std()


# ------------------------------------------------------------------------------------- bad input


def without(*names: str) -> State:
    return {name: value for name, value in small().items() if not name.startswith(names)}


def changed(name: str, value: torch.Tensor) -> State:
    return {**small(), name: value}


OTHERS: dict[str, tuple[State, str]] = {
    "shape": (
        changed("features.1.conv.0.0.weight", torch.zeros(16, 1, 5, 5)),
        "in place of our row2.depthwise.conv (weight 16×1×3×3) it has features.1.conv.0.0 "
        "(weight 16×1×5×5)",
    ),
    "missing layer": (
        without("features.0.1."),
        "in place of our stem.bn (weight 16, bias 16, running_mean 16, running_var 16) it has "
        "features.1.conv.0.0 (weight 16×1×3×3)",
    ),
    "missing tensor": (
        without("classifier.1.bias"),
        "in place of our classifier.linear (weight 10×1280, bias 10) it has classifier.1 "
        "(weight 10×1280)",
    ),
    "missing end": (
        without("classifier"),
        "it ends before our classifier.linear (weight 10×1280, bias 10)",
    ),
    "more": (
        changed("classifier.2.weight", torch.zeros(5, 10)),
        "it goes on where ours ends, with classifier.2 (weight 5×10)",
    ),
    "no statistics": (
        without("features.0.1.running"),
        "in place of our stem.bn (weight 16, bias 16, running_mean 16, running_var 16) it has "
        "features.0.1 (weight 16, bias 16)",
    ),
    "one tensor": (
        {"weight": torch.zeros(3)},
        "in place of our stem.conv (weight 16×3×3×3) it has unnamed (weight 3)",
    ),
}


@pytest.mark.parametrize(("state", "difference"), OTHERS.values(), ids=OTHERS)
def test_another_network(state: State, difference: str, tmp_path: Path) -> None:
    """The message names the file, and the first layer that differs."""
    path = tmp_path / "their.pth"
    torch.save(state, path)
    with pytest.raises(InputError) as caught:
        small_network().to_torch(weights=path)
    assert str(caught.value) == f"{path}: the weights of another network: {difference}"


class Code:
    """What a malicious file holds: its unpickling makes a directory."""

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, ("executed",)


def saved(value: object) -> Callable[[Path], None]:
    return lambda path: torch.save(value, path)


def cut(value: Any, suffix: str) -> Callable[[Path], None]:
    """Save, and keep nine tenths of the file."""

    def write(path: Path) -> None:
        if suffix == ".safetensors":
            safetensors.torch.save_file(value, path)
        else:
            torch.save(value, path, _use_new_zipfile_serialization=suffix == ".pth")
        content = path.read_bytes()
        path.write_bytes(content[: len(content) * 9 // 10])

    return write


BAD: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "code": ("x.pth", saved({"a.weight": Code()}), "pickled code (posix.mkdir)"),
    "code as pickle": ("x.pth", lambda p: p.write_bytes(pickle.dumps(Code(), 2)), "pickled code"),
    "whole model": (
        "x.pt",
        saved(nn.Linear(2, 2)),
        "code (torch.nn.modules.linear.Linear)",
    ),
    "truncated": ("x.pth", cut(small(), ".pth"), "cut short"),
    "truncated, old": ("x.pt", cut(small(), ".pt"), "cut short"),
    "truncated safetensors": ("x.safetensors", cut(small(), ".safetensors"), "cut short"),
    "empty file": ("x.pth", lambda p: p.touch(), "not a state dict"),
    "empty safetensors": ("x.safetensors", lambda p: p.touch(), "not a safetensors file"),
    "noise": ("x.pth", lambda p: p.write_bytes(bytes(range(256)) * 9), "not a state dict"),
    "text": ("x.pth", lambda p: p.write_text("state dict\n"), "not a state dict"),
    "no tensors": ("x.pth", saved({}), "holds no tensors"),
    "one tensor": ("x.pth", saved(torch.ones(2)), "not a state dict, but one Tensor"),
    "list": ("x.pth", saved([torch.ones(2)]), "not a state dict, but one list"),
    "numbers": ("x.pth", saved({"epoch": 3}), "'epoch' is int"),
    "integers": ("x.pth", saved({"a.weight": torch.ones(3, dtype=torch.int8)}), "not a state dict"),
    "complex": ("x.pth", saved({"a": torch.ones(3, dtype=torch.complex64)}), "not a state dict"),
    "sparse": ("x.pth", saved({"a.weight": torch.eye(3).to_sparse()}), "not a state dict"),
    "line feed": ("x.pth", saved({"a\nb.weight": torch.ones(3)}), r"a\nb (weight 3)"),
    "integer keys": ("x.pth", saved({1: torch.ones(3)}), "not a state dict of tensors"),
    "missing": ("x.pth", lambda _: None, "cannot be read: No such file"),
    "directory": ("x.pth", lambda p: p.mkdir(), "cannot be read: Is a directory"),
    "unknown order": (
        "x.safetensors",
        lambda p: safetensors.torch.save_file(
            {"b.weight": torch.ones(3), "a.weight": torch.ones(3)}, p
        ),
        "runs a, b is unknown",
    ),
}


@pytest.mark.parametrize(("name", "write", "complaint"), BAD.values(), ids=BAD)
def test_bad_file(
    name: str,
    write: Callable[[Path], object],
    complaint: str,
    here: Path,
    run_cli: Callable[..., Result],
) -> None:
    """One line, exit status 2, nothing written, nothing executed."""
    write(here / name)
    words = f"export --arch v2 --dialect torchvision --weights {name} -o net.onnx"
    status, out, err = run_cli(words.split())
    assert (status, out) == (2, "")
    assert err.startswith(f"mncost: {name}: ")
    assert err.count("\n") == 1
    assert complaint in err
    assert {path.name for path in here.iterdir()} <= {name}
