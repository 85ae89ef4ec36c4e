"""Sentences about a run: where, with what and how long it was measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mncost.measure.records import Machine, Run
    from mncost.results.statistics import Statistics

__all__ = [
    "CLOCK_WORDS",
    "conditions",
    "ending",
    "in_short",
    "machine_line",
    "machines",
    "versions",
]


_MOST_NAMED = 4  # machines in a line
CLOCK_WORDS = {
    "cpu": "CPU time of a call",
    "undisturbed": "wall time of a call in undisturbed runs",
    "wall": "wall time of a call",
}


def machine_line(run: Run) -> str:
    """Say where and with what it was measured."""
    return f"{'; '.join(_in_full(*one) for one in machines(run))}; {versions(run)}"


def machines(run: Run) -> list[tuple[str, Machine]]:
    """Return the machines of a run by the names of hosts; the only one has none."""
    if not run.hosts:
        return [("", run.machine)]
    names = dict.fromkeys(cell.place.host for cell in run.cells)
    known = {name: run.hosts[name].machine for name in run.hosts}
    return [(name or ".", known.get(name or "", run.machine)) for name in names]


def _in_full(name: str, machine: Machine) -> str:
    flags = f" ({', '.join(machine.flags)})" if machine.flags else ""
    return f"{_named(name, machine, flags)}, {machine.os}"


def _named(name: str, machine: Machine, flags: str = "") -> str:
    """Return the processor and the cores of a machine, after its name if it has one."""
    cores = "1 core" if machine.logical_cores == 1 else f"{machine.logical_cores} cores"
    words = f"{machine.cpu}{flags}, {cores}"
    return f"{name}: {words}" if name else words


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
        "max-time": "stopped" if run.options.more_time else "stopped at --max-time",
        "interrupted": "interrupted",
        "no cells": "no cell was left",
    }[run.stopped]


def conditions(results: Statistics) -> Iterator[str]:
    """Say where, with what, how long and how well it was measured."""
    run = results.run
    yield machine_line(run)
    yield (
        f"latency: {_clocks(results)}, {_intervals(run)}, for this machine during this run; "
        f"{ending(run)} after {run.seconds:.0f} s"
    )


def in_short(results: Statistics) -> str:
    """Say in one line where, with what and how long it was measured."""
    run = results.run
    described = [_named(*one) for one in machines(run)]
    where = ", ".join([*described[:_MOST_NAMED], *_runtimes(run)])
    if len(described) > _MOST_NAMED:
        where = f"{len(described)} machines: {where}, ..."
    return (
        f"{where}; {_clocks(results)}, {_intervals(run)}; {ending(run)} after {run.seconds:.0f} s"
    )


def _runtimes(run: Run) -> list[str]:
    """Return the runtimes with their versions; where machines have several, these are named."""
    from mncost.measure.runtime_names import RUNTIMES
    from mncost.measure.runtimes import runtime_class

    modules = {
        name: runtime if name not in RUNTIMES else name
        for runtime in RUNTIMES
        for name in runtime_class(runtime).modules[:1]
    }
    hosts: dict[tuple[str, str], dict[str, None]] = {}  # by runtime and version
    for process in run.processes:
        for name in process.versions.keys() & modules.keys():
            key = modules[name], process.versions[name].partition("-")[0]
            hosts.setdefault(key, {})[process.worker.host or "."] = None
    several = Counter(name for name, _ in hosts)
    return [
        f"{name} {version}" + (f" ({', '.join(on)})" if run.hosts and several[name] > 1 else "")
        for (name, version), on in sorted(hosts.items())
    ]


def _clocks(results: Statistics) -> str:
    clocks = dict.fromkeys(one.clock for one in results.summaries if one.latency)
    return " or ".join(CLOCK_WORDS[clock] for clock in clocks) or "of one call"


def _intervals(run: Run) -> str:
    generations = len({process.generation for process in run.processes})
    processes = "1 process" if generations == 1 else f"{generations} processes"
    return f"median ± half of its 95 % interval over {processes}"
