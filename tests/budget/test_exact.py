"""Exact limits: compared to the last unit, with counts that are arithmetic."""

from __future__ import annotations

from pathlib import Path

import pytest

import mncost
from mncost.budget.exact import check_exact, network_of
from mncost.budget.outcome import Outcome
from mncost.budget.records import Exact, Limit, Model, Place
from mncost.errors import InputError
from mncost.twins import twin_of

# One convolution 3×3 from 3 to 8 channels on 32 × 32 pixels, with its batch norm; and a depthwise
# 3×3 with a pointwise in its place.
HEAD = 'name = "tiny"\nresolution = 32\n'
CONV = HEAD + 'rows = [{ block = "conv", kernel = 3, out = 8 }]\n'
SEPARABLE = HEAD + 'rows = [{ block = "separable", kernel = 3, out = 8 }]\n'
MACS = 3 * 8 * 9 * 32 * 32
PARAMS = 3 * 8 * 9 + 2 * 8
WEIGHTS, BIASES = 3 * 8 * 9, 8  # batch norm folded
ELEMENTS = (3 + 8) * 32 * 32  # the image and the result, alive at once


@pytest.fixture
def conv(tmp_path: Path) -> Model:
    return written(tmp_path, CONV)


def written(folder: Path, text: str, twin: str | None = None) -> Model:
    (folder / "net.toml").write_text(text)
    return Model(arch=str(folder / "net.toml"), twin=twin)


def check(model: Model, bound: Exact, precision: str = "fp32") -> Outcome:
    limit = Limit(1, 3, "tiny", model, precision, Place(), bound.metric, bound)
    outcome = check_exact(limit)
    assert outcome.of is limit
    assert outcome.value is not None
    center, lo, hi = outcome.value[:3]
    assert center == lo == hi
    assert isinstance(center, int)
    return outcome


def counted(outcome: Outcome) -> float | None:
    return outcome.value and outcome.value.center


@pytest.mark.parametrize(
    ("metric", "precision", "value", "unit"),
    [
        ("macs", "fp32", MACS, "count"),
        ("macs", "int8", MACS, "count"),
        ("params", "fp16", PARAMS, "count"),
        ("weight_bytes", "fp32", 4 * (WEIGHTS + BIASES), "bytes"),
        ("weight_bytes", "fp16", 2 * (WEIGHTS + BIASES), "bytes"),
        ("weight_bytes", "int8", WEIGHTS + 4 * BIASES, "bytes"),
        ("peak_activation_bytes", "fp32", 4 * ELEMENTS, "bytes"),
        ("peak_activation_bytes", "fp16", 2 * ELEMENTS, "bytes"),
        ("peak_activation_bytes", "int8", ELEMENTS, "bytes"),
    ],
)
def test_a_value_equal_to_its_limit_passes_and_one_unit_more_fails(
    conv: Model, metric: str, precision: str, value: int, unit: str
) -> None:
    for bound, verdict, limit in [
        (Exact(metric, value, None), "PASS", value),
        (Exact(metric, value - 1, None), "FAIL", value - 1),
        (Exact(metric, None, value), "PASS", value),
        (Exact(metric, None, value + 1), "FAIL", value + 1),
        (Exact(metric, value, value), "PASS", value),
    ]:
        outcome = check(conv, bound, precision)
        assert (outcome.verdict, outcome.limit) == (verdict, limit)
        assert (counted(outcome), outcome.unit, outcome.why) == (value, unit, "")


def test_with_two_limits_it_says_which_is_violated(conv: Model) -> None:
    above = check(conv, Exact("macs", MACS - 1, 5))
    assert (above.verdict, above.limit, above.why) == ("FAIL", MACS - 1, "more than max")
    below = check(conv, Exact("params", 2_000, 1_000))
    assert (below.verdict, below.limit, below.why) == ("FAIL", 2_000, "less than min, 1,000")


def test_a_twin_has_the_counts_of_the_twin(tmp_path: Path) -> None:
    own = check(written(tmp_path, SEPARABLE), Exact("macs", 10**9, None))
    assert counted(own) == (3 * 9 + 3 * 8) * 32 * 32
    twin = check(written(tmp_path, SEPARABLE, "standard"), Exact("macs", 10**9, None))
    assert counted(twin) == MACS
    small = check(written(tmp_path, SEPARABLE, "standard"), Exact("weight_bytes", 1, None), "int8")
    assert counted(small) == WEIGHTS + 4 * BIASES


def test_the_twin_of_a_file_and_two_of_its_sizes(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    network = mncost.load("v2", 0.35, 96)
    (tmp_path / "net.onnx").write_bytes(network.to_onnx().SerializeToString())
    twin = twin_of(network, "standard").macs
    model = 'model = { file = "net.onnx", twin = "standard" }'
    for limit, ok in ((twin, True), (twin - 1, False)):
        path = tmp_path / "budgets.toml"
        path.write_text(f"[[budget]]\n{model}\nmacs = {limit}\n", "utf-8")
        assert mncost.check(path).ok is ok


def test_published_networks() -> None:
    """Parameters as torchvision's table of weights prints them; MACs of the V1 paper's, 569 M."""
    v2 = check(Model(arch="v2"), Exact("params", 3_504_872, 3_504_872))
    assert v2.verdict == "PASS"
    v1 = check(Model(arch="v1", alpha=1.0, resolution=224), Exact("macs", 569 * 10**6, 568 * 10**6))
    assert v1.verdict == "PASS"


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (Model(arch="v2", twin="standrad"), "did you mean 'standard'"),
        (Model(arch="v1", twin="fused"), "v1 has no fused twin"),
        (Model(arch="v3"), "needs one network, and these are 4"),
    ],
)
def test_networks_that_are_not_there(model: Model, words: str) -> None:
    with pytest.raises(InputError, match=words):
        network_of(model, "fp32")
    with pytest.raises(InputError, match="unknown precision 'fp23'"):
        network_of(Model(arch="v2"), "fp23")
