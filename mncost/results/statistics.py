"""The statistics of a run, each worked out once from its samples."""

from __future__ import annotations

from functools import cached_property
from math import log
from statistics import fmean, median
from typing import Self

from mncost.cost.memory import QAT
from mncost.extras import require
from mncost.interval import Interval
from mncost.measure.records import IDENTITY, Cell, Run
from mncost.results.cell_summary import CellSummary
from mncost.results.series import (
    Clock,
    Series,
    common_clock,
    generation_ratios,
    percentile_interval,
)
from mncost.results.warnings import RunWarning, warnings_of_cell, warnings_of_run
from mncost.stats.drift import drift
from mncost.stats.generations import generations_interval
from mncost.stats.location import LEVEL, log_interval, resemblance_of
from mncost.stats.ratios import unpaired_ratio

__all__ = ["Statistics", "is_turned"]


class Statistics:
    """A run and its statistics. Times are in seconds for one call.

    A cell is named by its id, which is its place in ``run.cells``. Statistics are computed when
    first needed, and cached.

    Attributes:
        run: what was measured.
        series: for each cell, what every process measured of it.
        reference: what every process measured of each reference workload.
    """

    def __init__(self, run: Run) -> None:
        """Take a run. It may still be going on: see :meth:`update`.

        Raises:
            MeasureError: numpy or scipy is not installed.
        """
        require("results")
        self.run = run
        self.series: list[list[Series]] = []
        self.reference: list[Series] = []
        # By process, and by cell and workload.
        self._known: list[dict[tuple[int | None, int], Series]] = []
        self.update()

    def update(self) -> Self:
        """Read the samples that the run has gained since the last call; return self."""
        for name in list(vars(self)):
            if isinstance(getattr(type(self), name, None), cached_property):
                del vars(self)[name]
        self.series += [[] for _ in self.run.cells[len(self.series) :]]
        self._known += [{} for _ in self.run.processes[len(self._known) :]]
        for process, known in zip(self.run.processes, self._known, strict=True):
            for bursts in process.bursts:
                what = bursts.cell, bursts.workload
                if what in known:
                    known[what].update()
                elif len(bursts):
                    series = known[what] = Series(process, bursts)
                    cell = bursts.cell
                    (self.reference if cell is None else self.series[cell]).append(series)
        return self

    # ------------------------------------------------------------------------------------- cells

    @cached_property
    def summaries(self) -> list[CellSummary]:
        """The statistics of each cell, in the order of ``run.cells``."""
        files = {cell: file for file in self.run.files for cell in file.cells}
        left_out = {left.cell: left.reason for left in self.run.left_out}
        failures = {failure.cell: failure.reason for failure in reversed(self.run.failures)}
        summaries = [
            CellSummary(
                self.run,
                cell,
                series,
                file=files.get(cell.id),
                clock=self.clock(cell.id),
                disturbed=cell.id in self.disturbed,
                resemblance=self.resemblance,
                left_out=left_out.get(cell.id),
                failure=failures.get(cell.id),
            )
            for cell, series in zip(self.run.cells, self.series, strict=True)
        ]
        by_key = {_key(one.cell): one for one in summaries}
        twins = sorted((one for one in summaries if one.cell.subject.twin), key=_standard_last)
        twin_of = {_key(one.cell, twin=None): one for one in twins}
        for one in summaries:
            cell = one.cell
            one.twin = None if cell.subject.twin else twin_of.get(_key(cell))
            if cell.place.precision in ("int8", QAT):
                one.fp32 = by_key.get(_key(cell, precision="fp32"))
            if cell.place.python is not None:
                one.here = by_key.get(_key(cell, python=None))
        return summaries

    def interval(self, cell: int, percent: float = 50.0, level: float = LEVEL) -> Interval | None:
        """Return a percentile of a cell's latency; ``None`` without a sample.

        See :func:`mncost.results.series.percentile_interval`.
        """
        return percentile_interval(
            self.series[cell], percent, level, self.resemblance, self.clock(cell)
        )

    @cached_property
    def resemblance(self) -> float:
        """The lag-1 autocorrelation of generations, from 0 to 0.9.

        Consecutive processes have similar latencies because the machine's speed changes slowly.
        Most of that change is common to all cells, so it is estimated from what they have in
        common.
        """
        every: dict[str | None, dict[int, list[float]]] = {}  # by machine
        for cell, series, clock in zip(self.run.cells, self.series, self._clocks, strict=True):
            common = every.setdefault(cell.place.host, {})
            medians = [(one.generation, one.median(clock)) for one in series]
            logs = [(generation, log(median)) for generation, median in medians if median]
            for generation, value in logs:
                common.setdefault(generation, []).append(value - fmean(one for _, one in logs))
        return max(
            resemblance_of([fmean(common[generation]) for generation in sorted(common)])
            for common in every.values() or [{}]
        )

    def medians(self, cell: int) -> dict[int, float]:
        """Return the median of a cell in each generation, by the clock that decides about it."""
        clock = self.clock(cell)
        medians = ((one.generation, one.median(clock)) for one in self.series[cell])
        return {generation: median for generation, median in medians if median is not None}

    def fastest(self, cell: int) -> float | None:
        """Return the fastest run of a cell, by its clock; ``None`` without a sample."""
        clock = self.clock(cell)
        times = (one.times(clock) for one in self.series[cell])
        return min((float(one.min()) for one in times if len(one)), default=None)

    def relative_errors(self) -> dict[int, float]:
        """Return half the width of each cell's interval / its latency: the rule that ends a run.

        Cells without an interval, for lack of processes, are left out. To end as soon as an
        interval is narrow enough favours those that are narrow by luck. Where it decides the end,
        95 % intervals cover in 92 to 95 % of all runs if there were five processes before, and in
        87 % if there were two.
        """
        latencies = ((one.cell.id, one.latency) for one in self.summaries)
        errors = ((cell, latency.relative_error) for cell, latency in latencies if latency)
        return {cell: error for cell, error in errors if error is not None}

    # ------------------------------------------------------------------------------------ clocks

    def clock(self, *cells: int) -> Clock:
        """Return which time decides about a cell, or about the ratio of several.

        Other programs hardly change the CPU time of a call, and may double its wall time. So CPU
        time counts if the system measures it, calls have one thread, and they do not wait for
        anything (:attr:`mncost.results.series.Series.waits`). With several threads, the wall time
        of undisturbed runs counts, if there are enough. ``Effort.clock`` chooses otherwise.
        """
        return common_clock(*(self._clocks[cell] for cell in cells))

    @cached_property
    def _clocks(self) -> list[Clock]:
        return [
            self._clock_of(cell, series)
            for cell, series in zip(self.run.cells, self.series, strict=True)
        ]

    def _clock_of(self, cell: Cell, series: list[Series]) -> Clock:
        counted = bool(series) and all(one.counts_cpu for one in series)
        asked = self.run.options.clock
        if not counted or asked == "wall":
            return "wall"
        if cell.place.threads == 1:
            waiting = sum(one.waits for one in series)
            return "cpu" if asked == "cpu" or 2 * waiting <= len(series) else "wall"
        calm = sum(one.median("undisturbed") is not None for one in series)
        return "undisturbed" if 2 * calm >= len(series) else "wall"

    @cached_property
    def disturbed(self) -> set[int]:
        """The cells with several threads that have too few undisturbed runs.

        Their latency says more about other programs than about the network.
        """
        if self.run.options.clock is not None:
            return set()
        return {
            cell.id
            for cell, clock, series in zip(self.run.cells, self._clocks, self.series, strict=True)
            if cell.place.threads > 1 and clock == "wall"
            if any(one.counts_cpu for one in series)
        }

    @cached_property
    def reference_clock(self) -> Clock:
        """Which time of the reference workloads counts: each has one thread, and never waits."""
        counted = all(one.counts_cpu for one in self.reference)
        return "cpu" if counted and self.run.options.clock != "wall" else "wall"

    # ------------------------------------------------------------------------------------ ratios

    def ratio(self, numerator: int, denominator: int, level: float = LEVEL) -> Interval | None:
        """Return how many times as long one cell takes as another, from the rounds of both.

        Machines have no rounds in common: across them it is the ratio of two separate latencies.

        Returns:
            ``None`` if no round visited both, or one has no sample.
        """
        if not self._on_one_machine(numerator, denominator):
            above, below = (list(self.medians(cell).values()) for cell in (numerator, denominator))
            return unpaired_ratio(above, below, level).ratio if above and below else None
        ratios = self.generation_ratios(numerator, denominator)
        return log_interval(list(ratios.values()), level) if ratios else None

    def verdict_ratio(self, numerator: int, denominator: int, level: float) -> Interval | None:
        """Return :meth:`ratio` with the interval that verdicts need.

        It removes the effect of the order of starting, and is wider if generations are skewed or
        correlated: :mod:`mncost.stats.generations`.

        Args:
            numerator: the cell whose latency is judged.
            denominator: the cell that it is compared with.
            level: :attr:`mncost.stats.looks.Levels.ratio`.

        Returns:
            ``None`` if no round visited both.
        """
        ratios = self.generation_ratios(numerator, denominator)
        turned = [is_turned(generation) for generation in ratios]
        return generations_interval(list(ratios.values()), turned, level) if ratios else None

    def generation_ratios(self, numerator: int, denominator: int) -> dict[int, float]:
        """Return what :meth:`ratio` is made of: the ratio in each generation.

        Across machines there is none.
        """
        if not self._on_one_machine(numerator, denominator):
            return {}
        clock = self.clock(numerator, denominator)
        return generation_ratios(self.series[numerator], self.series[denominator], clock)

    def _on_one_machine(self, one: int, other: int) -> bool:
        return self.run.cells[one].place.host == self.run.cells[other].place.host

    # ------------------------------------------------------------------------------------- drift

    @cached_property
    def drifts(self) -> dict[str | None, Interval | None]:
        """The factor by which the reference workloads' latency changed over the run, by machine.

        Some workers are faster than others, so each is divided by its own median; see
        :func:`mncost.stats.drift.drift`.
        """
        hosts = dict.fromkeys(cell.place.host for cell in self.run.cells)
        return {host: self._drift_on(host) for host in hosts}

    def _drift_on(self, host: str | None) -> Interval | None:
        clock = self.reference_clock
        workers: dict[object, list[tuple[float, float]]] = {}
        for series in (one for one in self.reference if one.process.worker.host == host):
            what = series.process.worker, series.bursts.workload
            points = workers.setdefault(what, [])
            points += zip(series.bursts.at, series.by_round(clock).values(), strict=True)
        times, values = [], []
        for points in workers.values():
            typical = median(value for _, value in points)
            times += [at for at, _ in points]
            values += [value / typical for _, value in points]
        return drift(times, values)

    # ---------------------------------------------------------------------------------- warnings

    @cached_property
    def warnings(self) -> list[RunWarning]:
        """Reasons to doubt the figures: first those of the whole run, then those of each cell."""
        return [
            *warnings_of_run(self.run, self.drifts),
            *(warning for one in self.summaries for warning in warnings_of_cell(one)),
        ]


def is_turned(generation: int) -> bool:
    """Whether the baseline's worker is started first: in every second generation."""
    return generation % 2 == 1


def _standard_last(summary: CellSummary) -> bool:
    return summary.cell.subject.twin == "standard"


def _key(cell: Cell, **changes: object) -> tuple[object, ...]:
    return tuple(changes.get(name, cell.fact(name)) for name in IDENTITY)
