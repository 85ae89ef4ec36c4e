"""What changed from one run to another, as far as two runs can say it.

Cells of different runs share no round, so nothing cancels what a machine does to all of one run:
the interval covers how processes differ, and the reference workload shows whether the machine
itself was as fast. Ratios within one run are much sharper.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from math import exp, log
from statistics import fmean, median
from typing import Literal, NamedTuple, TypeAlias

from mncost.errors import MeasureError
from mncost.measure.machine import machine_differences
from mncost.measure.records import Cell, Process, Run
from mncost.measure.samples import reference_series, series_by_cell
from mncost.measure.statistics import LEVEL, Difference, unpaired_ratio

__all__ = ["Change", "Comparison", "Verdict", "compare"]

Verdict: TypeAlias = Literal["slower", "faster", "no difference seen"]

# What makes two cells of different runs the same thing.
_IDENTITY = (
    "arch",
    "dialect",
    "alpha",
    "resolution",
    "classes",
    "twin",
    "copy",
    "precision",
    "batch",
    "runtime",
    "provider",
    "threads",
)


class Change(NamedTuple):
    """A cell in both runs."""

    old: Cell
    new: Cell
    difference: Difference  # new / old
    verdict: Verdict | None  # None: there is no interval
    network_changed: bool  # it is not the same computation any more


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
    common = [key for key in ours if key in theirs]
    if not common:
        raise MeasureError("the runs have no measured cell in common")
    changes = [_change(ours[key], theirs[key], level) for key in common]
    reference = _reference(old, new, level)
    return Comparison(
        changes,
        [cell for key, (cell, _) in ours.items() if key not in theirs],
        [cell for key, (cell, _) in theirs.items() if key not in ours],
        reference,
        list(_cautions(changes, reference, differences, level)),
        list(_notes(old, new, changes)),
    )


def _measured(run: Run) -> dict[tuple[object, ...], tuple[Cell, list[float]]]:
    """Return the cells that have samples, and their processes' medians, by what they are.

    Cells that are alike, e.g. in two interpreters, are told apart by their order.
    """
    found: dict[tuple[object, ...], tuple[Cell, list[float]]] = {}
    seen: Counter[tuple[object, ...]] = Counter()
    for cell, series in zip(run.cells, series_by_cell(run), strict=True):
        identity = tuple(getattr(cell, name) for name in _IDENTITY)
        seen[identity] += 1
        if series:
            medians = [median(one.ns.tolist()) for one in series]
            found[(*identity, seen[identity])] = cell, medians
    return found


def _change(
    old: tuple[Cell, Sequence[float]], new: tuple[Cell, Sequence[float]], level: float
) -> Change:
    difference = unpaired_ratio(new[1], old[1], level)
    changed = old[0].digest != new[0].digest
    return Change(old[0], new[0], difference, _verdict(difference), changed)


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
    workers = {w for g in ours for w in g} & {w for g in theirs for w in g}
    values = [
        [exp(fmean(log(found[w]) for w in workers)) for found in run if workers <= found.keys()]
        for run in (ours, theirs)
    ]
    if not workers or not all(values):
        return None
    return unpaired_ratio(values[1], values[0], level)


def _by_generation(run: Run) -> list[dict[tuple[str, int], float]]:
    """Return the median of the reference workload for each worker, by generation."""
    found: dict[int, dict[tuple[str, int], float]] = {}
    for series in reference_series(run):
        worker = series.process.runtime, series.process.threads
        found.setdefault(series.generation, {})[worker] = median(series.ns.tolist())
    return list(found.values())


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
            "ratio here; measure both again, or both in one run"
        )
    if any(change.verdict is None for change in changes):
        yield "one process has no interval: measure with more --processes"
    decided = sum(change.verdict is not None for change in changes)
    if decided * (1 - level) >= 1:
        yield (
            f"of {decided} cells without any change, about {decided * (1 - level):.0f} are called "
            f"slower or faster by chance ({level:.0%} intervals)"
        )


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
