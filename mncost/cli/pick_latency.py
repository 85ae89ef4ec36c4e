"""``mncost pick --max-latency``: what a saved run says about the candidates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from mncost.choose.accuracy import Candidate
from mncost.choose.latency import LatencyLimit, Timed, timed
from mncost.choose.pick import Rule
from mncost.cli.measured_notes import machine_line
from mncost.columns import Source
from mncost.errors import InputError, MeasureError
from mncost.measure.machine import machine, machine_differences
from mncost.measure.needs import TO_SHOW, need
from mncost.measure.results.columns import with_interval
from mncost.measure.run_file import read_run
from mncost.report.table import Column

__all__ = ["Latencies", "latencies"]

_MS = 1e-6
MOST = 5  # undecided ones that are listed


class Latencies(NamedTuple):
    """What was measured of the candidates, and what has to be said about it."""

    measured: list[Timed]
    notes: list[str]

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


def latencies(
    file: Path, found: Sequence[Candidate], rules: Mapping[str, Rule], limit: LatencyLimit
) -> tuple[Latencies, list[Timed]]:
    """Return what a saved run says, and which candidates that keep to the rules are undecided.

    Raises:
        InputError: the file is no run, or has no such latencies.
    """
    need(*TO_SHOW)
    run = read_run(file)
    try:
        measured = timed(run, found, limit)
    except MeasureError as error:
        raise InputError(f"{file}: {error}") from None
    fit = {id(one) for one in found if all(holds(one) for holds in rules.values())}
    notes = []
    if missing := len(fit - {id(one.candidate) for one in measured}):
        notes.append(f"{missing} of {len(fit)} that keep to the other limits are not in {file}")
    undecided = [one for one in measured if one.verdict is None and id(one.candidate) in fit]
    notes += [*_undecided(undecided), machine_line(run)]
    if differences := machine_differences(run.machine, machine()):
        notes.append(f"measured on another machine: {'; '.join(differences)}")
    return Latencies(measured, notes), undecided


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
