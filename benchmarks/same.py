"""A/A: the same model entered twice in one run. What does mncost say of the ratio?

The truth is 1. Run from the top of the repository, on a machine that does nothing else::

    python -m benchmarks.same                # 40 runs of 25 s: 18 min
    python -m benchmarks.same --busy one     # beside a program that keeps a core busy: 18 min
    python -m benchmarks.same --busy both    # beside two programs for each core: 19 min
    python -m benchmarks.same --as check     # 40 self-tests of 25 s: 18 min

``--as bench`` enters V2 twice into ``mncost bench``, as two networks are; ``--as check`` makes them
the sides of an A/B, as ``mncost check`` does: short bursts right after one another.
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
from mncost.budget.self_test import self_test
from mncost.interval import Interval

COVERAGE, WITHIN, WITHIN_BUSY = 0.93, 0.005, 0.015


def benched(max_time: float, seed: int) -> Interval:
    """Return the ratio of the two copies, as one run of ``mncost bench`` has it."""
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
    return ratio


def checked(max_time: float, seed: int) -> Interval:
    """Return the ratio of the two sides of an A/B, as one self-test has it; it has its own seed."""
    return self_test(max_time).floor.ratio


def recorded(ratio: Interval) -> dict[str, Any]:
    """Return what is kept of a run."""
    return {"ratio": ratio.center, "lo": ratio.lo, "hi": ratio.hi, "processes": ratio.n}


HOW = {"bench": benched, "check": checked}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=40, help="runs (default: 40)")
    parser.add_argument("--max-time", type=float, default=25.0, help="seconds a run (default: 25)")
    parser.add_argument("--as", dest="how", choices=HOW, default="bench", help="default: bench")
    parser.add_argument("--busy", choices=CASES, default="quiet", help="default: quiet")
    add_options(parser)
    options = parser.parse_args(arguments)
    within = WITHIN if options.busy == "quiet" else WITHIN_BUSY
    settings = {
        "benchmark": "same",
        "busy": options.busy,
        "max_time": options.max_time,
        "as": options.how,
    }
    record = Record(options, settings)
    with busy(options.busy):
        while len(record.results) < options.repeats:
            ratio = HOW[options.how](options.max_time, len(record.results))
            record.add(recorded(ratio))
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
