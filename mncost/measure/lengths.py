"""How many runs a visit to each cell has."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from msgspec.structs import replace

from mncost.measure.records import Cell, Run
from mncost.measure.schedule import Purpose, Visit, visit

__all__ = ["BurstLengths"]

REFERENCE = Visit(warmups=1, runs=1)


class BurstLengths:
    """Knows the visits of a run: the same for all visits to a cell, and for all that are compared.

    A run's time depends on how many came before it, so cells that are compared closely need bursts
    of one length. It follows from the fastest first run of the first generation.
    """

    def __init__(self, run: Run, tails: Collection[int]) -> None:
        """Take a run, and the cells of which high percentiles are wanted."""
        self._run = run
        self._purposes = _purposes(run.cells, tails)
        self._visits: dict[int, Visit] = {}

    def visit(self, cell: Cell | None) -> Visit:
        """Return the untimed and the timed runs of a visit to a cell, or to the reference."""
        if cell is None:
            return REFERENCE
        if cell.id not in self._visits:
            purpose, cells = self._purposes[cell.id], self._run.cells
            alike = [
                other.id
                for other in cells
                if self._purposes[other.id] == purpose and _alike(cell, other)
            ]
            firsts = [
                (process.generation, min(first.ns))
                for process in self._run.processes
                for first in process.first_runs
                if first.cell in alike
            ]
            begun = min(generation for generation, _ in firsts)
            typical = min(ns for generation, ns in firsts if generation == begun)
            self._visits |= dict.fromkeys(alike, visit(typical, purpose))
        return self._visits[cell.id]


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
