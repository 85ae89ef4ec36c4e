"""What is said under a table of measurements: where, how well, and what speaks against it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mncost.measure.cells import title
from mncost.measure.records import Run
from mncost.results.cautions import Caution, cautions
from mncost.results.summary import CellSummary

__all__ = ["conditions", "machine_line", "objections", "remarks", "stopped", "versions"]


def machine_line(run: Run) -> str:
    """Say where and with what it was measured."""
    machine = run.machine
    flags = f" ({', '.join(machine.flags)})" if machine.flags else ""
    cores = "1 core" if machine.logical_cores == 1 else f"{machine.logical_cores} cores"
    return f"{machine.cpu}{flags}, {cores}, {machine.os}; {versions(run)}"


def conditions(run: Run) -> Iterator[str]:
    """Say where, with what, how long and how well it was measured."""
    yield machine_line(run)
    generations = len({process.generation for process in run.processes})
    processes = "1 process" if generations == 1 else f"{generations} processes"
    yield (
        f"latency: median of one call, ± half of its 95 % interval over {processes}; "
        f"{stopped(run)} after {run.seconds:.0f} s"
    )


def versions(run: Run) -> str:
    """Say which versions of what its workers ran."""
    found: dict[str, set[str]] = {}
    for process in run.processes:
        for name, version in process.versions.items():
            found.setdefault(name, set()).add(version)
    return ", ".join(f"{name} {'/'.join(sorted(versions))}" for name, versions in found.items())


def stopped(run: Run) -> str:
    """Say why it ended."""
    target = f"±{run.options.target_error or 0:.1%}"
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
    yield from (f"{name}: {text}" for name, text in remarks(run, summaries))
    yield from run.notes


def remarks(run: Run, summaries: Sequence[CellSummary]) -> Iterator[tuple[str, str]]:
    """Name what failed and what speaks against the rest, each with what is to be said about it."""
    for summary in summaries:
        if summary.failure:
            yield "failed", f"{title(summary.cell)}: {summary.failure}"
    yield from _cautions(run, summaries)


def _cautions(run: Run, summaries: Sequence[CellSummary]) -> Iterator[tuple[str, str]]:
    """Say each caution once: the worst cell's, and how many others there are."""
    groups: dict[str, list[Caution]] = {}
    for caution in cautions(run, summaries):
        groups.setdefault(caution.name, []).append(caution)
    for group in groups.values():
        worst = max(group, key=lambda c: c.value if isinstance(c.value, float) else 0.0)
        where = "" if worst.cell is None else f"{title(run.cells[worst.cell])}{_more(group)}: "
        yield worst.name, f"{where}{worst.text}; {worst.remedy}"


def _more(group: Sequence[Caution]) -> str:
    return f" (and {len(group) - 1} more)" if len(group) > 1 else ""
