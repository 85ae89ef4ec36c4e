"""A run, one row for each cell: its latency, and beside what it is faster or slower."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from mncost.cost.memory import QAT
from mncost.interval import Interval
from mncost.measure.runtime_names import RUNTIMES
from mncost.measure.runtimes import runtime_class
from mncost.render.column import Kind, Show
from mncost.render.sources import Source, ranked, sources, tabulate
from mncost.render.table import Table
from mncost.results.cell_summary import PERCENTILES, CellSummary
from mncost.results.results import Results
from mncost.results.warnings import warnings_of_cell
from mncost.tables.cells import NAMES, cell_columns, constant, shared
from mncost.tables.warnings import measured

if TYPE_CHECKING:
    from mncost.label import Label
    from mncost.measure.runtimes.blocked import Layout

__all__ = ["percentile_name", "run_columns", "run_table"]

_FEW = 3  # networks, whose α nearby are looked for
_LOGITS_ERROR = (
    "int8: logits error is the root mean square of the difference from the fp32 logits / their "
    "standard deviation. Weights are random and images are noise, so it says that quantising "
    "worked, and nothing about accuracy"
)


def run_table(
    results: Results,
    *,
    columns: str | Sequence[str] | None = None,
    percentiles: Sequence[float] | None = None,
    show: Iterable[str] = (),
) -> Table:
    """Return one row for each cell; for people, a twin stands in the row of its network.

    Args:
        results: of the run.
        columns: names of columns, with commas; by default each column says who sees it.
        percentiles: of the latency, from 0 to 100; people see those that are given, programs by
            default :data:`mncost.results.cell_summary.PERCENTILES`.
        show: columns that people see besides.

    Raises:
        UnknownNameError: there is no such column.
    """
    every = results.summaries
    main = [one for one in every if one.cell.subject.twin is None] or every
    main = [one for one in main if one.cell.subject.part is None]
    registry = run_columns(PERCENTILES if percentiles is None else percentiles)
    usual = {*_usual(main), *map(percentile_name, percentiles or ()), *show}
    table = tabulate(
        "bench",
        registry,
        every,
        names=columns,
        hide=registry.keys() - usual,
        legend=[
            *[_LOGITS_ERROR] * any(one.agreement for one in every),
            *_layouts(results, main),
        ],
        title=f"CPU latency: {shared(one.cell for one in main)}",
    )
    ids = {one.cell.id for one in main}
    rows_for: list[Show] = ["all" if x.cell.id in ids else "programs" for x in every]
    return measured(table._replace(rows_for=rows_for), results)


def _layouts(results: Results, summaries: Sequence[CellSummary]) -> Iterator[str]:
    """Say which networks leave the fast layout of a runtime, where, and which α nearby do not."""
    said: dict[tuple[str, str], tuple[Layout, Label]] = {}
    for cell in (one.cell for one in summaries if one.cell.place.runtime in RUNTIMES):
        graph, place = results.run.models[cell.digest].graph, cell.place
        machine = results.run.machine_of(place.host)
        layout = runtime_class(place.runtime).layout(
            graph, place.precision, machine.architecture, machine.flags
        )
        if layout is not None and layout.unblocked:
            name = replace(cell.subject, resolution=None).words()
            said[name, place.runtime] = layout, cell.label
    if said:
        from mncost.tables.hints import nearby_alphas, some
    for (name, runtime), (layout, label) in sorted(said.items()):
        nearby = nearby_alphas(label) if len(said) <= _FEW else ""
        yield (
            f"layout: {len(layout.unblocked)} convolutions of {name} leave the blocked layout of "
            f"{runtime} and are slower ({some(layout.unblocked)}); "
            f"{nearby or 'mncost table --hints says which α nearby do not'}"
        )


def run_columns(percentiles: Sequence[float] = PERCENTILES) -> Mapping[str, Source]:
    """Return every column of a :class:`mncost.results.cell_summary.CellSummary`."""
    times = _measured(percentiles)
    first = {name: times.pop(name) for name in ("latency", "wall")}
    every = {**cell_columns(lambda s: s.cell), **first, **_COUNTS, **times, **_QUALITY}
    return ranked(every, _NARROW)


_NARROW = (
    *("wall", "macs_per_second", "logits_error", "file_bytes", "params", "twin_latency", "macs"),
    *("images_per_second", "macs_ratio", "provider", "dialect", "warnings"),
)
"""What a terminal that is too narrow leaves out, the first one first."""


def percentile_name(percent: float) -> str:
    """Return ``p99`` for 99, ``p99.9`` for 99.9."""
    return f"p{percent:g}"


_COUNTS = sources(
    ("macs", "MACs", "count", lambda s: s.cell.macs),
    ("params", "params", "count", lambda s: s.cell.params),
    ("weight_bytes", "weights", "bytes", lambda s: s.cell.weight_bytes),
    ("file_bytes", "file", "bytes", lambda s: s.file_bytes),
)


def _measured(percentiles: Sequence[float]) -> dict[str, Source]:
    """Return the measured quantities, each with its interval."""

    def percentile(percent: float) -> Callable[[CellSummary], Interval | None]:
        return lambda summary: summary.percentile(percent)

    tails = {percentile_name(percent): percentile(percent) for percent in percentiles}
    latency: list[tuple[str, str, Kind, Callable[[CellSummary], Interval | None]]] = [
        ("latency", "latency", "time", lambda s: s.latency),
        ("undisturbed_latency", "undisturbed", "time", lambda s: s.undisturbed),
        ("wall_latency", "wall time", "time", lambda s: s.wall),
    ]
    times: list[tuple[str, str, Kind, Callable[[CellSummary], Interval | None]]] = [
        *((name, name, "time", value) for name, value in tails.items()),
        ("mean_latency", "mean", "time", lambda s: s.mean_latency),
        ("macs_per_second", "MAC/s", "rate", lambda s: s.macs_per_second),
        ("images_per_second", "images/s", "rate", lambda s: s.images_per_second),
        ("twin_latency", "twin", "time", lambda s: s.twin_latency),
    ]
    ratios: list[tuple[str, str, Kind, Callable[[CellSummary], Interval | None]]] = [
        ("speedup", "speed-up", "ratio", lambda s: s.speedup),
        ("int8_speedup", "INT8 speed-up", "ratio", lambda s: s.int8_speedup),
        ("python_speedup", "beside ours", "ratio", lambda s: s.python_speedup),
    ]
    return {
        **sources(("clock", "clock", "text", lambda s: s.clock if s.latency else None)),
        **sources(*latency, intervals=[name for name, *_ in latency]),
        **sources(("wall", "wall", "time", _wall), people=("wall",)),
        **sources(*times, intervals=[name for name, *_ in times], bounds=tails),
        **sources(("macs_ratio", "MACs ratio", "ratio", lambda s: s.macs_ratio)),
        **sources(*ratios, intervals=[name for name, *_ in ratios]),
    }


def _wall(summary: CellSummary) -> float | None:
    """Return the wall time of undisturbed runs, to show beside CPU time."""
    return summary.undisturbed.center if summary.undisturbed else None


def _same_top1(summary: CellSummary) -> float | None:
    agreement = summary.agreement
    return None if agreement is None else agreement.same_top1 / agreement.images


_QUALITY = sources(
    ("same_top1", "same top-1", "share", _same_top1),
    ("logits_error", "logits error", "share", lambda s: s.agreement and s.agreement.error),
    ("min_latency", "min", "time", lambda s: s.min_latency),
    ("iqr_ratio", "IQR /median", "share", lambda s: s.spread),
    ("runs", "runs", "number", lambda s: s.runs),
    ("rounds", "rounds", "number", lambda s: s.rounds),
    ("processes", "processes", "number", lambda s: s.processes),
    ("reached", "within target", "text", lambda s: s.reached),
    ("failure", "failure", "text", lambda s: s.failure),
    (
        "warnings",
        "warnings",
        "text",
        lambda s: tuple(one.name for one in warnings_of_cell(s)) or None,
    ),
)


def _usual(summaries: Sequence[CellSummary]) -> list[str]:
    """Return the columns that people see: those that say something about these cells."""
    cells = [summary.cell for summary in summaries]
    names = [name for name in cell_columns(lambda cell: cell) if name not in constant(cells)]
    names = [name for name in names if name not in ("part", "twin", "classes")]
    names += [*NAMES, "macs", "latency", "macs_per_second"]
    clocks = {summary.clock for summary in summaries if summary.latency}
    names += ["clock"] if len(clocks) > 1 else []
    names += ["wall"] if "cpu" in clocks else []
    if len({cell.place.batch for cell in cells}) > 1:
        names += ["images_per_second"]
    if any(summary.twin for summary in summaries):
        names += ["twin_latency", "macs_ratio", "speedup"]
    if any(cell.place.python for cell in cells):
        names += ["python_speedup"]
    if any(cell.place.precision in ("int8", QAT) for cell in cells):
        names += ["file_bytes", "int8_speedup", "logits_error"]
    return names
