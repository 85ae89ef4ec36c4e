"""How much of the time of ``mncost bench`` goes into runs, for the 20 cells of the V2 grid.

Run from the top of the repository, on a machine that does nothing else::

    python -m benchmarks.grid

The exit status is 1 if the goal is missed.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

import mncost
from mncost.measure.records import Bursts, Run

GOAL = 0.80
TARGET = 0.02


def seconds_in_runs(run: Run) -> float:
    """Return the seconds inside timed and untimed runs, the reference workload's included."""
    bursts: list[Bursts] = [
        burst for process in run.processes for burst in (*process.first_runs, *process.bursts)
    ]
    return sum(sum(burst.warmup_ns) + sum(burst.ns) for burst in bursts) / 1e9


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--max-time", type=float, default=300.0, help="seconds (default: 300)")
    max_time = parser.parse_args(arguments).max_time
    began = time.perf_counter()
    found = mncost.bench(
        "v2",
        alpha="0.35:1.0",
        resolution="96:224",
        runtime="onnxruntime",
        twin=False,
        target_error=TARGET,
        max_time=max_time,
    )
    whole = time.perf_counter() - began
    run = found.run
    starts = sum((p.loaded or p.started) - p.started for p in run.processes)
    building = sum(file.seconds for file in run.files)
    share = seconds_in_runs(run) / run.seconds
    errors = [one.latency.relative_error for one in found.summaries if one.latency]
    widest = max(error for error in errors if error is not None)
    print(
        f"{len(run.cells)} cells, {len(run.processes)} processes, {run.seconds:.1f} s "
        f"({whole:.1f} s with start-up and statistics), stopped: {run.stopped}, "
        f"widest interval ±{widest:.2%}"
    )
    print(f"building {building:.1f} s, starting and loading {starts:.1f} s")
    verdict = "reached" if share >= GOAL else "MISSED"
    print(f"inside timed and untimed runs: {share:.1%}; goal: at least {GOAL:.0%}, {verdict}")
    return 0 if share >= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
