"""Measures as few candidates as it takes to know the most accurate ones that are fast enough."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from mncost.choose.latency import Intervals, Latencies, LatencyLimit, Timed, best_of, verdict_of
from mncost.clock import check_clock
from mncost.interval import Interval
from mncost.measure.engine import Progress
from mncost.measure.records import Cell, Options, Place, Run
from mncost.measure.schedule import GENERATIONS
from mncost.published.accuracy import Candidate
from mncost.results.results import Results
from mncost.runs.begin import empty_run
from mncost.runs.carry_out import carry_out
from mncost.runs.networks import cells_of, places_of
from mncost.stats.looks import Looks
from mncost.stats.verdict import Verdict

__all__ = ["Search", "search"]

SECONDS = 60.0
SCOUTS = 5  # that are measured first, from cheap to expensive
WINDOW = 6  # that are measured at a time
PATIENCE = 6  # looks: a candidate may stay undecided for ever, and then it keeps no others out
FAR = 2.0  # times the limit: what takes that long is not looked at again


class Search:
    """Looks at a run after each generation, and chooses the candidates to measure next.

    First a few from the cheapest to the most expensive one, then the most accurate ones that are
    not known to be too slow. A candidate is too slow if its interval says so. Without another look
    it is so, too,

    - if its fastest run took twice the limit, or
    - if it would take twice the limit even at the smallest time a MAC that was seen.

    Such candidates are dropped, and a dropped candidate is never picked.
    """

    def __init__(
        self, candidates: Sequence[Candidate], limit: LatencyLimit, wanted: int, run: Run
    ) -> None:
        """Begin with nothing known.

        Args:
            candidates: the most accurate first.
            limit: what a latency may be.
            wanted: how many that pass are looked for.
            run: whose cells are the candidates in their order, each at all places.
        """
        self.results = Results(run)
        self.candidates = candidates
        self.limit = limit
        self.wanted = wanted
        self.places = max(1, len(run.cells) // len(candidates))  # of each candidate
        self.looks = Looks(tests=len(candidates) * self.places)
        self.intervals: dict[int, Interval] = {}
        self.verdicts: dict[int, Verdict] = {}
        self.dropped: set[int] = set()
        self._rank = {id(one): index for index, one in enumerate(candidates)}
        self.waited: Counter[int] = Counter()  # looks at what was measured, and is undecided

    def first(self) -> set[int]:
        """Return the cells that are measured first."""
        order = sorted(range(len(self.candidates)), key=lambda i: self.candidates[i].network.macs)
        steps = 2 * SCOUTS
        scouts = {order[len(order) * step // steps] for step in range(1, steps, 2)}
        return {cell for index in scouts for cell in self._cells(index)}

    def __call__(self, run: Run, fraction: float, last: bool) -> set[int]:
        """Look at the run; return the cells to measure next."""
        self.results.update()
        level = self.looks.level(fraction, last)
        fastest = {
            i: least
            for i in range(len(run.cells))
            if (least := self.results.fastest(i)) is not None
        }
        intervals = Intervals(self.results, fastest)
        for index in fastest:
            if index not in self.verdicts:
                self._judge(index, intervals.of(index, self.limit.percent, level))
        self._drop(fastest)
        self.waited.update(index for index in fastest if index not in self.verdicts)
        return self.needed()

    def needed(self) -> set[int]:
        """Return the cells of those that may be among the wanted ones: a few, the most accurate.

        A candidate passes where it passes at one place.
        """
        needed: list[int] = []
        gone = {failure.cell for failure in self.results.run.failures}
        gone |= self.verdicts.keys() | self.dropped
        passed = fresh = 0
        for index in range(len(self.candidates)):
            cells = self._cells(index)
            passes = any(self.verdicts.get(cell) == "PASS" for cell in cells)
            passed += passes
            if passed >= self.wanted or fresh >= WINDOW:
                break
            undecided = [cell for cell in cells if cell not in gone]
            if not passes and undecided:
                needed += undecided
                fresh += any(self.waited[cell] < PATIENCE for cell in undecided)
        return set(needed)

    def latencies(self) -> Latencies:
        """Return what is known in the end."""
        lost = {failure.cell for failure in self.results.run.failures}
        timed = best_of(
            Timed(self._of(cell), interval, self.verdicts.get(cell), self._cell(cell).place)
            for cell, interval in sorted(self.intervals.items())
            if cell not in self.dropped
        )
        timed.sort(key=lambda one: self._rank[id(one.candidate)])
        too_slow = [
            one
            for index, one in enumerate(self.candidates)
            if self.dropped.issuperset(cells := set(self._cells(index)) - lost) and cells
        ]
        return Latencies(self.limit, self.results, self.candidates, timed, too_slow, self.wanted)

    def _cells(self, index: int) -> range:
        """Return the cells of a candidate."""
        return range(index * self.places, (index + 1) * self.places)

    def _cell(self, cell: int) -> Cell:
        return self.results.run.cells[cell]

    def _of(self, cell: int) -> Candidate:
        return self.candidates[cell // self.places]

    def _macs(self, cell: int) -> int:
        return self._of(cell).network.macs

    def _judge(self, index: int, interval: Interval | None) -> None:
        if interval is not None:
            self.intervals[index] = interval
            if verdict := verdict_of(
                interval, self.limit.most, self.looks.alpha / self.looks.tests
            ):
                self.verdicts[index] = verdict

    def _drop(self, fastest: dict[int, float]) -> None:
        far = FAR * self.limit.most
        self.dropped |= {
            index
            for index, seconds in fastest.items()
            if seconds > far and index not in self.verdicts
        }
        least: dict[Place, float] = {}  # seconds for a MAC
        for cell, seconds in fastest.items():
            place, each = self._cell(cell).place, seconds / self._macs(cell)
            least[place] = min(each, least.get(place, each))
        self.dropped |= {
            cell.id
            for cell in self.results.run.cells
            if cell.id not in fastest and self._macs(cell.id) * least.get(cell.place, 0.0) > far
        }


def search(
    candidates: Sequence[Candidate],
    limit: LatencyLimit,
    wanted: int,
    *,
    max_time: float = SECONDS,
    clock: str | None = None,
    watch: Callable[[Progress], None] = lambda progress: None,
    save: Callable[[Run], None] = lambda run: None,
) -> Latencies:
    """Measure candidates until enough of them pass, all are decided, or the time is over.

    Ctrl-C ends it early: ``results.run.stopped`` says so.

    Args:
        candidates: those within all other limits, the most accurate first; at least one.
        limit: what a latency may be, and where.
        wanted: how many that pass are looked for.
        max_time: seconds.
        clock: which time of a call counts, as for :func:`mncost.bench`.
        watch: called with the progress.
        save: is given the run as it goes.

    Raises:
        InputError: the runtime is missing, or cannot run the candidates.
    """
    places = places_of(limit.place, candidates[0].network.precision)
    cells = cells_of([one.network for one in candidates], *places)
    options = Options(
        target_error=None,
        max_time=max_time,
        processes=GENERATIONS,
        seed=0,
        clock=check_clock(clock, [one.threads for one in places]),
    )
    run = empty_run(cells, options)
    seeker = Search(candidates, limit, wanted, run)
    carry_out(run, save=save, watch=watch, undecided=seeker, first=seeker.first())
    return seeker.latencies()
