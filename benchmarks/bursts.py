"""Do shorter bursts say more? Usual bursts beside such that fit into a time slice.

Three networks whose calls are shorter than a time slice (V2 α 0.35 at 96 px, V2 α 0.5 at 128,
V3-Small at 224; ONNX Runtime, one thread) are visited in rounds, as ``mncost bench`` does it. One
generation has usual bursts, the next has bursts of which the warm-up and the timed runs, or at
least the timed runs, fit into 3 ms. Run from the top of the repository::

    python -m benchmarks.bursts               # 40 generations of 3 s: 3 min
    python -m benchmarks.bursts --busy both   # two programs for each core: 4 min
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

import mncost
from benchmarks.busy import CASES, busy
from mncost.measure.records import WorkerSpec
from mncost.measure.runtimes import runtime_class
from mncost.measure.schedule import Visit, visit
from mncost.measure.workers.builder import Builder
from mncost.measure.workers.messages import LoadModel, RunBurst
from mncost.measure.workers.prepare import Recipe
from mncost.measure.workers.process import start_worker
from mncost.stats.ratios import unpaired_ratio

# Linux lets a program run for 0.7 ms x (1 + log2 of the CPUs), at most 2.8 ms, and then until the
# next tick (sysctl_sched_base_slice of kernel/sched/fair.c). No call tells it: os
# .sched_rr_get_interval() returns 0 for ordinary programs.
SLICE_NS = 3_000_000
TRANSIENT = 2  # runs that take longer after another model
NETWORKS = (("v2", 0.35, 96), ("v2", 0.5, 128), ("v3-small", 1.0, 224))
GAP, GAP_NS = 0.02, 20_000  # as in mncost.results.series


class Seen(NamedTuple):
    """What one generation says of a network: the median of CPU time, shares, counts."""

    median: float
    undisturbed: float
    rounds: int
    runs: int


def usual(typical: int) -> Visit:
    """Return a visit as ``mncost bench`` makes it."""
    return visit(typical, "usual", TRANSIENT)


def within_a_slice(typical: int) -> Visit:
    """Return a visit that fits into a time slice, or whose timed runs do."""
    known, fit = usual(typical), SLICE_NS // typical
    timed = fit - known.warmups if fit > known.warmups else fit
    return Visit(known.warmups, max(1, min(known.runs, timed)))


KINDS = {"usual": usual, "slice": within_a_slice}


def generation(
    folders: Sequence[Path], kind: str, seconds: float, number: int, typical: dict[int, int]
) -> Mapping[int, Seen]:
    """Start a worker, visit the networks in rounds, end it."""
    worker = start_worker(WorkerSpec(runtime="onnxruntime", threads=1), number)
    for cell, folder in enumerate(folders):
        first = worker.ask(LoadModel(cell=cell, folder=str(folder)))
        typical.setdefault(cell, min(first.cpu_ns))
    bursts, order = defaultdict(list), list(range(len(folders)))
    end, draw = time.monotonic() + seconds, random.Random(number)
    while time.monotonic() < end:
        draw.shuffle(order)
        for cell in order:
            warmups, runs = KINDS[kind](typical[cell])
            bursts[cell].append(worker.ask(RunBurst(cell=cell, warmups=warmups, runs=runs)))
        worker.ask(RunBurst(cell=None, warmups=0, runs=1))
    worker.close()
    seen = {}
    for cell, every in bursts.items():
        wall, cpu = (
            np.concatenate([getattr(one, what) for one in every]) for what in ("ns", "cpu_ns")
        )
        calm = (wall - cpu <= GAP * cpu + GAP_NS) | np.repeat(
            [one.switches == 0 for one in every], len(every[0].ns)
        )
        seen[cell] = Seen(float(np.median(cpu)), float(calm.mean()), len(every), len(every[0].ns))
    return seen


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--generations", type=int, default=40, help="default: 40")
    parser.add_argument("--seconds", type=float, default=3.0, help="of a generation (default: 3)")
    parser.add_argument("--busy", choices=CASES, default="quiet", help="default: quiet")
    options = parser.parse_args(arguments)
    typical: dict[int, int] = {}
    known: dict[tuple[int, str], list[Seen]] = defaultdict(list)
    kinds = [*KINDS, *reversed(KINDS)]  # A B B A: a drift does no harm
    with tempfile.TemporaryDirectory() as scratch:
        folders, builder = [], Builder()
        for number, (arch, alpha, resolution) in enumerate(NETWORKS):
            network = mncost.load(arch, alpha=alpha, resolution=resolution)
            folders.append(Path(scratch) / str(number))
            kind = runtime_class("onnxruntime").format
            recipe = Recipe(network.graph, network.inputs, kind, "fp32", seed=0)
            builder.prepare(recipe, folders[-1])
        builder.close()
        with busy(options.busy):
            for number in range(options.generations):
                burst = kinds[number % len(kinds)]
                seen = generation(folders, burst, options.seconds, number, typical)
                for cell, one in seen.items():
                    known[cell, burst].append(one)
    for cell, name in enumerate(NETWORKS):
        for burst in KINDS:
            every = known[cell, burst]
            medians = [one.median for one in every]
            change = unpaired_ratio(medians, [one.median for one in known[cell, "usual"]]).ratio
            print(
                f"{name} {burst:5}: {np.median(medians) / 1e6:.3f} ms, {every[0].runs} timed runs, "
                f"{np.mean([one.rounds for one in every]):.1f} rounds a generation, sd of a "
                f"generation {np.std(np.log(medians), ddof=1):.1%}, undisturbed "
                f"{np.mean([one.undisturbed for one in every]):.0%}, beside usual bursts "
                f"{change.center:.3f} ({change.lo:.3f} to {change.hi:.3f})"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
