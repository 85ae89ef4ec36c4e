"""The kernels of a network beside the graphs that ONNX Runtime itself makes."""

from __future__ import annotations

import functools
import itertools
from collections import Counter
from pathlib import Path

import pytest

import mncost
from mncost.errors import InputError
from mncost.graph.graph import Graph
from mncost.measure.machine import machine
from mncost.network import Network
from mncost.predict.planner import Rule, plan_of
from mncost.predict.probes import probes
from mncost.spec.catalog import families

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
FLAGS = machine().flags
pytestmark = pytest.mark.skipif(
    not {"avx", "avx512f"} & set(FLAGS), reason="no blocked layout on this CPU"
)
BLOCK = 16 if "avx512f" in FLAGS else 8
OPERATORS = {
    "ReorderInput": "reorder",
    "ReorderOutput": "reorder",
    "Gemm": "linear",
    "GlobalAveragePool": "global pool",
    "MaxPool": "pool",
    "AveragePool": "pool",
    "Mul": "scale",
    "Add": "add",
    "Concat": "concat",
    "HardSigmoid": "activation",
    "QuickGelu": "silu",
    "Flatten": "",
}


def optimised(net: Network, folder: Path) -> Counter[str]:
    """Return how many kernels of each kind ONNX Runtime makes of a network."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(folder / "optimised.onnx")
    options.log_severity_level = 4
    onnxruntime.InferenceSession(
        net.to_onnx().SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    graph = onnx.load(folder / "optimised.onnx").graph
    weights = {one.name: list(one.dims) for one in graph.initializer}
    counts: Counter[str] = Counter()
    for node in graph.node:
        if node.op_type in ("Conv", "FusedConv"):
            shape = weights[node.input[1]]
            groups = next((one.i for one in node.attribute if one.name == "group"), 1)
            kind = "conv" if shape[2] * shape[3] > 1 else "pointwise"
            if groups > 1:
                kind = "depthwise" if shape[1] == 1 else "grouped"
            is_blocked = node.domain.endswith("nchwc")
            if kind == "conv" and is_blocked and shape[1] < BLOCK:  # it reads a plain image
                kind = "first conv"
            counts[kind + ("" if is_blocked else " plain")] += 1
        elif node.op_type in OPERATORS:
            kind = OPERATORS[node.op_type]
            is_plain = kind == "pool" and not node.domain.endswith("nchwc")
            counts[kind + (" plain" if is_plain else "")] += 1
        else:
            counts[node.op_type] += 1
    del counts[""]
    return counts


@pytest.mark.parametrize(
    ("arch", "alpha"),
    [
        ("v1", 0.25),
        ("v1", 0.35),
        ("v1", 1.0),
        ("v2", 0.35),
        ("v2", 0.5),
        ("v3-small", 0.35),
        ("v3-small", 0.75),
        ("v3-large", 0.5),
        ("v3-large-minimalistic", 0.5),
        ("v4-conv-s", 0.5),
        ("efficientnet-b0", 1.0),
        ("resnet-18", 1.0),
        ("squeezenet-1.0", 1.0),
        ("fbnet-c", 1.0),
        ("mcunet-320kb", 1.0),
        ("ghostnet", 1.0),
        ("mobileone-s0", 1.0),
    ],
)
def test_families(tmp_path: Path, arch: str, alpha: float) -> None:
    net = mncost.load(arch, alpha)
    assert plan_of(net.graph, "blocked", BLOCK).counts == optimised(net, tmp_path)


@pytest.mark.slow
def test_every_probe(tmp_path: Path) -> None:
    for net in probes(48):
        ours = plan_of(net.graph, "blocked", BLOCK).counts
        assert ours == optimised(net, tmp_path), net.arch


@pytest.mark.slow
def test_layouts_of_rare_probes(tmp_path: Path) -> None:
    """Attention, shuffles, norms are several operators there; what is in blocks is the same."""
    words = (
        "conv",
        "first conv",
        "pointwise",
        "depthwise",
        "grouped",
        "pool",
        "global pool",
        "concat",
        "silu",
    )
    kinds = [word + suffix for word in words for suffix in ("", " plain")]
    for net in probes()[48:]:
        ours, theirs = plan_of(net.graph, "blocked", BLOCK).counts, optimised(net, tmp_path)
        ours["concat"] += ours["class_token"]
        ours["pool plain"] += ours["adaptive pool"]
        assert {k: ours[k] for k in kinds} == {k: theirs[k] for k in kinds}, net.arch


@functools.cache
def every_graph() -> list[Graph]:
    """Return the graph of every built-in architecture, and of some at other widths."""
    graphs = [mncost.load(name).graph for names in families().values() for name in names]
    for names, alpha in itertools.product(families().values(), (0.35, 0.66, 1.3)):
        try:
            graphs.append(mncost.load(names[0], alpha).graph)
        except InputError:  # it has no such width: groups or heads do not divide it
            continue
    return graphs


@pytest.mark.parametrize(
    ("rule", "block"), [("blocked", 8), ("blocked", 16), ("fused", 1), ("operators", 1)]
)
def test_probes_have_every_kind_of_kernel(rule: Rule, block: int) -> None:
    """What the families need is measured; kinds do not depend on the size of the image."""
    kinds = {k.kind for net in probes() for k in plan_of(net.graph, rule, block).kernels}
    needed = {k.kind for graph in every_graph() for k in plan_of(graph, rule, block).kernels}
    assert needed - kinds == set()
    if rule == "blocked":
        plain = {"depthwise plain", "pointwise plain", "grouped", "grouped plain", "pool plain"}
        assert kinds >= plain | {"conv", "linear", "reorder", "scale", "attention", "gelu"}


@pytest.mark.parametrize("rule", ["blocked", "fused", "operators"])
@pytest.mark.parametrize("arch", ["v1", "v3-large", "shufflenet-v2-1.0", "mobilevit-s", "vit-b-16"])
def test_no_work_is_lost(rule: str, arch: str) -> None:
    net = mncost.load(arch)
    plan = plan_of(net.graph, rule)  # type: ignore[arg-type]
    assert plan.amounts(net.shapes)[:, 0].sum() == net.macs


def test_pixels_at_the_border() -> None:
    """Counted one by one: the pixels of a row whose window reaches beyond the image."""
    checked = set()
    for net in probes(8):
        plan = plan_of(net.graph, "blocked", 8)
        for kernel, border in zip(plan.kernels, plan.constants["border"], strict=True):
            size, pad = 64, (kernel.kernel - 1) // 2
            firsts = range(-pad, size + 2 * pad - kernel.kernel + 1 - pad, kernel.stride)
            beyond = [one for one in firsts if one < 0 or one + kernel.kernel > size]
            assert border == len(beyond), kernel
            checked.add((kernel.kernel, kernel.stride))
    assert checked >= {(1, 1), (3, 1), (3, 2), (5, 1), (5, 2)}
