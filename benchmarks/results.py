"""What it costs to read a run: 98 cells and 6,272 bursts, which is what ``mncost pick`` looks at.

Reading a run once and asking it 98 times is compared with reading it anew for each question,
alternately. Run from the top of the repository::

    python -m benchmarks.results

The exit status is 1 if the goal is missed.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from statistics import median

from mncost.measure.records import Run
from mncost.results.results import Results
from tests.measure.synthetic import REFERENCE_NS, cell, simulated

GOAL = 10.0  # times as cheap
CELLS, PROCESSES, ROUNDS = 98, 8, 8


def the_run() -> Run:
    """Return a run of 98 cells in 8 processes, each with 8 bursts of 5 calls."""
    latencies: dict[int | None, float] = {None: REFERENCE_NS}
    latencies |= {index: 1e6 * (1 + index / 10) for index in range(CELLS)}
    cells = [cell(index, alpha=1 + index / 100) for index in range(CELLS)]
    return simulated(latencies, cells, processes=PROCESSES, rounds=ROUNDS)


def once(run: Run) -> None:
    """Read the run once, and ask for the interval of every cell."""
    results = Results(run)
    for index in range(CELLS):
        results.interval(index)


def each(run: Run) -> None:
    """Read the run anew for the interval of every cell."""
    for index in range(CELLS):
        Results(run).interval(index)


def everything(run: Run) -> None:
    """Work out everything that the table of a run has, and its warnings."""
    results = Results(run)
    for summary in results.summaries:
        for value in (summary.latency, summary.mean_latency, summary.spread, summary.speedup):
            assert value is not False
        for percent in (50, 90, 99):
            summary.percentile(percent)
    assert isinstance(results.warnings, list)


def seconds(action: Callable[[Run], None], run: Run) -> float:
    """Return how long an action takes."""
    start = time.perf_counter()
    action(run)
    return time.perf_counter() - start


def main() -> int:
    """Print the times and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    repeats: int = parser.parse_args().repeats
    run = the_run()
    bursts = sum(len(one) for p in run.processes for one in p.bursts if one.cell is not None)
    times: dict[str, list[float]] = {"once": [], "each": [], "everything": []}
    everything(run)  # imports
    for _ in range(repeats):
        for name, action in (("once", once), ("each", each), ("everything", everything)):
            times[name].append(seconds(action, run))
    typical = {name: median(found) for name, found in times.items()}
    ratio = typical["each"] / typical["once"]
    print(f"{CELLS} cells, {bursts:,} bursts, median of {repeats}")
    print(f"{CELLS} intervals, the run read once:     {typical['once'] * 1e3:6.1f} ms")
    print(f"{CELLS} intervals, the run read for each: {typical['each'] * 1e3:6.1f} ms")
    print(f"all statistics and warnings:       {typical['everything'] * 1e3:6.1f} ms")
    print(f"reading once is {ratio:.0f} times as cheap; the goal is {GOAL:.0f}")
    return int(ratio < GOAL)


if __name__ == "__main__":
    sys.exit(main())
