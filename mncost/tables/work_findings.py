"""What a run says of training steps and of weights that are 0, in a sentence each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from mncost.label import fact_words
from mncost.measure.records import Cell
from mncost.models.sparse import sparse_bytes
from mncost.render.units import with_interval, written
from mncost.results.results import Results

__all__ = ["sparsity_findings", "training_findings"]


def training_findings(results: Results, cells: Sequence[Cell]) -> Iterator[str]:
    """Say how long each training step takes beside an inference, and what its MACs promise."""
    for step in cells:
        if step.place.training is None:
            continue
        if (forward := _beside(step, cells, training=None)) is None:
            continue
        ratio = results.ratio(step.id, forward.id)
        if ratio is None or ratio.lo is None:
            continue
        name = " ".join([step.label.arch, *fact_words(step.label, "alpha")])
        batch = "an image" if step.place.batch == 1 else f"{step.place.batch} images"
        macs = step.macs / forward.macs
        yield (
            f"{name}: a step that trains {step.place.training} takes {with_interval(ratio)} times "
            f"an inference of {batch}, with {macs:.2f} times its MACs"
        )
        for teacher in _teachers(step, cells):
            more = results.ratio(teacher.id, step.id)
            if more is None or more.lo is None or more.hi is None:
                continue
            both = more._replace(center=1 + more.center, lo=1 + more.lo, hi=1 + more.hi)
            macs = 1 + teacher.macs / step.macs
            yield (
                f"{name}: with {teacher.label.arch} as teacher that step takes "
                f"{with_interval(both)} times as long, with {macs:.2f} times its MACs"
            )


def sparsity_findings(results: Results, cells: Sequence[Cell]) -> Iterator[str]:
    """Say what zeros are worth: in time beside the same network without, and in bytes."""
    said: set[str] = set()
    for cell in cells:
        share = cell.place.sparsity
        dense = _beside(cell, cells, sparsity=0.0)
        if not share or not dense:
            continue
        name = " ".join([cell.label.arch, *fact_words(cell.label, "alpha")])
        ratio = results.ratio(dense.id, cell.id)
        if ratio is not None and ratio.lo is not None:
            where = ", ".join(fact_words(replace(cell.place, sparsity=0.0, provider=None))[:1])
            yield (
                f"{name}, sparsity {share:g} on {where}: {with_interval(ratio)} times as fast as "
                "without zeros"
            )
        if (size := f"{name} {share}") not in said:
            said.add(size)
            graph = results.run.models[cell.digest].graph
            small, whole = (written("bytes", sparse_bytes(graph, s)) for s in (share, 0.0))
            yield (
                f"{name}, sparsity {share:g}: a file without the zeros has {small} instead of "
                f"{whole}"
            )


def _teachers(step: Cell, cells: Sequence[Cell]) -> Iterator[Cell]:
    """Yield the networks that were measured at the place of a step, and are not trained."""
    trained = {cell.subject for cell in cells if cell.place.training}
    place = replace(step.place, training=None)
    yield from (cell for cell in cells if cell.place == place and cell.subject not in trained)


def _beside(cell: Cell, cells: Sequence[Cell], **changes: object) -> Cell | None:
    """Return the same network at a place that differs in this only."""
    wanted = cell.subject, replace(cell.place, **changes)
    return next((one for one in cells if (one.subject, one.place) == wanted), None)
