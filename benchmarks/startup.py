"""How long a whole ``mncost`` process takes beside ``python -c "import typer, rich.table"``.

Run from the top of the repository::

    python -m benchmarks.startup

The exit status is 1 if a goal is missed.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from mncost.cli.main import COMMANDS

BASELINE = 'python -c "import typer, rich.table"'
_TABLE_OPTIONS = "--arch v2 --alpha 0.35:1.0 --resolution 96:224 --format csv"
_MNCOST = {
    "mncost table": ["table", *_TABLE_OPTIONS.split()],
    "mncost check": ["check", "examples/budgets.toml", "--exact-only"],
    "mncost layers": ["layers", "--arch", "v2"],
    "mncost list": ["list"],
    "mncost --help": ["--help"],
    **{f"mncost {name} --help": [name, "--help"] for name in COMMANDS},
}
GOALS = {  # × the baseline
    "mncost table": 1.6,
    "mncost check": 1.8,
    **{name: 1.6 for name in _MNCOST if name.endswith("--help")},
}


class Paired(NamedTuple):
    """The times of a task and of the baseline that was timed right before or after it."""

    times: list[float]
    baseline: list[float]

    @property
    def ratio(self) -> float:
        """The median of the ratios, pair by pair: what slows the machine slows both."""
        return statistics.median(self.ratios)

    @property
    def ratios(self) -> list[float]:
        """Task / baseline for each pair."""
        return [time / base for time, base in zip(self.times, self.baseline, strict=True)]

    def summary(self) -> str:
        """Return the median time of the task, and the ratios' median, minimum and maximum."""
        median = f"{statistics.median(self.times) * 1e3:8.3f} ms"
        low, high = min(self.ratios), max(self.ratios)
        return f"{median}  {self.ratio:.3g} × the baseline ({low:.3g} to {high:.3g})"


def alternate(
    baseline: Callable[[], float], tasks: Mapping[str, Callable[[], float]], pairs: int
) -> dict[str, Paired]:
    """Time every task beside the baseline: A B A B ..., the order turned round in each pair.

    Args:
        baseline: runs once and returns its seconds.
        tasks: the same, by name.
        pairs: how often each task is timed beside the baseline.
    """
    for run in (baseline, *tasks.values()):
        run()  # the first time reads files that later runs find in the memory
    found = {name: Paired([], []) for name in tasks}
    for number in range(pairs):
        for name, task in tasks.items():
            sides = [(baseline, found[name].baseline), (task, found[name].times)]
            for run, times in sides if number % 2 else reversed(sides):
                times.append(run())
    return found


def seconds(task: Callable[[], object], repeats: int = 1) -> float:
    """Return how long one call of a task takes, averaged over so many calls in a row."""
    start = time.perf_counter()
    for _ in range(repeats):
        task()
    return (time.perf_counter() - start) / repeats


def _process(command: Sequence[str]) -> Callable[[], float]:
    """Return what runs a command to its end and returns its seconds."""
    # Without a timeout: with one, subprocess polls, and every time is rounded up to 50 ms.
    return lambda: seconds(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL))


def _mncost() -> list[str]:
    """Return the command of this interpreter's mncost: its console script, if it has one."""
    script = shutil.which("mncost", path=str(Path(sys.executable).parent))
    return [script] if script else [sys.executable, "-m", "mncost"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=30, help="pairs of runs (default: 30)")
    pairs = parser.parse_args(arguments).pairs
    mncost = _mncost()
    baseline = _process([sys.executable, "-c", "import typer, rich.table"])
    tasks = {name: _process([*mncost, *options]) for name, options in _MNCOST.items()}
    found = alternate(baseline, tasks, pairs)

    median = statistics.median(time for paired in found.values() for time in paired.baseline)
    print(f"{BASELINE}: {median * 1e3:.1f} ms, {pairs} pairs")
    for name, paired in found.items():
        print(f"{name:25} {paired.summary()}")
    for name, goal in GOALS.items():
        ratio = found[name].ratio
        verdict = "reached" if ratio <= goal else "MISSED"
        print(f"goal: mncost {' '.join(_MNCOST[name])} at most {goal} ×: {ratio:.2f}, {verdict}")
    return any(found[name].ratio > goal for name, goal in GOALS.items())


if __name__ == "__main__":
    sys.exit(main())
