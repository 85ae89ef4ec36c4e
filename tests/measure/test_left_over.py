"""How much of a model a provider does not take: said in a note of the run."""

from __future__ import annotations

from pathlib import Path

import pytest

import mncost
from mncost.measure.runtimes import Call, LeftOver, Setup
from mncost.measure.runtimes.fake import Fake
from mncost.measure.runtimes.given import Given
from mncost.measure.runtimes.litert import LiteRt
from tests.choose.playing import play


@pytest.mark.parametrize(
    ("provider", "expected"),
    [("XNNPACK", LeftOver(3, {"CUMSUM": 1})), ("builtin", None)],
)
def test_xnnpack_has_no_cumulative_sum(
    tmp_path: Path, provider: str, expected: LeftOver | None
) -> None:
    """It takes what is before and what is behind."""
    pytest.importorskip("ai_edge_litert")
    from mncost.models.tflite_writer import Writer

    to = Writer()
    x, y, z, out = (to.tensor(name, 1, 8) for name in ("x", "y", "z", "out"))
    axis = to.constant("axis", [1], "int32")
    to.operator("ABS", [x], y)
    to.operator("CUMSUM", [y, axis], z)
    to.operator("NEG", [z], out)
    (tmp_path / "n.tflite").write_bytes(to.finish({"x": x}, {"out": out}, {}))
    inputs = {"x": {"shape": [1, 8], "dtype": "float32", "batch_axis": 0}}
    Given(str(tmp_path / "n.tflite"), inputs).write(tmp_path)
    runtime = LiteRt()
    runtime.start(1)
    setup = Setup(tmp_path, provider=provider)
    call = runtime.load(setup)
    call()
    assert runtime.left_over(setup, call) == expected


def test_a_note_says_so_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def left_over(self: Fake, setup: Setup, call: Call) -> LeftOver:
        return LeftOver(9, {"PAD": 2, "SOFTMAX": 1})

    play(monkeypatch)
    monkeypatch.setattr(Fake, "left_over", left_over)
    notes = mncost.bench("v2", runtime="fake", twin=None, max_time=5).run.notes
    assert notes == [
        "fake in fp32 did not take all of v2 α 1 at 224 px: 2 PAD, 1 SOFTMAX, of 9 operators"
    ]


def test_what_is_taken_whole_is_not_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch)
    monkeypatch.setattr(Fake, "left_over", lambda self, setup, call: LeftOver(9, {}))
    assert mncost.bench("v2", runtime="fake", twin=None, max_time=5).run.notes == []
