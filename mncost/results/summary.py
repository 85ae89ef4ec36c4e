"""What a run says about each of its cells. Latencies are in nanoseconds for one call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from mncost.interval import Interval
from mncost.measure.records import IDENTITY, Agreement, Cell, ModelFile, Run
from mncost.results.samples import Series, paired_bursts, reference_series, series_by_cell
from mncost.stats import location
from mncost.stats.drift import drift as drift_of
from mncost.stats.location import LEVEL
from mncost.stats.percentiles import percentiles as bounded_percentiles
from mncost.stats.ratios import paired_ratio

__all__ = [
    "PERCENTILES",
    "CellSummary",
    "drift",
    "ratio",
    "relative_errors",
    "summarise",
]

PERCENTILES = (50.0, 90.0, 99.0)
SECOND = 1e9  # ns


class CellSummary(NamedTuple):
    """One cell of a run. What a cell without samples cannot say is ``None``, or empty."""

    cell: Cell
    median: Interval | None
    mean: Interval | None
    minimum: float | None
    percentiles: Mapping[float, Interval]
    spread: float | None  # interquartile range / median
    macs_per_second: Interval | None
    images_per_second: Interval | None
    runs: int
    rounds: int
    processes: int
    reached: bool  # the median's interval is within the target
    failure: str | None
    file_bytes: int | None
    agreement: Agreement | None
    twin: int | None  # the cell of its twin
    speedup: Interval | None  # latency of the twin / of this cell
    macs_ratio: float | None  # MACs of the twin / of this cell
    int8_speedup: Interval | None  # latency of the fp32 model / of this INT8 one
    python_speedup: Interval | None  # latency in mncost's own interpreter / in this other one


def summarise(run: Run, percentiles: Sequence[float] = PERCENTILES) -> list[CellSummary]:
    """Return a summary of each cell of a run, in order."""
    series = series_by_cell(run)
    cells = {_key(cell): cell.id for cell in run.cells}
    twins = sorted((cell for cell in run.cells if cell.twin), key=_standard_last)
    twin_of = {_key(cell, twin=None): cell.id for cell in twins}
    files = {cell: file for file in run.files for cell in file.cells}
    failures = {failure.cell: failure.reason for failure in reversed(run.failures)}
    summaries = []
    for cell in run.cells:
        own = series[cell.id]
        twin = None if cell.twin else twin_of.get(_key(cell))
        full = cells.get(_key(cell, precision="fp32")) if cell.precision == "int8" else None
        here = cells.get(_key(cell, python=None)) if cell.python else None
        file: ModelFile | None = files.get(cell.id)
        summaries.append(
            CellSummary(
                cell=cell,
                **_latencies(cell, own, percentiles, run.options.target_error),
                failure=failures.get(cell.id),
                file_bytes=file.bytes if file else None,
                agreement=file.agreement if file else None,
                twin=twin,
                speedup=None if twin is None else _ratio(series[twin], own),
                macs_ratio=None if twin is None else run.cells[twin].macs / cell.macs,
                int8_speedup=None if full is None else _ratio(series[full], own),
                python_speedup=None if here is None else _ratio(series[here], own),
            )
        )
    return summaries


def relative_errors(run: Run) -> dict[int, float]:
    """Return half the width of each cell's interval / its median, for the rule that ends a run.

    A cell without an interval, for lack of processes, is left out. Ending as soon as an interval
    is narrow enough favours those that are narrow by luck: where it decides the end, 95 % intervals
    cover in 92 to 95 % of all runs if there were five processes before, in 87 % if only two.
    """
    errors = {}
    for cell, series in enumerate(series_by_cell(run)):
        if len(series) > 1:
            error = location.median([one.ns for one in series]).relative_error
            if error is not None:
                errors[cell] = error
    return errors


def ratio(run: Run, numerator: int, denominator: int, level: float = LEVEL) -> Interval | None:
    """Return how many times as long one cell of a run takes as another, from paired rounds.

    ``None`` if no round visited both.
    """
    series = series_by_cell(run)
    return _ratio(series[numerator], series[denominator], level)


def drift(run: Run) -> Interval | None:
    """Return by which factor the reference workload's latency changed over the run.

    Workers may be built differently and differ in how fast they do the same work, so each is taken
    relative to its own median; see :func:`mncost.stats.drift.drift`.
    """
    from statistics import median

    workers: dict[object, list[tuple[float, float]]] = {}
    for series in reference_series(run):
        process = series.process
        points = workers.setdefault(process.worker, [])
        points += [(burst.at, series.by_round[burst.round]) for burst in series.bursts]
    times, values = [], []
    for points in workers.values():
        typical = median(value for _, value in points)
        times += [at for at, _ in points]
        values += [value / typical for _, value in points]
    return drift_of(times, values)


def _standard_last(cell: Cell) -> bool:
    return cell.twin == "standard"


def _key(cell: Cell, **changes: object) -> tuple[object, ...]:
    return tuple(changes.get(name, getattr(cell, name)) for name in IDENTITY)


def _ratio(
    numerator: Sequence[Series], denominator: Sequence[Series], level: float = LEVEL
) -> Interval | None:
    return paired_ratio(paired_bursts(numerator, denominator), level)


def _latencies(
    cell: Cell, series: Sequence[Series], percentiles: Sequence[float], target: float | None
) -> dict[str, Any]:
    """Return those fields of a summary that follow from the cell's samples alone."""
    processes = [one.ns for one in series]
    if not processes:
        fields = ("median", "mean", "minimum", "spread", "macs_per_second", "images_per_second")
        return dict.fromkeys(fields) | {
            "percentiles": {},
            "runs": 0,
            "rounds": 0,
            "processes": 0,
            "reached": False,
        }
    median = location.median(processes)
    error = median.relative_error
    return {
        "median": median,
        "mean": location.mean(processes),
        "minimum": min(float(samples.min()) for samples in processes),
        "percentiles": bounded_percentiles(processes, percentiles),
        "spread": location.spread(processes),
        "macs_per_second": median.per(cell.batch * cell.macs * SECOND),
        "images_per_second": median.per(cell.batch * SECOND),
        "runs": sum(map(len, processes)),
        "rounds": sum(len(one.bursts) for one in series),
        "processes": len(processes),
        "reached": error is not None and target is not None and error <= target,
    }
