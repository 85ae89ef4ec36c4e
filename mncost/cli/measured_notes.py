"""What is said under a table of measurements: where, how well, and what speaks against it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mncost.measure.cells import title
from mncost.measure.records import Run
from mncost.measure.results.cautions import Caution, cautions
from mncost.measure.results.summary import CellSummary

__all__ = ["conditions", "machine_line", "objections"]


def machine_line(run: Run) -> str:
    """Say where and with what it was measured."""
    machine = run.machine
    flags = f" ({', '.join(machine.flags)})" if machine.flags else ""
    cores = "1 core" if machine.logical_cores == 1 else f"{machine.logical_cores} cores"
    return f"{machine.cpu}{flags}, {cores}, {machine.os}; {_versions(run)}"


def conditions(run: Run) -> Iterator[str]:
    """Say where, with what, how long and how well it was measured."""
    yield machine_line(run)
    generations = len({process.generation for process in run.processes})
    processes = "1 process" if generations == 1 else f"{generations} processes"
    yield (
        f"latency: median of one call, ± half of its 95 % interval over {processes}; "
        f"{_stopped(run)} after {run.seconds:.0f} s"
    )


def _versions(run: Run) -> str:
    found: dict[str, set[str]] = {}
    for process in run.processes:
        for name, version in process.versions.items():
            found.setdefault(name, set()).add(version)
    return ", ".join(f"{name} {'/'.join(sorted(versions))}" for name, versions in found.items())


def _stopped(run: Run) -> str:
    target = f"±{run.options.target_error:.1%}"
    return {
        "running": "was still running",
        "target": f"every interval within {target}",
        "decided": "every budget decided",
        "max-time": "stopped at --max-time",
        "interrupted": "interrupted",
        "no cells": "no cell was left",
    }[run.stopped]


def objections(run: Run, summaries: Sequence[CellSummary]) -> Iterator[str]:
    """Say which cells failed, what speaks against the others, and what was left out."""
    for summary in summaries:
        if summary.failure:
            yield f"failed: {title(summary.cell)}: {summary.failure}"
    yield from _cautions(run, summaries)
    yield from run.notes


def _cautions(run: Run, summaries: Sequence[CellSummary]) -> Iterator[str]:
    """Say each caution once: the worst cell's, and how many others there are."""
    groups: dict[str, list[Caution]] = {}
    for caution in cautions(run, summaries):
        groups.setdefault(caution.name, []).append(caution)
    for group in groups.values():
        worst = max(group, key=lambda c: c.value if isinstance(c.value, float) else 0.0)
        where = "" if worst.cell is None else f"{title(run.cells[worst.cell])}{_more(group)}: "
        yield f"{worst.name}: {where}{worst.text}; {worst.remedy}"


def _more(group: Sequence[Caution]) -> str:
    return f" (and {len(group) - 1} more)" if len(group) > 1 else ""
