"""What a prediction rests on: networks that were measured at one place, and on which machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct

from mncost.errors import MeasureError
from mncost.graph.shapes import infer_shapes
from mncost.measure.cell import HERE, Cell, Place
from mncost.measure.records import Machine, Run
from mncost.measure.runtimes.blocked import block_of
from mncost.place import OnePlace
from mncost.predict.features import totals_of
from mncost.predict.kernels import Plan
from mncost.predict.planner import plan_of, rule_of
from mncost.predict.probes import is_probe

if TYPE_CHECKING:
    from mncost.results.results import Results

__all__ = ["LEAST", "Calibrated", "Calibration", "calibration_of", "where_of", "why_not"]

LEAST = 6
"""Networks that a calibration needs."""


class Calibrated(Struct, frozen=True, kw_only=True):
    """A network that was measured.

    Attributes:
        arch, alpha, resolution: what it is called.
        digest: of its graph and inputs.
        family: networks of one family leave similar errors; ``None``: a probe.
        where: log α, log resolution.
        seconds: the median of each process.
        calm: the fastest quarter of each process ends there. What other programs do to a median
            they hardly do to it, so it repeats better. Times one factor, which makes it a median.
        totals: the amounts of its kernels: kinds × :data:`mncost.predict.features.AMOUNTS`.
    """

    arch: str
    alpha: float | None
    resolution: int | str | None
    digest: str
    family: str | None
    where: tuple[float, float]
    seconds: list[float]
    calm: list[float]
    totals: list[float]


class Calibration(Struct, kw_only=True):
    """Measured networks at a place of a machine; the content of a profile file."""

    kind: Literal["mncost profile"] = "mncost profile"
    schema_version: Literal[3] = 3
    mncost_version: str
    measured: str  # when: ISO 8601, UTC
    place: Place
    machine: Machine
    versions: dict[str, str]  # of python, the runtime, numpy
    kinds: list[str]  # of kernels
    kernels: dict[str, list[int]]  # for each kind: the sides that were measured
    most_macs: dict[str, float]  # for each kind: MMACs of the largest kernel
    cells: list[Calibrated]
    seen: list[float] = []  # scores of mncost.predict.intervals
    unseen: list[float] = []


def where_of(alpha: float | None, inputs: Mapping[str, Sequence[int]]) -> tuple[float, float]:
    """Return log α and the log of the side of the first image."""
    image = next((shape for shape in inputs.values() if len(shape) == 3), None)
    side = 1.0 if image is None else (image[1] * image[2]) ** 0.5
    return log(alpha or 1.0), log(side)


def why_not(run: Run) -> str:
    """Say why networks of a run were not measured."""
    return "; ".join(dict.fromkeys(one.reason for one in run.failures)) or "too little time"


def calibration_of(
    results: Results,
    place: OnePlace = OnePlace(),  # noqa: B008
    precision: str | None = None,
) -> Calibration:
    """Return what a run says at one place.

    Args:
        results: of a run.
        place: which place is meant, if the run has several.
        precision: likewise.

    Raises:
        MeasureError: the run has no such cells, those of several places, or too few.
    """
    run = results.run
    meant = _cells_at(run.cells, place, precision)
    plans: dict[int, Plan] = {}
    timed = [(cell, list(results.medians(cell.id).values())) for cell in meant]
    timed = [(cell, seconds) for cell, seconds in timed if seconds]
    if not timed:
        raise MeasureError(f"the run has no measured networks: {why_not(run)}")
    calm = _calm(results, timed)
    there = timed[0][0].place
    machine = run.machine_of(there.host)
    rule, block = rule_of(there), block_of(machine.architecture, machine.flags)
    for cell, _ in timed:
        graph = run.models[cell.digest].graph
        plans.setdefault(id(graph), plan_of(graph, rule, block))
    used = [plans[id(run.models[cell.digest].graph)] for cell, _ in timed]
    kinds = sorted({kernel.kind for plan in used for kernel in plan.kernels})
    cells, sides, most = [], {kind: set[int]() for kind in kinds}, dict.fromkeys(kinds, 0.0)
    for (cell, seconds), fast, plan in zip(timed, calm, used, strict=True):
        model = run.models[cell.digest]
        shapes = infer_shapes(plan.graph, model.inputs)
        macs = plan.amounts(shapes)[:, 0] / 1e6
        for kernel, amount in zip(plan.kernels, macs, strict=True):
            sides[kernel.kind].add(kernel.kernel)
            most[kernel.kind] = max(most[kernel.kind], float(amount))
        places = {kind: index for index, kind in enumerate(kinds)}
        cells.append(
            Calibrated(
                arch=cell.label.arch,
                alpha=cell.label.alpha,
                resolution=cell.subject.resolution,
                digest=cell.digest,
                family=_family(cell),
                where=where_of(cell.label.alpha, model.inputs),
                seconds=seconds,
                calm=fast,
                totals=totals_of(plan, shapes, places).tolist(),
            )
        )
    versions = next(p.versions for p in run.processes if p.worker == timed[0][0].worker)
    return Calibration(
        mncost_version=run.mncost_version,
        measured=run.started,
        place=there,
        machine=machine,
        versions=versions,
        kinds=kinds,
        kernels={kind: sorted(lengths) for kind, lengths in sides.items()},
        most_macs=most,
        cells=cells,
    )


def _calm(results: Results, timed: Sequence[tuple[Cell, list[float]]]) -> list[list[float]]:
    """Return the lower quartile of each process of each cell, times what makes it a median.

    That is one factor for all of them: a disturbance lasts longer than the visits to one cell.
    """
    import numpy as np

    quartiles = [
        [
            float(np.quantile(one.times(clock), 0.25))
            for one in results.series[cell.id]
            if one.median(clock) is not None
        ]
        for cell, clock in ((cell, results.clock(cell.id)) for cell, _ in timed)
    ]
    shares = [
        np.mean(np.log(seconds)) - np.mean(np.log(fast))
        for (_, seconds), fast in zip(timed, quartiles, strict=True)
    ]
    factor = float(np.exp(np.median(shares)))
    return [[one * factor for one in fast] for fast in quartiles]


def _family(cell: Cell) -> str | None:
    if is_probe(cell.label.arch):
        return None
    return f"{cell.label.arch} {cell.subject.twin or ''}".strip()


def _cells_at(cells: Sequence[Cell], place: OnePlace, precision: str | None) -> list[Cell]:
    """Return the cells of whole networks at the place that is meant."""
    whole = [
        cell
        for cell in cells
        if (cell.subject.part, cell.baseline_of, cell.subject.copy) == (None, None, 1)
    ]
    meant = [
        cell
        for cell in whole
        if place.runtime in (None, cell.place.runtime)
        if place.threads in (None, cell.place.threads)
        if precision in (None, cell.place.precision)
        if place.host in (None, cell.place.host or HERE)
    ]
    places: dict[Any, None] = dict.fromkeys(cell.place for cell in meant or whole)
    listed = "; ".join(one.words() for one in places)
    if not meant:
        raise MeasureError(f"the run has nothing at that place; it has: {listed or 'no networks'}")
    if len(places) > 1:
        raise MeasureError(
            f"the run was measured in several places: {listed}; {_choosing([*places])}"
        )
    return meant


def _choosing(places: Sequence[Place]) -> str:
    """Say which options choose one of several places, if any do."""
    alike: dict[tuple[Any, ...], list[Place]] = {}
    for one in places:
        alike.setdefault((one.runtime, one.threads, one.precision, one.host), []).append(one)
    others = dict.fromkeys(name for group in alike.values() for name in Place.differs(group))
    if others:
        return f"accepted is a run with one of each: {', '.join(others)}"
    return "--runtime, --threads, --precision and --host choose one"
