"""How long counting many networks of a design space takes, from the file to their front.

Needs numpy. Run from the top of the repository::

    python -m benchmarks.space
    python -m benchmarks.space --networks 100000000 --goal 360

The exit status is 1 if the goal is missed.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections.abc import Sequence

from mncost.space.space import Space

GOAL = 2.0  # seconds for a million networks
MEMORY = 1_000  # MB
ROWS = ["row3", "row4", "row5", "row6", "row7"]
CHOICES = {"kernel": [3, 5, 7], "expansion": [3, 4.5, 6], "repeats": [1, 2, 3, 4]}


def main(arguments: Sequence[str] | None = None) -> int:
    """Count, print the times, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--networks", type=int, default=1_000_000, metavar="N")
    parser.add_argument("--goal", type=float, default=GOAL, metavar="SECONDS")
    options = parser.parse_args(arguments)
    wall, cpu = time.perf_counter(), time.process_time()
    space = Space.of(
        arch="v2",
        alpha="0.35:1.4:0.15",
        resolution="96:256:32",
        choices=[{"rows": ROWS, **CHOICES}],
    )
    survey = space.survey("macs:max,params", sample=options.networks, metrics=())
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000  # kB on Linux
    print(
        f"{survey.counted:,} networks of {space.size:,}: {wall:.2f} s, of one core {cpu:.2f} s; "
        f"goal {options.goal:g} s; {peak:,.0f} MB, goal {MEMORY:,} MB; {len(survey):,} on the front"
    )
    return int(wall > options.goal or peak > MEMORY)


if __name__ == "__main__":
    sys.exit(main())
