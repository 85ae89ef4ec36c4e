"""The columns of measured tables: every number with its interval."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from mncost.columns import Source, sources
from mncost.interval import Interval
from mncost.measure.records import Run
from mncost.render.table import Value, Written
from mncost.results.cautions import Caution, cautions
from mncost.results.summary import PERCENTILES, CellSummary, summarise

__all__ = [
    "Row",
    "machine_columns",
    "people_columns",
    "percentile_name",
    "rows",
    "three_digits",
    "with_interval",
]

_MS, _GIGA = 1e-6, 1e-9

_Part: TypeAlias = "Callable[[Row], Interval | None]"


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


class _Quantity(NamedTuple):
    """A measured quantity: how its column is called, and where it comes from."""

    name: str
    title: str
    part: _Part
    write: Callable[[Interval], str]  # for people


def machine_columns(percentiles: Sequence[float] = PERCENTILES) -> Mapping[str, Source]:
    """Return every column for programs: bare numbers, the bounds in columns of their own."""
    measured: dict[str, Source] = {}
    for quantity in _quantities(percentiles):
        for place, suffix in enumerate(("", "_lo", "_hi")):
            title = f"{quantity.title} {suffix.strip('_')}".strip()
            value = _bare(quantity.part, place)
            measured |= sources((quantity.name + suffix, title, "number", value))
    return _facts() | measured | _about()


def people_columns(percentiles: Sequence[float] = PERCENTILES) -> Mapping[str, Source]:
    """Return every column for people: one for a number and its interval."""
    columns = dict(machine_columns(percentiles))
    for quantity in _quantities(percentiles):
        value = _written(quantity.part, quantity.write)
        columns |= sources((quantity.name, quantity.title, "number", value))
    columns |= sources(("min_ms", "min ms", "number", lambda r: three_digits(_min_ms(r.summary))))
    return columns


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


def _quantities(percentiles: Sequence[float]) -> list[_Quantity]:
    """Return the measured quantities in the order and in the units of their columns."""
    parts: list[tuple[str, str, _Part]] = [
        ("mean_ms", "mean ms", lambda r: _ms(r.summary.mean)),
        ("gmacs_per_second", "GMAC/s", lambda r: _giga(r.summary.macs_per_second)),
        ("images_per_second", "images/s", lambda r: r.summary.images_per_second),
        ("twin_latency_ms", "twin ms", lambda r: _ms(r.twin.median) if r.twin else None),
        ("speedup", "speed-up", lambda r: r.summary.speedup),
        ("int8_speedup", "INT8 speed-up", lambda r: r.summary.int8_speedup),
        ("python_speedup", "beside ours", lambda r: r.summary.python_speedup),
    ]
    return [
        _Quantity("latency_ms", "latency ms", lambda r: _ms(r.summary.median), with_interval),
        *(_percentile(percent) for percent in percentiles),
        *(_Quantity(*part, with_interval) for part in parts),
    ]


def _percentile(percent: float) -> _Quantity:
    name = percentile_name(percent)
    return _Quantity(
        f"{name}_ms",
        f"{name} ms",
        lambda r: _ms(r.summary.percentiles.get(percent)),
        _with_bounds,
    )


def _about() -> dict[str, Source]:
    """Return what there is to know about a measurement beside its quantities."""
    return sources(
        ("macs_ratio", "MACs ratio", "ratio", lambda r: r.summary.macs_ratio),
        ("same_top1", "same top-1", "share", lambda r: _same_top1(r.summary)),
        ("logits_error", "logits error", "share", lambda r: _logits_error(r.summary)),
        ("min_ms", "min ms", "number", lambda r: _min_ms(r.summary)),
        ("iqr_ratio", "IQR /median", "share", lambda r: r.summary.spread),
        ("runs", "runs", "number", lambda r: r.summary.runs),
        ("rounds", "rounds", "number", lambda r: r.summary.rounds),
        ("processes", "processes", "number", lambda r: r.summary.processes),
        ("reached", "within target", "text", lambda r: r.summary.reached),
        ("failure", "failure", "text", lambda r: r.summary.failure),
        ("warnings", "warnings", "text", lambda r: tuple(c.name for c in r.cautions) or None),
    )


def _bare(part: _Part, place: int) -> Callable[[Row], Value]:
    """Return what takes the centre (0) or a bound (1, 2) of a quantity."""

    def value(row: Row) -> Value:
        found = part(row)
        return None if found is None else found[place]

    return value


def _written(part: _Part, write: Callable[[Interval], str]) -> Callable[[Row], Value]:
    def value(row: Row) -> Value:
        found = part(row)
        return None if found is None else write(found)

    return value


def with_interval(summary: Interval) -> str:
    """Return ``9.19 ±0.11``: only the digits that the interval supports; ``±?`` without one."""
    return Written(_with_interval(summary), summary.center)


def _with_interval(summary: Interval) -> str:
    if summary.lo is None or summary.hi is None:
        return f"{three_digits(summary.center)} ±?"
    digits = summary.decimals
    if digits is None:  # no width
        return three_digits(summary.center)
    half = (summary.hi - summary.lo) / 2
    if half >= summary.center:  # it supports no digit at all
        return f"{three_digits(summary.center)} ±>100%"
    return f"{_rounded(summary.center, digits)} ±{_rounded(half, digits)}"


def _with_bounds(summary: Interval) -> str:
    """Return ``9.19 (9.10–9.45)``; a bound that there are too few runs for is a question mark."""
    lo, hi = ("?" if bound is None else three_digits(bound) for bound in (summary.lo, summary.hi))
    if lo == hi == "?":
        return "too few runs"
    return Written(f"{three_digits(summary.center)} ({lo}–{hi})", summary.center)


def _rounded(value: float, digits: int) -> str:
    return f"{round(value, digits):,.{max(digits, 0)}f}"


def three_digits(value: float | None) -> str:
    """Return a number with three significant digits, or more if it has more before the point."""
    if value is None:
        return "–"
    whole = len(str(int(abs(value)))) if abs(value) >= 1 else 0
    return Written(f"{value:,.{max(0, 3 - whole)}f}", value)


def _ms(summary: Interval | None) -> Interval | None:
    return None if summary is None else summary.scaled(_MS)


def _giga(summary: Interval | None) -> Interval | None:
    return None if summary is None else summary.scaled(_GIGA)


def _min_ms(summary: CellSummary) -> float | None:
    return None if summary.minimum is None else summary.minimum * _MS


def _same_top1(summary: CellSummary) -> float | None:
    found = summary.agreement
    return None if found is None else found.same_top1 / found.images


def _logits_error(summary: CellSummary) -> float | None:
    return None if summary.agreement is None else summary.agreement.error
