"""From a run and a limit to an interval at a level, and from an interval to a verdict.

All intervals are made on logarithms, or of samples: the one of a / b is that of b / a turned over.
A bound that nothing can be said about is ``None`` and decides nothing. Times are in nanoseconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

from mncost.interval import Interval
from mncost.measure.records import Run
from mncost.results import change
from mncost.results.samples import (
    Series,
    paired_bursts,
    reference_series,
    series_by_cell,
)
from mncost.stats.location import alternating_interval, log_interval, median
from mncost.stats.percentiles import percentiles
from mncost.stats.ratios import ratio_of_rounds, unpaired_ratio
from mncost.stats.verdict import Verdict, judge

__all__ = [
    "CONTROL_LEVEL",
    "SavedRatio",
    "Worker",
    "arms_differ",
    "control_interval",
    "generation_ratios",
    "is_turned",
    "judge_saved",
    "latency_interval",
    "ratio_interval",
    "saved_interval",
    "sides_interval",
]

Worker: TypeAlias = "tuple[str, int, str | None, str]"
"""Runtime, threads, interpreter, arm: :attr:`mncost.measure.records.Cell.worker`."""

CONTROL_LEVEL = 0.99
"""The level of :func:`control_interval` as a guard; :func:`arms_differ` says why."""
CONTROL_SHARE = 1 / 3  # of what the limit allows


# --------------------------------------------------------------------------------------- verdicts


class SavedRatio(NamedTuple):
    """A latency / that in a saved run; the runs have no round in common."""

    plain: Interval
    beside_reference: Interval | None  # each process in units of its reference; None: it has none


def judge_saved(found: SavedRatio | None, limit: float) -> Verdict | None:
    """Return what a comparison with a saved run says about the largest ratio that is allowed.

    ``PASS`` needs the ratio beside the reference within the limit: the plain one may be so because
    the machine is faster today. ``FAIL`` needs both beyond it: what the machine does to all of a
    run moves the plain ratio, and what it does to the reference alone the other one
    (:mod:`mncost.results.change`). Without a reference there is no verdict.
    """
    if found is None:
        return None
    verdict = judge(found.beside_reference, limit)
    return None if verdict == "FAIL" != judge(found.plain, limit) else verdict


def arms_differ(control: Interval | None, share: float) -> bool:
    """Whether two arms differ by themselves, by too much for a verdict about their networks.

    They do if the reference workload's ratio (:func:`control_interval`, at
    :data:`CONTROL_LEVEL`) is not 1 by its interval, *and* is further away from it than a third of
    what the limit allows. To be asked at every look that has a verdict: it puts the verdict off,
    and at the last look prevents it. So chance findings are outlived.

    By simulation (8 looks, a limit of 2 %, both ratios with a standard deviation of 1.2 % between
    generations), arms that are alike lose 0.5 % of their verdicts. Arms that differ by 4 % or more
    make nearly every unchanged network fail; with the guard, arms that differ by whatever it is
    give a wrong verdict in at most 1.7 %. At 99.9 % that would be 19 %, and at 95 % arms that are
    alike would lose 2.3 %. A reference that is noisier than the networks (2 %) guards less well:
    20 %.

    Args:
        control: ``None``, or without bounds: nothing is known, and nothing is prevented.
        share: of the limit: 0.03 if the ratio may be up to 1.03.
    """
    if control is None or control.lo is None or control.hi is None:
        return False
    away = max(control.center, 1 / control.center) - 1
    return not control.lo <= 1 <= control.hi and away > CONTROL_SHARE * share


# -------------------------------------------------------------------------------------- intervals


def latency_interval(run: Run, cell: int, percent: float, level: float) -> Interval | None:
    """Return a percentile of a cell's latency, ns; ``None`` without a sample.

    The median is that by processes, :func:`mncost.stats.location.median`. All others
    are of all runs together, with bounds that assume no distribution:
    :func:`mncost.stats.percentiles.percentiles`.

    Args:
        run: whose samples.
        cell: its id.
        percent: above 0, below 100.
        level: of the interval; 1 gives one without bounds.
    """
    processes = [one.ns for one in series_by_cell(run)[cell]]
    if not processes:
        return None
    if percent == 50:
        return median(processes, level)
    return percentiles(processes, [percent], level)[percent]


def ratio_interval(run: Run, numerator: int, denominator: int, level: float) -> Interval | None:
    """Return how many times as long one cell takes as another, from the rounds that visited both.

    ``None`` if there is no such round. See :func:`mncost.stats.ratios.paired_ratio`.
    """
    series = series_by_cell(run)
    return _paired(series[numerator], series[denominator], level)


def sides_interval(run: Run, new: int, baseline: int, level: float) -> Interval | None:
    """Return how many times as long one side of an A/B takes as the other; ``None``: no round.

    The worker that is started first is slower, by up to 2 % (the memory it gets is other memory),
    and whatever side that is takes turns: see
    :func:`mncost.stats.location.alternating_interval`.
    """
    return _alternating(generation_ratios(run, new, baseline), level)


def generation_ratios(run: Run, numerator: int, denominator: int) -> dict[int, float]:
    """Return what :func:`sides_interval` is made of: the ratio of each generation."""
    series = series_by_cell(run)
    return _by_generation(series[numerator], series[denominator])


def is_turned(generation: int) -> bool:
    """Whether the baseline's worker is started first."""
    return generation % 2 == 1


def control_interval(
    run: Run, numerator: Worker, denominator: Worker, level: float = CONTROL_LEVEL
) -> Interval | None:
    """Return how many times as long the reference workload takes in one worker as in another.

    Both do the same work, so what differs from 1 is the workers' own: another core, another
    interpreter. Paired like :func:`sides_interval`; ``None`` if no round visited both.
    """
    found: dict[Worker, list[Series]] = {}
    for series in reference_series(run):
        found.setdefault(series.process.worker, []).append(series)
    return _alternating(_by_generation(found.get(numerator, []), found.get(denominator, [])), level)


def saved_interval(
    new: Run, new_cell: int, old: Run, old_cell: int, level: float
) -> SavedRatio | None:
    """Return how many times as long a cell takes as one did in a saved run.

    By Welch's t over processes: what a machine did to all of a run is in no interval, see
    :func:`judge_saved`. ``None`` if one of them has no sample.
    """
    after = change.measured_cells(new).get(new_cell)
    before = change.measured_cells(old).get(old_cell)
    if after is None or before is None:
        return None
    if new.reference != old.reference:  # another workload says nothing about the machine
        after = after._replace(beside_reference=[])
    beside = None
    if after.beside_reference and before.beside_reference:
        beside = unpaired_ratio(after.beside_reference, before.beside_reference, level).ratio
    return SavedRatio(unpaired_ratio(after.medians, before.medians, level).ratio, beside)


def _paired(one: Sequence[Series], other: Sequence[Series], level: float) -> Interval | None:
    ratios = list(_by_generation(one, other).values())
    return log_interval(ratios, level) if ratios else None


def _alternating(ratios: Mapping[int, float], level: float) -> Interval | None:
    if not ratios:
        return None
    values, turned = list(ratios.values()), [is_turned(generation) for generation in ratios]
    return alternating_interval(values, turned, level)


def _by_generation(one: Sequence[Series], other: Sequence[Series]) -> dict[int, float]:
    ratios = {
        series.generation: ratio_of_rounds(*bursts)
        for series, bursts in zip(one, paired_bursts(one, other), strict=True)
    }
    return {generation: ratio for generation, ratio in ratios.items() if ratio is not None}
