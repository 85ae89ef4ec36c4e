"""Default ``mncost bench`` while other programs keep the cores busy: how wide are its intervals?

Run from the top of the repository::

    python -m benchmarks.busy               # beside one busy core: 3 runs, 3 min
    python -m benchmarks.busy --busy both   # two programs for each core: 3 runs, 3 to 4 min
    python -m benchmarks.busy --busy quiet  # nothing else: 3 runs, 2 to 3 min

``--save FILE`` appends each run to a file of JSON lines; ``--resume FILE`` goes on with it. The
exit status is 1 if an interval of one thread is wider than ± 5 %. Other benchmarks take
:func:`busy` from here.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, TypeAlias

import mncost
from benchmarks.recorded import Record, add_options, counted

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
    parser.add_argument("--repeats", type=int, default=3, help="runs (default: 3)")
    add_options(parser)
    options = parser.parse_args(arguments)
    settings = {"benchmark": "busy", "busy": options.busy, "arch": options.arch}
    record = Record(options, {**settings, "max_time": options.max_time})
    with busy(options.busy):
        while len(record.results) < options.repeats:
            results = mncost.bench(options.arch, max_time=options.max_time)
            print(results)
            record.add(widths(results))
    intervals = sum(one["intervals"] for one in record.results)
    narrow = sum(one["narrow"] for one in record.results)
    widest = max(one["widest"] for one in record.results)
    reached = narrow == intervals
    print(
        f"at most ± {WIDEST:.0%}: {counted(narrow, intervals)} intervals of one thread, the widest "
        f"± {widest:.1%}; goal: all: {'reached' if reached else 'MISSED'}"
    )
    return 0 if reached else 1


def widths(results: mncost.Results) -> dict[str, Any]:
    """Return how wide the intervals of the cells with one thread are; none at all is 100 %."""
    errors = results.relative_errors()
    alone = [one.cell.id for one in results.summaries if one.cell.place.threads == 1]
    wide = [errors.get(cell, 1.0) for cell in alone]
    return {
        "intervals": len(wide),
        "narrow": sum(one <= WIDEST for one in wide),
        "widest": max(wide),
        "seconds": results.run.seconds,
    }


if __name__ == "__main__":
    sys.exit(main())
