"""``mncost pick``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mncost.choose.accuracy import Candidate, candidates
from mncost.choose.pick import Pick, Rule, Without, rule
from mncost.choose.pick import pick as picked
from mncost.cli import options
from mncost.cli.marks import Marks
from mncost.cli.output import chosen, emit, format_for
from mncost.columns import Source, default_columns, sources
from mncost.errors import InputError
from mncost.quantities import count, seconds, size
from mncost.report.table import Column, Table, Value
from mncost.report.write import check_writable

if TYPE_CHECKING:
    from mncost.choose.latency import LatencyLimit

__all__ = ["pick"]

FAILED, INCONCLUSIVE = 1, 3
SHOWN, MEASURED = 10, 3

_COLUMNS = sources(
    ("arch", "arch", "text", lambda c: c.network.arch),
    ("dialect", "dialect", "text", lambda c: c.network.dialect),
    ("alpha", "α", "number", lambda c: c.network.alpha),
    ("resolution", "px", "number", lambda c: c.network.resolution),
    ("top1", "top-1 %", "number", lambda c: c.top1),
    ("lowest_top1", "lowest published", "number", lambda c: c.lowest_top1),
    ("macs", "MACs", "count", lambda c: c.network.macs),
    ("params", "params", "count", lambda c: c.network.params),
    ("weight_bytes", "weights", "bytes", lambda c: c.network.weight_bytes),
    ("memory_bytes", "memory", "bytes", lambda c: c.memory_bytes),
    ("precision", "precision", "text", lambda c: c.network.precision),
    ("variant", "variant", "text", lambda c: c.figure.variant),
    ("source", "source", "text", lambda c: c.figure.source),
    ("note", "note", "text", lambda c: c.figure.note or None),
    ("sources", "sources", "number", lambda c: len({figure.source for figure in c.figures})),
    extra=("precision", "variant", "note", "sources"),
)
_RANK = Column("rank", "", "text")
_TIE = Column("near_tie", "near tie", "text")


def pick(
    arch: options.PublishedArch = None,
    alpha: options.Alpha = None,
    resolution: options.Resolution = None,
    rho: options.Rho = None,
    dialect: options.Dialect = None,
    precision: options.PrecisionName = None,
    max_macs: Annotated[
        str | None, typer.Option("--max-macs", metavar="COUNT", help="E.g. 150M.")
    ] = None,
    max_params: Annotated[
        str | None, typer.Option("--max-params", metavar="COUNT", help="E.g. 3.5M.")
    ] = None,
    max_size: Annotated[
        str | None,
        typer.Option("--max-size", metavar="SIZE", help="Of the weights, e.g. 10MB or 8MiB."),
    ] = None,
    max_memory: Annotated[
        str | None,
        typer.Option(
            "--max-memory", metavar="SIZE", help="Weights and peak activations of one image."
        ),
    ] = None,
    min_top1: Annotated[
        str | None, typer.Option("--min-top1", metavar="%", help="ImageNet top-1, e.g. 70.")
    ] = None,
    max_latency: Annotated[
        str | None,
        typer.Option(
            "--max-latency",
            metavar="TIME",
            help="Of one call, e.g. 8ms: measured now, or in --run.",
        ),
    ] = None,
    run: Annotated[
        Path | None,
        typer.Option(
            "--run", metavar="FILE", help="Latencies of a run file of mncost bench; - for stdin."
        ),
    ] = None,
    percentile: Annotated[
        str | None,
        typer.Option("--percentile", metavar="P", help="Of the latency. Default: 50, the median."),
    ] = None,
    runtime: Annotated[
        str | None,
        typer.Option("--runtime", metavar="NAME", help="Default: onnxruntime, or the run's one."),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option("--threads", metavar="N", help="Default: 1, or those of the run."),
    ] = None,
    max_time: Annotated[
        str | None,
        typer.Option("--max-time", metavar="TIME", help="To measure at most. Default: 60 s."),
    ] = None,
    save: Annotated[
        Path | None, typer.Option("--save", metavar="FILE", help="Write what was measured.")
    ] = None,
    top: Annotated[
        int | None,
        typer.Option(
            "--top", min=1, help="How many to show at most. Default: 10; 3 if they are measured."
        ),
    ] = None,
    columns: options.ColumnNames = None,
    format_name: options.Format = None,
    output: options.Output = None,
) -> int:
    """Print the most accurate published networks that keep within limits.

    Only networks whose ImageNet accuracy somebody has published; the source stands beside it.
    A latency passes only by its whole interval. Exit status: 0 something fits, 1 nothing does, 3
    nothing does but some latencies are inconclusive.

    mncost pick --arch v1,v2,v3 --max-macs 150M --min-top1 68
    mncost pick --max-size 10MB --resolution 224
    mncost pick --precision int8 --max-size 4MB --format csv
    mncost pick --max-latency 8ms --max-size 10MB
    mncost pick --run run.json --max-latency 8ms
    """
    wanted = format_for(format_name, output)
    rules = _rules(
        {"max-macs": max_macs, "max-params": max_params},
        {"max-size": max_size, "max-memory": max_memory},
        min_top1,
    )
    limit = _latency(max_latency, percentile, runtime, threads)
    time = None if max_time is None else seconds("--max-time", max_time)
    if run is not None or limit is None:
        why = "needs --max-latency" if limit is None else "does not go with --run"
        options.refuse({"max-time": max_time, "save": save}, why)
    if limit is None:
        options.refuse({"run": run}, "goes with --max-latency")
    if save is not None:
        check_writable(save)
    found = candidates(
        ",".join(arch or ["all"]),
        alpha,
        resolution,
        rho=rho,
        dialect=dialect,
        precision=options.as_precision(precision),
    )
    for_people = wanted in ("terminal", "markdown")
    usual = default_columns(_COLUMNS) if for_people else _COLUMNS
    shown = chosen(_COLUMNS, columns, usual)
    latencies = None
    if limit is not None:
        from mncost.cli import pick_latency

        if run is not None:
            latencies = pick_latency.saved(run, found, rules, limit)
        else:
            latencies = pick_latency.measured(
                found, rules, limit, wanted=top or MEASURED, max_time=time, save=save
            )
        rules["max-latency"] = latencies.rule()
        shown += latencies.columns(for_people=for_people)
    result = picked(found, rules)
    if latencies:
        result = result.about("max-latency")
    most = top or (SHOWN if limit is None or run is not None else MEASURED)
    notes = latencies.notes if latencies else []
    emit(_table(result, shown, most, notes, for_people=for_people), wanted, output)
    if result.fitting:
        return 0
    return INCONCLUSIVE if latencies and latencies.is_undecided else FAILED


def _rules(
    counts: Mapping[str, str | None], sizes: Mapping[str, str | None], top1: str | None
) -> dict[str, Rule]:
    limits: dict[str, float] = {}
    limits |= {name: count(f"--{name}", text) for name, text in counts.items() if text is not None}
    limits |= {name: size(f"--{name}", text) for name, text in sizes.items() if text is not None}
    if top1 is not None:
        limits["min-top1"] = _percent("min-top1", top1)
    return {name: rule(name, bound) for name, bound in limits.items()}


def _percent(name: str, text: str) -> float:
    try:
        value = float(text.strip().removesuffix("%"))
    except ValueError:
        value = math.nan
    if not 0 < value < 100:
        raise InputError(f"--{name} {text!r}: accepted is a number between 0 and 100, in %")
    return value


def _latency(
    text: str | None, percentile: str | None, runtime: str | None, threads: int | None
) -> LatencyLimit | None:
    """Return the limit on latency, if there is one."""
    if text is None:
        given = {"percentile": percentile, "runtime": runtime, "threads": threads}
        options.refuse(given, "goes with --max-latency")
        return None
    from mncost.choose.latency import LatencyLimit, Place

    percent = 50.0 if percentile is None else _percent("percentile", percentile)
    most = 1e9 * seconds("--max-latency", text, bare=None)
    return LatencyLimit(most, percent, Place(runtime, threads))


def _table(
    result: Pick, shown: list[Source], top: int, measured: list[str], *, for_people: bool
) -> Table:
    """Return a row for each of the most accurate candidates that fit."""
    mark = Marks()
    rows = [
        [
            *_place(result, rank, for_people=for_people),
            *_values(one, shown, mark if for_people else None),
        ]
        for rank, one in enumerate(result.fitting[:top], 1)
    ]
    head = [_RANK] if for_people else [_RANK, _TIE]
    columns = [*head, *(source.column for source in shown)]
    notes = [*_explained(result, top), *(_cost(one, result) for one in result.without)]
    notes += [*measured, *mark.notes()]
    return Table("pick", columns, rows, notes, _title(result))


def _place(result: Pick, rank: int, *, for_people: bool) -> list[Value]:
    tie = result.is_near_tie(result.fitting[rank - 1])
    return [f"≈{rank}" if tie else str(rank)] if for_people else [rank, tie]


def _values(one: Candidate, shown: list[Source], mark: Marks | None) -> list[Value]:
    """Return a row; for people, sources are numbers that point below the table."""
    return [
        mark(source.value(one)) if mark and source.column.name == "source" else source.value(one)
        for source in shown
    ]


def _title(result: Pick) -> str:
    fitting = len(result.fitting)
    number = str(fitting or "none")
    if result.is_partial:
        return f"{number} of {result.considered} published networks known to fit"
    return f"{number} of {result.considered} published networks {_fit(fitting)}"


def _fit(number: int) -> str:
    return "fits" if number == 1 else "fit"


def _explained(result: Pick, top: int) -> list[str]:
    """Return what has to be said about the rows."""
    listed = result.fitting[:top]
    notes = []
    if any(result.is_near_tie(one) for one in listed):
        notes.append("≈: 50,000 images are too few to tell its accuracy from that of the first")
    if assumed := [one.figure.variant for one in listed if one.assumed_resolution]:
        notes.append(f"no resolution is printed, the native one assumed: {', '.join(assumed)}")
    return notes


def _cost(one: Without, result: Pick) -> str:
    """Say what a limit costs: in accuracy, or that it costs nothing."""
    if one.best is None:
        return f"without --{one.limit} there is still none"
    if result.fitting and one.best is result.fitting[0]:
        more = f"; {one.more:,} more {_fit(one.more)} without it" if one.more else ""
        return f"--{one.limit} costs no accuracy{more}"
    gained = f"{one.best.top1 - result.fitting[0].top1:+.1f} points, " if result.fitting else ""
    return (
        f"without --{one.limit}: {gained}{one.best.name}, {one.best.top1:g} % "
        f"({one.best.figure.variant}: {one.best.figure.source})"
    )
