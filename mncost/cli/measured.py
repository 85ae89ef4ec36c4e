"""From a run to what the user sees of it: the table of its cells, and the notes under it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from mncost.cli.measure_options import View
from mncost.cli.output import chosen, emit
from mncost.columns import Source
from mncost.measure.cautions import Caution, cautions
from mncost.measure.cells import title
from mncost.measure.columns import Row, machine_columns, people_columns, percentile_name, rows
from mncost.measure.records import Cell, Run
from mncost.measure.summary import PERCENTILES
from mncost.report.table import Table, Value

__all__ = ["emit_run", "status"]

FAILED, INTERRUPTED = 1, 130

# What a table for people shows of each cell; what is the same in all of them goes to its title.
_ALWAYS = ("arch", "alpha", "resolution", "runtime")
_IF_VARIED = ("dialect", "precision", "batch", "provider", "threads", "python", "copy")
_ORDER = (
    "arch", "dialect", "alpha", "resolution", "precision", "batch", "runtime", "provider",
    "threads", "python", "copy",
)  # fmt: skip


def emit_run(run: Run, view: View, output: Path | None) -> None:
    """Write a run as the table that was asked for."""
    emit(cell_table(run, view), view.format, output)


def status(run: Run) -> int:
    """Return the exit status: a cell that failed is a check that failed."""
    if run.stopped == "interrupted":
        return INTERRUPTED
    return FAILED if run.failures else 0


def cell_table(run: Run, view: View) -> Table:
    """Return one row for each cell; for people, a twin stands in the row of its network."""
    found = every = rows(run, view.percentiles or PERCENTILES)
    if view.format in ("terminal", "markdown"):
        registry = people_columns(view.percentiles or PERCENTILES)
        found = [row for row in found if row.summary.cell.twin is None] or found
        cells = [row.summary.cell for row in found]
        default = _for_people(found, view)
        heading, notes = _heading(cells), [*_how(run)]
    else:
        registry = machine_columns(view.percentiles or PERCENTILES)
        default, heading, notes = list(registry), "", []
    notes += [*_failures(every), *_cautions(run, every), *run.notes]
    columns = chosen(registry, view.columns, default)
    return Table("bench", [c.column for c in columns], _values(found, columns), notes, heading)


def _values(found: Sequence[Row], columns: Sequence[Source]) -> list[list[Value]]:
    return [[column.value(row) for column in columns] for row in found]


def _for_people(found: Sequence[Row], view: View) -> list[str]:
    """Return the columns that say something about these rows."""
    cells = [row.summary.cell for row in found]
    names = [name for name in _ORDER if name in _ALWAYS or _varies(cells, name)]
    names += ["macs", "latency_ms"]
    names += [f"{percentile_name(p)}_ms" for p in view.percentiles or ()]
    names += ["gmacs_per_second"]
    if _varies(cells, "batch"):
        names += ["images_per_second"]
    if any(row.twin for row in found):
        names += ["twin_latency_ms", "macs_ratio", "speedup"]
    if any(cell.precision == "int8" for cell in cells):
        names += ["file_bytes", "int8_speedup", "same_top1", "logits_error"]
    return names


def _varies(cells: Sequence[Cell], name: str) -> bool:
    found = {getattr(cell, name) for cell in cells}
    if name == "provider":
        found.discard(None)  # a runtime that has no providers
    return len(found) > 1


def _heading(cells: Sequence[Cell]) -> str:
    """Say what all cells have in common."""
    first = cells[0]
    common = {
        "dialect": f"dialect {first.dialect}" if first.dialect != "paper" else "",
        "precision": first.precision,
        "batch": f"batch {first.batch}",
        "provider": next((cell.provider for cell in cells if cell.provider), ""),
        "threads": "1 thread" if first.threads == 1 else f"{first.threads} threads",
        "python": first.python or "",
    }
    words = [said for name, said in common.items() if said and not _varies(cells, name)]
    return f"CPU latency: {', '.join(words)}"


def _how(run: Run) -> Iterator[str]:
    """Say where, with what, how long and how well it was measured."""
    machine = run.machine
    flags = f" ({', '.join(machine.flags)})" if machine.flags else ""
    cores = "1 core" if machine.logical_cores == 1 else f"{machine.logical_cores} cores"
    yield f"{machine.cpu}{flags}, {cores}, {machine.os}; {_versions(run)}"
    generations = len({process.generation for process in run.processes})
    yield (
        f"latency: median of one call, ± half of its 95 % interval over {generations} processes; "
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
        "max-time": "stopped at --max-time",
        "interrupted": "interrupted",
        "no cells": "no cell was left",
    }[run.stopped]


def _failures(found: Sequence[Row]) -> Iterator[str]:
    for row in found:
        if row.summary.failure:
            yield f"failed: {title(row.summary.cell)}: {row.summary.failure}"


def _cautions(run: Run, found: Sequence[Row]) -> Iterator[str]:
    """Say each caution once: the worst cell's, and how many others there are."""
    groups: dict[str, list[Caution]] = {}
    for caution in cautions(run, [row.summary for row in found]):
        groups.setdefault(caution.name, []).append(caution)
    for group in groups.values():
        worst = max(group, key=lambda c: c.value if isinstance(c.value, float) else 0.0)
        where = "" if worst.cell is None else f"{title(run.cells[worst.cell])}{_more(group)}: "
        yield f"{worst.name}: {where}{worst.text}; {worst.remedy}"


def _more(group: Sequence[Caution]) -> str:
    return f" (and {len(group) - 1} more)" if len(group) > 1 else ""
