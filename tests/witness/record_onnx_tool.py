"""Record what onnx-tool prints for the ONNX files that mncost writes.

It needs mncost, onnx and onnx-tool in one environment: ``python -m tests.witness.record_onnx_tool``
from the root of the repository.
"""

from __future__ import annotations

import contextlib
import io
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import mncost
from tests.networks import network_of_rows

HERE = Path(__file__).parent
NETWORKS = [
    ("v1", "paper", 0.25, 96),
    ("v2", "paper", 1.0, 224),
    ("v2", "torchvision", 0.35, 97),
    ("v3-large", "keras", 0.75, 96),
    ("v3-small", "timm", 1.0, 64),
    ("v4-conv-s", "paper", 0.5, 96),
    ("v4-hybrid-m", "paper", 0.35, 64),
    ("v4-hybrid-l", "timm", 0.25, 64),
]
ACTIVATIONS = (
    *("relu", "relu6", "hardswish", "hardsigmoid", "sigmoid", "silu", "gelu"),
    *("elu", "tanh", "leaky_relu", "hardtanh", "prelu"),
)


def rows(activation: str) -> list[dict[str, Any]]:
    """Return layers of many kinds: ``tests/models/test_onnx_tool.py`` has the same."""
    return [
        {"block": "conv", "kernel": 3, "out": 8, "stride": 2, "activation": activation},
        {"block": "max_pool", "kernel": 3, "stride": 1, "padding": 1},
        {"block": "average_pool", "kernel": 2, "stride": 1},
        {"block": "upsample", "factor": 2, "mode": "bilinear"},
        {"block": "upsample", "factor": 2, "mode": "nearest"},
        {"block": "tokens", "positions": True},
        {"block": "layer_norm"},
        {"block": "encoder", "heads": 2, "expanded": 8},
        {"block": "pool"},
        {"block": "linear", "out": "classes"},
    ]


def printed(network: mncost.Network) -> int:
    """Return the multiply-accumulates that onnx-tool sums up."""
    from onnx_tool import Model

    with contextlib.redirect_stdout(io.StringIO()):
        graph = Model(network.to_onnx()).graph
        graph.shape_infer()
        graph.profile()
    return int(graph.macs[0])


def main() -> None:
    lines: list[dict[str, Any]] = [{"onnx-tool": version("onnx-tool")}]
    for arch, dialect, alpha, size in NETWORKS:
        network = mncost.load(arch, alpha, size, dialect=dialect)
        lines.append(
            {"arch": arch, "dialect": dialect, "alpha": alpha, "resolution": size}
            | {"macs": printed(network)}
        )
    for activation in ACTIVATIONS:
        macs = printed(network_of_rows(rows(activation), 16))
        lines.append({"activation": activation, "macs": macs})
    (HERE / "onnx_tool.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


if __name__ == "__main__":
    main()
