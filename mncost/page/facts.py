"""What a report says about how and where it was measured."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from mncost.measure.records import Machine, Run
from mncost.page.html import Section
from mncost.render.column import Column, Value
from mncost.render.table import Table
from mncost.render.units import three_digits
from mncost.tables.words import ending, machines, versions

__all__ = ["machine", "method", "target_of", "when"]

_GIB = 2.0**-30

_LATENCY = (
    "the median time of one call: CPU time, or wall time if calls wait or have several threads. "
    "Runs in one process are more alike than runs in different processes, so the process is the "
    "unit of repetition. Each process gives the median of its runs; the tables show the "
    "geometric mean of these medians and ± half of Student's 95 % interval"
)
_ORDER = (
    "cells are interleaved: each round visits every cell once, in random order, with some "
    "warm-up runs and then timed ones. Several generations of worker processes follow one "
    "another; only one worker runs at any time"
)
_SIDES = (
    "the two sides of a comparison are visited one right after the other, each in its own "
    "processes; which side comes first alternates"
)
_RATIOS = (
    "speed-ups are taken in rounds that visited both sides, so a disturbance longer than a "
    "round slows both alike"
)


def when(text: str) -> str:
    """Return a time as people write it."""
    try:
        return f"{datetime.fromisoformat(text).astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    except (ValueError, OverflowError):  # another program wrote the file
        return text


def target_of(run: Run) -> str | None:
    """Return how narrow the intervals were to be, if that decides the end of a run."""
    error = run.options.target_error
    return None if error is None else f"±{error:.1%}"


def method(run: Run) -> Section:
    """Say how it was measured."""
    return Section("method", "Method", facts=list(_method(run)))


def _method(run: Run) -> Iterator[tuple[str, str]]:
    options = run.options
    yield "latency", _LATENCY
    if any(cell.baseline_of is not None for cell in run.cells):
        yield "order", _SIDES
    else:
        yield "order", _ORDER
        yield "ratios", _RATIOS
    yield (
        "reference",
        f"fixed workloads ({run.reference}) are measured beside the cells, to notice when the "
        "machine becomes slower or faster",
    )
    visited = [
        bursts for process in run.processes for bursts in process.bursts if bursts.cell is not None
    ]
    runs, bursts = sum(len(one.ns) for one in visited), sum(map(len, visited))
    generations = len({process.generation for process in run.processes})
    yield (
        "samples",
        f"{runs:,} timed calls in {bursts:,} bursts, by {len(run.processes)} processes in "
        f"{generations} generations",
    )
    target, most = target_of(run), options.max_time + options.more_time
    yield (
        "end",
        f"{ending(run)} after {run.seconds:.0f} s; the options were "
        f"{f'intervals within {target}, ' if target else ''}at most {most:.0f} s and "
        f"at least {options.processes} processes of each worker",
    )
    yield "seed", f"{options.seed}, for random weights, images and order"
    if run.asked:
        yield "asked for", "; ".join(f"{name} {value}" for name, value in run.asked.items())


def machine(run: Run) -> Section:
    """Say where it was measured, and what else happened there."""
    facts: list[tuple[str, str | None]] = [
        (f"{name}: {term}" if name else term, text)
        for name, one in machines(run)
        for term, text in _of_machine(one)
    ]
    facts += [
        ("versions", versions(run)),
        ("mncost", run.mncost_version),
        (
            "git commit",
            f"{run.git.id}{' with changes' if run.git.dirty else ''}" if run.git else None,
        ),
        ("begun", when(run.started)),
    ]
    known = [(term, text) for term, text in facts if text]
    tables = [_generations(run)] if run.conditions else []
    return Section("machine", "Machine", tables=tables, facts=known)


def _of_machine(machine: Machine) -> list[tuple[str, str | None]]:
    """Return terms, each with what is known of a machine."""
    cores = f"{machine.logical_cores} logical"
    cores += f", {machine.cores} physical" if machine.cores else ""
    if machine.affinity is not None:
        cores += f"; allowed: {', '.join(map(str, machine.affinity))}"
    return [
        ("processor", f"{machine.cpu}, {machine.architecture}"),
        ("instruction sets", ", ".join(machine.flags)),
        ("cores", cores),
        ("CPU quota", None if machine.cpu_quota is None else f"{machine.cpu_quota:g} cores"),
        ("memory", f"{machine.memory_bytes * _GIB:.1f} GiB" if machine.memory_bytes else None),
        ("system", machine.os),
        ("container", machine.container),
        ("virtual machine", {True: "yes", False: "no", None: None}[machine.hypervisor]),
        ("frequency governor", machine.governor),
        ("load before", _text(machine.load_average)),
    ]


def _text(value: float | None) -> str | None:
    return None if value is None else three_digits(value)


def _generations(run: Run) -> Table:
    """Return what else the machine did while each generation of processes ran."""
    rows: list[list[Value]] = [
        [seen.host or ".", seen.generation, seen.steal, seen.other_load, seen.mhz]
        for seen in run.conditions
    ]
    columns = [
        Column("host", "host", "text", show="all" if run.hosts else "programs"),
        Column("generation", "generation", "number"),
        Column("steal", "steal", "share"),
        Column("other_load", "other load", "ratio"),
        Column("mhz", "clock MHz", "number"),
    ]
    notes = [
        "steal: share of the cores' time that the hypervisor gave to others; other load: cores "
        "that other programs kept busy; clock: of the first core, at the end"
    ]
    head = "While each generation of processes ran"
    return Table("generations", columns, rows, notes, head)
