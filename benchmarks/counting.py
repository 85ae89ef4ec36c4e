"""How long mncost takes to count a network beside ``torchinfo.summary`` of the same network.

Needs the extra ``benchmarks``. Run from the top of the repository::

    python -m benchmarks.counting

The exit status is 1 if the goal is missed.
"""

from __future__ import annotations

import argparse
import gc
import operator
import statistics
import sys
from collections.abc import Sequence

import torch
import torchinfo
from torch import fx, nn

import mncost
from benchmarks.startup import alternate, seconds
from mncost.graph import ops
from mncost.graph.graph import Graph
from mncost.network import network_of
from mncost.spec.build import build
from mncost.spec.catalog import load_spec
from mncost.spec.resolve import resolve
from mncost.spec.schema import Spec

GOAL, AIM = 30, 50  # how many times as fast as torchinfo
RESOLUTION = 224
CELL = "one V2 cell"
GRID = "20 V2 cells with twins and memory"

_CALLS = 10  # of mncost for each of torchinfo: a cell is too short for the clock


def count_cell(spec: Spec) -> tuple[int, int]:
    """Return the MACs and the parameters of a parsed architecture at α = 1."""
    network = network_of(resolve(spec), RESOLUTION)
    return network.macs, network.params


def count_grid() -> list[tuple[int, ...]]:
    """Return all that ``mncost table`` prints of V2's 20 published cells up to α = 1."""
    return [
        (
            net.macs,
            net.params,
            net.standard.macs,
            net.standard.params,
            net.weight_bytes,
            net.peak_activation_bytes,
        )
        for net in mncost.grid("v2", alpha="0.35:1.0", resolution="96:224")
    ]


def as_torch(graph: Graph) -> nn.Module:
    """Return a graph as a torch module: one submodule for each operator that torch has as one."""
    modules: dict[str, nn.Module] = {}
    program = fx.Graph()
    values: list[fx.Node] = []
    for node in graph.nodes:
        inputs = tuple(values[source] for source in node.inputs)
        if isinstance(node.op, ops.Input):
            values.append(program.placeholder("image"))
        elif isinstance(node.op, ops.Add):
            values.append(program.call_function(operator.add, inputs))
        else:
            modules[node.name] = _layer(node.op)
            values.append(program.call_module(node.name, inputs))
    program.output(values[-1])
    return fx.GraphModule(modules, program).eval()


def _layer(op: ops.Op) -> nn.Module:
    match op:
        case ops.Conv(i, o, kernel, stride, groups=groups, bias=bias):
            return nn.Conv2d(i, o, kernel, stride, kernel[0] // 2, groups=groups, bias=bias)
        case ops.BatchNorm(channels):
            return nn.BatchNorm2d(channels)
        case ops.Activation("relu6"):
            return nn.ReLU6()
        case ops.GlobalPool():
            return nn.AdaptiveAvgPool2d(1)
        case ops.Dropout(rate):
            return nn.Dropout(rate)
        case ops.Flatten():
            return nn.Flatten()
        case ops.Linear(i, o, bias):
            return nn.Linear(i, o, bias)
        case _:
            raise NotImplementedError(f"MobileNetV2 has no {op}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=50, help="pairs of runs (default: 50)")
    pairs = parser.parse_args(arguments).pairs
    spec = load_spec("v2")
    model = as_torch(build(resolve(spec)))
    image = torch.zeros(1, 3, RESOLUTION, RESOLUTION)

    def summary() -> torchinfo.ModelStatistics:
        return torchinfo.summary(model, input_data=image, verbose=0)

    _, params = count_cell(spec)
    assert summary().total_params == params, "not the same network"
    gc.collect()
    gc.freeze()  # else the garbage collector looks through all of torch, at 80 ms a time
    found = alternate(
        lambda: seconds(summary),
        {
            CELL: lambda: seconds(lambda: count_cell(spec), _CALLS),
            GRID: lambda: seconds(count_grid),
        },
        pairs,
    )

    median = statistics.median(time for paired in found.values() for time in paired.baseline)
    print(f"torchinfo.summary of MobileNetV2: {median * 1e3:.2f} ms, {pairs} pairs")
    for name, paired in found.items():
        print(f"{name:35} {paired.summary()}")
    speed = 1 / found[CELL].ratio
    verdict = "reached" if speed >= GOAL else "MISSED"
    print(f"goal: {CELL} in at most 1/{GOAL}, aim 1/{AIM}: 1/{speed:.0f}, {verdict}")
    return 0 if speed >= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
