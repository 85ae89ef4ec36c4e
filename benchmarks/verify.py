"""How long a whole ``mncost verify --arch v2 --alpha 0.35:1.4`` process takes.

Run from the top of the repository, where the extra ``verify`` is installed::

    python -m benchmarks.verify

The exit status is 1 if the goal is missed.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence

GOAL = 20.0
COMMAND = "verify --arch v2 --alpha 0.35:1.4"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=5, help="how often it runs (default: 5)")
    runs = parser.parse_args(arguments).runs
    command = [sys.executable, "-m", "mncost", *COMMAND.split()]
    times = []
    for _ in range(runs + 1):
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - start)
    times = times[1:]  # the first run reads files that later ones find in the memory
    median = statistics.median(times)
    verdict = "reached" if median <= GOAL else "MISSED"
    print(f"mncost {COMMAND}: {median:.2f} s ({min(times):.2f} to {max(times):.2f}), {runs} runs")
    print(f"goal: at most {GOAL:.0f} s: {verdict}")
    return 0 if median <= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
