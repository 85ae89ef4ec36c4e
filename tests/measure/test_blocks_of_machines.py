"""Which machines have ONNX Runtime's blocked layout: the numbers are those of its MLAS library."""

from __future__ import annotations

import pytest

import mncost
from mncost.measure.runtimes.blocked import block_of, layout_of
from mncost.measure.runtimes.onnxruntime import OnnxRuntime

AVX512, PI = ("x86_64", ["avx2", "avx512f"]), ("aarch64", ["asimd"])


@pytest.mark.parametrize(
    ("architecture", "flags", "block"),
    [(*AVX512, 16), ("AMD64", ["avx2"], 8), (*PI, 1), ("arm64", [], 1)],
)
def test_channels_of_a_block(architecture: str, flags: list[str], block: int) -> None:
    assert block_of(architecture, flags) == block


def test_what_leaves_the_layout_is_said_where_there_is_one() -> None:
    """V1 at α 0.35: 21 of 27, which test_blocked.py has from ONNX Runtime's own graph."""
    graph = mncost.load("v1", 0.35, 32).graph
    there = OnnxRuntime.layout(graph, "fp32", *AVX512)
    assert there is not None
    assert len(there.unblocked) == 21
    assert OnnxRuntime.layout(graph, "fp32", *PI) is None
    assert OnnxRuntime.layout(graph, "int8", *AVX512) is None
    assert len(layout_of(graph, 1).unblocked) == 27  # all that there are
