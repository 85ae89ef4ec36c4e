"""What ``mncost show`` and ``mncost report`` need for a run file of 130 MB: 6 million samples.

Each is a process of its own, as a user starts it. Run from the top of the repository::

    python -m benchmarks.large_run

The exit status is 1 if a goal is missed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from mncost.measure.bursts import Counts, Times
from mncost.measure.records import Run
from mncost.measure.run_file import write_run
from tests.measure.synthetic import REFERENCE_NS, cell, simulated

SECONDS, MEGABYTES = 2.0, 400
CELLS, PROCESSES = 40, 8
TIMES = 100  # each process's bursts are repeated as often


def the_run() -> Run:
    """Return a run of 40 cells in 8 processes, with 2,000 bursts of 10 calls in each."""
    latencies: dict[int | None, float] = {None: REFERENCE_NS}
    latencies |= {index: 1e6 * (1 + index / 10) for index in range(CELLS)}
    cells = [cell(index, alpha=0.3 + index / 100) for index in range(CELLS)]
    run = simulated(latencies, cells, processes=PROCESSES, rounds=20, runs=10)
    for process in run.processes:
        for bursts in process.bursts:
            for name in ("warmup_ns", "ns"):
                setattr(bursts, name, Counts(getattr(bursts, name).tolist() * TIMES))
            bursts.cpu_ns = Counts([ns - 1000 for ns in bursts.ns])
            bursts.warmup_cpu_ns = bursts.warmup_ns
            bursts.rounds = Counts(range(20 * TIMES))
            bursts.at = Times([process.generation + i / 20 / TIMES for i in range(20 * TIMES)])
    return run


def costs(words: list[str]) -> tuple[float, float, float]:
    """Return the seconds, the seconds of CPU time and the megabytes that a command takes."""
    begin = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "mncost", *words], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, words
    seconds = time.perf_counter() - begin
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main() -> int:
    """Print what each command takes and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--write", type=Path, metavar="FILE", help="only write such a run file")
    if target := parser.parse_args().write:
        write_run(the_run(), target)
        return 0
    missed = False
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "run.json")
        # Elsewhere: the peak of a process counts that of the one that started it.
        words = [sys.executable, "-m", "benchmarks.large_run", "--write", str(file)]
        subprocess.run(words, check=True)
        print(f"{file.stat().st_size / 1e6:.0f} MB")
        for words in (["show"], ["report", "--output", str(Path(folder, "report.html"))]):
            seconds, cpu, megabytes = costs([words[0], str(file), *words[1:]])
            print(f"{words[0]}: {seconds:.1f} s ({cpu:.1f} s of CPU time), {megabytes:.0f} MB")
            missed |= seconds > SECONDS or megabytes > MEGABYTES
    print(f"the goals are {SECONDS:.0f} s and {MEGABYTES} MB")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
