"""The memory that each network takes to run, seen in a process of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from mncost.measure.crew import Launch
from mncost.measure.private import without_home
from mncost.measure.records import Cell, MemoryPeak, Run
from mncost.measure.workers.messages import SeeMemory
from mncost.measure.workers.worker import WorkerDied, WorkerRefused

__all__ = ["measure_memory"]

RUNS = 5


def measure_memory(
    run: Run,
    cells: Sequence[Cell],
    files: Mapping[int, Path],
    launch: Launch,
    watch: Callable[[str, int, int], None],
) -> None:
    """Run each network of a run in a fresh worker, if that was asked for.

    Args:
        run: takes in what is found; those that it has already are not measured again.
        cells: those that are timed.
        files: the model file of each.
        launch: starts a worker.
        watch: called with the phase, how many are done, and of how many.
    """
    if not run.options.memory:
        return
    done = {peak.cell for peak in run.memory}
    networks = [cell for cell in cells if (cell.subject.part, cell.subject.copy) == (None, 1)]
    wanted = [cell for cell in networks if cell.id not in done]
    for index, cell in enumerate(wanted):
        watch("memory", index, len(wanted))
        try:
            run.memory.append(_peak(cell, files[cell.id], launch))
        except (WorkerRefused, WorkerDied) as error:
            note = f"no peak memory of {cell.words()}: {without_home(str(error))}"
            run.notes += [note] if note not in run.notes else []


def _peak(cell: Cell, file: Path, launch: Launch) -> MemoryPeak:
    request = SeeMemory(
        folder=str(file),
        batch=cell.place.batch,
        provider=cell.place.provider,
        precision=cell.place.precision,
        denormals=cell.place.denormals,
        training=cell.place.training,
        runs=RUNS,
    )
    worker = launch(cell.worker, 0)
    try:
        seen = worker.ask(request)
    finally:
        worker.close()
    return MemoryPeak(
        cell=cell.id, loaded_bytes=seen.loaded_bytes, peak_bytes=seen.peak_bytes, runs=RUNS
    )
