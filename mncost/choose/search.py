"""Measures as few candidates as it takes to know the most accurate ones that are fast enough."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

from mncost.budget.judge import latency_interval
from mncost.choose.latency import LatencyLimit, Timed
from mncost.interval import Interval
from mncost.measure.engine import Progress
from mncost.measure.networks import one_place, subjects
from mncost.measure.records import Options, Run
from mncost.measure.runs import carry_out, empty_run
from mncost.published.accuracy import Candidate
from mncost.stats.looks import Looks
from mncost.stats.verdict import Verdict, judge

__all__ = ["Goal", "Search", "search"]

SECONDS = 60.0
GENERATIONS = 20
SCOUTS = 5  # that are measured first, from cheap to expensive
WINDOW = 6  # that are measured at a time
PATIENCE = 6  # looks: what is undecided then may be so for ever, and keeps no others out
FAR = 2.0  # times the limit: what takes that long is not looked at again
SURE, LOOKS = 1.1, 2  # times the limit, in the fastest run there was by that many looks: likewise


class Goal(NamedTuple):
    """Candidates of which the most accurate ones that pass are wanted.

    Attributes:
        members: their indices, the most accurate first.
        wanted: how many.
    """

    members: Sequence[int]
    wanted: int


class Search:
    """Looks at a run after each generation, and says which candidates are to be measured next.

    First a few from the cheapest to the most expensive one, then for one goal after the other the
    most accurate ones that are not known to be too slow. A candidate is too slow if its interval
    says so, or without another look

    - if its fastest run took twice the limit, or 1.1 times the limit after two looks, or
    - if it would take twice the limit even at the smallest time a MAC that was seen.

    What is dropped like that is never picked, so that cannot make anything pass.
    """

    def __init__(
        self, found: Sequence[Candidate], limit: LatencyLimit, goals: Sequence[Goal]
    ) -> None:
        """Begin with nothing known.

        Args:
            found: the most accurate first.
            limit: what a latency may be.
            goals: at least one, the most important first.
        """
        self.found = found
        self.limit = limit
        self.goals = goals
        self.looks = Looks(tests=len(found))
        self.intervals: dict[int, Interval] = {}
        self.verdicts: dict[int, Verdict] = {}
        self.dropped: set[int] = set()
        self.waited: Counter[int] = Counter()  # looks at what was measured, and is undecided

    def first(self) -> set[int]:
        """Return the candidates that are measured first."""
        order = sorted(self.goals[0].members, key=self._macs)
        steps = 2 * SCOUTS
        return {order[len(order) * step // steps] for step in range(1, steps, 2)}

    def __call__(self, run: Run, fraction: float, last: bool) -> set[int]:
        """Look; return the candidates that are to be measured next."""
        level = self.looks.level(fraction, last)
        fastest = _fastest(run)
        for index in fastest:
            if index not in self.verdicts:
                self._judge(run, index, level)
        self._drop(fastest)
        self.waited.update(index for index in fastest if index not in self.verdicts)
        return self._next()

    def timed(self) -> list[Timed]:
        """Return what became of the candidates that were measured."""
        return [
            Timed(self.found[index], interval, self.verdicts.get(index))
            for index, interval in sorted(self.intervals.items())
            if index not in self.dropped
        ]

    def is_reached(self, goal: Goal) -> bool:
        """Whether it is known who is wanted."""
        return not self._needed(goal)

    def undecided(self) -> list[Timed]:
        """Return those that the first goal may be about, and that were measured to no end."""
        needed = sorted(self._needed(self.goals[0]) & self.intervals.keys())
        return [Timed(self.found[index], self.intervals[index], None) for index in needed]

    def missed(self) -> list[Candidate]:
        """Return those that the first goal may be about, and that were not measured."""
        needed = sorted(self._needed(self.goals[0]) - self.intervals.keys())
        return [self.found[index] for index in needed]

    def _macs(self, index: int) -> int:
        return self.found[index].network.macs

    def _judge(self, run: Run, index: int, level: float) -> None:
        interval = latency_interval(run, index, self.limit.percent, level)
        if interval is not None:
            self.intervals[index] = interval
            if verdict := judge(interval, self.limit.max_ns):
                self.verdicts[index] = verdict

    def _drop(self, fastest: dict[int, int]) -> None:
        far = FAR * self.limit.max_ns
        for index, ns in fastest.items():
            least = SURE * self.limit.max_ns if self.waited[index] >= LOOKS else far
            if ns > least and index not in self.verdicts:
                self.dropped.add(index)
        least = min((ns / self._macs(index) for index, ns in fastest.items()), default=0.0)
        self.dropped |= {
            index
            for index in range(len(self.found))
            if index not in fastest and self._macs(index) * least > far
        }

    def _next(self) -> set[int]:
        """Return those that are needed for the first goal that is not reached."""
        return next((needed for goal in self.goals if (needed := self._needed(goal))), set())

    def _needed(self, goal: Goal) -> set[int]:
        """Return those that may be among the wanted ones: a few, the most accurate of them."""
        needed: list[int] = []
        passed = fresh = 0
        for index in goal.members:
            verdict = self.verdicts.get(index)
            passed += verdict == "PASS"
            if passed >= goal.wanted or fresh == WINDOW:
                break
            if verdict is None and index not in self.dropped:
                needed.append(index)
                fresh += self.waited[index] < PATIENCE
        return set(needed)


def search(
    found: Sequence[Candidate],
    limit: LatencyLimit,
    goals: Sequence[Goal],
    *,
    max_time: float = SECONDS,
    watch: Callable[[Progress], None] = lambda progress: None,
    save: Callable[[Run], None] = lambda run: None,
) -> tuple[Search, Run]:
    """Measure candidates until all goals are reached, one after the other, or time is over.

    Args:
        found: the most accurate first; cells of the run have their numbers.
        limit: what a latency may be, and where.
        goals: at least one.
        max_time: seconds.
        watch: is told the progress.
        save: is given the run as it goes.

    Raises:
        InputError: the runtime is missing, or cannot run the candidates.
    """
    place = one_place(limit.place.runtime, limit.place.threads, found[0].network.precision)
    measured = subjects([one.network for one in found], place)
    options = Options(target_error=0.99, max_time=max_time, processes=GENERATIONS, seed=0)
    run = empty_run([subject.cell for subject in measured], options)
    seeker = Search(found, limit, goals)
    carry_out(run, measured, save=save, watch=watch, undecided=seeker, first=seeker.first())
    if run.stopped == "interrupted":
        raise KeyboardInterrupt
    return seeker, run


def _fastest(run: Run) -> dict[int, int]:
    """Return the fastest run of each cell that was measured, ns."""
    found: dict[int, int] = {}
    for process in run.processes:
        for burst in process.bursts:
            if burst.cell is not None:
                found[burst.cell] = min([*burst.ns, found.get(burst.cell, burst.ns[0])])
    return found
