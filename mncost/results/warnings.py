"""Why the figures of a run are doubtful, as values: what was seen, what it means, what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from mncost.interval import Interval
from mncost.measure.records import Process, Run

if TYPE_CHECKING:
    from mncost.results.cell_summary import CellSummary

__all__ = ["RunWarning", "warnings_of_cell", "warnings_of_run"]

# From these on, a figure is doubtful.
DENORMALS = 0.001  # of the weights, or of the activations
SPREAD = 0.10  # interquartile range / median
DRIFT = 0.03  # of the reference workloads, in all; its interval is too narrow to rely on
STEAL = 0.01  # share of all cores' time
OTHER_LOAD = 0.1  # cores
ROUNDS = 10
PROCESSES = 3
CLOCK_STEP = 0.001  # of the median
FREQUENCY_CHANGE = 0.05  # of the clock rate, between generations
GOVERNOR = "performance"


class RunWarning(NamedTuple):
    """One reason for doubt.

    Attributes:
        name: one word, the same in every run: ``spread``, ``few-rounds``.
        cell: which cell; ``None``: the whole run.
        value: what was seen; ``None``: there is no interval.
        threshold: from which value on there is a warning.
        text: what it is and what it means.
        remedy: what to do about it.
        short: what it is, in a few words.
    """

    name: str
    cell: int | None
    value: float | str | None
    threshold: float | str
    text: str
    remedy: str
    short: str


def warnings_of_run(run: Run, drifts: Mapping[str | None, Interval | None]) -> Iterator[RunWarning]:
    """Yield the warnings that concern all cells of a machine.

    Args:
        run: what was measured.
        drifts: of the reference workload, by machine, if it is known.
    """
    yield from _of_lost_hosts(run)
    for host, drift in drifts.items():
        part = _on(run, host)
        for warning in (
            *_of_quota(part),
            *_of_conditions(part),
            *_of_frequency(part),
            *_of_drift(drift),
        ):
            text, short = (f"{host}: {words}" for words in (warning.text, warning.short))
            yield warning if host is None else warning._replace(text=text, short=short)


def _on(run: Run, host: str | None) -> Run:
    """Return what concerns one machine of a run."""
    if not run.hosts:
        return run
    conditions = [one for one in run.conditions if one.host == host]
    cells = [cell for cell in run.cells if cell.place.host == host]
    return replace(run, machine=run.machine_of(host), conditions=conditions, cells=cells)


def _of_lost_hosts(run: Run) -> Iterator[RunWarning]:
    for name, host in run.hosts.items():
        if host.lost is not None:
            yield RunWarning(
                "host-lost",
                None,
                name,
                "reachable",
                f"{host.lost.rstrip('.')}: its cells have only what was measured by then",
                "mncost bench --resume RUN goes on there",
                host.lost,
            )


def warnings_of_cell(summary: CellSummary) -> Iterator[RunWarning]:
    """Yield the warnings that concern one cell."""
    if summary.latency is not None:
        yield from _of_clock(summary)
        yield from _of_samples(summary, summary.latency)
        yield from _of_threads(summary)
    yield from _of_denormals(summary)
    target = summary.run.options.target_error
    is_timed = summary.failure is None and summary.left_out is None
    if target is not None and is_timed and not summary.reached:
        yield _of_target(summary, target)


def _of_denormals(summary: CellSummary) -> Iterator[RunWarning]:
    share = summary.denormals
    if share is not None and share > DENORMALS and summary.cell.place.denormals is None:
        yield RunWarning(
            "denormals",
            summary.cell.id,
            share,
            DENORMALS,
            f"{share:.1%} of its weights or activations are denormal numbers, which can make a "
            "call many times slower",
            "--flush-denormals treats them as 0",
            f"{share:.1%} denormal numbers",
        )


def _of_quota(run: Run) -> Iterator[RunWarning]:
    limit = run.machine.cpu_quota
    threads = max((cell.place.threads for cell in run.cells), default=0)
    if limit is not None and limit < threads:
        yield RunWarning(
            "quota",
            None,
            limit,
            float(threads),
            f"the CPU quota is {limit:g} cores, less than {threads} threads: bursts are kept "
            "short, so that only long calls are stopped in the middle",
            "give it more CPU, or measure with fewer threads",
            f"a CPU quota of {limit:g} cores",
        )


def _of_conditions(run: Run) -> Iterator[RunWarning]:
    """Judge the worst generation: it is one of the few that the intervals rest on."""
    steal = max((c.steal for c in run.conditions if c.steal is not None), default=0.0)
    if steal > STEAL:
        yield RunWarning(
            "steal",
            None,
            steal,
            STEAL,
            f"the hypervisor gave {steal:.1%} of the cores' time to other virtual machines, "
            "which interrupts runs",
            "measure when the host is quieter, or on a dedicated machine",
            f"other virtual machines took {steal:.1%} of the time",
        )
    load = max((c.other_load for c in run.conditions if c.other_load is not None), default=0.0)
    if load > OTHER_LOAD:
        yield RunWarning(
            "other-load",
            None,
            load,
            OTHER_LOAD,
            f"other programs kept {load:.1f} cores busy, and compete for cores, caches and memory",
            "end them and measure again",
            f"other programs used {load:.1f} cores",
        )


def _of_frequency(run: Run) -> Iterator[RunWarning]:
    governor = run.machine.governor
    if governor is not None and governor != GOVERNOR:
        yield RunWarning(
            "governor",
            None,
            governor,
            GOVERNOR,
            f"the frequency governor is {governor}: the clock rate changes with the load",
            f"as root: cpupower frequency-set -g {GOVERNOR}",
            f"the frequency governor is {governor}",
        )
    rates = [c.mhz for c in run.conditions if c.mhz]
    change = max(rates) / min(rates) - 1 if rates else 0.0
    if change > FREQUENCY_CHANGE:
        yield RunWarning(
            "frequency",
            None,
            change,
            FREQUENCY_CHANGE,
            f"the clock rate changed by {change:.0%} between processes, and so did latencies",
            "fix the frequency, or trust the ratios more than the latencies",
            f"the clock rate changed by {change:.0%}",
        )


def _of_drift(drift: Interval | None) -> Iterator[RunWarning]:
    if drift is None or drift.lo is None or drift.hi is None:
        return
    change = drift.center - 1
    if abs(change) > DRIFT and not drift.lo <= 1 <= drift.hi:
        speed = "slower" if change > 0 else "faster"
        yield RunWarning(
            "drift",
            None,
            change,
            DRIFT,
            f"the machine became {abs(change):.1%} {speed} during the run, according to the "
            "reference workloads; latencies are an average over that time",
            "trust the ratios, which are paired; for latencies, wait and measure again",
            f"the machine became {abs(change):.1%} {speed}",
        )


def _of_clock(summary: CellSummary) -> Iterator[RunWarning]:
    """Warn where other programs are in the latency, because no better clock could be used."""
    if summary.clock != "wall" or summary.run.options.clock == "wall":
        return
    cell, counted = summary.cell.id, all(one.counts_cpu for one in summary.series)
    if summary.disturbed:
        calm = sum(len(one.times("undisturbed")) for one in summary.series)
        share = 1 - calm / summary.runs
        yield RunWarning(
            "disturbed",
            cell,
            share,
            0.5,
            f"other programs interrupted {share:.0%} of its runs; with several threads, the "
            "latency then depends more on them than on the network",
            "end them, or measure with --threads 1",
            f"other programs interrupted {share:.0%} of the calls",
        )
    elif not counted:
        yield RunWarning(
            "no-cpu-time",
            cell,
            None,
            "counted",
            "this system does not count a call's CPU time, so latencies are wall times, which "
            "include other programs",
            "measure when the machine is idle",
            "this system does not count CPU time",
        )
    elif summary.cell.place.threads == 1:
        yield RunWarning(
            "waits",
            cell,
            None,
            "never",
            "its calls wait for something (a sleep, a lock, a file), which CPU time does not "
            "include, so latencies are wall times",
            "compare it with wall times only",
            "calls wait for something other than the CPU",
        )


def _of_samples(summary: CellSummary, latency: Interval) -> Iterator[RunWarning]:
    cell = summary.cell.id
    if summary.spread is not None and summary.spread > SPREAD:
        yield RunWarning(
            "spread",
            cell,
            summary.spread,
            SPREAD,
            f"the interquartile range of the runs is {summary.spread:.0%} of the median: "
            "something disturbs them, or there are several modes",
            "check the samples in the run file, other load and frequency changes",
            f"the interquartile range of the calls is {summary.spread:.0%} of the median",
        )
    if summary.rounds < ROUNDS:
        yield RunWarning(
            "few-rounds",
            cell,
            summary.rounds,
            ROUNDS,
            f"only {summary.rounds} rounds: too few to average over the machine's changes",
            "a longer --max-time, or fewer networks",
            f"only {summary.rounds} rounds",
        )
    processes = summary.processes
    few = f"only {processes} process{'' if processes == 1 else 'es'}"
    if processes < PROCESSES:
        yield RunWarning(
            "few-processes",
            cell,
            processes,
            PROCESSES,
            f"{few}: latency differs between processes, so the interval is missing or very wide",
            "more --processes, and more --max-time for them",
            few,
        )
    clock = max(_clock_error(one.process) for one in summary.series) * 1e-9
    if clock / latency.center > CLOCK_STEP:
        yield RunWarning(
            "coarse-clock",
            cell,
            clock / latency.center,
            CLOCK_STEP,
            f"the clocks' step, or reading them, takes {clock / latency.center:.1%} of the median: "
            "smaller differences are invisible",
            "a larger --batch or a larger model",
            "the clock is too coarse",
        )


def _clock_error(process: Process) -> float:
    """Return the step of a process's clocks, or what reading them takes, in nanoseconds."""
    return max(process.clock_ns, process.empty_ns or 0, process.empty_cpu_ns or 0)


def _of_threads(summary: CellSummary) -> Iterator[RunWarning]:
    place = summary.cell.place
    machine, threads = summary.run.machine_of(place.host), place.threads
    cores = machine.logical_cores if machine.affinity is None else len(machine.affinity)
    if threads > cores:
        yield RunWarning(
            "threads",
            summary.cell.id,
            threads,
            cores,
            f"{threads} threads share {cores} cores, so threads wait for each other",
            f"at most --threads {cores}",
            f"{threads} threads on {cores} cores",
        )


def _of_target(summary: CellSummary, target: float) -> RunWarning:
    error = summary.latency.relative_error if summary.latency else None
    again = "" if summary.run.imports_python else " (--resume continues this run)"
    seen = "there is no interval" if error is None else f"the interval is ± {error:.1%}"
    return RunWarning(
        "target",
        summary.cell.id,
        error,
        target,
        f"{seen}, and the target of ± {target:.1%} was not reached in time",
        f"a longer --max-time{again}, or fewer networks",
        "the time was short",
    )
