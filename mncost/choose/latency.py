"""Which candidates are within a limit on latency, according to a run."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from mncost.choose.limits import Rule
from mncost.errors import MeasureError, did_you_mean
from mncost.interval import Interval
from mncost.measure.cell import HERE
from mncost.measure.cells import digest
from mncost.measure.records import Cell, Place, Run
from mncost.measure.where import ALL
from mncost.place import OnePlace
from mncost.published.accuracy import Candidate
from mncost.results.results import Results
from mncost.results.series import Clock
from mncost.stats.looks import ALPHA
from mncost.stats.moods import Moods
from mncost.stats.verdict import Verdict, judge

__all__ = [
    "Intervals",
    "Latencies",
    "LatencyLimit",
    "Timed",
    "best_of",
    "cells_at",
    "latencies",
    "timed",
    "verdict_of",
]

UNSEEN = 0.05  # how much slower a memory layout may be that no process has shown


class LatencyLimit(NamedTuple):
    """A percentile of the latency of one call, with one image.

    Attributes:
        most: seconds.
        percent: 50 is the median.
        place: where.
    """

    most: float
    percent: float = 50.0
    place: OnePlace = OnePlace()


class Timed(NamedTuple):
    """What a run says about a candidate; no verdict: the limit lies within the interval."""

    candidate: Candidate
    interval: Interval  # seconds
    verdict: Verdict | None
    place: Place  # of several, where it passes and is fastest


class Latencies(NamedTuple):
    """What a run says about the candidates within all other limits.

    Attributes:
        limit: what a latency may be, and where.
        results: of the run that was measured, or was given; ``None``: nothing was to be measured.
        asked: the candidates within all other limits, the most accurate first.
        timed: those of them that have a latency.
        too_slow: those that were dropped without a verdict because they are far too slow.
        wanted: how many that fit were looked for; ``None``: all that a given run has.
        origin: what messages call the given run; ``None``: measured now.
        differences: of this machine and the one that the run is from.
        unsaved: why the run could not be saved, if it was to be.
    """

    limit: LatencyLimit
    results: Results | None
    asked: Sequence[Candidate]
    timed: Sequence[Timed] = ()
    too_slow: Collection[Candidate] = ()
    wanted: int | None = None
    origin: str | None = None
    differences: Sequence[str] = ()
    unsaved: str | None = None

    @property
    def open(self) -> list[Candidate]:
        """The candidates that may be among the wanted ones, and are not decided."""
        verdicts = {id(one.candidate): one.verdict for one in self.timed}
        slow = {id(one) for one in self.too_slow}
        candidates, passed = [], 0
        for one in self.asked:
            if passed == self.wanted:
                break
            passed += verdicts.get(id(one)) == "PASS"
            if verdicts.get(id(one)) is None and id(one) not in slow:
                candidates.append(one)
        return candidates

    @property
    def undecided(self) -> list[Timed]:
        """Of :attr:`open`, those that were measured: the limit lies within their intervals."""
        may_fit = {id(one) for one in self.open}
        return [one for one in self.timed if id(one.candidate) in may_fit]

    @property
    def not_measured(self) -> list[Candidate]:
        """Of :attr:`open`, those without a latency."""
        measured = {id(one.candidate) for one in self.timed}
        return [one for one in self.open if id(one) not in measured]

    @property
    def is_undecided(self) -> bool:
        """Whether more time could find something that fits; a given run gets no more time."""
        return bool(self.undecided or (self.not_measured and self.origin is None))

    @property
    def is_interrupted(self) -> bool:
        """Whether measuring them now was interrupted."""
        if self.results is None or self.origin is not None:
            return False
        return self.results.run.stopped == "interrupted"

    def rule(self) -> Rule:
        """Return the rule that a latency passes by its whole interval."""
        passed = {id(one.candidate) for one in self.timed if one.verdict == "PASS"}
        return lambda candidate: id(candidate) in passed


def verdict_of(interval: Interval | None, most: float, alpha: float) -> Verdict | None:
    """Compare a latency with a limit.

    A PASS leaves room for a slow memory layout that no process has shown: with probability
    ``1 - alpha``, its share is at most 1 - alpha ^ (1 / n), and it is slower by up to
    :data:`UNSEEN`. By simulation of 15 candidates that are just too slow, with 8 % slower layouts
    in 20 % of their processes, a wrong one passes in 1 % of all cases, and without this in 73 %.

    Args:
        interval: of the latency; ``n`` are its processes.
        most: the limit.
        alpha: the probability that may be spent on one candidate.
    """
    verdict = judge(interval, most)
    if verdict != "PASS" or interval is None or interval.hi is None:
        return verdict
    share = 1 - alpha ** (1 / max(1, interval.n))
    return "PASS" if interval.hi * (1 + UNSEEN) ** share <= most else None


class Intervals:
    """Intervals of the latencies of candidates that were measured in the same generations.

    Medians are known better beside each other than alone: :mod:`mncost.stats.moods`.
    """

    def __init__(self, results: Results, cells: Collection[int]) -> None:
        """Take the cells of the candidates."""
        self._results = results
        by_clock: dict[Clock, dict[int, dict[int, float]]] = {}
        for cell in cells:
            if medians := results.medians(cell):
                by_clock.setdefault(results.clock(cell), {})[cell] = medians
        self._moods = {clock: Moods(medians) for clock, medians in by_clock.items()}

    def of(self, cell: int, percent: float, level: float) -> Interval | None:
        """Return a percentile of a cell's latency; ``None`` without a sample."""
        moods = self._moods.get(self._results.clock(cell)) if percent == 50 else None
        beside = moods.interval(cell, level) if moods else None
        return beside or self._results.interval(cell, percent, level)


def best_of(timed: Iterable[Timed]) -> list[Timed]:
    """Return one of those of each candidate: of those with the best verdict, the fastest."""
    order = ("PASS", None, "FAIL")
    best: dict[int, Timed] = {}
    for one in sorted(timed, key=lambda t: (order.index(t.verdict), t.interval.center)):
        best.setdefault(id(one.candidate), one)
    return [*best.values()]


def timed(results: Results, candidates: Sequence[Candidate], limit: LatencyLimit) -> list[Timed]:
    """Return the candidates that were measured, with their verdicts.

    A candidate passes only by its whole interval. All of them share the level (Bonferroni): no
    verdict is wrong with a probability of 97.5 %.

    Raises:
        MeasureError: the run has no such cells, or those of several places.
    """
    here = _cells_of(results.run, candidates, limit.place)
    alpha = ALPHA / max(1, len(here))
    intervals = Intervals(results, [cell.id for _, cell in here])
    measured = []
    for one, cell in here:
        interval = intervals.of(cell.id, limit.percent, 1 - alpha)
        if interval is not None:
            verdict = verdict_of(interval, limit.most, alpha)
            measured.append(Timed(one, interval, verdict, cell.place))
    best = {id(one.candidate): one for one in best_of(measured)}
    return [best.pop(id(one)) for one in candidates if id(one) in best]


def latencies(
    results: Results, candidates: Sequence[Candidate], place: OnePlace
) -> list[tuple[Candidate, Interval]]:
    """Return the candidates that were measured, each with the 95 % interval of its median, seconds.

    Raises:
        MeasureError: the run has no such cells, or those of several places.
    """
    medians = (
        (one, results.interval(cell.id)) for one, cell in _cells_of(results.run, candidates, place)
    )
    return [(one, interval) for one, interval in medians if interval is not None]


def _cells_of(
    run: Run, candidates: Sequence[Candidate], place: OnePlace
) -> list[tuple[Candidate, Cell]]:
    """Return the candidates that the run has cells of, with each of these."""
    if not candidates:
        return []
    cells: dict[str, list[Cell]] = {}
    for cell in cells_at(run, candidates[0].network.precision, place):
        if cell.subject.twin is None:
            cells.setdefault(cell.digest, []).append(cell)
    here = [(one, digest(one.network.graph, one.network.inputs)) for one in candidates]
    return [(one, cell) for one, name in here for cell in cells.get(name, ())]


def cells_at(run: Run, precision: str, place: OnePlace) -> list[Cell]:
    """Return the cells of whole networks and twins, one image a call, at the place that is meant.

    The runtime ``all`` means one place of each runtime.

    Raises:
        MeasureError: there are none, or the run has several such places.
    """
    whole = [
        cell
        for cell in run.cells
        if (cell.subject.part, cell.baseline_of, cell.subject.copy) == (None, None, 1)
        if (cell.place.batch, cell.place.precision) == (1, precision)
    ]
    if not whole:
        raise MeasureError(f"the run has no networks in {precision} with one image a call")
    meant = [
        cell
        for cell in whole
        if place.runtime in (None, ALL, cell.place.runtime)
        if place.threads in (None, cell.place.threads)
        if place.host in (None, cell.place.host or HERE)
    ]
    places = dict.fromkeys(cell.place for cell in meant or whole)
    listed = "; ".join(one.words() for one in places)
    if not meant:
        runtimes = sorted({one.runtime for one in places})
        hint = did_you_mean(place.runtime, runtimes) if place.runtime else ""
        raise MeasureError(f"the run has nothing of that kind{hint}; it has: {listed}")
    if len({replace(one, runtime="", provider=None) for one in places}) > 1 or (
        len(places) > 1 and place.runtime != ALL
    ):
        raise MeasureError(
            f"the run was measured in several places: {listed}; --runtime, --threads and --host "
            "choose one"
        )
    return meant
