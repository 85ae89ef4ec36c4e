"""``mncost verify``: agreement is found, and so is every lie of every witness."""

from __future__ import annotations

import copy
import csv
import importlib.util
import io
import json
import warnings
from collections.abc import Callable
from typing import Any

import pytest

import mncost
from mncost.graph.ops import Linear
from mncost.witnesses.verify import ELSEWHERE, Reading, differences, gather, our_reading
from tests.networks import MOBILENETS
from tests.running import in_process

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # torch deprecates what fvcore does when it is imported
    for needed in ("numpy", "onnx", "torch", "fvcore.nn"):
        pytest.importorskip(needed)

import onnx
import torch
from torch import nn

from mncost.models import onnx_model
from mncost.models.torch_model import torch_module
from mncost.models.weights import random_weights
from mncost.witnesses import verify_onnx, verify_torch

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

CELL = ("verify", "--arch", "v2", "--resolution", "64")
LAYER = "row3.2.project.conv"  # V2's first residual block: 144 → 24 channels at 16 × 16
MACS, PARAMS = 144 * 24 * 16 * 16, 144 * 24


def rows(*arguments: str, status: int = 0) -> list[dict[str, str]]:
    """Run ``mncost verify`` and return the rows of its CSV."""
    result = in_process(["verify", *arguments, "--format", "csv"])
    assert result.status == status, result.err
    return list(csv.DictReader(io.StringIO(result.out)))


@pytest.mark.parametrize("arch", MOBILENETS)
def test_every_architecture_agrees(arch: str) -> None:
    """Ours, torch, fvcore and ONNX: four equal numbers for MACs and for parameters."""
    narrow = ("--alpha", "0.35") if arch.startswith("v4") else ()
    (row,) = rows("--arch", arch, "--resolution", "75", *narrow)
    assert_agreement(row)


@pytest.mark.parametrize("arch", ["v1", "v2", "v3-large", "v3-small", "v4-conv-s", "v4-hybrid-m"])
def test_twins_agree(arch: str) -> None:
    """The standard-convolution twins too; at α = 1 V4-L's has 500 M parameters."""
    (row,) = rows("--arch", arch, "--alpha", "0.25", "--resolution", "75", "--twin", "standard")
    assert_agreement(row)
    assert row["twin"] == "standard"


@pytest.mark.parametrize("arch", ["v2", "v3-large", "v3-small", "v4-conv-s", "v4-hybrid-m"])
def test_fused_twins_agree(arch: str) -> None:
    """And the twins whose blocks expand by a k×k convolution."""
    (row,) = rows("--arch", arch, "--alpha", "0.25", "--resolution", "75", "--twin", "fused")
    assert_agreement(row)
    assert row["twin"] == "fused"


def test_of_many_networks_one_may_have_no_pairs() -> None:
    """V1 has no fused twin but itself: among others it is verified as it is."""
    narrow = ("--alpha", "0.25", "--resolution", "64")
    v1, v2 = rows("--arch", "v1,v2", *narrow, "--twin", "fused")
    assert_agreement(v1)
    assert_agreement(v2)
    (itself,) = rows("--arch", "v1", *narrow)
    assert v1["macs"] == itself["macs"]


def assert_agreement(row: dict[str, str]) -> None:
    """Check that the four numbers are one, for MACs and for parameters."""
    for quantity in ("macs", "params"):
        assert len({row[f"{w}{quantity}"] for w in ("", "torch_", "fvcore_", "onnx_")}) == 1
    assert row["ok"] == "true"


@pytest.mark.parametrize("dialect", ["slim", "keras", "timm"])
def test_dialects_agree(dialect: str) -> None:
    """Uneven padding, a classifier that is a convolution, 1,001 classes."""
    small = ("--alpha", "0.25", "--resolution", "97")
    found = rows("--arch", "v1,v2,v3-small", "--dialect", dialect, *small)
    assert [row["ok"] for row in found] == ["true"] * 3


def test_a_grid_has_one_line_a_cell() -> None:
    """V2 over its published α: torchvision's parameters, by every witness."""
    found = rows("--arch", "v2", "--alpha", "0.5:0.75", "--resolution", "32,64")
    assert [(row["alpha"], row["resolution"]) for row in found] == [
        (alpha, size) for alpha in ("0.5", "0.75") for size in ("32", "64")
    ]
    assert [row["onnx_params"] for row in found[::2]] == ["1968680", "2636424"]


def test_layers_have_a_line_each() -> None:
    """`--layers` has each layer that computes or holds anything, in execution order."""
    found = rows("--arch", "v2", "--resolution", "64", "--layers")
    names = [row["name"] for row in found]
    assert len(found) == 52 + 52 + 1
    assert names[:4] == ["stem.conv", "stem.bn", "row2.depthwise.conv", "row2.depthwise.bn"]
    by_name = {row["name"]: row for row in found}
    assert [by_name[LAYER][f"{w}macs"] for w in ("", "torch_", "fvcore_", "onnx_")] == [
        str(MACS)
    ] * 4
    assert [by_name[LAYER][f"{w}params"] for w in ("", "torch_", "fvcore_", "onnx_")] == [
        str(PARAMS)
    ] * 4


@pytest.mark.parametrize("name", ["terminal", "json", "markdown"])
def test_every_format(name: str) -> None:
    """People get digits in groups, and "=" from who agrees; programs get bare numbers."""
    result = in_process([*CELL, "--format", name])
    macs = mncost.load("v2", resolution=64).macs
    assert (result.status, result.err) == (0, "")
    if name == "json":
        assert json.loads(result.out)["rows"][0]["torch_macs"] == macs
    else:
        assert result.out.count(f"{macs:,}") == 1
        assert result.out.count("=") == 3  # three witnesses


# ------------------------------------------------------------------- a lie for each witness


def _biased(module: nn.Module) -> nn.Module:
    """Give one convolution a bias that ours does not have."""
    wrong = copy.deepcopy(module)
    layer = wrong.get_submodule(LAYER)
    layer.bias = nn.Parameter(torch.zeros(24, device=next(module.parameters()).device))
    return wrong


def _dense(module: nn.Module) -> nn.Module:
    """Make a depthwise convolution a full one."""
    wrong = copy.deepcopy(module)
    layer = wrong.get_submodule("row3.2.depthwise.conv")
    device = next(module.parameters()).device
    layer.groups, layer.weight = 1, nn.Parameter(torch.zeros(144, 144, 3, 3, device=device))
    return wrong


def _enlarged(model: onnx.ModelProto) -> onnx.ModelProto:
    """Let one initialiser be of another shape than the model's other tensors have."""
    weight = next(w for w in model.graph.initializer if w.name == f"{LAYER}.weight")
    weight.dims[0] = 25
    return model


def _strided(model: onnx.ModelProto) -> onnx.ModelProto:
    """Let the last convolution skip every other pixel; what follows pools it anyway."""
    node = next(n for n in model.graph.node if n.name == "last.conv")
    strides = next(a for a in node.attribute if a.name == "strides")
    strides.ints[:] = [2, 2]
    return model


def _without_bias(model: onnx.ModelProto) -> onnx.ModelProto:
    """Leave the classifier's bias out."""
    node = next(n for n in model.graph.node if n.op_type == "Gemm")
    bias = next(w for w in model.graph.initializer if w.name == node.input[2])
    del node.input[2]
    model.graph.initializer.remove(bias)
    return model


LIES: list[tuple[str, Callable[[Any], Any], str, list[str]]] = [
    ("torch", _biased, LAYER, [f"{PARAMS + 24:,} parameters by torch, {PARAMS:,} by us"]),
    (
        "torch",
        _dense,
        "row3.2.depthwise.conv",
        [f"{144 * 144 * 9 * 256:,} MACs by torch", f"{144 * 144 * 9:,} parameters by torch"],
    ),
    ("fvcore", _biased, LAYER, [f"{PARAMS + 24:,} parameters by fvcore"]),
    (
        "fvcore",
        _dense,
        "row3.2.depthwise.conv",
        [f"{144 * 144 * 9 * 256:,} MACs by fvcore", f"{144 * 144 * 9:,} parameters by fvcore"],
    ),
    ("onnx", _strided, "last.conv", [f"{320 * 1280:,} MACs by onnx, {4 * 320 * 1280:,} by us"]),
    ("onnx", _without_bias, "classifier.linear", ["1,280,000 parameters by onnx, 1,281,000 by us"]),
    ("onnx", _enlarged, LAYER, ["MACs by onnx", f"{25 * 144:,} parameters by onnx"]),
]


@pytest.mark.parametrize(("witness", "lie", "layer", "said"), LIES)
def test_a_wrong_model_is_found(
    witness: str,
    lie: Callable[[Any], Any],
    layer: str,
    said: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Exit status 1, and one line a quantity that names the first layer that differs."""
    module = verify_onnx if witness == "onnx" else verify_torch
    honest = getattr(module, f"{witness}_reading")
    monkeypatch.setattr(
        module, f"{witness}_reading", lambda model, *others: honest(lie(model), *others)
    )
    result = in_process([*CELL, "--format", "csv"])
    (row,) = csv.DictReader(io.StringIO(result.out))
    lines = result.err.splitlines()
    assert (result.status, row["ok"], len(lines)) == (1, "false", len(said))
    for line, words in zip(lines, said, strict=True):
        assert line.startswith(f"mncost: v2 α 1.0 at 64 px, dialect paper: {layer}: ")
        assert words in line


@pytest.mark.parametrize("quantity", ["macs", "params"])
def test_a_wrong_count_of_ours_is_found_by_every_witness(
    quantity: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If we counted one more, torch, fvcore and ONNX would all say so."""

    def lying(*arguments: Any) -> Reading:
        name, macs, params = our_reading(*arguments)
        wrong = {**(macs if quantity == "macs" else params)}
        wrong[LAYER] += 1
        return Reading(name, wrong, params) if quantity == "macs" else Reading(name, macs, wrong)

    monkeypatch.setattr("mncost.witnesses.verification.our_reading", lying)
    result = in_process([*CELL])
    assert result.status == 1
    assert [line.split(" by ")[1].split(",")[0] for line in result.err.splitlines()] == [
        "torch",
        "fvcore",
        "onnx",
    ]
    assert result.err.count(f"{LAYER}: ") == 3


def test_a_wrong_graph_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A torch module of another network differs, from the first layer on which it does."""
    other = mncost.load("v2", alpha=1.4).graph
    monkeypatch.setattr(verify_torch, "torch_module", lambda graph: torch_module(other))
    result = in_process([*CELL])
    assert result.status == 1
    first = result.err.splitlines()[0]
    assert "stem.conv: " in first
    assert "more layers differ" in first


def test_layers_show_which_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    """`--layers` marks the layer that differs, and no other."""
    honest = verify_torch.torch_reading
    monkeypatch.setattr(
        verify_torch, "torch_reading", lambda model, *others: honest(_biased(model), *others)
    )
    wrong = [
        row["name"]
        for row in rows("--arch", "v2", "--resolution", "64", "--layers", status=1)
        if row["ok"] == "false"
    ]
    assert wrong == [LAYER]


# ------------------------------------------------------------------------------ the pieces


def test_what_belongs_to_no_layer_of_ours_is_not_lost() -> None:
    """A parameter or an operator that we do not know is a difference of its own."""
    assert gather({"a.b.weight": 3, "a.b.c": 4, "x": 5, "y": 0}, ["a.b"]) == {
        "a.b": 7,
        ELSEWHERE: 5,
    }
    ours = Reading("mncost", {"a": 1}, {"a": 0})
    (found,) = differences(ours, Reading("torch", {"a": 1, ELSEWHERE: 2}, {}))
    assert str(found) == f"{ELSEWHERE}: 2 MACs by torch, 0 by us"


def test_an_onnx_operator_without_a_price_is_no_zero() -> None:
    """What the walk does not know, it refuses."""
    model = _small_model()
    pool = next(node for node in model.graph.node if node.op_type == "GlobalAveragePool")
    pool.op_type = "GlobalMaxPool"
    with pytest.raises(ValueError, match="GlobalMaxPool has no price"):
        verify_onnx.onnx_reading(model, [])


def test_the_walk_does_not_believe_declared_shapes() -> None:
    """Inner shapes are inferred from the operators, whatever the file declares."""
    model = _small_model()
    names = [node.name for node in mncost.load("v2", resolution=64).graph.nodes]
    honest = verify_onnx.onnx_reading(model, names)
    for value in model.graph.value_info:
        for dim in value.type.tensor_type.shape.dim:
            dim.dim_value = 7
    assert verify_onnx.onnx_reading(model, names) == honest


def _small_model() -> onnx.ModelProto:
    network = mncost.load("v2", alpha=0.35, resolution=64)
    assert isinstance(network.graph.nodes[-1].op, Linear)
    weights = random_weights(network.graph)
    return onnx_model.onnx_model(network.graph, network.shapes, weights)


@pytest.mark.parametrize(
    ("missing", "said"),
    [(("fvcore",), "needs fvcore: "), (("torch", "onnx"), "needs torch, onnx: ")],
)
def test_a_missing_package_is_one_line(
    missing: tuple[str, ...], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says what is missing and the exact line that installs it."""
    real = importlib.util.find_spec
    monkeypatch.setattr(
        "mncost.extras.find_spec", lambda name: None if name in missing else real(name)
    )
    result = in_process([*CELL])
    assert (result.status, result.out, result.err.count("\n")) == (2, "", 1)
    assert said in result.err
    assert "pip install 'mncost[verify]'" in result.err


def test_an_unknown_twin_names_the_closest() -> None:
    """A typo is one line, before anything heavy is imported."""
    result = in_process([*CELL, "--twin", "standart"])
    assert (result.status, result.err.count("\n")) == (2, 1)
    assert "did you mean 'standard'" in result.err
