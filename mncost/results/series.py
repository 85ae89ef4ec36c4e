"""What one process measured of one cell, and what follows from that alone."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mncost.interval import Interval
from mncost.stats.location import LEVEL, log_interval
from mncost.stats.percentiles import percentiles
from mncost.stats.ratios import ratio_of_rounds

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mncost.measure.records import Bursts, Process

__all__ = ["SECOND", "Series", "generation_ratios", "paired_rounds", "percentile_interval"]

SECOND = 1e9  # ns


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
            for name in ("seconds", "median", "least", "by_round"):
                vars(self).pop(name, None)

    @property
    def generation(self) -> int:
        """The generation of the process."""
        return self.process.generation

    @cached_property
    def seconds(self) -> NDArray[Any]:
        """All samples, in order."""
        import numpy as np

        return np.maximum(np.array(self.bursts.ns, dtype=np.float64), 1.0) / SECOND

    @cached_property
    def median(self) -> float:
        """The median of all samples. numpy's own function takes three times as long."""
        half = len(self.seconds) // 2
        ordered = self.seconds.copy()
        ordered.partition((max(half - 1, 0), half))
        middle = ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2
        return float(middle)

    @cached_property
    def least(self) -> float:
        """The fastest run."""
        return float(self.seconds.min())

    @cached_property
    def by_round(self) -> dict[int, float]:
        """The median of each round's burst."""
        import numpy as np

        medians = np.median(self.seconds.reshape(-1, self.bursts.runs), axis=1)
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
    return percentiles([one.seconds for one in series], [percent], level)[percent]


def paired_rounds(
    one: Sequence[Series], other: Sequence[Series]
) -> dict[int, tuple[list[float], list[float]]]:
    """Return the bursts' medians of two cells in the rounds that visited both, by generation."""
    others = {series.generation: series.by_round for series in other}
    pairs = {}
    for series in one:
        against = others.get(series.generation, {})
        rounds = [number for number in series.by_round if number in against]
        pairs[series.generation] = (
            [series.by_round[number] for number in rounds],
            [against[number] for number in rounds],
        )
    return pairs


def generation_ratios(one: Sequence[Series], other: Sequence[Series]) -> dict[int, float]:
    """Return how many times as long one cell takes as another, in each generation.

    Generations in which no round visited both are left out.
    """
    return {
        generation: ratio
        for generation, (above, below) in paired_rounds(one, other).items()
        if (ratio := ratio_of_rounds(above, below)) is not None
    }
