"""ONNX files of other opsets: the same model, as ONNX's checker and ONNX Runtime see it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

import mncost
from tests.running import in_process

pytest.importorskip("onnxruntime")
NET = mncost.load("v3-small", 0.35, 64)
IMAGE = np.random.default_rng(0).standard_normal((2, 3, 64, 64)).astype("float32")


def logits(model: onnx.ModelProto) -> np.ndarray:
    import onnxruntime

    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    result: np.ndarray = session.run(None, {"input": IMAGE})[0]
    return result


@pytest.mark.parametrize("opset", [14, 15, 17, 19, 20, 21, 24])
def test_every_opset_computes_the_same(opset: int) -> None:
    model = NET.to_onnx(opset=opset, static_batch=2)
    assert model.opset_import[0].version == opset
    onnx.checker.check_model(model, full_check=True)
    usual = NET.to_onnx(static_batch=2)
    np.testing.assert_allclose(logits(model), logits(usual), rtol=1e-4, atol=1e-5)


def test_the_usual_one_is_read_by_the_runtimes_of_two_years() -> None:
    """ONNX Runtime 1.17 (January 2024) was the first to read opset 20 and IR version 9."""
    model = NET.to_onnx()
    assert (model.opset_import[0].version, model.ir_version) == (20, 9)


def test_a_static_batch_is_in_every_shape() -> None:
    model = NET.to_onnx(static_batch=2)
    (entry,) = model.graph.input
    assert [side.dim_value for side in entry.type.tensor_type.shape.dim] == [2, 3, 64, 64]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("v2 --opset 12", "accepted are 13 to"),
        ("v2 --opset 99", "accepted are 13 to"),
        ("v3-small --opset 13", "HardSwish came with opset 14"),
        ("v2 --static-batch 2 --dynamic-batch", "do not go together"),
        ("v2 --opset 17 -o net.pt", "--opset means nothing to a .pt file"),
    ],
)
def test_what_cannot_be(
    words: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    output = [] if " -o " in words else ["-o", "net.onnx"]
    result = in_process(["export", *words.split(), *output])
    assert result.status == 2
    assert said in result.err
