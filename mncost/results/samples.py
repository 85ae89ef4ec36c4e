"""The samples of a run by cell and process, as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from statistics import median
from typing import TYPE_CHECKING, Any

from mncost.measure.records import Burst, Process, Run

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Series", "paired_bursts", "reference_series", "series_by_cell"]


class Series:
    """What one process measured of one cell (or of the reference): its timed runs.

    Times are in nanoseconds. A clock that is too coarse to see a run reads 0: that counts as 1.
    """

    def __init__(self, process: Process, bursts: Sequence[Burst]) -> None:
        self.process = process
        self.bursts = bursts

    @property
    def generation(self) -> int:
        """Of the process."""
        return self.process.generation

    @cached_property
    def ns(self) -> NDArray[Any]:
        """All samples, in order."""
        import numpy as np

        samples = [sample for burst in self.bursts for sample in burst.ns]
        return np.maximum(np.array(samples, dtype=np.float64), 1.0)

    @cached_property
    def by_round(self) -> dict[int, float]:
        """The median of each round's burst."""
        return {burst.round: max(1.0, median(burst.ns)) for burst in self.bursts}


def series_by_cell(run: Run) -> list[list[Series]]:
    """Return for each cell, by its id, what every process measured of it; none without a sample."""
    found: list[list[Series]] = [[] for _ in run.cells]
    for process in run.processes:
        for cell, bursts in _by_cell(process).items():
            if cell is not None:
                found[cell].append(Series(process, bursts))
    return found


def reference_series(run: Run) -> list[Series]:
    """Return what every process measured of the reference workload."""
    return [
        Series(process, bursts)
        for process in run.processes
        if (bursts := _by_cell(process).get(None))
    ]


def _by_cell(process: Process) -> dict[int | None, list[Burst]]:
    found: dict[int | None, list[Burst]] = {}
    for burst in process.bursts:
        if burst.ns:
            found.setdefault(burst.cell, []).append(burst)
    return found


def paired_bursts(
    one: Sequence[Series], other: Sequence[Series]
) -> list[tuple[list[float], list[float]]]:
    """Return the bursts' medians of two cells in the rounds that visited both, by generation."""
    others = {series.generation: series.by_round for series in other}
    pairs = []
    for series in one:
        against = others.get(series.generation, {})
        rounds = [number for number in series.by_round if number in against]
        pairs.append(([series.by_round[r] for r in rounds], [against[r] for r in rounds]))
    return pairs
