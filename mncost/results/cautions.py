"""What speaks against trusting a run, as values: what was found, what it means, what to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeAlias

from mncost.interval import Interval
from mncost.measure.records import Machine, Run
from mncost.results.samples import series_by_cell
from mncost.results.summary import CellSummary, drift

__all__ = ["Caution", "Found", "cautions"]

# From these on, a figure is doubtful.
SPREAD = 0.10  # interquartile range / median
DRIFT = 0.03  # of the reference workload, from begin to end; its interval is too narrow to rely on
STEAL = 0.01  # share of all cores' time
OTHER_LOAD = 0.1  # cores
ROUNDS = 10
PROCESSES = 3
CLOCK_STEP = 0.001  # of the median
FREQUENCY_CHANGE = 0.05  # of the clock rate, between generations
GOVERNOR = "performance"

Found: TypeAlias = float | str | None


class Caution(NamedTuple):
    """One thing to be careful about."""

    name: str
    cell: int | None  # None: the whole run
    value: Found  # None: there is no interval
    threshold: float | str
    text: str  # what it is and what it means
    remedy: str


def cautions(run: Run, summaries: Sequence[CellSummary]) -> list[Caution]:
    """Return everything that speaks against trusting a run: first the run's, then each cell's."""
    return [
        *_of_conditions(run),
        *_of_frequency(run),
        *_of_drift(drift(run)),
        *_of_cells(run, summaries),
    ]


def _of_conditions(run: Run) -> Iterator[Caution]:
    """Judge the worst generation: it is one of the few that the intervals rest on."""
    steal = max((c.steal for c in run.conditions if c.steal is not None), default=0.0)
    if steal > STEAL:
        yield Caution(
            "steal",
            None,
            steal,
            STEAL,
            f"the hypervisor gave {steal:.1%} of the cores' time to others: runs were interrupted",
            "measure when the host is quieter, or on a dedicated machine",
        )
    load = max((c.other_load for c in run.conditions if c.other_load is not None), default=0.0)
    if load > OTHER_LOAD:
        yield Caution(
            "other-load",
            None,
            load,
            OTHER_LOAD,
            f"other programs kept {load:.1f} cores busy: they compete for cores, caches and memory",
            "end them and measure again",
        )


def _of_frequency(run: Run) -> Iterator[Caution]:
    governor = run.machine.governor
    if governor is not None and governor != GOVERNOR:
        yield Caution(
            "governor",
            None,
            governor,
            GOVERNOR,
            f"the frequency governor is {governor}: the clock rate changes with the load",
            f"as root: cpupower frequency-set -g {GOVERNOR}",
        )
    rates = [c.mhz for c in run.conditions if c.mhz]
    change = max(rates) / min(rates) - 1 if rates else 0.0
    if change > FREQUENCY_CHANGE:
        yield Caution(
            "frequency",
            None,
            change,
            FREQUENCY_CHANGE,
            f"the clock rate changed by {change:.0%} between processes, and latency with it",
            "fix the frequency, or trust the ratios more than the latencies",
        )


def _of_drift(found: Interval | None) -> Iterator[Caution]:
    if found is None or found.lo is None or found.hi is None:
        return
    change = found.center - 1
    if abs(change) > DRIFT and not found.lo <= 1 <= found.hi:
        speed = "slower" if change > 0 else "faster"
        yield Caution(
            "drift",
            None,
            change,
            DRIFT,
            f"the machine got {abs(change):.1%} {speed} in the course of the run, by the reference "
            "workload: latencies are an average over that",
            "trust the ratios, which are paired; for latencies, let it settle and measure again",
        )


def _of_cells(run: Run, summaries: Sequence[CellSummary]) -> Iterator[Caution]:
    clocks = [
        max((one.process.clock_ns for one in series), default=0.0) for series in series_by_cell(run)
    ]
    left_out = {left.cell for left in run.left_out}
    for summary in summaries:
        if summary.median is not None:
            yield from _of_samples(summary, summary.median, clocks[summary.cell.id])
            yield from _of_threads(summary, run.machine)
        target = run.options.target_error
        if target is not None and summary.failure is None and summary.cell.id not in left_out:
            yield from _of_target(summary, target)


def _of_samples(summary: CellSummary, median: Interval, clock_ns: float) -> Iterator[Caution]:
    cell = summary.cell.id
    if summary.spread is not None and summary.spread > SPREAD:
        yield Caution(
            "spread",
            cell,
            summary.spread,
            SPREAD,
            f"half of the runs spread over {summary.spread:.0%} of the median: something disturbs "
            "them, or there are several modes",
            "look at the samples in the run file; look for other load and for frequency changes",
        )
    if summary.rounds < ROUNDS:
        yield Caution(
            "few-rounds",
            cell,
            summary.rounds,
            ROUNDS,
            f"only {summary.rounds} rounds: each had another moment of the machine, and these are "
            "few",
            "give it more --max-time, or measure fewer cells",
        )
    if summary.processes < PROCESSES:
        yield Caution(
            "few-processes",
            cell,
            summary.processes,
            PROCESSES,
            f"only {_counted(summary.processes)}: latency differs between processes, so the "
            "interval is missing or very wide",
            "more --processes, and more --max-time for them",
        )
    step = clock_ns / median.center
    if step > CLOCK_STEP:
        yield Caution(
            "coarse-clock",
            cell,
            step,
            CLOCK_STEP,
            f"the clock's step is {step:.1%} of the median: smaller differences cannot be seen",
            "a larger --batch or a larger model",
        )


def _counted(processes: int) -> str:
    return "1 process" if processes == 1 else f"{processes} processes"


def _of_threads(summary: CellSummary, machine: Machine) -> Iterator[Caution]:
    threads = summary.cell.threads
    cores = machine.logical_cores if machine.affinity is None else len(machine.affinity)
    if threads > cores:
        yield Caution(
            "threads",
            summary.cell.id,
            threads,
            cores,
            f"{threads} threads on {cores} allowed cores: threads wait for each other",
            f"at most --threads {cores}",
        )


def _of_target(summary: CellSummary, target: float) -> Iterator[Caution]:
    if summary.reached:
        return
    error = summary.median.relative_error if summary.median else None
    found = "there is no interval" if error is None else f"the interval is ± {error:.1%}"
    yield Caution(
        "target",
        summary.cell.id,
        error,
        target,
        f"{found}, the target was ± {target:.1%}: measuring ended before",
        "more --max-time (--resume goes on with this run), or measure fewer cells",
    )
