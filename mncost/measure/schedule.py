"""When what is run: the order of a round, the length of a burst, the time for a generation.

A *round* visits every cell once, in random order. A visit is a *burst*: untimed runs, then timed
ones. A *generation* is one life of every worker process, and has many rounds.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from random import Random
from typing import Literal, NamedTuple, TypeAlias, TypeVar

__all__ = [
    "Purpose",
    "Timetable",
    "Visit",
    "calls_at_reference",
    "interleaved",
    "shuffled",
    "visit",
]

T = TypeVar("T")

# The first runs after another model take longer, by a fifth where the model is small: caches and
# predictors hold that other model's data. Measured with V1 to V3: what is left of it is 1 to 2 %.
WARMUP_NS, MAX_WARMUPS = 25_000_000, 4
TIMED_NS, MAX_RUNS = 30_000_000, 16  # short beside the drift of a machine
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
MIN_ROUNDS = 3  # of a generation, if there is time
WORTH = 6  # a generation should measure that many times as long as it took to start


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


def visit(typical_ns: int, purpose: Purpose = "usual") -> Visit:
    """Return the untimed and the timed runs of a visit to a model.

    Args:
        typical_ns: how long one run takes.
        purpose: what its runs are for.
    """
    typical = max(typical_ns, 1)
    warmup, timed, most = _BURSTS[purpose]
    return Visit(
        max(1, min(MAX_WARMUPS, ceil(warmup / typical))),
        max(1, min(most, round(timed / typical))),
    )


def calls_at_reference(number: int, *, paired: bool) -> bool:
    """Whether a round visits the reference workload: every one, of an A/B the half of them.

    Beside the short bursts of an A/B the reference would take most of the time.
    """
    return not paired or number % 2 == 0


class Timetable:
    """Shares a run's time out among its generations. All times are seconds on one clock."""

    def __init__(self, now: float, max_time: float, processes: int) -> None:
        """Begin at ``now``; the run may take ``max_time`` and should have ``processes``."""
        self.begun, self.deadline = now, now + max_time
        self.processes = processes
        self._started = now
        self._loaded = now
        self._longest_start = 0.0

    def begin(self, now: float, generation: int) -> None:
        """A generation begins: its processes are started."""
        self._started = now
        left = max(1, self.processes - generation)
        self._slot_ends = now + (self.deadline - now) / left

    def loaded(self, now: float) -> None:
        """All cells are loaded: rounds begin."""
        self._loaded = now
        self._longest_start = max(self._longest_start, now - self._started)

    def another_round(self, now: float, rounds: int) -> bool:
        """Whether the generation, after so many rounds, goes on."""
        if now >= self.deadline:
            return False
        if rounds < MIN_ROUNDS:
            return True
        if now - self._loaded >= WORTH * (self._loaded - self._started):
            return False
        # Time that is too short for another generation is used for rounds.
        return now < self._slot_ends or not self.another_generation(now)

    def another_generation(self, now: float) -> bool:
        """Whether there is time to start processes once more, and for some rounds."""
        return now + 1.2 * self._longest_start < self.deadline
