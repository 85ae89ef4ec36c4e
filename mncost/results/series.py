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

__all__ = ["SECOND", "Clock", "Series", "generation_ratios", "paired_rounds", "percentile_interval"]

SECOND = 1e9  # ns
WAITING_BURSTS = 0.1  # of all bursts: a runtime that computes hardly ever gives its core away
WAITING_TIME = 0.01  # of a call; the clocks' own cost is below 0.1 %

Clock: TypeAlias = Literal["wall", "cpu"]


class Series:
    """The timed runs of one cell (or of the reference workload) in one process.

    Times are in seconds for one call. A clock that is too coarse to see a call reads 0: that counts
    as 1 ns.
    """

    def __init__(self, process: Process, bursts: Bursts) -> None:
        """Take the bursts of a process, which may still gain some; at least one."""
        self.process = process
        self.bursts = bursts
        self._taken = len(bursts)

    def update(self) -> None:
        """Take in what the bursts have gained."""
        if self._taken < len(self.bursts):
            self._taken = len(self.bursts)
            for name in ("ordered", "by_round", "cpu_by_round", "waits"):
                vars(self).pop(name, None)

    @property
    def generation(self) -> int:
        """The generation of the process."""
        return self.process.generation

    @property
    def seconds(self) -> NDArray[Any]:
        """All samples, in order of time. Not kept: there may be millions."""
        import numpy as np

        return np.maximum(np.array(self.bursts.ns, dtype=np.float64), 1.0) / SECOND

    @cached_property
    def ordered(self) -> NDArray[Any]:
        """All samples, the fastest first."""
        import numpy as np

        return np.sort(self.seconds)

    @property
    def median(self) -> float:
        """The median of all samples."""
        ordered, half = self.ordered, len(self.ordered) // 2
        middle = ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2
        return float(middle)

    @property
    def least(self) -> float:
        """The fastest run."""
        return float(self.ordered[0])

    @cached_property
    def by_round(self) -> dict[int, float]:
        """The median of each round's burst."""
        return self._by_round(self.seconds)

    @cached_property
    def cpu_by_round(self) -> dict[int, float]:
        """The same of the CPU time; empty where that was not counted."""
        import numpy as np

        cpu = np.maximum(np.array(self.bursts.cpu_ns, dtype=np.float64), 1.0) / SECOND
        return self._by_round(cpu) if len(cpu) else {}

    @cached_property
    def waits(self) -> bool:
        """Whether its calls wait for something, which CPU time does not show.

        They do if the process gave its core away by itself in more than a tenth of the bursts. And
        they do if time passes without CPU time in bursts that nothing interrupted.
        """
        import numpy as np

        bursts = self.bursts
        if bursts.waits and np.mean(np.array(bursts.waits) > 0) > WAITING_BURSTS:
            return True
        if not bursts.cpu_ns:
            return False
        wall, cpu = (
            np.array(ns, dtype=np.float64).reshape(-1, bursts.runs)
            for ns in (bursts.ns, bursts.cpu_ns)
        )
        if bursts.switches:
            calm = np.array(bursts.switches) == 0
            wall, cpu = wall[calm], cpu[calm]
        return bool(wall.size and np.median(1 - cpu / np.maximum(wall, 1.0)) > WAITING_TIME)

    def _by_round(self, seconds: NDArray[Any]) -> dict[int, float]:
        import numpy as np

        half = self.bursts.runs // 2
        # numpy's own median of short rows takes five times as long.
        ordered = np.sort(seconds.reshape(-1, self.bursts.runs), axis=1)
        middle = ordered[:, half]
        medians = middle if self.bursts.runs % 2 else (ordered[:, half - 1] + middle) / 2
        return dict(zip(self.bursts.rounds, medians.tolist(), strict=True))


def percentile_interval(
    series: Sequence[Series],
    percent: float = 50.0,
    level: float = LEVEL,
    resemblance: float = 0.0,
) -> Interval | None:
    """Return a percentile of a cell's latency; ``None`` without a sample.

    The median is that by processes: the geometric mean of their medians, with Student's t interval.
    Any other percentile is of all runs together, with bounds that assume no distribution
    (:func:`mncost.stats.percentiles.percentiles`).

    Args:
        series: what each process measured of the cell.
        percent: above 0, below 100.
        level: of the interval; 1 gives one without bounds.
        resemblance: of neighbouring processes: :attr:`mncost.results.results.Results.resemblance`.
    """
    if not series:
        return None
    if percent == 50:
        return log_interval([one.median for one in series], level, resemblance)
    return percentiles([one.ordered for one in series], [percent], level)[percent]


def paired_rounds(
    one: Sequence[Series], other: Sequence[Series], clock: Clock = "wall"
) -> dict[int, tuple[list[float], list[float]]]:
    """Return the bursts' medians of two cells in the rounds that visited both, by generation."""
    ours, theirs = (
        {each.generation: each.by_round if clock == "wall" else each.cpu_by_round for each in side}
        for side in (one, other)
    )
    pairs = {}
    for generation, mine in ours.items():
        against = theirs.get(generation, {})
        rounds = [number for number in mine if number in against]
        pairs[generation] = [mine[n] for n in rounds], [against[n] for n in rounds]
    return pairs


def generation_ratios(
    one: Sequence[Series], other: Sequence[Series], clock: Clock = "wall"
) -> dict[int, float]:
    """Return how many times as long one cell takes as another, in each generation.

    Generations in which no round visited both are left out.
    """
    return {
        generation: ratio
        for generation, (above, below) in paired_rounds(one, other, clock).items()
        if (ratio := ratio_of_rounds(above, below)) is not None
    }
