"""What one process measured of one cell, and what follows from that alone."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from mncost.interval import Interval
from mncost.stats.location import LEVEL, log_interval
from mncost.stats.percentiles import percentiles
from mncost.stats.ratios import ratio_of_rounds

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mncost.measure.records import Bursts, Process

__all__ = [
    "CLOCKS",
    "SECOND",
    "Clock",
    "Series",
    "common_clock",
    "generation_ratios",
    "paired_rounds",
    "percentile_interval",
]

SECOND = 1e9  # ns
WAITING_BURSTS = 0.1  # of all bursts: a runtime that computes hardly ever gives its core away
WAITING_TIME = 0.01  # of a call; the clocks' own cost is below 0.1 %
# How much more time than CPU time may pass in a run that counts as undisturbed: a share of it and
# nanoseconds. With several threads these are often not all at work.
GAP, GAP_OF_SEVERAL, GAP_NS = 0.02, 0.05, 20_000
LEAST_UNDISTURBED = 3  # runs of a process, for a median of them

Clock: TypeAlias = Literal["cpu", "undisturbed", "wall"]
"""Which time of a call counts: its CPU time; its wall time in undisturbed runs; its wall time in
all runs."""

CLOCKS: dict[Clock, str] = {
    "cpu": "CPU time",
    "undisturbed": "wall time of undisturbed runs",
    "wall": "wall time",
}


class Series:
    """The timed runs of one cell (or of a reference workload) in one process.

    Times are in seconds for one call. A clock that is too coarse to see a call reads 0: that counts
    as 1 ns.
    """

    def __init__(self, process: Process, bursts: Bursts) -> None:
        """Take the bursts of a process, which may still gain some; at least one."""
        self.process = process
        self.bursts = bursts
        self._taken = len(bursts)
        self._medians: dict[Clock, float | None] = {}
        self._by_round: dict[Clock, dict[int, float]] = {}

    def update(self) -> None:
        """Take in what the bursts have gained."""
        if self._taken < len(self.bursts):
            self._taken = len(self.bursts)
            self._medians, self._by_round = {}, {}
            for name in ("ordered", "waits"):
                vars(self).pop(name, None)

    @property
    def generation(self) -> int:
        """The generation of the process."""
        return self.process.generation

    @property
    def seconds(self) -> NDArray[Any]:
        """The time that passed in each run, in order. Not kept: there may be millions."""
        return _in_seconds(self.bursts.ns)

    @cached_property
    def ordered(self) -> NDArray[Any]:
        """The time that passed in each run, the shortest first."""
        import numpy as np

        return np.sort(self.seconds)

    @property
    def counts_cpu(self) -> bool:
        """Whether the CPU time of its runs was counted."""
        return len(self.bursts.cpu_ns) > 0

    @property
    def cpu_seconds(self) -> NDArray[Any] | None:
        """The CPU time of each run; ``None`` where it was not counted."""
        return _in_seconds(self.bursts.cpu_ns) if self.counts_cpu else None

    @property
    def undisturbed(self) -> NDArray[Any] | None:
        """Which runs nothing interrupted; ``None`` where CPU time was not counted.

        They are those whose time passed with hardly more than their CPU time, and those of bursts
        in which no other program got the core.
        """
        import numpy as np

        spent, threads = self.cpu_seconds, self.process.worker.threads
        if spent is None:
            return None
        share, own = GAP if threads == 1 else GAP_OF_SEVERAL, spent / threads
        calm: NDArray[Any] = self.seconds - own <= share * own + GAP_NS / SECOND
        if self.bursts.switches:
            calm |= np.repeat(np.array(self.bursts.switches) == 0, self.bursts.runs)
        return calm

    def times(self, clock: Clock) -> NDArray[Any]:
        """Return the runs that count by a clock; empty where it was not counted."""
        import numpy as np

        if clock == "wall":
            return self.seconds
        if clock == "cpu":
            spent = self.cpu_seconds
            return np.empty(0) if spent is None else spent
        calm = self.undisturbed
        return np.empty(0) if calm is None else self.seconds[calm]

    def median(self, clock: Clock) -> float | None:
        """Return the median of the runs that count; ``None`` if too few do."""
        if clock not in self._medians:
            times = self.times(clock)
            enough = len(times) >= (LEAST_UNDISTURBED if clock == "undisturbed" else 1)
            self._medians[clock] = _median(times) if enough else None
        return self._medians[clock]

    def by_round(self, clock: Clock) -> dict[int, float]:
        """Return the median of the runs that count, of each round that has some."""
        if clock not in self._by_round:
            self._by_round[clock] = self._medians_by_round(clock)
        return self._by_round[clock]

    @cached_property
    def waits(self) -> bool:
        """Whether its calls wait for something, which CPU time does not show.

        They do if the process gave its core away by itself in more than a tenth of the bursts. And
        they do if time passes without CPU time in bursts that nothing interrupted.
        """
        import numpy as np

        bursts, cpu = self.bursts, self.cpu_seconds
        if bursts.waits and np.mean(np.array(bursts.waits) > 0) > WAITING_BURSTS:
            return True
        if cpu is None:
            return False
        gap = 1 - cpu / self.seconds
        if bursts.switches:
            gap = gap[np.repeat(np.array(bursts.switches) == 0, bursts.runs)]
        return bool(gap.size and np.median(gap) > WAITING_TIME)

    def _medians_by_round(self, clock: Clock) -> dict[int, float]:
        import numpy as np

        runs, rounds = self.bursts.runs, self.bursts.rounds
        if clock == "undisturbed":
            calm = self.undisturbed
            if calm is None:
                return {}
            each = zip(rounds, self.seconds.reshape(-1, runs), calm.reshape(-1, runs), strict=True)
            return {number: _median(times[calm]) for number, times, calm in each if calm.any()}
        times = self.times(clock)
        if not len(times):
            return {}
        # numpy's own median of short rows takes five times as long.
        ordered = np.sort(times.reshape(-1, runs), axis=1)
        middle, half = ordered[:, runs // 2], runs // 2
        medians = middle if runs % 2 else (ordered[:, half - 1] + middle) / 2
        return dict(zip(rounds, medians.tolist(), strict=True))


def percentile_interval(
    series: Sequence[Series],
    percent: float = 50.0,
    level: float = LEVEL,
    resemblance: float = 0.0,
    clock: Clock = "wall",
) -> Interval | None:
    """Return a percentile of a cell's latency; ``None`` without a sample.

    The median is that by processes: the geometric mean of their medians, with Student's t interval.
    Any other percentile is of all runs together and of wall time, because interruptions
    are what a tail is made of; its bounds assume no distribution
    (:func:`mncost.stats.percentiles.percentiles`).

    Args:
        series: what each process measured of the cell.
        percent: above 0, below 100.
        level: of the interval; 1 gives one without bounds.
        resemblance: of neighbouring processes: :attr:`mncost.results.results.Results.resemblance`.
        clock: which time the median is of.
    """
    if percent == 50:
        medians = [median for one in series if (median := one.median(clock)) is not None]
        return log_interval(medians, level, resemblance) if medians else None
    if not series:
        return None
    return percentiles([one.ordered for one in series], [percent], level)[percent]


def paired_rounds(
    one: Sequence[Series], other: Sequence[Series], clock: Clock
) -> dict[int, tuple[list[float], list[float]]]:
    """Return the bursts' medians of two cells in the rounds that visited both, by generation."""
    ours, theirs = (
        {each.generation: each.by_round(clock) for each in side} for side in (one, other)
    )
    pairs = {}
    for generation, mine in ours.items():
        against = theirs.get(generation, {})
        rounds = [number for number in mine if number in against]
        pairs[generation] = [mine[n] for n in rounds], [against[n] for n in rounds]
    return pairs


def generation_ratios(
    one: Sequence[Series], other: Sequence[Series], clock: Clock
) -> dict[int, float]:
    """Return how many times as long one cell takes as another, in each generation.

    Generations in which no round visited both are left out.
    """
    return {
        generation: ratio
        for generation, (above, below) in paired_rounds(one, other, clock).items()
        if (ratio := ratio_of_rounds(above, below)) is not None
    }


def common_clock(*clocks: Clock) -> Clock:
    """Return the clock by which cells are compared: the one that all of them have."""
    return max(clocks, key=list(CLOCKS).index)


def _in_seconds(ns: Sequence[int]) -> NDArray[Any]:
    import numpy as np

    return np.maximum(np.array(ns, dtype=np.float64), 1.0) / SECOND


def _median(times: NDArray[Any]) -> float:
    """Return the median. numpy's own function takes three times as long."""
    half = len(times) // 2
    ordered = times.copy()
    ordered.partition((max(half - 1, 0), half))
    middle = ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2
    return float(middle)
