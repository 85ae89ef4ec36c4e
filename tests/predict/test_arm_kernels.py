"""The kernels of a network on Arm, beside the graphs that ONNX Runtime makes there.

Recorded from the optimised graphs of onnxruntime 1.31.1 for aarch64 (the package of PyPI, under
qemu), by the operators of their nodes: no node is of the domain of the blocked layout. FusedConv of
four inputs adds the fourth.
"""

from __future__ import annotations

import pytest

import mncost
from mncost.predict.planner import plan_of

RECORDED = {
    ("v1", 0.35): "1 conv, 13 depthwise, 13 pointwise, 1 global pool, 1 linear",
    ("v2", 0.35): "1 conv, 17 depthwise, 34 pointwise, 1 global pool, 1 linear",
    ("v3-small", 0.35): "1 conv, 11 depthwise, 41 pointwise, 19 activation, 28 scale, "
    "10 global pool, 1 linear",
    ("v4-conv-s", 0.5): "3 conv, 15 depthwise, 28 pointwise, 1 global pool, 1 linear",
    ("efficientnet-b0", 1.0): "1 conv, 16 depthwise, 64 pointwise, 49 silu, 16 scale, "
    "17 global pool, 1 linear",
    ("ghostnet", 1.0): "1 conv, 41 depthwise, 53 pointwise, 32 concat, 11 add, 7 scale, "
    "8 global pool, 1 linear",
    ("resnet-18", 1.0): "17 conv, 3 pointwise, 1 pool, 1 global pool, 1 linear",
    ("resnext-50-32x4d", 1.0): "1 conv, 16 grouped, 36 pointwise, 1 pool, 1 global pool, 1 linear",
    ("squeezenet-1.0", 1.0): "9 conv, 17 pointwise, 8 concat, 3 pool, 1 global pool",
}


@pytest.mark.parametrize(("arch", "alpha"), RECORDED)
def test_no_kernel_is_in_blocks(arch: str, alpha: float) -> None:
    words = (one.partition(" ") for one in RECORDED[arch, alpha].split(", "))
    recorded = {kind: int(number) for number, _, kind in words}
    found = plan_of(mncost.load(arch, alpha).graph, "blocked", 1).counts
    assert {kind.removesuffix(" plain"): number for kind, number in found.items()} == recorded
    for kind in ("conv", "depthwise", "pointwise", "grouped"):
        assert kind not in found
