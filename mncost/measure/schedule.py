"""When what is run: the order of a round, the length of a burst, the time for a generation.

A *round* visits every cell once, in random order. A visit is a *burst*: untimed runs, then timed
ones. A *generation* is one life of every worker process, and has many rounds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from random import Random
from statistics import fmean, median
from typing import Literal, NamedTuple, TypeAlias, TypeVar

__all__ = [
    "FEWEST_GENERATIONS",
    "GENERATIONS",
    "Pace",
    "Purpose",
    "Timetable",
    "Visit",
    "calls_at_reference",
    "interleaved",
    "pilot_runs",
    "shuffled",
    "transient_of",
    "visit",
]

T = TypeVar("T")

# The first runs after another model take longer, by a fifth where the model is small: caches and
# predictors hold that other model's data. Measured with V1 to V3: what is left of it is 1 to 2 %.
WARMUP_NS, MAX_WARMUPS = 25_000_000, 4
TIMED_NS, MAX_RUNS = 30_000_000, 16  # short beside the drift of a machine
# A pilot measures how many runs it really takes until at most 1 % is left.
PILOT_NS, MAX_PILOT, PILOT_VISITS = 80_000_000, 12, 2
PILOT_SHARE = 0.1  # of the time, at most
MAX_TRANSIENT, SETTLED = 8, 0.01
TAIL_NS, MAX_TAIL_RUNS = 160_000_000, 64  # what bounds of a p99 need are many runs
# The sides of an A/B are as disturbed by what came before them as one another, and the closer they
# follow one another, the more of a machine's moods they share. Measured with V2 against itself, on
# a machine whose speed changes by a fifth several times a second: generations' ratios spread half
# as much as with the bursts above. Their latencies are 1 to 2 % longer.
PAIRED_WARMUP_NS, PAIRED_NS = 6_000_000, 8_000_000
Purpose: TypeAlias = Literal["usual", "paired", "tail"]
"""What a cell is measured for: its latency, one side of an A/B, a high percentile."""

_BURSTS: Mapping[Purpose, tuple[int, int, int]] = {
    "usual": (WARMUP_NS, TIMED_NS, MAX_RUNS),
    "paired": (PAIRED_WARMUP_NS, PAIRED_NS, MAX_RUNS),
    "tail": (WARMUP_NS, TAIL_NS, MAX_TAIL_RUNS),
}
GENERATIONS = 20
"""How many a decision has: processes differ more than rounds (by 1.9 and 0.9 %)."""
FEWEST_GENERATIONS = 8
"""How many it has where processes take long to start."""
MIN_ROUNDS = 3  # of a generation, if there is time
MIN_PROCESSES = 3  # of a run, for an interval that means something
# A generation should measure that many times as long as it took to start; at most, and after a
# pilot: processes differ more than rounds (by 1.9 and 0.9 %), so more of them say more.
WORTH, PILOTED_WORTH = 6, 1
# That many times it should measure at least, where there may be fewer processes for it: beside busy
# programs processes start slowly, and rounds differ more than processes.
LEAST_WORTH = 1


def shuffled(things: list[T], *seed: int) -> list[T]:
    """Return things in a random order that the seed decides."""
    order = list(things)
    Random(" ".join(map(str, seed))).shuffle(order)
    return order


def interleaved(groups: list[list[T]], *seed: int, generation: int) -> list[T]:
    """Return the members of groups one after the other: the groups in random order.

    What stands in one group is to be compared closely: it is visited A B, A B through a generation,
    and B A, B A through the next. Within a generation the order must not turn round: a burst that
    comes after one of its own process is faster (by 9 % in its first run, 1.5 % in its second), and
    with A B, B A each side has such a burst in every second round, which doubles the spread of the
    rounds' ratios, and moves them if anything else is visited between some rounds.
    """
    forward = generation % 2 == 0
    shuffle = shuffled(groups, *seed, generation)
    return [thing for group in shuffle for thing in (group if forward else reversed(group))]


class Visit(NamedTuple):
    """How many untimed and how many timed runs a visit to a cell has."""

    warmups: int
    runs: int


def visit(typical_ns: int, purpose: Purpose = "usual", transient: int | None = None) -> Visit:
    """Return the untimed and the timed runs of a visit to a model.

    Args:
        typical_ns: how long one run takes.
        purpose: what its runs are for.
        transient: how many runs take longer after another model, if that was measured.
    """
    typical = max(typical_ns, 1)
    warmup, timed, most = _BURSTS[purpose]
    warmups = max(1, min(MAX_WARMUPS, ceil(warmup / typical)))
    if transient is not None and purpose == "usual":
        warmups = max(1, min(MAX_TRANSIENT, transient))
    return Visit(warmups, max(1, min(most, round(timed / typical))))


def pilot_runs(typical_ns: int) -> int:
    """Return how many runs a pilot visit has: enough to see how many of them take longer."""
    return max(3, min(MAX_PILOT, round(PILOT_NS / max(typical_ns, 1))))


def transient_of(visits: Sequence[Sequence[int]]) -> int:
    """Return how many runs take longer after another model than those that follow.

    Args:
        visits: nanoseconds of the runs of pilot visits to one model, all with as many runs.

    Returns:
        the number of runs before the first one that takes at most 1 % longer than the later half
        of its visit: by the visit in which it is shortest, because a run that was interrupted
        says nothing.
    """
    runs = len(visits[0])
    settled = [median(visit[runs // 2 :]) for visit in visits]
    for number in range(runs):
        longer = min(
            visit[number] / max(end, 1) for visit, end in zip(visits, settled, strict=True)
        )
        if longer <= 1 + SETTLED:
            return number
    return runs


def calls_at_reference(number: int, *, paired: bool) -> bool:
    """Whether a round visits the reference workloads: every one, of an A/B every fourth.

    Beside the short bursts of an A/B they would take a third of the time.
    """
    return not paired or number % 4 == 0


class Pace(NamedTuple):
    """What a pilot says of a run, in seconds: how long processes take to start, and a round."""

    start: float
    round: float

    @property
    def generation(self) -> float:
        """How long a generation should take that is worth its start."""
        return self.start + max(MIN_ROUNDS * self.round, PILOTED_WORTH * self.start)


class Timetable:
    """Shares a run's time out among its generations. All times are seconds on one clock."""

    def __init__(
        self, now: float, max_time: float, processes: int, fewest: int | None = None
    ) -> None:
        """Begin.

        Args:
            now: the time.
            max_time: that the run may take.
            processes: that it should have.
            fewest: that it should have if they take long to start; ``None``: as many.
        """
        self.begun, self.deadline = now, now + max_time
        self.processes = processes
        self.fewest = processes if fewest is None else min(fewest, processes)
        self.started, self.generation = now, 0
        self._starts: list[float] = []  # how long each took
        self._loaded = now
        self._least_rounds = MIN_ROUNDS

    def built(self, now: float) -> None:
        """The models are there. If they took most of the time, it begins anew.

        Some converters take a minute for a model, after which nothing could be measured.
        """
        if now - self.begun > self.deadline - now:
            self.begun, self.deadline = now, now + self.deadline - self.begun

    def plan(self, now: float, pace: Pace) -> float:
        """Share the time that is left out again, by what a pilot in the first generation says.

        Returns:
            the share of its runs that a visit can have, so that there are three processes.
        """
        if not pace.round:  # no cell is left
            return 1.0
        time = self.deadline - now
        self.processes = max(self.processes, 1 + int(time / pace.generation))
        rounds = self._seconds_a_process(time, self.processes, pace) / pace.round
        self._least_rounds = max(1, min(MIN_ROUNDS, int(rounds)))
        self._slot_ends = now + max(0.0, rounds) * pace.round
        share = self._seconds_a_process(time, MIN_PROCESSES, pace) / pace.round
        return max(0.0, min(1.0, share))

    @staticmethod
    def _seconds_a_process(time: float, processes: int, pace: Pace) -> float:
        """Return how long each process can measure, the first of which has been started."""
        return (time - (processes - 1) * pace.start) / processes

    def extend(self, seconds: float, generations: int) -> None:
        """Give the run more time, for generations as long as those that it has had."""
        share = seconds / (self.deadline - self.begun)
        self.processes = generations + max(1, round(share * generations))
        self.deadline += seconds

    def begin(self, now: float, generation: int) -> None:
        """A generation begins: its processes are started."""
        self.started, self.generation = now, generation

    def loaded(self, now: float) -> None:
        """All cells are loaded: rounds begin."""
        self._loaded = now
        self._starts.append(now - self.started)
        time, worth = self.deadline - self.started, (1 + LEAST_WORTH) * fmean(self._starts)
        affordable = self.generation + int(time / max(worth, 1e-9))  # a scripted clock may stand
        planned = min(self.processes, max(self.fewest, affordable))
        self._slot_ends = self.started + time / max(1, planned - self.generation)

    def another_round(self, now: float, rounds: int) -> bool:
        """Whether the generation goes on after this many rounds."""
        if now >= self.deadline:
            return False
        if rounds < self._least_rounds:
            return True
        if now - self._loaded >= WORTH * (self._loaded - self.started):
            return False
        # Time that is too short for another generation is used for rounds.
        return now < self._slot_ends or not self.another_generation(now)

    def another_generation(self, now: float) -> bool:
        """Whether there is time to start processes once more, and for some rounds."""
        return now + 1.2 * max(self._starts, default=0.0) < self.deadline
