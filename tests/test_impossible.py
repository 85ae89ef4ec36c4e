"""Networks that cannot be are refused where that shows; those that are merely empty work."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import mncost
from mncost.errors import GridError, InputError, SpecError
from tests.networks import Row, network_of_rows, toml
from tests.running import Result

Cli = Callable[..., Result]

CONV: Row = {"block": "conv", "kernel": 3, "out": 8}
POOL: Row = {"block": "pool"}
LINEAR: Row = {"block": "linear", "out": 4}
NOTHING = {"minimum": 0, "rounding": "down", "expansion": "rounded"}

IMPOSSIBLE: dict[str, tuple[list[Row], dict[str, Any], type[InputError], str]] = {
    "nothing is left without padding": (
        [CONV | {"padding": "valid"}] * 4,
        {},
        GridError,
        r"row4\.conv \(3×3, stride 1\) gets 2×2 pixels",
    ),
    "a kernel wider than the image": (
        [CONV | {"kernel": [1, 9], "padding": "valid"}],
        {},
        GridError,
        r"row1\.conv \(1×9, stride 1\) gets 8×8 pixels",
    ),
    "no expanded channels": (
        [{"block": "inverted_residual", "kernel": 3, "out": 8, "expansion": 0.1}],
        {"rules": NOTHING},
        GridError,
        r"row 1 \(row1\): α 1 leaves 0 channels",
    ),
    "no channels by ratio": (
        [{"block": "conv", "kernel": 3, "expansion": 0.1}],
        {"rules": NOTHING},
        GridError,
        r"row 1 \(row1\): α 1 leaves 0 channels",
    ),
    "a convolution after a linear layer": (
        [POOL, LINEAR, CONV],
        {},
        SpecError,
        r"row3\.conv needs an image of 4 channels, and gets 4",
    ),
    "a pool after a linear layer": (
        [POOL, LINEAR, POOL],
        {},
        SpecError,
        r"row3\.pool needs an image, and gets 4",
    ),
    "attention after a linear layer": (
        [POOL, LINEAR, {"block": "mobile_mqa", "heads": 1, "key_dim": 2}],
        {},
        SpecError,
        r"row3\.(bn|query\.conv) needs an image of 4 channels",
    ),
    "two outputs that are one result": (
        [CONV, {"block": "activation", "activation": "none"}],
        {"outputs": ["row1", "row2"]},
        SpecError,
        r"outputs: row1 and row2 are one result",
    ),
    "an output that is the image, beside another": (
        [{"block": "activation", "activation": "none"}, CONV],
        {"outputs": ["row1", "row2"]},
        SpecError,
        r"outputs: row1 is the image as it is",
    ),
}


@pytest.mark.parametrize("case", IMPOSSIBLE)
def test_impossible(case: str) -> None:
    rows, keys, error, words = IMPOSSIBLE[case]
    with pytest.raises(error, match=words):
        network_of_rows(rows, **keys)


def test_no_width_at_a_small_alpha() -> None:
    with pytest.raises(GridError, match=r"α 0\.01 leaves 0 channels"):
        network_of_rows([CONV], alpha=0.01, rules=NOTHING)


EMPTY: dict[str, list[Row]] = {
    "pool": [POOL],
    "dropout": [{"block": "dropout", "rate": 0.1}],
    "nothing at all": [{"block": "activation", "activation": "none"}],
}
COMMANDS = [
    "table",
    "table --convention torch",
    "table --convention fvcore --format json",
    "layers",
    "layers --by block",
    "layers --by kind --format csv",
    "explain",
    "export -o out.toml",
]
PICTURES = ["plot --kind layers --no-time", "plot --kind layers --no-time --by block -o out.svg"]
WITH_MODELS = ["verify", "export -o out.onnx", "export -o out.pt2"]


@pytest.mark.parametrize("name", EMPTY)
def test_a_network_without_a_multiplication_works(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_cli: Cli
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.toml").write_bytes(toml(EMPTY[name]))
    network = mncost.load("empty.toml")
    assert (network.macs, network.params, network.weight_bytes) == (0, 0, 0)
    assert (network.macs_ratio, network.params_ratio) == (None, None)
    models = WITH_MODELS if find_spec("torch") and find_spec("onnx") else []
    pictures = PICTURES if find_spec("matplotlib") else []
    for command in [*COMMANDS, *models, *pictures]:
        words = command.split()
        result = run_cli([words[0], "--arch", "empty.toml", *words[1:]])
        assert result.status == 0, (command, result.err)
