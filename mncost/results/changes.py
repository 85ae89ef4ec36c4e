"""What changed from one run to another, as far as two runs can say it.

Cells of different runs share no round, so nothing cancels what a machine does to all of one run,
and the interval of a plain ratio covers only how processes differ within a run. So a cell is called
slower or faster only if it is so by itself *and* beside the reference workload, which every process
ran in the same rounds. On two cores of which one was kept busy by others, the plain ratio of ten
runs of one model was "significant" in 23 of 90 pairs, and both were in 3.

When the machine changes, a network need not follow it as the reference does: measured slopes of
their logarithms are 0.5 to 2.7. So a cell must also differ beside the reference to the power of
:data:`SLOPE`. All three agree only on changes that no slope from 0 to 3 can explain.

Ratios within one run are much sharper.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import exp, log
from statistics import fmean
from typing import Literal, NamedTuple, TypeAlias

from mncost.errors import MeasureError
from mncost.interval import Interval
from mncost.measure.machine import machine_differences
from mncost.measure.records import IDENTITY, Cell, Process, Run
from mncost.render.shown import Shown
from mncost.results.results import Results
from mncost.results.series import Clock, Series, common_clock, percentile_interval
from mncost.stats.location import LEVEL
from mncost.stats.ratios import Difference, unpaired_ratio
from mncost.stats.verdict import Verdict, judge

__all__ = [
    "SLOPE",
    "Change",
    "Changes",
    "Direction",
    "RunRatio",
    "compare",
    "machine_warnings",
    "run_ratio",
]

SLOPE = 3  # more than the largest measured one

Direction: TypeAlias = Literal["slower", "faster", "no difference seen"]

# What makes two cells of different runs the same thing. Another interpreter has another path.
_IDENTITY = tuple(name for name in IDENTITY if name != "python")


class RunRatio(NamedTuple):
    """A latency in one run / a latency in another run.

    Attributes:
        plain: the ratio itself, with whatever the machine did to all of one run.
        beside_reference: the same, each process in units of its reference workload; ``None``
            without a reference workload in common.
        beside_steep: the same, in units of the reference workload to the power of :data:`SLOPE`.
        clock: which time of a call is compared.
    """

    plain: Difference
    beside_reference: Difference | None
    beside_steep: Difference | None
    clock: Clock

    @property
    def all(self) -> list[Difference]:
        """Those of the three that there are."""
        every = self.plain, self.beside_reference, self.beside_steep
        return [one for one in every if one is not None]

    @property
    def direction(self) -> Direction | None:
        """What all of them say; ``None`` without an interval."""
        directions = {_direction(one) for one in self.all}
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
            ``PASS`` or ``FAIL`` if all three say so; ``None`` if they do not, or if there is no
            reference workload.
        """
        if self.beside_reference is None:
            return None
        verdicts = {judge(one.ratio, limit) for one in self.all}
        return verdicts.pop() if len(verdicts) == 1 else None


class Change(NamedTuple):
    """A cell in both runs. Times are in seconds for one call.

    Attributes:
        old, new: the cell in each run.
        old_latency, new_latency: its median.
        ratio: new / old.
        network_changed: it is another computation now.
    """

    old: Cell
    new: Cell
    old_latency: Interval
    new_latency: Interval
    ratio: RunRatio
    network_changed: bool

    @property
    def direction(self) -> Direction | None:
        """Whether it is slower or faster; ``None`` without an interval."""
        return self.ratio.direction


class Changes(Shown):
    """Two runs, cell by cell. Made by :func:`compare`.

    Attributes:
        old, new: the runs.
        changes: the cells that both have.
        only_old, only_new: the cells that only one has.
        reference: the reference workload, new / old: the machine's own change.
        warnings: why the changes are doubtful, as sentences.
        notes: what else differs between the runs, as sentences.
    """

    def __init__(self, old: Results, new: Results, level: float = LEVEL) -> None:
        """Compare two runs.

        Raises:
            MeasureError: they have no measured cell in common.
        """
        self.old = old
        self.new = new
        ours, theirs = _measured(old), _measured(new)
        common = [key for key in ours if key in theirs]
        if not common:
            raise MeasureError("the runs have no measured cell in common")
        self.changes = [_change(old, ours[key], new, theirs[key], level) for key in common]
        self.only_old = [cell for key, cell in ours.items() if key not in theirs]
        self.only_new = [cell for key, cell in theirs.items() if key not in ours]
        self.reference = _reference(old, new, level)
        self.warnings = list(_warnings(self, level))
        self.notes = list(_notes(old.run, new.run, self.changes))

    def __repr__(self) -> str:
        """Count the cells."""
        slower, faster = (
            sum(change.direction == direction for change in self.changes)
            for direction in ("slower", "faster")
        )
        return f"<Changes of {len(self.changes)} cells: {slower} slower, {faster} faster>"


def compare(
    old: Results, new: Results, *, allow_different_machine: bool = False, level: float = LEVEL
) -> Changes:
    """Compare two runs cell by cell.

    Args:
        old: the earlier run.
        new: the later one.
        allow_different_machine: warn if the machines differ, rather than refuse.
        level: of each interval.

    Raises:
        MeasureError: the runs are of different machines, or have no measured cell in common.
    """
    differences = machine_differences(old.run.machine, new.run.machine)
    if differences and not allow_different_machine:
        raise MeasureError(
            f"the runs are of different machines: {'; '.join(differences)} "
            "(--allow-different-machine compares them all the same)"
        )
    return Changes(old, new, level)


def run_ratio(
    new: Results, new_cell: int, old: Results, old_cell: int, level: float = LEVEL
) -> RunRatio | None:
    """Return how many times as long a cell takes in one run as a cell in another run.

    By Welch's t over processes. What a machine did to all of a run is in no interval, so a verdict
    needs all three ratios. ``None`` if one of the cells has no sample.
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
        return RunRatio(plain, None, None, clock)
    beside, steep = (
        unpaired_ratio(above, below, level) if above and below else None
        for above, below in (
            [
                _beside_reference(results, medians, clock, power)
                for results, medians in ((new, after), (old, before))
            ]
            for power in (1, SLOPE)
        )
    )
    return RunRatio(plain, beside, steep, clock)


def machine_warnings(old: Results, new: Results, level: float = LEVEL) -> list[str]:
    """Return why latencies of two runs of one machine should not be compared, as sentences."""
    return [*_of_reference(_reference(old, new, level)), *_of_pythons(old.run, new.run)]


def _by_process(series: Sequence[Series], clock: Clock) -> dict[int, float]:
    """Return the median of each process, by the identity of that."""
    medians = ((id(one.process), one.median(clock)) for one in series)
    return {process: median for process, median in medians if median is not None}


def _beside_reference(
    results: Results, medians: Mapping[int, float], clock: Clock, power: int
) -> list[float]:
    """Return the medians of a cell's processes, in units of the reference's to some power."""
    references = _by_process(results.reference, clock)
    return [
        median / references[process] ** power
        for process, median in medians.items()
        if process in references
    ]


def _measured(results: Results) -> dict[tuple[object, ...], Cell]:
    """Return the cells that have samples by what they are.

    Cells that are alike, e.g. in two interpreters, are told apart by their order.
    """
    measured: dict[tuple[object, ...], Cell] = {}
    seen: Counter[tuple[object, ...]] = Counter()
    for cell in results.run.cells:
        identity = tuple(cell.fact(name) for name in _IDENTITY)
        seen[identity] += 1
        if results.series[cell.id]:
            measured[(*identity, seen[identity])] = cell
    return measured


def _change(old: Results, old_cell: Cell, new: Results, new_cell: Cell, level: float) -> Change:
    ratio = run_ratio(new, new_cell.id, old, old_cell.id, level)
    assert ratio is not None  # both have samples
    before, after = (
        percentile_interval(results.series[cell.id], level=level, clock=ratio.clock)
        for results, cell in ((old, old_cell), (new, new_cell))
    )
    assert before is not None
    assert after is not None
    changed = old_cell.digest != new_cell.digest
    return Change(old_cell, new_cell, before, after, ratio, changed)


def _direction(difference: Difference) -> Direction | None:
    ratio = difference.ratio
    if ratio.lo is None or ratio.hi is None:
        return None
    return "slower" if ratio.lo > 1 else "faster" if ratio.hi < 1 else "no difference seen"


def _reference(old: Results, new: Results, level: float) -> Difference | None:
    """Compare the reference workload on the workers that both runs have.

    Processes of one generation share their moment, so a generation counts once: as the mean over
    its workers, all of which it must have.
    """
    if old.run.reference != new.run.reference:
        return None
    clock = common_clock(old.reference_clock, new.reference_clock)
    ours, theirs = _by_generation(old, clock), _by_generation(new, clock)
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


def _by_generation(results: Results, clock: Clock) -> list[dict[tuple[object, ...], float]]:
    """Return the median of the reference workload for each worker, by generation.

    An interpreter has another path in another run, so its place among the run's interpreters stands
    for it.
    """
    pythons = list(dict.fromkeys(cell.place.python for cell in results.run.cells))
    medians: dict[int, dict[tuple[object, ...], float]] = {}
    for series in results.reference:
        worker = series.process.worker
        place = pythons.index(worker.python) if worker.python in pythons else None
        key = worker.runtime, worker.threads, place
        median = series.median(clock)
        assert median is not None  # it is not the clock of undisturbed runs
        medians.setdefault(series.generation, {})[key] = median
    return list(medians.values())


def _warnings(changes: Changes, level: float) -> Iterator[str]:
    old, new = changes.old.run, changes.new.run
    if machines := machine_differences(old.machine, new.machine):
        yield f"the runs are of different machines: {'; '.join(machines)}"
    yield from _of_reference(changes.reference)
    directions = [change.direction for change in changes.changes]
    explained = sum(
        direction != _direction(change.ratio.plain)
        for direction, change in zip(directions, changes.changes, strict=True)
    )
    if explained:
        yield (
            f"{explained} of {len(directions)} cells differ by themselves, but not beside the "
            "reference workload: the machine may explain it"
        )
    if None in directions:
        yield "one process has no interval: measure with more --processes"
    decided = sum(direction is not None for direction in directions)
    if decided * (1 - level) >= 1:
        yield (
            f"of {decided} cells without any change, about {decided * (1 - level):.0f} are called "
            f"slower or faster by chance ({level:.0%} intervals)"
        )
    yield from _of_pythons(old, new)


def _of_reference(reference: Difference | None) -> Iterator[str]:
    """Warn if the machine itself changed, or if nothing says whether it did."""
    if reference is None:
        yield "the runs have no reference workload in common: a slower machine would not be seen"
    elif (direction := _direction(reference)) in ("slower", "faster"):
        yield (
            f"the machine itself was {direction}: the reference workload took "
            f"{reference.ratio.center:.3f} times as long in the new run, and this is part of every "
            "ratio here; measure again, or both in one run"
        )


def _of_pythons(old: Run, new: Run) -> Iterator[str]:
    """Warn if another Python ran the reference workload, which is Python code."""
    before, after = (
        {process.versions.get("python") for process in run.processes} for run in (old, new)
    )
    if before != after:
        yield "the reference workload ran on another Python, and may take another time by that"


def _notes(old: Run, new: Run, changes: Sequence[Change]) -> Iterator[str]:
    describe: dict[str, Callable[[Run], str]] = {
        "mncost": lambda run: run.mncost_version,
        "OS": lambda run: run.machine.os,
        "container": lambda run: run.machine.container or "none",
        "governor": lambda run: run.machine.governor or "unknown",
        "commit": _commit,
    }
    for name, fact in describe.items():
        if fact(old) != fact(new):
            yield f"{name}: {fact(old)} → {fact(new)}"
    before, after = _versions(old.processes), _versions(new.processes)
    for key in sorted(before.keys() & after.keys()):
        if before[key] != after[key]:
            runtime, program = key
            where = "" if runtime == program else f" (for {runtime})"
            yield f"{program}{where}: {_either(before[key])} → {_either(after[key])}"
    changed = sum(change.network_changed for change in changes)
    if changed:
        yield f"the network itself changed in {changed} of {len(changes)} cells"


def _commit(run: Run) -> str:
    if run.git is None:
        return "none"
    return run.git.id[:10] + (" with changes" if run.git.dirty else "")


def _versions(processes: Sequence[Process]) -> dict[tuple[str, str], set[str]]:
    versions: dict[tuple[str, str], set[str]] = {}
    for process in processes:
        for program, version in process.versions.items():
            versions.setdefault((process.worker.runtime, program), set()).add(version)
    return versions


def _either(versions: set[str]) -> str:
    return " and ".join(sorted(versions))
