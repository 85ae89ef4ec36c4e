"""A/A: the same model entered twice in one run. What does ``mncost bench`` say of the ratio?

The truth is 1. Run from the top of the repository, on a machine that does nothing else::

    python -m benchmarks.same                # 40 runs of 25 s: 18 min
    python -m benchmarks.same --busy one     # beside a program that keeps a core busy: 18 min
    python -m benchmarks.same --busy both    # beside two programs for each core: 19 min

``--save FILE`` appends each run to a file of JSON lines; ``--resume FILE`` goes on with it, until
there are ``--repeats`` of them. The exit status is 1 if a goal is missed.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Sequence
from typing import Any

import mncost
from benchmarks.busy import CASES, busy
from benchmarks.recorded import Record, add_options, counted

COVERAGE, WITHIN, WITHIN_BUSY = 0.93, 0.005, 0.015


def measured(max_time: float, seed: int) -> dict[str, Any]:
    """Return the ratio of the two copies, as one run has it."""
    results = mncost.bench(
        "v2",
        runtime="onnxruntime",
        twin=False,
        copies=2,
        target_error=0.0001,  # until the time is up
        max_time=max_time,
        seed=seed,
    )
    ratio = results.ratio(0, 1)
    assert ratio is not None
    assert ratio.lo is not None
    assert ratio.hi is not None
    return {"ratio": ratio.center, "lo": ratio.lo, "hi": ratio.hi, "processes": ratio.n}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=40, help="runs (default: 40)")
    parser.add_argument("--max-time", type=float, default=25.0, help="seconds a run (default: 25)")
    parser.add_argument("--busy", choices=CASES, default="quiet", help="default: quiet")
    add_options(parser)
    options = parser.parse_args(arguments)
    within = WITHIN if options.busy == "quiet" else WITHIN_BUSY
    settings = {"benchmark": "same", "busy": options.busy, "max_time": options.max_time}
    record = Record(options, settings)
    with busy(options.busy):
        while len(record.results) < options.repeats:
            record.add(measured(options.max_time, seed=len(record.results)))
    covered = sum(one["lo"] <= 1 <= one["hi"] for one in record.results)
    ratios, total = [one["ratio"] for one in record.results], len(record.results)
    farthest = max(abs(ratio - 1) for ratio in ratios)
    spread = statistics.stdev(ratios) if total > 1 else 0.0
    near = sum(abs(ratio - 1) <= within for ratio in ratios)
    print(f"ratio: standard deviation {spread:.3%}, farthest from 1 by {farthest:.2%}")
    print(f"within {within:.1%} of 1: {counted(near, total)}; goal: all")
    print(f"the 95 % interval holds 1: {counted(covered, total)}; goal: at least {COVERAGE:.0%}")
    reached = farthest <= within and covered >= COVERAGE * total
    print("reached" if reached else "MISSED")
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
