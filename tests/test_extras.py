"""Extras: what is missing, and the command that installs it."""

from __future__ import annotations

import re
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest

import mncost
from mncost.errors import MissingExtraError
from mncost.extras import EXTRAS, install, require

DISTRIBUTION_OF = {
    "ai_edge_litert": "ai-edge-litert",
    "jinja2": "jinja2",
}  # where the two names differ, by module


def requirements(extra: str) -> set[str]:
    """Return the distributions that pyproject.toml lists for an extra, and for those in it."""
    text = (Path(__file__).parent.parent / "pyproject.toml").read_text("utf-8")
    extras = tomllib.loads(text)["project"]["optional-dependencies"]
    names: set[str] = set()
    for requirement in extras[extra]:
        if inner := re.fullmatch(r"mncost\[(.*)\]", requirement):
            names = names.union(*map(requirements, inner[1].split(",")))
        else:
            names.add(re.split(r"[<>=!~ ]", requirement)[0])
    return names


@pytest.mark.parametrize("extra", EXTRAS)
def test_an_extra_installs_what_its_features_need(extra: str) -> None:
    needed = {DISTRIBUTION_OF.get(name, name) for name in EXTRAS[extra]}
    alone = set(re.findall(r"--no-deps (\S+)", install(extra)))
    assert needed <= requirements(extra) | alone
    assert not requirements(extra) & alone


def test_what_is_installed_without_its_dependencies() -> None:
    python = sys.executable
    assert install("ncnn").startswith(
        f"{python} -m pip install 'mncost[ncnn]' && {python} -m pip install --no-deps pnnx"
    )


everything = pytest.mark.skipif(
    not all(map(find_spec, ("torch", "onnxruntime", "pyperf"))), reason="needs mncost[dev]"
)


@everything
def test_nothing_is_missing_here() -> None:
    require()
    require(*(name for name in EXTRAS if name != "executorch"))  # no part of mncost[dev]


@everything
def test_everything_that_is_missing_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    lacking = {"scipy", "psutil", "onnxruntime"}
    monkeypatch.setattr(
        "mncost.extras.find_spec", lambda name: None if name in lacking else find_spec(name)
    )
    with pytest.raises(MissingExtraError) as caught:
        require("bench")
    assert caught.value.missing == ["scipy", "psutil", "onnxruntime"]
    assert caught.value.command == f"{sys.executable} -m pip install 'mncost[bench]'"


@everything
@pytest.mark.parametrize(
    ("runtime", "extras"),
    [("torch", "bench,torch"), ("openvino", "openvino"), ("onnxruntime", "bench"), (None, "bench")],
)
def test_the_hint_has_the_extras_of_the_runtimes(
    runtime: str | None, extras: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mncost.extras.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError) as caught:
        mncost.bench("v2", runtime=runtime)
    assert {"scipy", "psutil"} <= {*caught.value.missing}
    assert f"'mncost[{extras}]'" in caught.value.command


@everything
def test_without_onnx_runtime_another_runtime_can_be_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        "mncost.extras.find_spec", lambda name: None if name == "onnxruntime" else find_spec(name)
    )
    require("bench")


def test_the_command_is_for_the_running_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/a b/python")
    assert install("bench", "plot") == "'/a b/python' -m pip install 'mncost[bench,plot]'"


@pytest.mark.parametrize(
    ("extra", "platform", "has_torch", "is_said"),
    [
        ("models", "linux", False, True),
        ("models", "linux", True, False),
        ("models", "darwin", False, False),
        ("bench", "linux", False, False),
    ],
)
def test_a_hint_that_brings_torch_says_how_to_keep_cuda_away(
    monkeypatch: pytest.MonkeyPatch, extra: str, platform: str, has_torch: bool, is_said: bool
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr("mncost.extras.find_spec", lambda name: object() if has_torch else None)
    hint = install(extra)
    assert f" -m pip install 'mncost[{extra}]'" in hint
    assert ("--torch-backend=cpu" in hint) == is_said
