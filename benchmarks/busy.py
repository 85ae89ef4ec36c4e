"""Default ``mncost bench`` while other programs keep the cores busy: how wide are its intervals?

Run from the top of the repository::

    python -m benchmarks.busy              # beside one busy core
    python -m benchmarks.busy --busy both  # two programs for each core

The exit status is 1 if an interval of one thread is wider than ± 5 %. Other benchmarks take
:func:`busy` from here.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal, TypeAlias

import mncost

WIDEST = 0.05

Case: TypeAlias = Literal["quiet", "one", "both"]
"""Nothing else runs; one program keeps a core busy; two programs for each core."""
CASES: tuple[Case, ...] = ("quiet", "one", "both")


def spin() -> None:
    """Keep a core busy."""
    while True:
        pass


@contextmanager
def busy(case: Case) -> Iterator[None]:
    """Keep cores busy for as long as this lasts."""
    programs = {"quiet": 0, "one": 1, "both": 2 * (os.cpu_count() or 1)}[case]
    processes = [multiprocessing.Process(target=spin, daemon=True) for _ in range(programs)]
    try:
        for process in processes:
            process.start()
        yield
    finally:
        for process in processes:
            process.kill()


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--busy", choices=CASES, default="one", help="default: one")
    parser.add_argument("--arch", default="v1,v2,v3-large", help="default: as mncost bench")
    parser.add_argument("--max-time", type=float, help="seconds (default: as mncost bench)")
    options = parser.parse_args(arguments)
    with busy(options.busy):
        results = mncost.bench(options.arch, max_time=options.max_time)
    print(results)
    errors = results.relative_errors()
    alone = [one.cell for one in results.summaries if one.cell.place.threads == 1]
    widest = max(errors.get(cell.id, float("inf")) for cell in alone)
    reached = widest <= WIDEST
    print(
        f"widest of {len(alone)} intervals: ± {widest:.1%}; goal: at most ± {WIDEST:.0%}: "
        f"{'reached' if reached else 'MISSED'}"
    )
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
