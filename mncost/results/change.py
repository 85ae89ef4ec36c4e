"""What changed from one run to another, as far as two runs can say it.

Cells of different runs share no round, so nothing cancels what a machine does to all of one run,
and the interval of a plain ratio covers only how processes differ within a run. So a cell is called
slower or faster only if it is so by itself *and* beside the reference workload, which every process
ran in the same rounds. On two cores of which one was kept busy by others, the plain ratio of ten
runs of one model was "significant" in 23 of 90 pairs, and both were in 3. Ratios within one run are
much sharper.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from math import exp, log
from statistics import fmean, median
from typing import Literal, NamedTuple, TypeAlias

from mncost.errors import MeasureError
from mncost.interval import Interval
from mncost.measure.machine import machine_differences
from mncost.measure.records import IDENTITY, Cell, Process, Run
from mncost.results.samples import reference_series, series_by_cell
from mncost.stats.location import LEVEL, log_interval
from mncost.stats.ratios import Difference, unpaired_ratio

__all__ = ["Change", "Comparison", "Measured", "Verdict", "compare", "measured_cells"]

Verdict: TypeAlias = Literal["slower", "faster", "no difference seen"]

# What makes two cells of different runs the same thing. Another interpreter has another path.
_IDENTITY = tuple(name for name in IDENTITY if name != "python")


class Change(NamedTuple):
    """A cell in both runs."""

    old: Cell
    new: Cell
    old_median: Interval
    new_median: Interval
    difference: Difference  # new / old
    beside_reference: Difference | None  # the same, each process in units of its reference workload
    verdict: Verdict | None  # None: there is no interval
    network_changed: bool  # it is not the same computation any more

    @property
    def detectable(self) -> float | None:
        """The smallest relative change that would probably have got a verdict."""
        found = [one.detectable for one in (self.difference, self.beside_reference) if one]
        return max((one for one in found if one is not None), default=None)


class Comparison(NamedTuple):
    """Two runs, cell by cell."""

    changes: list[Change]
    only_old: list[Cell]
    only_new: list[Cell]
    reference: Difference | None  # of the reference workload: the machine's own change
    cautions: list[str]
    notes: list[str]


def compare(
    old: Run, new: Run, *, allow_different_machine: bool = False, level: float = LEVEL
) -> Comparison:
    """Compare two runs cell by cell.

    Args:
        old: the earlier run.
        new: the later one.
        allow_different_machine: note that the machines differ, rather than refuse.
        level: of each interval.

    Raises:
        MeasureError: the runs are of different machines, or have no measured cell in common.
    """
    differences = machine_differences(old.machine, new.machine)
    if differences and not allow_different_machine:
        raise MeasureError(
            f"the runs are of different machines: {'; '.join(differences)} "
            "(--allow-different-machine compares them all the same)"
        )
    ours, theirs = _measured(old), _measured(new)
    if old.reference != new.reference:  # another workload says nothing about the machine
        ours = {key: found._replace(beside_reference=[]) for key, found in ours.items()}
    common = [key for key in ours if key in theirs]
    if not common:
        raise MeasureError("the runs have no measured cell in common")
    changes = [_change(ours[key], theirs[key], level) for key in common]
    reference = _reference(old, new, level)
    return Comparison(
        changes,
        [found.cell for key, found in ours.items() if key not in theirs],
        [found.cell for key, found in theirs.items() if key not in ours],
        reference,
        [*_cautions(changes, reference, differences, level), *_of_pythons(old, new)],
        list(_notes(old, new, changes)),
    )


class Measured(NamedTuple):
    """A cell that has samples."""

    cell: Cell
    medians: list[float]  # of its processes
    beside_reference: list[float]  # the same, divided by the process's reference


def measured_cells(run: Run) -> dict[int, Measured]:
    """Return the cells of a run that have samples, by their ids."""
    references = {id(one.process): median(one.ns.tolist()) for one in reference_series(run)}
    found = {}
    for cell, series in zip(run.cells, series_by_cell(run), strict=True):
        if series:
            medians = {id(one.process): median(one.ns.tolist()) for one in series}
            beside = [ns / references[p] for p, ns in medians.items() if p in references]
            found[cell.id] = Measured(cell, list(medians.values()), beside)
    return found


def _measured(run: Run) -> dict[tuple[object, ...], Measured]:
    """Return the cells that have samples by what they are.

    Cells that are alike, e.g. in two interpreters, are told apart by their order.
    """
    measured = measured_cells(run)
    found: dict[tuple[object, ...], Measured] = {}
    seen: Counter[tuple[object, ...]] = Counter()
    for cell in run.cells:
        identity = tuple(getattr(cell, name) for name in _IDENTITY)
        seen[identity] += 1
        if cell.id in measured:
            found[(*identity, seen[identity])] = measured[cell.id]
    return found


def _change(old: Measured, new: Measured, level: float) -> Change:
    difference = unpaired_ratio(new.medians, old.medians, level)
    beside = None
    if old.beside_reference and new.beside_reference:
        beside = unpaired_ratio(new.beside_reference, old.beside_reference, level)
    verdict = _verdict(difference)
    if verdict is not None and beside is not None and _verdict(beside) != verdict:
        verdict = "no difference seen"
    return Change(
        old.cell,
        new.cell,
        log_interval(old.medians, level),
        log_interval(new.medians, level),
        difference,
        beside,
        verdict,
        old.cell.digest != new.cell.digest,
    )


def _verdict(difference: Difference) -> Verdict | None:
    ratio = difference.ratio
    if ratio.lo is None or ratio.hi is None:
        return None
    return "slower" if ratio.lo > 1 else "faster" if ratio.hi < 1 else "no difference seen"


def _reference(old: Run, new: Run, level: float) -> Difference | None:
    """Compare the reference workload on the workers that both runs have.

    Processes of one generation share their moment, so a generation counts once: as the mean over
    its workers, all of which it must have.
    """
    ours, theirs = _by_generation(old), _by_generation(new)
    if old.reference != new.reference:
        return None
    workers = {w for g in ours for w in g} & {w for g in theirs for w in g}
    values = [
        [exp(fmean(log(found[w]) for w in workers)) for found in run if workers <= found.keys()]
        for run in (ours, theirs)
    ]
    if not workers or not all(values):
        return None
    return unpaired_ratio(values[1], values[0], level)


def _by_generation(run: Run) -> list[dict[tuple[object, ...], float]]:
    """Return the median of the reference workload for each worker, by generation.

    An interpreter has another path in another run, so its place among the run's interpreters stands
    for it.
    """
    pythons = list(dict.fromkeys(cell.python for cell in run.cells))
    medians: dict[int, dict[tuple[object, ...], float]] = {}
    for series in reference_series(run):
        process = series.process
        place = pythons.index(process.python) if process.python in pythons else None
        worker = process.runtime, process.threads, place, process.worker.arm
        medians.setdefault(series.generation, {})[worker] = median(series.ns.tolist())
    return list(medians.values())


def _cautions(
    changes: Sequence[Change],
    reference: Difference | None,
    machines: Sequence[str],
    level: float,
) -> Iterator[str]:
    if machines:
        yield f"the runs are of different machines: {'; '.join(machines)}"
    if reference is None:
        yield "the runs have no reference workload in common: a slower machine would not be seen"
    elif _verdict(reference) in ("slower", "faster"):
        yield (
            f"the machine itself was {_verdict(reference)}: the reference workload took "
            f"{reference.ratio.center:.3f} times as long in the new run, and this is part of every "
            "ratio here; measure again, or both in one run"
        )
    explained = sum(change.verdict != _verdict(change.difference) for change in changes)
    if explained:
        yield (
            f"{explained} of {len(changes)} cells differ by themselves, but not beside the "
            "reference workload: the machine may explain it"
        )
    if any(change.verdict is None for change in changes):
        yield "one process has no interval: measure with more --processes"
    decided = sum(change.verdict is not None for change in changes)
    if decided * (1 - level) >= 1:
        yield (
            f"of {decided} cells without any change, about {decided * (1 - level):.0f} are called "
            f"slower or faster by chance ({level:.0%} intervals)"
        )


def _of_pythons(old: Run, new: Run) -> Iterator[str]:
    """Warn if the reference workload, which Python carries out, may have changed itself."""
    before, after = (
        {process.versions.get("python") for process in run.processes} for run in (old, new)
    )
    if before != after:
        yield "the reference workload ran on another Python, and may take another time by that"


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
    found: dict[tuple[str, str], set[str]] = {}
    for process in processes:
        for program, version in process.versions.items():
            found.setdefault((process.runtime, program), set()).add(version)
    return found


def _either(versions: set[str]) -> str:
    return " and ".join(sorted(versions))
