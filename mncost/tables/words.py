"""What is said about a run: where, with what and how long it was measured, and what is doubtful."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mncost.measure.records import Run
    from mncost.results.results import Results
    from mncost.results.warnings import RunWarning

__all__ = [
    "CLOCK_WORDS",
    "conditions",
    "ending",
    "machine_line",
    "problems",
    "versions",
    "warning_lines",
]


CLOCK_WORDS = {
    "cpu": "CPU time of a call",
    "undisturbed": "time that passes in a call, of runs that nothing interrupted",
    "wall": "time that passes in a call",
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
    clocks = dict.fromkeys(one.clock for one in results.summaries if one.latency)
    words = " or ".join(CLOCK_WORDS[clock] for clock in clocks) or "of one call"
    generations = len({process.generation for process in run.processes})
    processes = "1 process" if generations == 1 else f"{generations} processes"
    yield (
        f"latency: {words}, median ± half of its 95 % interval over {processes}, for this machine "
        f"during this run; {ending(run)} after {run.seconds:.0f} s"
    )


def warning_lines(results: Results) -> list[str]:
    """Return the notes of a table of measurements: failures, warnings, and the run's own notes."""
    return [*(f"{name}: {text}" for name, text in problems(results)), *results.run.notes]


def problems(results: Results) -> Iterator[tuple[str, str]]:
    """Yield what failed and what is doubtful: a word for it, and a sentence.

    A warning that concerns several cells is given once, for the worst of them.
    """
    for summary in results.summaries:
        if summary.failure:
            yield "failed", f"{summary.cell.words()}: {summary.failure}"
    groups: dict[str, list[RunWarning]] = {}
    for warning in results.warnings:
        groups.setdefault(warning.name, []).append(warning)
    for group in groups.values():
        worst = max(group, key=lambda one: one.value if isinstance(one.value, float) else 0.0)
        yield worst.name, f"{_cells(worst, group, results.run)}{worst.text}; {worst.remedy}"


def _cells(worst: RunWarning, group: list[RunWarning], run: Run) -> str:
    if worst.cell is None:
        return ""
    more = f" (and {len(group) - 1} more)" if len(group) > 1 else ""
    return f"{run.cells[worst.cell].words()}{more}: "
