"""What a run says about one of its cells. Times are in seconds for one call."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mncost.interval import Interval
from mncost.measure.records import Agreement, Cell, ModelFile, Run
from mncost.results.series import (
    Clock,
    Series,
    common_clock,
    generation_ratios,
    percentile_interval,
)
from mncost.stats.location import LEVEL, log_interval, spread
from mncost.stats.percentiles import percentiles

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PERCENTILES", "CellSummary", "ratio_of"]

PERCENTILES = (50.0, 90.0, 99.0)
"""The percentiles that tables show unless others are asked for."""


class CellSummary:
    """The statistics of one cell. What a cell without samples cannot say is ``None``.

    Everything is worked out when it is first asked for.

    Attributes:
        run: the run that the cell belongs to.
        cell: what was timed.
        series: what each process measured of it.
        failure: why it was given up, if it was.
        left_out: why it was not to be timed, if it was not.
        twin: its twin at the same place: the standard one, if there are several.
        clock: which time the latency is.
        disturbed: whether other programs interrupted nearly all runs of several threads.
        resemblance: of neighbouring processes, which widens the interval of the latency.
        fp32: for an INT8 cell, the same network in fp32.
        here: for a cell in another interpreter, the same cell in mncost's own.
    """

    def __init__(  # noqa: PLR0913  these are the cells that it is compared with
        self,
        run: Run,
        cell: Cell,
        series: Sequence[Series],
        *,
        failure: str | None = None,
        left_out: str | None = None,
        file: ModelFile | None = None,
        clock: Clock = "wall",
        disturbed: bool = False,
        resemblance: float = 0.0,
        twin: CellSummary | None = None,
        fp32: CellSummary | None = None,
        here: CellSummary | None = None,
    ) -> None:
        """Take the cell's samples, and the cells that it is compared with."""
        self.run = run
        self.cell = cell
        self.series = series
        self.failure = failure
        self.left_out = left_out
        self.clock = clock
        self.disturbed = disturbed
        self.resemblance = resemblance
        self.twin = twin
        self.fp32 = fp32
        self.here = here
        self._file = file
        self._tails: dict[float, Interval] = {}

    # ------------------------------------------------------------------------------------ latency

    @cached_property
    def latency(self) -> Interval | None:
        """The median latency, with the processes as the unit of repetition."""
        return self.median(self.clock)

    @cached_property
    def wall(self) -> Interval | None:
        """The median wall time of a call."""
        return self.median("wall")

    @cached_property
    def undisturbed(self) -> Interval | None:
        """The median wall time of undisturbed runs; ``None`` if there are too few."""
        return self.median("undisturbed")

    def median(self, clock: Clock) -> Interval | None:
        """Return the median latency by a clock; ``None`` if that did not run."""
        return percentile_interval(self.series, resemblance=self.resemblance, clock=clock)

    def percentile(self, percent: float) -> Interval | None:
        """Return a percentile of the latency with its 95 % interval.

        See :func:`mncost.results.series.percentile_interval`.
        """
        if percent == 50:
            return self.latency
        if percent not in self._tails and self.series:
            wanted = {percent, *PERCENTILES} - {50}  # several at once cost little more than one
            self._tails |= percentiles([one.ordered for one in self.series], sorted(wanted))
        return self._tails.get(percent)

    @cached_property
    def mean_latency(self) -> Interval | None:
        """The mean latency, with the processes as the unit of repetition."""
        means = [float(times.mean()) for times in self._times()]
        return log_interval(means, LEVEL, self.resemblance) if means else None

    @property
    def min_latency(self) -> float | None:
        """The fastest run of all."""
        return min((float(times.min()) for times in self._times()), default=None)

    @cached_property
    def spread(self) -> float | None:
        """The interquartile range / the median, of all runs together."""
        times = self._times()
        return spread(times) if times else None

    @property
    def macs_per_second(self) -> Interval | None:
        """Multiply-accumulates a second, by the median latency."""
        return self.latency.per(self.cell.call_macs) if self.latency else None

    @property
    def images_per_second(self) -> Interval | None:
        """Images a second, by the median latency."""
        return self.latency.per(self.cell.place.batch) if self.latency else None

    # ------------------------------------------------------------------------- how well it is known

    @property
    def processes(self) -> int:
        """In how many processes it ran."""
        return len(self.series)

    @property
    def rounds(self) -> int:
        """How many rounds visited it, in all processes."""
        return sum(len(one.bursts) for one in self.series)

    @property
    def runs(self) -> int:
        """How many calls were timed."""
        return sum(len(one.bursts.ns) for one in self.series)

    @property
    def reached(self) -> bool:
        """Whether the latency's interval is within the target error of the run."""
        error = self.latency.relative_error if self.latency else None
        target = self.run.options.target_error
        return error is not None and target is not None and error <= target

    # ------------------------------------------------------------------------------ beside others

    @property
    def twin_latency(self) -> Interval | None:
        """The median latency of the twin."""
        return self.twin.latency if self.twin else None

    @cached_property
    def speedup(self) -> Interval | None:
        """The latency of the twin / of this cell, from the rounds that visited both."""
        return ratio_of(self.twin, self)

    @property
    def macs_ratio(self) -> float | None:
        """The MACs of the twin / of this cell."""
        return self.twin.cell.macs / self.cell.macs if self.twin else None

    @cached_property
    def int8_speedup(self) -> Interval | None:
        """The latency of the fp32 model / of this INT8 one."""
        return ratio_of(self.fp32, self)

    @cached_property
    def python_speedup(self) -> Interval | None:
        """The latency in mncost's own interpreter / in this other one."""
        return ratio_of(self.here, self)

    # --------------------------------------------------------------------------------- its model

    @property
    def file_bytes(self) -> int | None:
        """The size of the file that the runtime loaded."""
        return self._file.bytes if self._file else None

    @property
    def denormals(self) -> float | None:
        """Share of denormal numbers among the weights or activations of a model that is given."""
        return self._file.denormals if self._file else None

    @property
    def agreement(self) -> Agreement | None:
        """How close the logits of a quantised model are to those of its fp32 model."""
        return self._file.agreement if self._file else None

    def _times(self) -> list[NDArray[Any]]:
        """Return the runs that count, of each process that has some."""
        return [times for one in self.series if len(times := one.times(self.clock))]

    def __repr__(self) -> str:
        """Say which cell, and its latency."""
        return f"<CellSummary of cell {self.cell.id}: {self.latency}>"


def ratio_of(one: CellSummary | None, other: CellSummary, level: float = LEVEL) -> Interval | None:
    """Return the latency of one cell / of another, from the rounds that visited both.

    ``None`` if there is no such round; see :func:`mncost.stats.ratios.paired_ratio`.
    """
    if one is None:
        return None
    ratios = generation_ratios(one.series, other.series, common_clock(one.clock, other.clock))
    return log_interval(list(ratios.values()), level) if ratios else None
