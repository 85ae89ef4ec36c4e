"""Medians of many things that are measured in the same generations, not all in all of them.

The machine is in a mood, and all that one generation measures shares it: measured, that is 68 to
97 % of how a process's latency varies. So what is compared within generations is known much better
than each thing alone: a generation's mood is estimated from all of its members and taken out. What
is left of a thing varies little. The mood itself, on average over the run, is as uncertain as its
generations are few and alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mncost.interval import Interval
from mncost.stats.location import interval_of_logs, resemblance_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Moods"]

LEAST_MEMBERS = 3  # of a generation: one's own deviation is not taken for the machine's
STEPS = 30  # of the least squares, which come as close as is needed


class Moods:
    """Splits logarithms into a level for each thing and a mood for each generation."""

    def __init__(self, medians: Mapping[int, Mapping[int, float]]) -> None:
        """Take the median of each thing in each generation that measured it; above zero."""
        import numpy as np

        self._things = list(medians)
        self._generations = sorted({one for known in medians.values() for one in known})
        logs = np.full((len(self._things), len(self._generations)), np.nan)
        for row, known in enumerate(medians.values()):
            for generation, median in known.items():
                logs[row, self._generations.index(generation)] = np.log(median)
        self._logs: NDArray[Any] = logs
        self._members = np.isfinite(logs).sum(axis=0)
        self._moods = np.zeros(logs.shape[1])
        if logs.size:
            self._fit()

    def _fit(self) -> None:
        """Fit levels and moods by least squares, by one after the other."""
        import numpy as np

        for _ in range(STEPS):
            levels = np.nanmean(self._logs - self._moods, axis=1)
            self._moods = np.nanmean(self._logs - levels[:, None], axis=0)
            self._moods -= self._moods.mean()

    def interval(self, thing: int, level: float) -> Interval | None:
        """Return the geometric mean of a thing in an average mood of the run.

        Returns:
            ``None`` if that says no more than its medians alone: of fewer than two generations, or
            if one of them measured hardly anything else.
        """
        import numpy as np

        if thing not in self._things:
            return None
        row = self._logs[self._things.index(thing)]
        known = np.isfinite(row)
        n, count = int(known.sum()), len(self._generations)
        if n < 2 or count < LEAST_MEMBERS or self._members[known].min() < LEAST_MEMBERS:
            return None
        own = (row - self._moods)[known]
        # A mood takes a part of each of its members' own deviations along.
        members = self._members[known]
        squares = float(((own - own.mean()) ** 2 * members / (members - 1)).sum())
        own_error = _error(squares / (n - 1), n, own)
        mood_error = _error(float(self._moods.var(ddof=1)), count, self._moods)
        error = (own_error**2 + mood_error**2) ** 0.5
        if not error:  # scripted clocks
            return interval_of_logs(float(own.mean()), 0.0, n - 1, n, level)
        # Welch and Satterthwaite's degrees of freedom.
        freedom = error**4 / (own_error**4 / (n - 1) + mood_error**4 / (count - 1))
        return interval_of_logs(float(own.mean()), error, freedom, n, level)


def _error(variance: float, n: int, values: NDArray[Any]) -> float:
    """Return the standard error of a mean of values in the order of time."""
    alike = resemblance_of(values.tolist())
    return float((variance / n * (1 + alike) / (1 - alike)) ** 0.5)
