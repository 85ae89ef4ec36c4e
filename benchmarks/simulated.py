"""How often verdicts are wrong, and how often right: the tables of docs/budgets.md, by simulation.

What decides are the functions that decide in ``mncost check`` and ``mncost pick``; the tests hold
the same simulations to their limits (``tests/stats``, ``tests/choose``). Nothing is measured, so
other programs do no harm. Run from the top of the repository::

    python -m benchmarks.simulated                     # all tables
    python -m benchmarks.simulated ratios power        # some of them
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from math import exp, log
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mncost.measure.schedule import FEWEST_GENERATIONS
from mncost.stats.location import log_interval, resemblance_of
from mncost.stats.percentiles import percentiles
from tests.choose.test_search import drawn, passed
from tests.stats import deciding, test_absolute

Values = NDArray[Any]
GENERATIONS = deciding.GENERATIONS
RATIOS: dict[str, deciding.Draw] = {
    "normal": deciding.normal(),
    "heavy tails (t with 3 degrees of freedom)": deciding.heavy_tails,
    "order: 2 %": deciding.order(lambda rng, rows, n: np.full((1, n), 0.02)),
    "order: fades from 2 %": deciding.order(lambda rng, rows, n: np.linspace(0.02, 0, n)),
    "order: varies": deciding.order(lambda rng, rows, n: 0.02 * rng.standard_normal((rows, n))),
    "skewed to the slow side": deciding.skewed(1),
    "skewed to the fast side": deciding.skewed(-1),
    **{
        f"one process in five 4 % slower; other noise {sd:.1%}": deciding.slow_layout(sd)
        for sd in (0.012, 0.006, 0.003)
    },
    "the ratio drifts by 2 %": deciding.drifting,
    **{f"autocorrelation {one}": deciding.resembling(one) for one in (-0.4, 0.1, 0.3, 0.5, 0.7)},
}
MEDIANS = {name: draw for name, draw in RATIOS.items() if "order" not in name}
MEDIANS["autocorrelation 0.33"] = deciding.resembling(0.33)


def line(name: str, *shares: float) -> None:
    """Print a line of a table."""
    print(f"  {name:<58}", *(f"{share:7.1%}" for share in shares), flush=True)


def wrong(verdicts: Values, tests: int = 1) -> tuple[float, float]:
    """Return in which share of files some limit FAILs, and in which some limit PASSes."""
    files = verdicts.reshape(-1, tests)
    return float((files == 1).any(axis=1).mean()), float((files == -1).any(axis=1).mean())


def ratios(rng: np.random.Generator, decisions: int) -> None:
    """One limit on a ratio, or several: any wrong FAIL, any wrong PASS."""
    for name, draw in RATIOS.items():
        verdicts, _ = deciding.decide(draw(rng, decisions, GENERATIONS), 0.0)
        line(name, *wrong(verdicts))
    for tests in (10, 30):
        for name in ("normal", "autocorrelation 0.3", "autocorrelation 0.7"):
            logs = RATIOS[name](rng, decisions // 5 * tests, GENERATIONS)
            verdicts, _ = deciding.decide(logs, 0.0, tests=tests)
            line(f"any of {tests} limits, {name}", *wrong(verdicts, tests))


def few(rng: np.random.Generator, decisions: int) -> None:
    """One limit on a ratio, 8 generations: where processes start slowly."""
    for name, draw in RATIOS.items():
        verdicts, _ = deciding.decide(draw(rng, decisions, FEWEST_GENERATIONS), 0.0)
        line(name, *wrong(verdicts))


def medians(rng: np.random.Generator, decisions: int) -> None:
    """One limit on a median, or several: any wrong FAIL, any wrong PASS."""
    for name, draw in MEDIANS.items():
        verdicts = deciding.decide_medians(draw(rng, decisions, GENERATIONS), 0.0)
        line(name, *wrong(verdicts))
    for tests in (10, 30):
        for correlation in (0.0, 0.33, 0.7):
            for shared in (False, True):
                draw = deciding.resembling(correlation)
                draw = deciding.one_mood(correlation, tests) if shared else draw
                logs = draw(rng, decisions // 5 * tests, GENERATIONS)
                verdicts = deciding.decide_medians(logs, 0.0, tests=tests)
                words = "one mood" if shared else "independent limits"
                name = f"any of {tests} limits, autocorrelation {correlation}, {words}"
                line(name, *wrong(verdicts, tests))


def power(rng: np.random.Generator, decisions: int) -> None:
    """Right verdicts by the standard deviation of a generation's ratio."""
    print(" " * 61 + "   1.2 %   1.8 %   2.4 %")
    deviations = (0.012, 0.018, 0.024)
    for slower, limit in ((1.04, 1.02), (1.02, 1.005)):
        found = [
            deciding.decide(
                deciding.normal(sd)(rng, decisions, GENERATIONS) + log(slower), log(limit)
            )[0]
            for sd in deviations
        ]
        line(f"{slower - 1:.0%} slower, limit {limit - 1:.1%}: FAIL", *(wrong(v)[0] for v in found))
    for tests in (1, 10):
        rows = decisions // tests * tests
        pairs = [
            deciding.decide(deciding.normal(sd)(rng, rows, GENERATIONS), log(1.03), tests=tests)
            for sd in deviations
        ]
        name = f"unchanged, limit 3 %, {tests} limits: each PASSes"
        line(name, *(float((verdicts == -1).mean()) for verdicts, _ in pairs))
        line("  after this share of the time", *(float(when.mean()) / 20 for _, when in pairs))


def p99(rng: np.random.Generator, decisions: int) -> None:
    """The upper bound of a p99: the truth is above it, there is none."""
    repeats = decisions // 20
    for draw in test_absolute.DRAWS:
        truth = float(np.percentile(draw(rng, 4000), 99))
        highest = [
            percentiles(list(draw(rng, test_absolute.PROCESSES)), [99.0])[99.0].hi
            for _ in range(repeats)
        ]
        missed = sum(hi is not None and hi < truth for hi in highest) / repeats
        line(draw.__name__, missed, highest.count(None) / repeats)


def intervals(rng: np.random.Generator, decisions: int) -> None:
    """The 95 % interval of a median from 6 processes: holds the truth, with and without r."""
    for correlation in (0.0, 0.33, 0.7):
        held = np.zeros(2)
        for logs in deciding.resembling(correlation)(rng, decisions // 5, 6):
            values = np.exp(logs).tolist()
            for column, alike in enumerate((resemblance_of(logs.tolist()), 0.0)):
                one = log_interval(values, resemblance=alike)
                assert one.lo is not None
                assert one.hi is not None
                held[column] += one.lo <= 1 <= one.hi
        line(f"autocorrelation {correlation}", *(held / (decisions // 5)))


def pick(rng: np.random.Generator, decisions: int) -> None:
    """Fifteen near ties that are just too slow: any is picked; 12 % fast enough: each is picked."""
    repeats = decisions // 50
    for kind in ("quiet", "moods", "layouts"):
        for late in (0, 8):
            picked = [passed(drawn(kind, rng, 15, 20), 1.0, late).any() for _ in range(repeats)]
            right = [passed(drawn(kind, rng, 15, 20), exp(0.12), late) for _ in range(repeats // 8)]
            name = f"{kind}, {'from generation 8 on' if late else 'all from the first one on'}"
            line(name, float(np.mean(picked)), float(np.mean(right)))


TABLES: dict[str, Callable[[np.random.Generator, int], None]] = {
    one.__name__: one for one in (ratios, few, medians, power, p99, intervals, pick)
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Simulate and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("tables", nargs="*", metavar="TABLE", help=", ".join(TABLES))
    parser.add_argument("--decisions", type=int, default=20_000, help="of a line (default: 20000)")
    options = parser.parse_args(arguments)
    if unknown := set(options.tables) - set(TABLES):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(TABLES)}")
    for name in options.tables or TABLES:
        print(f"{name}: {(TABLES[name].__doc__ or '').strip()}")
        TABLES[name](np.random.default_rng(2026), options.decisions)
    return 0


if __name__ == "__main__":
    sys.exit(main())
