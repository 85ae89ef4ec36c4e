"""How long it takes to make the models: ONNX emission and the torch build, weights included.

Run from the top of the repository::

    python -m benchmarks.emission

The exit status is 1 if the goal is missed.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable, Sequence

import mncost
from benchmarks.startup import seconds
from mncost.spec.catalog import groups

GOAL = 0.150
GOAL_ARCH = "v2"


def medians(tasks: Sequence[Callable[[], object]], rounds: int) -> list[float]:
    """Return the median seconds of each task; they take turns, so that a slow minute hits all."""
    times: list[list[float]] = [[] for _ in tasks]
    for task in tasks:
        task()  # imports, and the first memory from the system
    for _ in range(rounds):
        for task, found in zip(tasks, times, strict=True):
            found.append(seconds(task))
    return [statistics.median(found) for found in times]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=9, help="runs of each (default: 9)")
    rounds = parser.parse_args(arguments).rounds
    print(f"median of {rounds}, α = 1, native resolution, milliseconds")
    print(f"{'arch':22} {'params M':>8} {'to_onnx':>8} {'bytes':>8} {'to_torch':>8}")
    goal = 0.0
    for arch in groups()["mobilenets"]:
        net = mncost.load(arch)
        model = net.to_onnx()
        emission, serialization, build = medians(
            [net.to_onnx, model.SerializeToString, net.to_torch], rounds
        )
        goal = emission if arch == GOAL_ARCH else goal
        columns = (emission, serialization, build)
        shown = " ".join(f"{value * 1e3:8.1f}" for value in columns)
        print(f"{arch:22} {net.params / 1e6:8.2f} {shown}")
    verdict = "reached" if goal <= GOAL else "MISSED"
    print(f"goal: {GOAL_ARCH}.to_onnx() at most {GOAL * 1e3:.0f} ms: {goal * 1e3:.1f}, {verdict}")
    return 0 if goal <= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
