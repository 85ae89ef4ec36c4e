"""What was picked: one row a network; below it what the limits cost and what is undecided."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from mncost.choose.limits import Without
from mncost.choose.picked import Pick, Picked
from mncost.published.checkpoints import checkpoint, load_code, trained_on
from mncost.render.column import Show
from mncost.render.sources import Source, chosen, sources, tabulate
from mncost.render.table import Table
from mncost.render.units import written

if TYPE_CHECKING:
    from mncost.choose.latency import Latencies, Timed

__all__ = ["COLUMNS", "picks"]

SHOWN = 10  # rows that people see
MOST = 5  # undecided ones that are listed
_PLACES = ("place", "rank", "near_tie")  # columns that are always there

COLUMNS: Mapping[str, Source] = sources(
    ("place", "", "text", lambda p: f"≈{p.rank}" if p.is_near_tie else str(p.rank)),
    ("rank", "", "number", lambda p: p.rank),
    ("near_tie", "near tie", "text", lambda p: p.is_near_tie),
    ("arch", "arch", "text", lambda p: p.network.arch),
    ("dialect", "dialect", "text", lambda p: p.network.dialect),
    ("alpha", "α", "number", lambda p: p.network.alpha),
    ("resolution", "px", "number", lambda p: p.network.resolution),
    ("latency", "latency", "time", lambda p: p.latency),
    ("runtime", "runtime", "text", lambda p: p.runtime),
    ("top1", "top-1 %", "number", lambda p: p.top1),
    ("trained_on", "trained on", "text", lambda p: trained_on(p.figure)),
    ("lowest_top1", "lowest published", "number", lambda p: p.candidate.lowest_top1),
    ("macs", "MACs", "count", lambda p: p.network.macs),
    ("params", "params", "count", lambda p: p.network.params),
    ("weight_bytes", "weights", "bytes", lambda p: p.network.weight_bytes),
    ("memory_bytes", "memory", "bytes", lambda p: p.candidate.memory_bytes),
    ("precision", "precision", "text", lambda p: p.network.precision),
    ("checkpoint", "checkpoint", "text", lambda p: checkpoint(p.figure)),
    ("variant", "variant", "text", lambda p: p.figure.variant),
    ("source", "source", "text", lambda p: p.source),
    ("note", "note", "text", lambda p: p.figure.note or None),
    ("sources", "sources", "number", lambda p: len({f.source for f in p.candidate.figures})),
    extra=("rank", "near_tie", "lowest_top1", "precision", "variant", "note", "sources"),
    intervals=("latency",),
    marks=("source",),
    narrow=("params", "memory_bytes", "checkpoint", "trained_on", "macs", "weight_bytes"),
)
"""Columns of :class:`mncost.choose.picked.Picked`."""


def picks(picked: Pick, *, columns: str | Sequence[str] | None = None) -> Table:
    """Return a row for each network, the most accurate first.

    People see ten, unless another number was asked for.

    Without a network, people see no columns.

    Args:
        picked: the networks.
        columns: names of :data:`COLUMNS`, with commas; the rank is always there.

    Raises:
        UnknownNameError: there is no column of a name.
    """
    offered = {name: source for name, source in COLUMNS.items() if name not in _PLACES}
    if picked.latencies is None:
        del offered["latency"], offered["runtime"]
    if columns is not None:
        offered = {source.column.name: source for source in chosen(offered, columns)}
    place = COLUMNS["place"]
    place = place._replace(column=place.column._replace(show="people"))
    shown = {"place": place, "rank": COLUMNS["rank"], "near_tie": COLUMNS["near_tie"], **offered}
    if not picked:
        del shown["place"]
    table = tabulate(
        "pick",
        shown,
        picked,
        hide=_one_runtime(picked) if picked else shown,
        notes=[*_notes(picked), *picked.notes],
        title=_title(picked),
    )
    if picked.run is not None:
        from mncost.tables.words import in_short, machine_line  # these know runs

        line = machine_line(picked.run.run)
        table = table._replace(legend=[in_short(picked.run)], details=[line])
    if picked.top is not None or len(picked) <= SHOWN:
        return table
    who: list[Show] = ["all" if index < SHOWN else "programs" for index in range(len(picked))]
    return table._replace(rows_for=who)


def _one_runtime(picked: Pick) -> Sequence[str]:
    """Return the column that says the same in every row, if there was one runtime."""
    cells = picked.run.run.cells if picked.run else ()
    return [] if len({cell.place.runtime for cell in cells}) > 1 else ["runtime"]


def _title(picked: Pick) -> str:
    number = str(picked.known or "none")
    latencies = picked.latencies
    is_all = latencies is None or not (
        latencies.origin is None or latencies.not_measured or latencies.undecided
    )
    fit = _fit(picked.known) if is_all else "known to fit"
    return f"{number} of {picked.considered} published networks {fit}"


def _fit(number: int) -> str:
    return "fits" if number == 1 else "fit"


def _notes(picked: Pick) -> Iterator[str]:
    """Yield notes on the rows, the limits and the latencies."""
    listed: Sequence[Picked] = picked[: picked.top or SHOWN]
    if any(one.is_near_tie for one in listed):
        yield "≈: 50,000 images are too few to tell its accuracy from that of the first"
    if assumed := [one.figure.variant for one in listed if one.candidate.assumed_resolution]:
        yield f"no resolution is printed, the native one assumed: {', '.join(assumed)}"
    for one in picked.without:
        yield _cost(one, picked.spelled(one.limit))
    if picked.latencies is not None:
        yield from _measured(picked.latencies, picked.spelled("max_time"))
    if loadable := next((one for one in listed if load_code(one.figure)), None):
        yield f"to load {loadable.name}: {load_code(loadable.figure)}"


def _cost(one: Without, name: str) -> str:
    """Say what a limit costs in accuracy."""
    if one.best is None:
        return f"without {name} there is still none"
    if one.gain == 0:
        more = f"; {one.more:,} more {_fit(one.more)} without it" if one.more else ""
        return f"{name} costs no accuracy{more}"
    gained = "" if one.gain is None else f"{one.gain:+.1f} points, "
    best = one.best
    return (
        f"without {name}: {gained}{best.name}, {best.top1:g} % "
        f"({best.figure.variant}: {best.figure.source})"
    )


def _measured(latencies: Latencies, max_time: str) -> Iterator[str]:
    """Yield what was measured, what is undecided, and what went wrong."""
    if latencies.limit.percent != 50:
        yield f"latency: p{latencies.limit.percent:g} of one call"
    asked, missing = len(latencies.asked), len(latencies.not_measured)
    if latencies.origin is not None and missing:
        yield f"{missing} of {asked} that meet the other limits are not in {latencies.origin}"
    yield from _undecided(latencies.undecided)
    if latencies.origin is None and latencies.results is not None:
        yield from _searched(latencies)
        if latencies.is_undecided:
            yield f"a longer {max_time} may decide what is undecided"
    if latencies.differences:
        yield f"measured on another machine: {'; '.join(latencies.differences)}"


def _undecided(timed: Sequence[Timed]) -> Iterator[str]:
    """Yield which latencies are undecided, the most accurate networks first, and why."""
    within = [one for one in timed if one.interval.lo is not None and one.interval.hi is not None]
    for one in within[:MOST]:
        latency = written("time", one.interval)
        yield f"undecided: {one.candidate.name}: the limit lies within {latency}"
    if len(within) > MOST:
        yield f"undecided: {len(within) - MOST} more"
    if unbounded := len(timed) - len(within):
        yield f"undecided: {unbounded} with too few processes or runs for an interval"


def _searched(latencies: Latencies) -> Iterator[str]:

    assert latencies.results is not None
    run = latencies.results.run
    if missing := latencies.not_measured:
        names = ", ".join(one.name for one in missing[:MOST])
        more = f" and {len(missing) - MOST} more" if len(missing) > MOST else ""
        yield f"undecided: not measured, the time was over: {names}{more}"
    slow = len(latencies.too_slow)
    yield (
        f"measured {len(latencies.timed)} of the {len(latencies.asked)} candidates in "
        f"{run.seconds:.0f} s; {slow} {'is' if slow == 1 else 'are'} clearly too slow, the others "
        "are less accurate"
    )
    yield from (f"failed: {run.cells[one.cell].words()}: {one.reason}" for one in run.failures)
