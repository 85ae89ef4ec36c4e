"""A/A: the same model entered twice in one run. What does ``mncost bench`` say of the ratio?

The truth is 1. Run from the top of the repository::

    python -m benchmarks.same
    python -m benchmarks.same --busy both    # two other programs for each core

The exit status is 1 if a goal is missed.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Sequence

from scipy.stats import binomtest

import mncost
from benchmarks.busy import CASES, busy

COVERAGE, WITHIN, WITHIN_BUSY = 0.93, 0.005, 0.015


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=40, help="runs (default: 40)")
    parser.add_argument("--max-time", type=float, default=25.0, help="seconds a run (default: 25)")
    parser.add_argument("--busy", choices=CASES, default="quiet", help="default: quiet")
    options = parser.parse_args(arguments)
    within = WITHIN if options.busy == "quiet" else WITHIN_BUSY
    centers, covered = [], 0
    for number in range(options.repeats):
        with busy(options.busy):
            measured = mncost.bench(
                "v2",
                runtime="onnxruntime",
                twin=False,
                copies=2,
                target_error=0.0001,  # until the time is up
                max_time=options.max_time,
                seed=number,
            )
        found = measured.ratio(0, 1)
        assert found is not None
        center, lo, hi = found[:3]
        assert lo is not None
        assert hi is not None
        centers.append(center)
        covered += lo <= 1 <= hi
        print(f"{number + 1:3}  {center:.4f}  ({lo:.4f} to {hi:.4f})", flush=True)
    interval = binomtest(covered, options.repeats).proportion_ci()
    farthest = max(abs(center - 1) for center in centers)
    print(
        f"ratio: standard deviation {statistics.stdev(centers):.3%}, farthest from 1 by "
        f"{farthest:.2%}; goal: within {within:.1%}"
    )
    print(
        f"the 95 % interval holds 1 in {covered} of {options.repeats} runs "
        f"({interval.low:.1%} to {interval.high:.1%}); goal: at least {COVERAGE:.0%}"
    )
    reached = farthest <= within and covered >= COVERAGE * options.repeats
    print("reached" if reached else "MISSED")
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
