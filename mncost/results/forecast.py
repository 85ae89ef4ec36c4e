"""How long a run will take, by what its pilot measured."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from mncost.measure.records import Run
from mncost.measure.schedule import Pace
from mncost.results.series import Series
from mncost.stats.planning import expected_error, processes_needed

__all__ = ["Forecast", "forecast"]

# Standard deviation of a process's log median that a single process cannot show: by CPU time, and
# in wall time. Measured for nine networks: 1.5 to 8 %, most of them below 3 %.
BETWEEN_CPU, BETWEEN_WALL = 0.02, 0.03
ROUNDS = 3  # that a process has at least: their noise averages out


class Forecast(NamedTuple):
    """The forecast of a run. Times are in seconds.

    Attributes:
        cells: that are measured.
        target: the target error.
        seconds: until every interval is within it; ``None``: too noisy for that.
        max_time: when it ends in any case.
        error: half the width of the widest interval / its median by then; ``None``: no interval.
    """

    cells: int
    target: float | None
    seconds: float | None
    max_time: float
    error: float | None


def forecast(run: Run, pace: Pace, begun: float) -> Forecast:
    """Return what to expect.

    Args:
        run: with a pilot in its first processes.
        pace: how long a generation and a round take.
        begun: when this session of the run began, in seconds of the run.
    """
    deviations = list(_deviations(run))
    options, sd = run.options, max(deviations, default=0.0)
    before = run.processes[0].started - begun if run.processes else 0.0  # models were built
    time = options.max_time - before
    fit = 0
    if pace.round:  # longer generations, or shorter ones so that there are those asked for
        least = min(options.processes, int(time / (pace.start + pace.round)))
        fit = max(int(time / pace.generation), least)
    error = expected_error(sd, fit) if fit > 1 else None
    seconds = None
    if options.target_error is not None:
        needed = processes_needed(sd, options.target_error, options.processes)
        seconds = None if needed is None else before + needed * pace.generation
    return Forecast(len(deviations), options.target_error, seconds, options.max_time, error)


def _deviations(run: Run) -> Iterator[float]:
    """Yield the standard deviation to be expected of the processes' medians, for each cell."""
    import numpy as np

    for process in run.processes:
        for bursts in process.pilot:
            if bursts.cell is None:
                continue
            series = Series(process, bursts)
            one_thread = run.cells[bursts.cell].place.threads == 1
            by_cpu = one_thread and series.counts_cpu and run.options.clock != "wall"
            times = np.log(series.times("cpu" if by_cpu else "wall").reshape(-1, bursts.runs))
            within = float(np.median(times[:, bursts.runs // 2 :], axis=1).std())
            between = BETWEEN_CPU if by_cpu else BETWEEN_WALL
            yield (between**2 + within**2 / ROUNDS) ** 0.5
