"""A latency in one run / a latency in another, beside the reference workloads of both.

When the machine changes, a network need not follow it as a reference does: measured slopes of
their logarithms are 0.5 to 2.7. So a cell must also differ beside each reference (one computes, one
reads memory), and beside the first one to the power of :data:`SLOPE`. All agree only on changes
that no slope from 0 to 3 can explain.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import exp, log
from statistics import fmean
from typing import Literal, NamedTuple, TypeAlias

from mncost.measure.runtimes.reference import REFERENCE_NAMES
from mncost.results.results import Results
from mncost.results.series import Clock, Series, common_clock
from mncost.stats.location import LEVEL
from mncost.stats.ratios import Difference, unpaired_ratio
from mncost.stats.verdict import Verdict, judge

__all__ = ["SLOPE", "Direction", "RunRatio", "direction_of", "reference_ratios", "run_ratio"]

SLOPE = 3  # more than the largest measured one

Direction: TypeAlias = Literal["slower", "faster", "no difference seen"]


class RunRatio(NamedTuple):
    """A latency in one run / a latency in another run.

    Attributes:
        plain: the ratio itself, with whatever the machine did to all of one run.
        clock: which time of a call is compared.
        beside_reference: the same, each process in units of its first reference workload, which
            computes; ``None`` without a reference workload in common.
        beside_memory: the same, in units of the second one, which reads memory; ``None`` where the
            runs have only one.
        beside_steep: the same, in units of the first one to the power of :data:`SLOPE`.
    """

    plain: Difference
    clock: Clock
    beside_reference: Difference | None = None
    beside_memory: Difference | None = None
    beside_steep: Difference | None = None

    @property
    def all(self) -> list[Difference]:
        """The known differences: plain, and beside each reference workload."""
        beside = self.beside_reference, self.beside_memory, self.beside_steep
        return [self.plain, *(one for one in beside if one is not None)]

    @property
    def direction(self) -> Direction | None:
        """What all of them say; ``None`` without an interval."""
        directions = {direction_of(one) for one in self.all}
        if None in directions:
            return None
        return directions.pop() if len(directions) == 1 else "no difference seen"

    @property
    def detectable(self) -> float | None:
        """The smallest relative change that would probably have been called one."""
        each = [one.detectable for one in self.all]
        return max((one for one in each if one is not None), default=None)

    def judge(self, limit: float) -> Verdict | None:
        """Compare the ratio with the largest one that is allowed.

        Returns:
            ``PASS`` or ``FAIL`` if all of them say so; ``None`` if they do not, or if there is no
            reference workload.
        """
        if self.beside_reference is None:
            return None
        verdicts = {judge(one.ratio, limit) for one in self.all}
        return verdicts.pop() if len(verdicts) == 1 else None


def run_ratio(
    new: Results, new_cell: int, old: Results, old_cell: int, level: float = LEVEL
) -> RunRatio | None:
    """Return how many times as long a cell takes in one run as a cell in another run.

    By Welch's t over processes. What a machine did to all of a run is in no interval, so a verdict
    needs all the ratios. ``None`` if one of the cells has no sample.
    """
    clock = common_clock(new.clock(new_cell), old.clock(old_cell))
    after, before = (
        _by_process(results.series[cell], clock)
        for results, cell in ((new, new_cell), (old, old_cell))
    )
    if not after or not before:
        return None
    plain = unpaired_ratio(list(after.values()), list(before.values()), level)
    if old.run.reference != new.run.reference:  # another workload says nothing about the machine
        return RunRatio(plain, clock)
    sides = (new, after), (old, before)
    # They have one thread, and are interrupted in most visits: their CPU time, which was counted.
    of_reference: Clock = "cpu" if clock == "undisturbed" else clock
    beside = []
    for workload, power in ((0, 1), (1, 1), (0, SLOPE)):
        above, below = (_beside(*side, of_reference, workload, power) for side in sides)
        beside.append(unpaired_ratio(above, below, level) if above and below else None)
    return RunRatio(plain, clock, *beside)


def direction_of(difference: Difference) -> Direction | None:
    """Return what an interval of a ratio says; ``None`` without an interval."""
    ratio = difference.ratio
    if ratio.lo is None or ratio.hi is None:
        return None
    return "slower" if ratio.lo > 1 else "faster" if ratio.hi < 1 else "no difference seen"


def reference_ratios(old: Results, new: Results, level: float) -> dict[str, Difference]:
    """Compare each reference workload on the workers that both runs have, by its name.

    Processes of one generation share their moment, so a generation counts once: as the mean over
    its workers, all of which it must have. Each machine is compared with itself, and named.

    Returns:
        nothing if the runs have no reference workload in common.
    """
    if old.run.reference != new.run.reference:
        return {}
    hosts = dict.fromkeys(cell.place.host for cell in new.run.cells)
    every = (
        (name if host is None else f"{name}, {host}", _reference_ratio(old, new, n, host, level))
        for host in hosts
        for n, name in enumerate(REFERENCE_NAMES)
    )
    return {name: ratio for name, ratio in every if ratio is not None}


def _reference_ratio(
    old: Results, new: Results, workload: int, host: str | None, level: float
) -> Difference | None:
    clock = common_clock(old.reference_clock, new.reference_clock)
    ours, theirs = (_by_generation(run, workload, host, clock) for run in (old, new))
    workers = {w for g in ours for w in g} & {w for g in theirs for w in g}
    if not workers:
        return None
    before, after = (
        [exp(fmean(log(one[w]) for w in workers)) for one in run if workers <= one.keys()]
        for run in (ours, theirs)
    )
    if not before or not after:
        return None
    return unpaired_ratio(after, before, level)


def _by_generation(
    results: Results, workload: int, host: str | None, clock: Clock
) -> list[dict[tuple[object, ...], float]]:
    """Return the median of a reference workload for each worker of a machine, by generation.

    An interpreter has another path in another run, so its place among the run's interpreters stands
    for it.
    """
    pythons = list(dict.fromkeys(cell.place.python for cell in results.run.cells))
    medians: dict[int, dict[tuple[object, ...], float]] = {}
    for series in _of_workload(results, workload):
        worker = series.process.worker
        if worker.host != host:
            continue
        place = pythons.index(worker.python) if worker.python in pythons else None
        key = worker.runtime, worker.threads, place
        median = series.median(clock)
        assert median is not None  # it is not the clock of undisturbed runs
        medians.setdefault(series.generation, {})[key] = median
    return list(medians.values())


def _of_workload(results: Results, workload: int) -> list[Series]:
    return [one for one in results.reference if one.bursts.workload == workload]


def _by_process(series: Sequence[Series], clock: Clock) -> dict[int, float]:
    """Return the median of each process, by the identity of that."""
    medians = ((id(one.process), one.median(clock)) for one in series)
    return {process: median for process, median in medians if median is not None}


def _beside(
    results: Results, medians: Mapping[int, float], clock: Clock, workload: int, power: int
) -> list[float]:
    """Return the medians of a cell's processes, in units of a reference's to some power."""
    references = _by_process(_of_workload(results, workload), clock)
    return [
        median / references[process] ** power
        for process, median in medians.items()
        if process in references
    ]
