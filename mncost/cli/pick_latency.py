"""``mncost pick --max-latency``: the candidates' latencies, measured now or in a saved run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from mncost.choose.accuracy import Candidate
from mncost.choose.latency import LatencyLimit, Timed, timed
from mncost.choose.pick import Rule
from mncost.cli.measured_notes import machine_line
from mncost.columns import Source
from mncost.errors import InputError, MeasureError
from mncost.measure.cells import title
from mncost.measure.machine import machine, machine_differences
from mncost.measure.needs import TO_SHOW, need
from mncost.measure.records import Run
from mncost.measure.results.columns import with_interval
from mncost.measure.run_file import read_run
from mncost.report.table import Column

__all__ = ["Latencies", "measured", "saved"]

_MS = 1e-6
MOST = 5  # undecided ones that are listed


class Latencies(NamedTuple):
    """What was measured of the candidates, and what has to be said about it."""

    measured: list[Timed]
    notes: list[str]
    is_undecided: bool  # about a candidate that may be among the wanted ones

    def rule(self) -> Rule:
        """Return the rule that a latency passes by its whole interval."""
        passed = {id(one.candidate) for one in self.measured if one.verdict == "PASS"}
        return lambda candidate: id(candidate) in passed

    def columns(self, *, for_people: bool) -> list[Source]:
        """Return the columns of the latency: with ± for people, bare nanoseconds for machines."""
        found = {id(one.candidate): one.interval for one in self.measured}
        if for_people:
            shown = Column("latency", "latency ms", "number")
            return [Source(shown, lambda c: with_interval(found[id(c)].scaled(_MS)))]
        return [
            Source(Column("latency_ns", "latency"), lambda c: found[id(c)].center),
            Source(Column("latency_lo_ns", "lo"), lambda c: found[id(c)].lo),
            Source(Column("latency_hi_ns", "hi"), lambda c: found[id(c)].hi),
        ]


def saved(
    file: Path, found: Sequence[Candidate], rules: Mapping[str, Rule], limit: LatencyLimit
) -> Latencies:
    """Return what a saved run says of the candidates.

    Raises:
        InputError: the file is no run, or has no such latencies.
    """
    need(*TO_SHOW)
    run = read_run(file)
    try:
        measured = timed(run, found, limit)
    except MeasureError as error:
        raise InputError(f"{file}: {error}") from None
    fit = {id(one) for one in _fitting(found, rules)}
    notes = []
    if missing := len(fit - {id(one.candidate) for one in measured}):
        notes.append(f"{missing} of {len(fit)} that keep to the other limits are not in {file}")
    undecided = [one for one in measured if one.verdict is None and id(one.candidate) in fit]
    notes += [*_undecided(undecided), machine_line(run)]
    if differences := machine_differences(run.machine, machine()):
        notes.append(f"measured on another machine: {'; '.join(differences)}")
    return Latencies(measured, notes, bool(undecided))


def measured(
    found: Sequence[Candidate],
    rules: Mapping[str, Rule],
    limit: LatencyLimit,
    *,
    wanted: int,
    max_time: float | None,
    save: Path | None,
) -> Latencies:
    """Measure the candidates that keep to the rules, as few of them as it takes.

    Raises:
        InputError: the runtime is missing, or cannot run them.
    """
    from mncost.choose.search import SECONDS, search
    from mncost.cli.progress import watching
    from mncost.measure.run_file import write_run

    fit = _fitting(found, rules)
    if not fit:
        return Latencies([], [], is_undecided=False)
    keep = partial(write_run, path=save) if save else _nowhere
    time = SECONDS if max_time is None else max_time
    with watching(None) as watch:
        seen, run = search(fit, limit, wanted=wanted, max_time=time, watch=watch, save=keep)
    undecided = seen.undecided()
    notes = _undecided(undecided)
    if missed := seen.missed():
        names = ", ".join(one.name for one in missed)
        notes.append(f"undecided: not measured, the time was over: {names}")
    count = len(seen.intervals)
    notes.append(
        f"measured: {count} of {len(fit)} that keep to the other limits, in {run.seconds:.0f} s; "
        f"{len(seen.dropped)} are too slow by far, the others less accurate"
    )
    notes += [f"failed: {title(run.cells[one.cell])}: {one.reason}" for one in run.failures]
    notes.append(machine_line(run))
    return Latencies(seen.timed(), notes, bool(undecided or missed))


def _fitting(found: Sequence[Candidate], rules: Mapping[str, Rule]) -> list[Candidate]:
    return [one for one in found if all(holds(one) for holds in rules.values())]


def _nowhere(run: Run) -> None:
    """Save nothing."""


def _undecided(found: Sequence[Timed]) -> list[str]:
    """Say which latencies are undecided, the most accurate networks first, and why."""
    within = [one for one in found if one.interval.lo is not None and one.interval.hi is not None]
    notes = [
        f"undecided: {one.candidate.name}: the limit lies within "
        f"{with_interval(one.interval.scaled(_MS))} ms"
        for one in within[:MOST]
    ]
    if len(within) > MOST:
        notes.append(f"undecided: {len(within) - MOST} more")
    if unbounded := len(found) - len(within):
        notes.append(f"undecided: {unbounded} with too few processes or runs for an interval")
    return notes
