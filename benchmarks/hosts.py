"""What other machines cost: the coordinator of 100 hosts, and a measurement through ssh.

Needs onnxruntime; the second also an OpenSSH server on this machine. Run from the top of the
repository::

    python -m benchmarks.hosts                # 100 hosts, whose agents are scripted
    python -m benchmarks.hosts --loopback     # the same cells here and through ssh to here, in turn

The exit status is 1 if a goal is missed: less than one core and 500 MB for 100 hosts, and a ratio
within 1 % through ssh, beside the machine's speed by the reference workload.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import redirect_stderr
from math import exp, log
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import mncost
from mncost.results.run_ratio import run_ratio

CORES, MEGABYTES, WITHIN = 1.0, 500.0, 0.01
CELLS: dict[str, Any] = {
    "alpha": "0.35,0.5",
    "resolution": 128,
    "twin": False,
    "runtime": "onnxruntime",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print what it costs, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--loopback", action="store_true", help="here and through ssh, in turn")
    parser.add_argument("--hosts", type=int, default=100, metavar="N")
    parser.add_argument("--seconds", type=float, default=60.0, metavar="S", help="of a run")
    parser.add_argument("--turns", type=int, default=6, metavar="N")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder, redirect_stderr(sys.stdout):
        if options.loopback:
            return _loopback(Path(folder), options.turns, options.seconds)
        return _many(Path(folder), options.hosts, options.seconds)


def _many(folder: Path, number: int, seconds: float) -> int:
    """Measure on scripted hosts, all at once."""
    agent = Path(__file__).with_name("scripted_agent.py")
    program = folder / "ssh"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -S -E {agent} "$@"\n')
    program.chmod(0o755)
    os.environ["PATH"] = f"{folder}:{os.environ['PATH']}"
    names = [f"host{index}" for index in range(number)]
    file = folder / "hosts.toml"
    file.write_text("".join(f'[[hosts]]\nname = "{n}"\ndestination = "{n}"\n' for n in names))
    begun, before = time.monotonic(), _cpu()
    results = mncost.bench(
        "v2",
        host=names,
        hosts=file,
        max_time=seconds,
        target_error=1e-6,
        output=folder / "run.json",
        **CELLS,
    )
    wall, spent = time.monotonic() - begun, _cpu() - before
    measured = sum(one.latency is not None for one in results.summaries)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rounds = sum(one.rounds for one in results.summaries)
    print(
        f"{number} hosts, {measured} cells of {len(results.run.cells)}, {rounds:,} visits in "
        f"{wall:.1f} s: {spent:.1f} s of CPU ({spent / wall:.2f} cores), {memory:.0f} MB, "
        f"run file {(folder / 'run.json').stat().st_size / 1e6:.1f} MB"
    )
    complete = measured == len(results.run.cells)
    return 0 if complete and spent < CORES * wall and memory < MEGABYTES else 1


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _loopback(folder: Path, turns: int, seconds: float) -> int:
    """Measure the same cells here and through ssh, in turn; print the ratios."""
    from tests.hosts.sshd import MISSING, serving

    if MISSING:
        print(MISSING)
        return 2
    logs: dict[str, list[float]] = {}  # by cell: beside the machine's speed, and as they are
    with serving(folder) as server:
        file = server.hosts(loop="")
        os.environ["PATH"] = f"{folder}/bin:{os.environ['PATH']}"
        for turn in range(turns):
            # Every second turn begins through ssh, so that a drift favours neither.
            places: list[dict[str, Any]] = [{}, {"host": "loop", "hosts": file}]
            runs = [
                mncost.bench("v2", max_time=seconds, target_error=0.001, **where, **CELLS)
                for where in (places if turn % 2 == 0 else places[::-1])
            ]
            here, there = runs if turn % 2 == 0 else runs[::-1]
            for one, other in zip(here.summaries, there.summaries, strict=True):
                ratio = run_ratio(there, other.cell.id, here, one.cell.id)
                assert ratio is not None
                assert ratio.beside_reference is not None
                words = one.cell.subject.words()
                beside = ratio.beside_reference.ratio.center
                logs.setdefault(words, []).append(log(beside))
                logs.setdefault(f"{words}, as it is", []).append(log(ratio.plain.ratio.center))
            print(f"turn {turn + 1} of {turns}", flush=True)
    worst = 0.0
    for name, values in logs.items():
        error = 2 * stdev(values) / len(values) ** 0.5 if len(values) > 1 else float("inf")
        print(f"{name}: through ssh {exp(fmean(values)):.4f} ± {error:.4f} times as long")
        if not name.endswith("as it is"):  # the machine's speed changes from turn to turn
            worst = max(worst, abs(exp(fmean(values)) - 1))
    return 0 if worst <= WITHIN else 1


if __name__ == "__main__":
    raise SystemExit(main())
