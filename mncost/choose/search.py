"""Measures as few candidates as it takes to know the most accurate ones that are fast enough."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from mncost.choose.latency import Intervals, Latencies, LatencyLimit, Timed, verdict_of
from mncost.effort import check_clock
from mncost.interval import Interval
from mncost.measure.engine import Progress
from mncost.measure.networks import cells_of, one_place
from mncost.measure.records import Options, Run
from mncost.measure.runs import carry_out, empty_run
from mncost.published.accuracy import Candidate
from mncost.results.results import Results
from mncost.stats.looks import Looks
from mncost.stats.verdict import Verdict

__all__ = ["Search", "search"]

SECONDS = 60.0
GENERATIONS = 20
SCOUTS = 5  # that are measured first, from cheap to expensive
WINDOW = 6  # that are measured at a time
PATIENCE = 6  # looks: a candidate may stay undecided for ever, and then it keeps no others out
FAR = 2.0  # times the limit: what takes that long is not looked at again


class Search:
    """Looks at a run after each generation, and says which candidates are to be measured next.

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
            run: whose cells are the candidates, in their order.
        """
        self.results = Results(run)
        self.candidates = candidates
        self.limit = limit
        self.wanted = wanted
        self.looks = Looks(tests=len(candidates))
        self.intervals: dict[int, Interval] = {}
        self.verdicts: dict[int, Verdict] = {}
        self.dropped: set[int] = set()
        self.waited: Counter[int] = Counter()  # looks at what was measured, and is undecided

    def first(self) -> set[int]:
        """Return the candidates that are measured first."""
        order = sorted(range(len(self.candidates)), key=self._macs)
        steps = 2 * SCOUTS
        return {order[len(order) * step // steps] for step in range(1, steps, 2)}

    def __call__(self, run: Run, fraction: float, last: bool) -> set[int]:
        """Look; return the candidates that are to be measured next."""
        self.results.update()
        level = self.looks.level(fraction, last)
        indices = range(len(self.candidates))
        fastest = {i: least for i in indices if (least := self.results.fastest(i)) is not None}
        intervals = Intervals(self.results, fastest)
        for index in fastest:
            if index not in self.verdicts:
                self._judge(index, intervals.of(index, self.limit.percent, level))
        self._drop(fastest)
        self.waited.update(index for index in fastest if index not in self.verdicts)
        return self.needed()

    def needed(self) -> set[int]:
        """Return those that may be among the wanted ones: a few, the most accurate of them."""
        needed: list[int] = []
        passed = fresh = 0
        for index in range(len(self.candidates)):
            verdict = self.verdicts.get(index)
            passed += verdict == "PASS"
            if passed >= self.wanted or fresh == WINDOW:
                break
            if verdict is None and index not in self.dropped:
                needed.append(index)
                fresh += self.waited[index] < PATIENCE
        return set(needed)

    def latencies(self) -> Latencies:
        """Return what is known in the end."""
        timed = [
            Timed(self.candidates[index], interval, self.verdicts.get(index))
            for index, interval in sorted(self.intervals.items())
            if index not in self.dropped
        ]
        too_slow = [self.candidates[index] for index in sorted(self.dropped)]
        return Latencies(self.limit, self.results, self.candidates, timed, too_slow, self.wanted)

    def _macs(self, index: int) -> int:
        return self.candidates[index].network.macs

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
        least = min(
            (seconds / self._macs(index) for index, seconds in fastest.items()), default=0.0
        )
        self.dropped |= {
            index
            for index in range(len(self.candidates))
            if index not in fastest and self._macs(index) * least > far
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

    Args:
        candidates: those that keep to all other limits, the most accurate first; at least one.
        limit: what a latency may be, and where.
        wanted: how many that pass are looked for.
        max_time: seconds.
        clock: which time of a call counts, as for :func:`mncost.bench`.
        watch: is told the progress.
        save: is given the run as it goes.

    Raises:
        InputError: the runtime is missing, or cannot run the candidates.
        KeyboardInterrupt: the measuring was interrupted; what there is has been saved.
    """
    place = one_place(limit.place, candidates[0].network.precision)
    cells = cells_of([one.network for one in candidates], place)
    options = Options(
        target_error=None,
        max_time=max_time,
        processes=GENERATIONS,
        seed=0,
        clock=check_clock(clock, [place.threads]),
    )
    run = empty_run(cells, options)
    seeker = Search(candidates, limit, wanted, run)
    carry_out(run, save=save, watch=watch, undecided=seeker, first=seeker.first())
    if run.stopped == "interrupted":
        raise KeyboardInterrupt
    return seeker.latencies()
