"""How long counting many networks of a design space takes, from the file to their front.

Needs numpy. Run from the top of the repository::

    python -m benchmarks.space
    python -m benchmarks.space --large

The second counts 10⁸ networks in two processes, and predicts their latencies if this machine has a
profile (``mncost calibrate``). The exit status is 1 if the goal is missed.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mncost.errors import InputError
from mncost.place import OnePlace
from mncost.space.space import Space

if TYPE_CHECKING:
    from mncost.predict.predictor import Predictor

GOAL, LARGE_GOAL = 2.0, 360.0  # seconds for a million networks, for 10⁸
LARGE, JOBS = 100_000_000, 2
MEMORY = 1_000  # MB
ROWS = ["row3", "row4", "row5", "row6", "row7"]
CHOICES = {"kernel": [3, 5, 7], "expansion": [3, 4.5, 6], "repeats": [1, 2, 3, 4]}


def main(arguments: Sequence[str] | None = None) -> int:
    """Count, print the times, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--large", action="store_true", help="10⁸ networks, in two processes")
    parser.add_argument("--networks", type=int, metavar="N")
    parser.add_argument("--jobs", type=int, metavar="N")
    parser.add_argument("--goal", type=float, metavar="SECONDS")
    options = parser.parse_args(arguments)
    goal = options.goal or (LARGE_GOAL if options.large else GOAL)
    jobs = options.jobs or (JOBS if options.large else 1)
    predictor = _predictor() if options.large else None
    begun = time.perf_counter()
    space = Space.of(
        arch="v2",
        alpha="0.35:1.4:0.15",
        resolution="96:256:32",
        choices=[{"rows": ROWS, **CHOICES}],
    )
    goals = "macs:max,params,latency" if predictor else "macs:max,params"
    survey = space.survey(
        goals,
        sample=options.networks or (LARGE if options.large else 1_000_000),
        metrics=(),
        predictor=predictor,
        jobs=jobs,
    )
    wall = time.perf_counter() - begun
    own, others = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    cpu = own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime
    peak = (own.ru_maxrss + (jobs * others.ru_maxrss if jobs > 1 else 0)) / 1000  # kB on Linux
    predicted = ", latencies predicted" if predictor else ""
    print(
        f"{survey.counted:,} networks of {space.size:,}{predicted}: {wall:.2f} s in {jobs} "
        f"{'process' if jobs == 1 else 'processes'}, of one core {cpu:.2f} s; goal {goal:g} s; "
        f"{peak:,.0f} MB, goal {MEMORY:,} MB; {len(survey):,} on the front"
    )
    return int(wall > goal or peak > MEMORY)


def _predictor() -> Predictor | None:
    from mncost.predict.predictor import Predictor
    from mncost.predict.profile import read_profile

    try:
        return Predictor(read_profile(OnePlace(), "fp32"))
    except InputError as error:
        print(f"without latencies: {error}", file=sys.stderr)
        return None


if __name__ == "__main__":
    sys.exit(main())
