"""How many runs a visit to each cell has."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from msgspec.structs import replace

from mncost.measure.quota import Quota, limits
from mncost.measure.records import Cell, Run
from mncost.measure.schedule import Purpose, Visit, pilot_runs, transient_of, visit

__all__ = ["BurstLengths"]

QUOTA_SHARE = 0.8  # of what a period allows: a visit has some overhead
REFERENCE = Visit(warmups=0, runs=1)


class BurstLengths:
    """How long visits are: the same for all visits to a cell, and for cells that are compared.

    A run's time depends on how many came before it, so cells that are compared closely need bursts
    of one length. It follows from the fastest first run of the first generation.
    """

    def __init__(self, run: Run, tails: Collection[int], quota: Quota | None = None) -> None:
        """Take a run, the cells of which high percentiles are wanted, and the CPU quota."""
        self._run = run
        self._quota = quota
        self._purposes = _purposes(run.cells, tails)
        self._visits: dict[int, Visit] = {}
        self._share = 1.0  # of their runs that visits have where time is short

    def visit(self, cell: Cell | None) -> Visit:
        """Return the untimed and the timed runs of a visit to a cell, or to the reference."""
        if cell is None:
            return REFERENCE
        if cell.id not in self._visits:
            alike, purpose = self._like(cell), self._purposes[cell.id]
            usual = visit(self._typical(alike), purpose, self._transient(alike))
            share = min(self._share, self._within_quota(cell, usual))
            shortened = Visit(*(max(1, int(share * number)) for number in usual))
            self._visits |= dict.fromkeys(alike, shortened)
        return self._visits[cell.id]

    def shorten(self, share: float) -> None:
        """Let visits have a share of their usual runs from now on."""
        self._share = share
        self._visits.clear()

    def pilot(self, cell: Cell | None) -> Visit:
        """Return those of a pilot visit: all runs are timed."""
        return REFERENCE if cell is None else Visit(0, pilot_runs(self.typical(cell)))

    def typical(self, cell: Cell | None) -> int:
        """Return how many nanoseconds a run takes: the fastest first run; 0 of the reference."""
        return 0 if cell is None else self._typical(self._like(cell))

    def _like(self, cell: Cell) -> list[int]:
        """Return the cells that have bursts of the same length."""
        purpose = self._purposes[cell.id]
        return [
            other.id
            for other in self._run.cells
            if self._purposes[other.id] == purpose and _alike(cell, other)
        ]

    def _typical(self, cells: Sequence[int]) -> int:
        """Return the fastest first run of the first generation that has one."""
        firsts: list[tuple[int, int]] = [
            (process.generation, min(first.ns))
            for process in self._run.processes
            for first in process.first_runs
            if first.cell in cells
        ]
        begun = min(generation for generation, _ in firsts)
        return min(ns for generation, ns in firsts if generation == begun)

    def _within_quota(self, cell: Cell, usual: Visit) -> float:
        """Return the share of a visit's runs that a period of the quota has time for."""
        if not limits(self._quota, cell.place.threads):
            return 1.0
        assert self._quota is not None
        needed = sum(usual) * self.typical(cell) / 1e9 * cell.place.threads
        return QUOTA_SHARE * self._quota.cores * self._quota.period / max(needed, 1e-9)

    def _transient(self, cells: Sequence[int]) -> int | None:
        """Return how many runs a pilot found to take longer; ``None`` without a pilot."""
        visits = [
            burst.cpu_ns or burst.ns
            for process in self._run.processes
            for record in process.pilot
            if record.cell in cells
            for burst in record
        ]
        return transient_of(visits) if visits else None


def _purposes(cells: Sequence[Cell], tails: Collection[int]) -> list[Purpose]:
    """Return what each cell is measured for."""
    sides = {side for cell in cells if cell.arm for side in (cell.id, cell.baseline_of)}
    return [
        "paired" if cell.id in sides else "tail" if cell.id in tails else "usual" for cell in cells
    ]


def _alike(one: Cell, other: Cell) -> bool:
    """Whether two cells run the same model, or are to be compared as closely."""
    sides = {one.id, one.baseline_of} & {other.id, other.baseline_of} - {None}
    return bool(sides) or _model(one) == _model(other)


def _model(cell: Cell) -> tuple[object, ...]:
    """Return what decides how long a run of a cell takes, but for the machine and the version."""
    return cell.digest, replace(cell.place, python=None)
