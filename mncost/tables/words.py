"""Sentences about a run: where, with what and how long it was measured."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mncost.measure.records import Run
    from mncost.results.results import Results

__all__ = [
    "CLOCK_WORDS",
    "conditions",
    "ending",
    "in_short",
    "machine_line",
    "versions",
]


CLOCK_WORDS = {
    "cpu": "CPU time of a call",
    "undisturbed": "wall time of a call in undisturbed runs",
    "wall": "wall time of a call",
}


def machine_line(run: Run) -> str:
    """Say where and with what it was measured."""
    machine = run.machine
    flags = f" ({', '.join(machine.flags)})" if machine.flags else ""
    cores = "1 core" if machine.logical_cores == 1 else f"{machine.logical_cores} cores"
    return f"{machine.cpu}{flags}, {cores}, {machine.os}; {versions(run)}"


def versions(run: Run) -> str:
    """Say which versions of what the workers ran."""
    seen: dict[str, set[str]] = {}
    for process in run.processes:
        for name, version in process.versions.items():
            seen.setdefault(name, set()).add(version)
    return ", ".join(f"{name} {'/'.join(sorted(versions))}" for name, versions in seen.items())


def ending(run: Run) -> str:
    """Say why measuring ended."""
    error = run.options.target_error
    return {
        "running": "was still running",
        "target": "" if error is None else f"every interval within ±{error:.1%}",
        "decided": "every limit decided",
        "max-time": "stopped at --max-time",
        "interrupted": "interrupted",
        "no cells": "no cell was left",
    }[run.stopped]


def conditions(results: Results) -> Iterator[str]:
    """Say where, with what, how long and how well it was measured."""
    run = results.run
    yield machine_line(run)
    yield (
        f"latency: {_clocks(results)}, {_intervals(run)}, for this machine during this run; "
        f"{ending(run)} after {run.seconds:.0f} s"
    )


def in_short(results: Results) -> str:
    """Say in one line where, with what and how long it was measured."""
    from mncost.measure.runtimes import RUNTIMES, runtime_class

    run = results.run
    cores = "1 core" if run.machine.logical_cores == 1 else f"{run.machine.logical_cores} cores"
    modules = {
        name: runtime if name not in RUNTIMES else name
        for runtime in RUNTIMES
        for name in runtime_class(runtime).modules[:1]
    }
    runtimes = {
        f"{modules[name]} {version.partition('-')[0]}"
        for process in run.processes
        for name, version in process.versions.items()
        if name in modules
    }
    where = ", ".join([run.machine.cpu, cores, *sorted(runtimes)])
    return (
        f"{where}; {_clocks(results)}, {_intervals(run)}; {ending(run)} after {run.seconds:.0f} s"
    )


def _clocks(results: Results) -> str:
    clocks = dict.fromkeys(one.clock for one in results.summaries if one.latency)
    return " or ".join(CLOCK_WORDS[clock] for clock in clocks) or "of one call"


def _intervals(run: Run) -> str:
    generations = len({process.generation for process in run.processes})
    processes = "1 process" if generations == 1 else f"{generations} processes"
    return f"median ± half of its 95 % interval over {processes}"
