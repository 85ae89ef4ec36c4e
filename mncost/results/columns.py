"""The columns of measured tables: every number with its interval."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from mncost.interval import Interval
from mncost.measure.records import Run
from mncost.render.table import Kind, Source, sources
from mncost.results.cautions import Caution, cautions
from mncost.results.summary import PERCENTILES, CellSummary, summarise

__all__ = [
    "Row",
    "columns",
    "percentile_name",
    "rows",
]

_NANO = 1e-9

_Part: TypeAlias = "Callable[[Row], Interval | float | None]"


class Row(NamedTuple):
    """One cell of a run: its statistics, those of its twin, and what is to be said against them."""

    summary: CellSummary
    twin: CellSummary | None
    cautions: Sequence[Caution]


def rows(run: Run, percentiles: Sequence[float] = PERCENTILES) -> list[Row]:
    """Return one row for each cell of a run, in order."""
    summaries = summarise(run, percentiles)
    found = cautions(run, summaries)
    return [
        Row(
            summary,
            None if summary.twin is None else summaries[summary.twin],
            [caution for caution in found if caution.cell == summary.cell.id],
        )
        for summary in summaries
    ]


def columns(percentiles: Sequence[float] = PERCENTILES) -> Mapping[str, Source]:
    """Return every column of a :class:`Row`."""
    return _facts() | _measured(percentiles) | _about()


def percentile_name(percent: float) -> str:
    """Return ``p99`` for 99, ``p99.9`` for 99.9."""
    return f"p{percent:g}"


def _facts() -> dict[str, Source]:
    """Return what is known of a cell without measuring it."""
    return sources(
        ("arch", "arch", "text", lambda r: r.summary.cell.arch),
        ("dialect", "dialect", "text", lambda r: r.summary.cell.dialect),
        ("alpha", "α", "number", lambda r: r.summary.cell.alpha),
        ("resolution", "px", "number", lambda r: r.summary.cell.resolution),
        ("classes", "classes", "number", lambda r: r.summary.cell.classes),
        ("part", "part", "text", lambda r: r.summary.cell.part),
        ("twin", "twin", "text", lambda r: r.summary.cell.twin),
        ("copy", "copy", "number", lambda r: r.summary.cell.copy),
        ("arm", "side", "text", lambda r: r.summary.cell.arm or None),
        ("precision", "precision", "text", lambda r: r.summary.cell.precision),
        ("batch", "batch", "number", lambda r: r.summary.cell.batch),
        ("runtime", "runtime", "text", lambda r: r.summary.cell.runtime),
        ("provider", "provider", "text", lambda r: r.summary.cell.provider),
        ("threads", "threads", "number", lambda r: r.summary.cell.threads),
        ("python", "python", "text", lambda r: r.summary.cell.python),
        ("macs", "MACs", "count", lambda r: r.summary.cell.macs),
        ("params", "params", "count", lambda r: r.summary.cell.params),
        ("weight_bytes", "weights", "bytes", lambda r: r.summary.cell.weight_bytes),
        ("file_bytes", "file", "bytes", lambda r: r.summary.file_bytes),
    )


def _measured(percentiles: Sequence[float]) -> dict[str, Source]:
    """Return the measured quantities, each with its interval."""
    tails = {percentile_name(percent): percent for percent in percentiles}
    measured: list[tuple[str, str, Kind, _Part]] = [
        ("latency", "latency", "time", lambda r: _seconds(r.summary.median)),
        *((name, name, "time", _percentile(percent)) for name, percent in tails.items()),
        ("mean_latency", "mean", "time", lambda r: _seconds(r.summary.mean)),
        ("macs_per_second", "MAC/s", "rate", lambda r: r.summary.macs_per_second),
        ("images_per_second", "images/s", "rate", lambda r: r.summary.images_per_second),
        ("twin_latency", "twin", "time", lambda r: _seconds(r.twin.median) if r.twin else None),
        ("macs_ratio", "MACs ratio", "ratio", lambda r: r.summary.macs_ratio),
        ("speedup", "speed-up", "ratio", lambda r: r.summary.speedup),
        ("int8_speedup", "INT8 speed-up", "ratio", lambda r: r.summary.int8_speedup),
        ("python_speedup", "beside ours", "ratio", lambda r: r.summary.python_speedup),
    ]
    intervals = [name for name, *_ in measured if name != "macs_ratio"]
    return sources(*measured, intervals=intervals, bounds=tails)


def _percentile(percent: float) -> _Part:
    return lambda row: _seconds(row.summary.percentiles.get(percent))


def _about() -> dict[str, Source]:
    """Return what there is to know about a measurement beside its quantities."""
    return sources(
        ("same_top1", "same top-1", "share", lambda r: _same_top1(r.summary)),
        ("logits_error", "logits error", "share", lambda r: _logits_error(r.summary)),
        ("min_latency", "min", "time", lambda r: _minimum(r.summary)),
        ("iqr_ratio", "IQR /median", "share", lambda r: r.summary.spread),
        ("runs", "runs", "number", lambda r: r.summary.runs),
        ("rounds", "rounds", "number", lambda r: r.summary.rounds),
        ("processes", "processes", "number", lambda r: r.summary.processes),
        ("reached", "within target", "text", lambda r: r.summary.reached),
        ("failure", "failure", "text", lambda r: r.summary.failure),
        ("warnings", "warnings", "text", lambda r: tuple(c.name for c in r.cautions) or None),
    )


def _seconds(summary: Interval | None) -> Interval | None:
    return None if summary is None else summary.scaled(_NANO)


def _minimum(summary: CellSummary) -> float | None:
    return None if summary.minimum is None else summary.minimum * _NANO


def _same_top1(summary: CellSummary) -> float | None:
    found = summary.agreement
    return None if found is None else found.same_top1 / found.images


def _logits_error(summary: CellSummary) -> float | None:
    return None if summary.agreement is None else summary.agreement.error
