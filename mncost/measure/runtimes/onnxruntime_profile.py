"""What ONNX Runtime's profiler says: how long each kernel took, and which node a kernel is about.

ONNX Runtime fuses operators, and names the result after one of them: ``row2.expand.act_nchwc`` is
the convolution ``row2.expand.conv`` with its batch norm and activation. Our steps
(:mod:`mncost.cost.memory`) say which operator such a kernel is about. Some kernels at the end of a
model are called after its output.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mncost.measure.runtimes import CONVERT, REORDER, KernelTimes

if TYPE_CHECKING:
    from mncost.graph.graph import Graph

__all__ = ["nodes_of", "read_profile"]

_RUN, _KERNEL, _SUFFIX = "model_run", "Node", "_kernel_time"

# The model's input and output, in the files that are loaded: mncost.models.onnx_model.
_INPUT, _OUTPUT = "input", "output"
_CONVERSIONS = (f"{_INPUT}_QuantizeLinear", f"{_OUTPUT}_DequantizeLinear")


def read_profile(file: Path) -> KernelTimes:
    """Read the file that ``InferenceSession.end_profiling`` wrote.

    The profiler counts whole microseconds. A kernel that ran several times in a run counts as one.

    Raises:
        ValueError: there is a kernel outside of every run.
    """
    events: list[Mapping[str, Any]] = json.loads(file.read_text())
    runs = sorted((e["ts"], e["dur"]) for e in events if e["name"] == _RUN)
    found = KernelTimes([1000 * dur for _, dur in runs], {})
    starts = [ts for ts, _ in runs]
    for event in events:
        if event["cat"] == _KERNEL and event["name"].endswith(_SUFFIX):
            run = _run_of(event, runs, starts)
            name = event["name"].removesuffix(_SUFFIX)
            times = found.kernels.setdefault(name, [0] * len(runs))
            times[run] += 1000 * event["dur"]
    return found


def _run_of(
    event: Mapping[str, Any], runs: Sequence[tuple[int, int]], starts: Sequence[int]
) -> int:
    index = bisect_right(starts, event["ts"]) - 1
    if index < 0 or event["ts"] > runs[index][0] + runs[index][1]:
        raise ValueError(f"the profile has {event['name']} outside of every run")
    return index


def nodes_of(kernels: Iterable[str], graph: Graph) -> dict[str, str]:
    """Return the node that each kernel is about: its name begins with that of one of our nodes."""
    heads = _heads(graph)
    return {kernel: _node_of(kernel, heads) for kernel in kernels}


def _heads(graph: Graph) -> dict[str, str]:
    """Return, for each node, the node whose step it is part of; with a layer scale, the one before.

    ONNX Runtime multiplies a layer scale into the convolution before it. The output stands for the
    last node.
    """
    from mncost.cost.memory import schedule
    from mncost.graph.ops import LayerScale

    steps = {s.node for s in schedule(graph) if not isinstance(graph.nodes[s.node].op, LayerScale)}
    heads = {}
    for index, node in enumerate(graph.nodes):
        head = index
        while head not in steps and graph.nodes[head].inputs:
            head = graph.nodes[head].inputs[0]
        heads[node.name] = graph.nodes[head].name
    return {_OUTPUT: heads[graph.nodes[-1].name], **heads}


def _node_of(kernel: str, heads: Mapping[str, str]) -> str:
    if kernel.startswith(_CONVERSIONS):
        return CONVERT
    name = kernel
    while name not in heads:
        cut = max(name.rfind(mark) for mark in "._/:")
        if cut < 0:
            return REORDER
        name = name[:cut]
    return heads[name]
