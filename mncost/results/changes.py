"""What changed from one run to another, as far as two runs can say it.

Cells of different runs share no round, so nothing cancels what a machine does to all of one run,
and the interval of a plain ratio covers only how processes differ within a run. So a cell is called
slower or faster only if it is so by itself *and* beside each reference workload, which every
process ran in the same rounds.

Ratios within one run are much sharper.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from mncost.errors import MeasureError
from mncost.interval import Interval
from mncost.measure.machine import machine_differences
from mncost.measure.records import IDENTITY, Cell, Process, Run
from mncost.render.shown import Shown
from mncost.results.results import Results
from mncost.results.run_ratio import Direction, RunRatio, direction_of, reference_ratios, run_ratio
from mncost.results.series import percentile_interval
from mncost.stats.location import LEVEL
from mncost.stats.ratios import Difference

__all__ = ["Change", "Changes", "compare", "machine_warnings"]

# What makes two cells of different runs the same thing. Another interpreter has another path.
_IDENTITY = tuple(name for name in IDENTITY if name != "python")


class Change(NamedTuple):
    """A cell in both runs. Times are in seconds for one call.

    Attributes:
        old, new: the cell in each run.
        old_latency, new_latency: its median.
        ratio: new / old.
        network_changed: it is another computation now.
    """

    old: Cell
    new: Cell
    old_latency: Interval
    new_latency: Interval
    ratio: RunRatio
    network_changed: bool

    @property
    def direction(self) -> Direction | None:
        """Whether it is slower or faster; ``None`` without an interval."""
        return self.ratio.direction


class Changes(Shown):
    """Two runs, cell by cell. Made by :func:`compare`.

    Attributes:
        old, new: the runs.
        changes: the cells that both have.
        only_old, only_new: the cells that only one has.
        references: each reference workload by its name, new / old: the machine's own change.
        warnings: why the changes are doubtful, as sentences.
        notes: what else differs between the runs, as sentences.
    """

    def __init__(self, old: Results, new: Results, level: float = LEVEL) -> None:
        """Compare two runs.

        Raises:
            MeasureError: they have no measured cell in common.
        """
        self.old = old
        self.new = new
        ours, theirs = _measured(old), _measured(new)
        common = [key for key in ours if key in theirs]
        if not common:
            raise MeasureError("the runs have no measured cell in common")
        self.changes = [_change(old, ours[key], new, theirs[key], level) for key in common]
        self.only_old = [cell for key, cell in ours.items() if key not in theirs]
        self.only_new = [cell for key, cell in theirs.items() if key not in ours]
        self.references = reference_ratios(old, new, level)
        self.warnings = list(_warnings(self, level))
        self.notes = list(_notes(old.run, new.run, self.changes))

    def __repr__(self) -> str:
        """Count the cells."""
        slower, faster = (
            sum(change.direction == direction for change in self.changes)
            for direction in ("slower", "faster")
        )
        return f"<Changes of {len(self.changes)} cells: {slower} slower, {faster} faster>"


def compare(
    old: Results, new: Results, *, allow_different_machine: bool = False, level: float = LEVEL
) -> Changes:
    """Compare two runs cell by cell.

    Args:
        old: the earlier run.
        new: the later one.
        allow_different_machine: warn if the machines differ, rather than refuse.
        level: of each interval.

    Raises:
        MeasureError: the runs are of different machines, or have no measured cell in common.
    """
    differences = _machines(old.run, new.run)
    if differences and not allow_different_machine:
        raise MeasureError(
            f"the runs are of different machines: {'; '.join(differences)} "
            "(--allow-different-machine compares them all the same)"
        )
    return Changes(old, new, level)


def machine_warnings(old: Results, new: Results, level: float = LEVEL) -> list[str]:
    """Return why latencies of two runs of one machine should not be compared, as sentences."""
    return [*_of_references(reference_ratios(old, new, level)), *_of_pythons(old.run, new.run)]


def _measured(results: Results) -> dict[tuple[object, ...], Cell]:
    """Return the cells that have samples by what they are.

    Cells that are alike, e.g. in two interpreters, are told apart by their order.
    """
    measured: dict[tuple[object, ...], Cell] = {}
    seen: Counter[tuple[object, ...]] = Counter()
    for cell in results.run.cells:
        identity = tuple(cell.fact(name) for name in _IDENTITY)
        seen[identity] += 1
        if results.series[cell.id]:
            measured[(*identity, seen[identity])] = cell
    return measured


def _change(old: Results, old_cell: Cell, new: Results, new_cell: Cell, level: float) -> Change:
    ratio = run_ratio(new, new_cell.id, old, old_cell.id, level)
    assert ratio is not None  # both have samples
    before, after = (
        percentile_interval(results.series[cell.id], 50.0, level, results.resemblance, ratio.clock)
        for results, cell in ((old, old_cell), (new, new_cell))
    )
    assert before is not None
    assert after is not None
    changed = old_cell.digest != new_cell.digest
    return Change(old_cell, new_cell, before, after, ratio, changed)


def _warnings(changes: Changes, level: float) -> Iterator[str]:
    old, new = changes.old.run, changes.new.run
    if machines := _machines(old, new):
        yield f"the runs are of different machines: {'; '.join(machines)}"
    yield from _of_references(changes.references)
    directions = [change.direction for change in changes.changes]
    explained = sum(
        direction != direction_of(change.ratio.plain)
        for direction, change in zip(directions, changes.changes, strict=True)
    )
    if explained:
        yield (
            f"{explained} of {len(directions)} cells differ by themselves, but not beside the "
            "reference workloads: the machine may explain it"
        )
    if None in directions:
        yield "one process has no interval: measure with more --processes"
    decided = sum(direction is not None for direction in directions)
    if decided * (1 - level) >= 1:
        yield (
            f"of {decided} cells without any change, about {decided * (1 - level):.0f} are called "
            f"slower or faster by chance ({level:.0%} intervals)"
        )
    yield from _of_pythons(old, new)


def _machines(old: Run, new: Run) -> list[str]:
    """Say what differs between the machines of two runs, by the names that both have."""
    theirs = {cell.place.host for cell in old.cells}
    hosts = dict.fromkeys(cell.place.host for cell in new.cells if cell.place.host in theirs)
    return [
        words if host is None else f"{host}: {words}"
        for host in hosts
        for words in machine_differences(old.machine_of(host), new.machine_of(host))
    ]


def _of_references(references: Mapping[str, Difference]) -> Iterator[str]:
    """Warn if the machine itself changed, or if nothing says whether it did."""
    if not references:
        yield "the runs have no reference workload in common: a slower machine would not be seen"
    for name, reference in references.items():
        if (direction := direction_of(reference)) in ("slower", "faster"):
            yield (
                f"the machine itself was {direction}: the reference workload ({name}) took "
                f"{reference.ratio.center:.3f} times as long in the new run, and this is part of "
                "every ratio here; measure again, or both in one run"
            )


def _of_pythons(old: Run, new: Run) -> Iterator[str]:
    """Warn if another Python ran the reference workload, which is Python code."""
    before, after = (
        {process.versions.get("python") for process in run.processes} for run in (old, new)
    )
    if before != after:
        yield "the reference workload ran on another version of Python, which may change its time"


def _notes(old: Run, new: Run, changes: Sequence[Change]) -> Iterator[str]:
    describe: dict[str, Callable[[Run], str]] = {
        "mncost": lambda run: run.mncost_version,
        "OS": lambda run: run.machine.os,
        "container": lambda run: run.machine.container or "none",
        "governor": lambda run: run.machine.governor or "unknown",
        "commit": _commit,
    }
    for name, fact in describe.items():
        if fact(old) != fact(new):
            yield f"{name}: {fact(old)} → {fact(new)}"
    before, after = _versions(old.processes), _versions(new.processes)
    for key in sorted(before.keys() & after.keys()):
        if before[key] != after[key]:
            runtime, program = key
            where = "" if runtime == program else f" (for {runtime})"
            yield f"{program}{where}: {_either(before[key])} → {_either(after[key])}"
    changed = sum(change.network_changed for change in changes)
    if changed:
        yield f"the network itself changed in {changed} of {len(changes)} cells"


def _commit(run: Run) -> str:
    if run.git is None:
        return "none"
    return run.git.id[:10] + (" with changes" if run.git.dirty else "")


def _versions(processes: Sequence[Process]) -> dict[tuple[str, str], set[str]]:
    versions: dict[tuple[str, str], set[str]] = {}
    for process in processes:
        for program, version in process.versions.items():
            versions.setdefault((process.worker.runtime, program), set()).add(version)
    return versions


def _either(versions: set[str]) -> str:
    return " and ".join(sorted(versions))
