"""What was picked as tables, and what has to be said about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from mncost.choose.columns import pick_columns
from mncost.choose.limits import Spelling, Without
from mncost.render.marks import Marks
from mncost.render.table import Column, Source, Table, Value, default_columns

if TYPE_CHECKING:
    from mncost.choose.latency import Timed
    from mncost.choose.measured import Latencies
    from mncost.choose.picked import Fitting, Picked

__all__ = ["machine_table", "people_table"]

MOST = 5  # undecided ones that are listed
_MS = 1e-6
_RANK = Column("rank", "", "text")
_TIE = Column("near_tie", "near tie", "text")


def machine_table(
    picked: Fitting, shown: Sequence[Source], *, notes: Iterable[str] = (), spelled: Spelling = str
) -> Table:
    """Return a row of bare values for each network.

    Args:
        picked: the networks.
        shown: columns of :class:`mncost.choose.picked.Picked`, after the rank and near ties.
        notes: more of them.
        spelled: how the names of limits are written.
    """
    rows = [[one.rank, one.is_near_tie, *(s.value(one) for s in shown)] for one in picked]
    columns = [_RANK, _TIE, *(source.column for source in shown)]
    said = [*_notes(picked, picked, spelled), *notes]
    return Table("pick", columns, rows, said, _title(picked))


def people_table(
    picked: Fitting,
    shown: Sequence[Source] | None = None,
    *,
    notes: Iterable[str] = (),
    spelled: Spelling = str,
    most: int | None = None,
) -> Table:
    """Return a row for each network; its source is a number that points below the table.

    Without a network there are no columns.

    Args:
        picked: the networks.
        shown: as for :func:`machine_table`; by default the usual columns.
        notes: likewise.
        spelled: likewise.
        most: how many rows.
    """
    if shown is None:
        columns = pick_columns(is_measured=picked.latencies is not None)
        shown = [columns[name] for name in default_columns(columns)]
    mark, listed = Marks(), picked[:most]
    rows = [[_place(one), *(_value(one, source, mark) for source in shown)] for one in listed]
    head = [_RANK, *(source.column for source in shown)] if rows else []
    said = [*_notes(picked, listed, spelled), *notes, *mark.notes()]
    return Table("pick", head, rows, said, _title(picked))


def _place(one: Picked) -> str:
    return f"≈{one.rank}" if one.is_near_tie else str(one.rank)


def _value(one: Picked, source: Source, mark: Marks) -> Value:
    value = source.value(one)
    return mark(value) if source.column.name == "source" else value


def _title(picked: Fitting) -> str:
    number = str(picked.known or "none")
    found = picked.latencies
    is_all = found is None or not (found.origin is None or found.not_measured or found.undecided)
    fit = _fit(picked.known) if is_all else "known to fit"
    return f"{number} of {picked.considered} published networks {fit}"


def _fit(number: int) -> str:
    return "fits" if number == 1 else "fit"


def _notes(picked: Fitting, listed: Sequence[Picked], spelled: Spelling) -> Iterator[str]:
    """Yield what has to be said about the rows, the limits and the latencies."""
    if any(one.is_near_tie for one in listed):
        yield "≈: 50,000 images are too few to tell its accuracy from that of the first"
    if assumed := [one.figure.variant for one in listed if one.candidate.assumed_resolution]:
        yield f"no resolution is printed, the native one assumed: {', '.join(assumed)}"
    for one in picked.without:
        # Of the other limits a run only says what they keep out of the networks that it has.
        origin = picked.latencies.origin if picked.latencies else None
        is_partial = origin is not None and one.limit != "max_latency"
        yield (f"in {origin}: " if is_partial else "") + _cost(one, spelled(one.limit))
    if picked.latencies is not None:
        said = {one.limit for one in picked.without}
        if names := [spelled(name) for name in picked.latencies.unpriced if name not in said]:
            yield f"the time was over before it was known what these cost: {', '.join(names)}"
        yield from _measured(picked.latencies, spelled)


def _cost(one: Without, name: str) -> str:
    """Say what a limit costs: in accuracy, or that it costs nothing."""
    if one.best is None:
        return f"without {name} there is still none"
    if one.gain == 0:
        more = f"; {one.more:,} more {_fit(one.more)} without it" if one.more else ""
        return f"{name} costs no accuracy{more}"
    gained = "" if one.gain is None else f"{one.gain:+.1f} points, "
    least, rest = ("at least ", "; more may be gained") if one.is_least else ("", "")
    best = one.best
    return (
        f"without {name}: {least}{gained}{best.name}, {best.top1:g} % "
        f"({best.figure.variant}: {best.figure.source}){rest}"
    )


def _measured(found: Latencies, spelled: Spelling) -> Iterator[str]:
    """Yield what was measured, what is undecided, and what went wrong."""
    if found.limit.percent != 50:
        yield f"latency: p{found.limit.percent:g} of one call"
    if found.origin is not None and found.not_measured:
        missing = len(found.not_measured)
        yield f"{missing} of {found.asked} that keep to the other limits are not in {found.origin}"
    yield from _undecided(found.undecided)
    if found.origin is None and found.run is not None:
        yield from _searched(found)
        if found.is_undecided:
            yield f"a longer {spelled('max_time')} may decide what is undecided"
    if found.differences:
        yield f"measured on another machine: {'; '.join(found.differences)}"


def _undecided(found: Sequence[Timed]) -> Iterator[str]:
    """Yield which latencies are undecided, the most accurate networks first, and why."""
    from mncost.render.units import with_interval

    within = [one for one in found if one.interval.lo is not None and one.interval.hi is not None]
    for one in within[:MOST]:
        latency = with_interval(one.interval.scaled(_MS))
        yield f"undecided: {one.candidate.name}: the limit lies within {latency} ms"
    if len(within) > MOST:
        yield f"undecided: {len(within) - MOST} more"
    if unbounded := len(found) - len(within):
        yield f"undecided: {unbounded} with too few processes or runs for an interval"


def _searched(found: Latencies) -> Iterator[str]:
    from mncost.measure.cells import title

    run = found.run
    assert run is not None
    if found.not_measured:
        names = ", ".join(one.name for one in found.not_measured)
        yield f"undecided: not measured, the time was over: {names}"
    besides = f", and {found.besides} besides to see what these cost" if found.besides else ""
    yield (
        f"measured: {found.measured} of {found.asked} that keep to the other limits{besides}, in "
        f"{run.seconds:.0f} s; {found.dropped} {'is' if found.dropped == 1 else 'are'} clearly "
        "too slow, the others less accurate"
    )
    yield from (f"failed: {title(run.cells[one.cell])}: {one.reason}" for one in run.failures)
