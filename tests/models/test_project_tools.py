"""In the dialect of a project, conventions give what tools print for that project's own modules.

The numbers were recorded from the real tools on the real models (``tests/witness``).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version

import mncost
from mncost.cost.conventions import CONVENTIONS
from mncost.cost.forms import Form
from mncost.cost.projects import PROJECTS
from mncost.graph.ops import Conv

FILE = Path(__file__).parents[1] / "witness" / "tools.jsonl"
VERSIONS, *RECORDS = [json.loads(line) for line in FILE.read_text().splitlines()]


# What no rule on shapes of one image can say, in MACs by us less those that the tool prints.
LEFT = {
    ("vit_b_32()", "torchprofile"): -49,  # it takes the product of an image's sides for MACs
    ("create_model('mobilevit_xxs')", "torchprofile"): -15,
}


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record["builder"])
def test_each_tools_number(record: dict[str, Any]) -> None:
    """To the unit; one tool also counts the arithmetic that pads an image."""
    network = mncost.load(
        record["arch"], record["alpha"], record["resolution"], dialect=record["dialect"]
    )
    printed = {tool: number for tool, number in record["numbers"].items() if number is not None}
    # torchprofile takes timm's products of sizes for MACs: two a side of each convolution that
    # pads by the size of its image.
    padded = [
        node
        for node in network.graph.nodes
        if isinstance(node.op, Conv) and node.op.padding == "same" and node.op.stride != (1, 1)
    ]
    if "torchprofile" in printed:
        printed["torchprofile"] -= 4 * len(padded)
    for tool in printed:
        printed[tool] += LEFT.get((record["builder"], tool), 0)
    assert {tool: CONVENTIONS[tool].total(network.seen) for tool in printed} == printed


@pytest.mark.parametrize(
    ("arch", "dialect", "tool", "number"),
    [
        ("v3-large", "torchvision", "ptflops-pytorch", 231_316_416),
        ("v3-large", "torchvision", "thop", 234_838_456),
        ("v4-conv-s", "timm", "ptflops-pytorch", 188_259_264),
        ("v4-conv-s", "timm", "thop", 184_773_568),
        ("v4-conv-s", "timm", "torchinfo", 186_006_568),
    ],
)
def test_printed_numbers(arch: str, dialect: str, tool: str, number: int) -> None:
    """Some of them literally, as others found them."""
    assert CONVENTIONS[tool].total(mncost.load(arch, 1.0, 224, dialect=dialect).seen) == number


def test_every_tool_and_project_is_recorded() -> None:
    assert {tool for record in RECORDS for tool in record["numbers"]} == {*CONVENTIONS} - {
        "paper",
        "onnx-tool",  # it counts our own ONNX file: test_onnx_tool.py
    }
    assert {record["dialect"] for record in RECORDS} == {*PROJECTS}
    assert {one["arch"] for one in RECORDS} > {"v1", "v2", "v3-large", "v4-hybrid-l"}


def test_the_recorded_versions_are_the_stated_ones() -> None:
    stated = {
        name: Version(one.version)
        for name, one in CONVENTIONS.items()
        if name in VERSIONS["versions"]
    }
    recorded = {name: Version(VERSIONS["versions"][name]).public for name in stated}
    assert recorded == {name: version.public for name, version in stated.items()}


def test_a_class_of_the_same_name_is_another_class() -> None:
    """Tools look at exact classes: timm's linear layer is not torch's, which thop counts."""
    thop = CONVENTIONS["thop"]
    assert thop.weights(Form("Linear", ("linear",)))["linear"] == 1
    assert thop.weights(Form("timm.layers.linear.Linear", ("linear",)))["linear"] == 0


def test_the_parts_add_up_to_the_number() -> None:
    """One kind may have several weights: batch norms of two classes in timm's hybrids."""
    for arch, dialect in (("v4-hybrid-m", "timm"), ("v3-small", "torchvision"), ("v2", "paper")):
        seen = mncost.load(arch, dialect=dialect).seen
        for convention in CONVENTIONS.values():
            parts = convention.parts(seen)
            assert sum(part.weight * part.amount for part in parts) == convention.total(seen)
            assert all(part.amount > 0 for part in parts)


def test_ptflops_counts_an_attention_of_timm_as_a_whole() -> None:
    """Its hook: the scaling of queries, two products and a softmax; and none of the layers inside.

    With timm 1.0.31 and ptflops 0.7.5, vit_tiny_patch16_224 has 912,887,404 (pytorch backend).
    """
    torch = pytest.importorskip("torch")
    tokens, width, heads = 7, 12, 3

    class Attention(torch.nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.qkv, self.proj = torch.nn.Linear(width, 3 * width), torch.nn.Linear(width, width)

        def forward(self, x: Any) -> Any:
            parts = self.qkv(x).reshape(1, tokens, 3, heads, width // heads)
            query, key, value = parts.permute(2, 0, 3, 1, 4).unbind(0)
            mixed = torch.nn.functional.scaled_dot_product_attention(query, key, value)
            return self.proj(mixed.transpose(1, 2).reshape(1, tokens, width))

    Attention.__module__, Attention.__qualname__ = "timm.layers.attention", "Attention"
    block = torch.nn.Sequential(Attention(), torch.nn.Linear(width, 5))
    network = mncost.from_torch(block, (1, tokens, width))
    hook = tokens * width + heads * (2 * tokens**2 * (width // heads) + tokens**2)
    after = tokens * 5 * (width + 1)
    assert CONVENTIONS["ptflops-pytorch"].total(network.seen) == hook + after
    assert CONVENTIONS["thop"].total(network.seen) == tokens * width * (4 * width + 5)


def test_ptflops_sees_no_products_by_an_operator() -> None:
    """It replaces torch.matmul and F.softmax: timm's window attention multiplies by @.

    With timm 1.0.31, swin_tiny_patch4_window7_224 has 4,380,952,696, and the softmax is in it;
    efficientformerv2_s0 389,738,576.
    """
    torch = pytest.importorskip("torch")
    tokens, width = 7, 12

    class WindowAttention(torch.nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.softmax = torch.nn.Softmax(dim=-1)

        def forward(self, x: Any) -> Any:
            return self.softmax(x @ x.transpose(-2, -1)) @ x

    def of(module: str) -> int:
        WindowAttention.__module__, WindowAttention.__qualname__ = module, "WindowAttention"
        network = mncost.from_torch(WindowAttention(), (1, tokens, width))
        assert network.macs == 2 * tokens**2 * width
        return CONVENTIONS["ptflops-pytorch"].total(network.seen)

    assert of("timm.models.swin_transformer") == tokens**2
    assert of("mine") == tokens**2 + 2 * tokens**2 * width  # as if by torch.matmul
