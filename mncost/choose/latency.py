"""Which candidates keep to a limit on latency, by what a run measured."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from mncost.budget.judge import latency_interval
from mncost.errors import MeasureError, did_you_mean
from mncost.interval import Interval
from mncost.measure.cells import digest
from mncost.measure.records import Cell, Run
from mncost.published.accuracy import Candidate
from mncost.stats.location import LEVEL
from mncost.stats.looks import ALPHA
from mncost.stats.verdict import Verdict, judge

__all__ = ["LatencyLimit", "Place", "Timed", "cells_at", "latencies", "timed"]


class Place(NamedTuple):
    """Where a latency is meant; ``None`` if the run has only one."""

    runtime: str | None = None
    threads: int | None = None


class LatencyLimit(NamedTuple):
    """A percentile of the latency of one call, with one image.

    Attributes:
        max_ns: nanoseconds.
        percent: 50 is the median.
        place: where.
    """

    max_ns: float
    percent: float = 50.0
    place: Place = Place()


class Timed(NamedTuple):
    """What a run says about a candidate; no verdict: the limit lies within the interval."""

    candidate: Candidate
    interval: Interval
    verdict: Verdict | None


def timed(run: Run, found: Sequence[Candidate], limit: LatencyLimit) -> list[Timed]:
    """Return the candidates that were measured, with their verdicts.

    A candidate passes only by its whole interval, as in :mod:`mncost.stats.verdict`. The level is
    shared by all of them (Bonferroni): no verdict is wrong with a probability of 97.5 %.

    Raises:
        MeasureError: the run has no such cells, or those of several places.
    """
    here = _cells_of(run, found, limit.place)
    level = 1 - ALPHA / max(1, len(here))
    measured = []
    for one, cell in here:
        interval = latency_interval(run, cell.id, limit.percent, level)
        if interval is not None:
            measured.append(Timed(one, interval, judge(interval, limit.max_ns)))
    return measured


def latencies(
    run: Run, found: Sequence[Candidate], place: Place
) -> list[tuple[Candidate, Interval]]:
    """Return the candidates that were measured, each with the 95 % interval of its own median.

    Raises:
        MeasureError: the run has no such cells, or those of several places.
    """
    medians = (
        (one, latency_interval(run, cell.id, 50, LEVEL))
        for one, cell in _cells_of(run, found, place)
    )
    return [(one, interval) for one, interval in medians if interval is not None]


def _cells_of(run: Run, found: Sequence[Candidate], place: Place) -> list[tuple[Candidate, Cell]]:
    """Return the candidates that the run has cells of, with these."""
    if not found:
        return []
    meant = cells_at(run, found[0].network.precision, place)
    cells = {cell.digest: cell for cell in meant if cell.twin is None}
    here = [(one, digest(one.network.graph, one.network.resolution)) for one in found]
    return [(one, cells[name]) for one, name in here if name in cells]


def cells_at(run: Run, precision: str, place: Place) -> list[Cell]:
    """Return the cells of whole networks and twins, one image a call, at the place that is meant.

    Raises:
        MeasureError: there are none, or the run has several such places.
    """
    whole = [
        cell
        for cell in run.cells
        if (cell.part, cell.baseline_of, cell.copy) == (None, None, 1)
        if (cell.batch, cell.precision) == (1, precision)
    ]
    if not whole:
        raise MeasureError(f"the run has no networks in {precision} with one image a call")
    meant = [
        cell
        for cell in whole
        if place.runtime in (None, cell.runtime) and place.threads in (None, cell.threads)
    ]
    places = dict.fromkeys(
        (cell.runtime, cell.threads, cell.provider, cell.python) for cell in meant or whole
    )
    if not meant:
        runtimes = sorted({cell.runtime for cell in whole})
        hint = did_you_mean(place.runtime, runtimes) if place.runtime else ""
        raise MeasureError(f"the run has nothing of that kind{hint}; it has: {_listed(places)}")
    if len(places) > 1:
        raise MeasureError(
            f"the run was measured in several places: {_listed(places)}; --runtime and --threads "
            "choose one"
        )
    return meant


def _listed(places: Iterable[tuple[str, int, str | None, str | None]]) -> str:
    return "; ".join(
        ", ".join([runtime, f"threads {threads}", *(word for word in others if word)])
        for runtime, threads, *others in places
    )
