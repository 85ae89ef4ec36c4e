"""How well latencies are predicted: the whole protocol in one command.

Half of a run's processes are the calibration, the other half is what predictions are held against,
so a prediction is never judged by the processes that it comes from. Beside it stand: in proportion
to MACs, a + b × MACs, and the same cells measured twice (one half of the processes against the
other).

    python -m benchmarks.predict --max-time 20min --save predict.json
    python -m benchmarks.predict predict.json
    python -m benchmarks.predict --threads 2 --precision int8 --max-time 20min
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from msgspec import structs

import mncost
from mncost.errors import InputError
from mncost.measure.records import Options
from mncost.measure.run_file import write_run
from mncost.place import OnePlace
from mncost.predict.calibrate import designed_points
from mncost.predict.calibration import Calibrated, Calibration, calibration_of
from mncost.predict.model import Cells, fit
from mncost.predict.predictor import Predictor
from mncost.predict.probes import probes
from mncost.results.bench import measure
from mncost.results.progress import watcher
from mncost.results.results import Results
from mncost.runs.begin import empty_run
from mncost.runs.networks import cells_of, one_place
from mncost.units import seconds

Array = Any
COUNTS = (0, 2, 4, 7)
SIZES = "96,128,160,192,224"
FAMILIES = (
    ("v1", "0.25,0.35,0.5,0.75,1.0"),
    ("v2", "0.35,0.5,0.75,1.0,1.3"),
    ("v3-large", "0.35,0.5,0.75,1.0"),
    ("v3-small", "0.35,0.5,0.75,1.0,1.25"),
    ("v3-large-minimalistic", "0.5,0.75,1.0"),
    ("v4-conv-s", "0.35,0.5,0.75,1.0,1.25"),
)


class Cell(NamedTuple):
    """A network with the medians of the two halves of the processes."""

    known: Calibrated  # with the first half's
    truth: float  # seconds, of the second half


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the protocol; print its tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", nargs="?", type=Path, help="a run file; else it is measured now")
    parser.add_argument("--runtime", default=None)
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--precision", default="fp32")
    parser.add_argument("--max-time", default="20min", help="to measure at most")
    parser.add_argument("--processes", type=int, default=6)
    parser.add_argument("--save", type=Path, help="the run that is measured")
    given = parser.parse_args(arguments)
    place = OnePlace(given.runtime, given.threads)
    try:
        results = Results.read(given.run) if given.run else measured(given, place)
        calibration = calibration_of(results, place)
        cells = halves(calibration, len(results.run.processes))
    except InputError as error:
        parser.error(str(error))
    report(calibration, cells)
    return 0


def measured(given: argparse.Namespace, place: OnePlace) -> Results:
    """Measure the probes and whole grids of six families."""
    networks = [*probes()]
    for arch, alphas in FAMILIES:
        networks += mncost.grid(arch, alpha=alphas, resolution=SIZES)
    there = one_place(place, given.precision)
    options = Options(
        target_error=None,
        max_time=seconds("--max-time", given.max_time),
        processes=given.processes,
        seed=0,
    )
    run = empty_run(cells_of(networks, there), options)
    results = measure(run, watch=watcher(True, None))
    if given.save:
        write_run(run, given.save)
    return results


def halves(calibration: Calibration, processes: int) -> list[Cell]:
    """Return the cells that both halves of the processes measured.

    Raises:
        InputError: there is only one process.
    """
    if processes < 2:
        raise InputError("the run has one process: half of several is needed")
    cells = []
    for cell in calibration.cells:
        first, second = cell.seconds[::2], cell.seconds[1::2]
        if first and second:
            truth = float(np.exp(np.mean(np.log(second))))
            known = structs.replace(cell, seconds=first, calm=cell.calm[::2])
            cells.append(Cell(known, truth))
    return cells


def report(calibration: Calibration, cells: Sequence[Cell]) -> None:
    """Print every table."""
    place = calibration.place.words()
    every = [one for one in cells if one.known.family is not None]
    families = sorted({str(one.known.family) for one in every})
    print(f"{place}; {len(cells) - len(every)} probes, {len(every)} cells of {len(families)}")
    print(f"{'':38}  n   ≤5%  ≤10%  mean   max   inside  ± half")
    once = np.array([np.mean(np.log(one.known.seconds)) for one in every])
    row("measured twice", once, [one.truth for one in every])
    for count in COUNTS:
        chosen = [one for f in families for one in corners(of_family(every, f), count)]
        kept = {id(one) for one in chosen}
        left = [one for one in every if id(one) not in kept]
        both(f"{count} cells a family", calibration, cells, chosen, left)
    for count in COUNTS:
        made: dict[str, list[tuple[Array, Array, Array]]] = {}
        for family in families:
            own = of_family(every, family)
            own_chosen = corners(own, count)
            others = [
                one for f in families if f != family for one in corners(of_family(every, f), 7)
            ]
            kept = {id(one) for one in own_chosen}
            left = [one for one in own if id(one) not in kept]
            for name, values in tried(calibration, cells, [*others, *own_chosen], left).items():
                made.setdefault(name, []).append(values)
        for name, parts in made.items():
            logs, half, truth = (np.concatenate(part) for part in zip(*parts, strict=True))
            row(f"a new family, {count} cells of it: {name}", logs, truth, half)
    noise = Predictor(structs.replace(calibration, cells=[one.known for one in cells])).noise
    for name, key in (
        ("leave one cell out", id),
        ("leave one α of a family out", lambda one: (one.known.family, one.known.alpha)),
        ("leave one ρ of all out", lambda one: one.known.resolution),
    ):
        row(name, *left_out(noise, cells, every, key))
    speed(calibration)


def of_family(cells: Sequence[Cell], family: str) -> list[Cell]:
    """Return the cells of one family."""
    return [one for one in cells if one.known.family == family]


def corners(cells: Sequence[Cell], count: int) -> list[Cell]:
    """Return the cells that a calibration would measure."""
    return [cells[index] for index in designed_points([one.known.where for one in cells], count)]


def tried(
    calibration: Calibration, cells: Sequence[Cell], chosen: Sequence[Cell], left: Sequence[Cell]
) -> dict[str, tuple[Array, Array, Array]]:
    """Return log seconds, half intervals and the truth of the cells left, by each model."""
    training = [*(one for one in cells if one.known.family is None), *chosen]
    known = [one.known for one in training]
    new = structs.replace(calibration, cells=known, seen=[], unseen=[])
    predictor = Predictor(new)
    totals = np.array([one.known.totals for one in left])
    centers, half = predictor.predict_totals(
        totals, [one.known.family for one in left], np.array([one.known.where for one in left])
    )
    truth = np.array([one.truth for one in left])
    none = np.full(len(left), np.nan)
    times = np.exp([np.mean(np.log(one.seconds)) for one in known])
    macs, asked = (
        np.array([macs_of(one.known, calibration) for one in s]) for s in (training, left)
    )
    share = np.exp(np.mean(np.log(times / macs)))
    line = np.linalg.lstsq(
        np.stack([macs / times, 1 / times], axis=1), np.ones(len(times)), rcond=None
    )[0]
    linear = np.maximum(asked * line[0] + line[1], 1e-9)
    return {
        "ours": (np.log(centers), half, truth),
        "∝ MACs": (np.log(asked * share), none, truth),
        "a + b MACs": (np.log(linear), none, truth),
    }


def macs_of(cell: Calibrated, calibration: Calibration) -> float:
    """Return the MMACs of a cell: the sum over its kinds of kernels."""
    each = len(cell.totals) // len(calibration.kinds)
    return sum(cell.totals[1::each])


def both(
    name: str,
    calibration: Calibration,
    cells: Sequence[Cell],
    chosen: Sequence[Cell],
    left: Sequence[Cell],
) -> None:
    """Print a row for each model."""
    for model, (logs, half, truth) in tried(calibration, cells, chosen, left).items():
        row(f"{name}: {model}", logs, truth, half)


def left_out(
    noise: float, cells: Sequence[Cell], every: Sequence[Cell], key: Callable[[Cell], object]
) -> tuple[Array, Array]:
    """Return log seconds of each cell from a fit without its group, and the truth."""
    numbers = {f: i for i, f in enumerate(sorted({str(one.known.family) for one in every}))}
    arrays = Cells(
        np.array([one.known.totals for one in cells]),
        np.array([numbers.get(str(one.known.family), -1) for one in cells]),
        np.array([one.known.where for one in cells]),
    )
    times = np.exp([np.mean(np.log(one.known.calm)) for one in cells])
    groups: dict[object, list[int]] = {}
    for index, one in enumerate(cells):
        if one.known.family is not None:
            groups.setdefault(key(one), []).append(index)
    logs, truth = [], []
    for out in groups.values():
        kept = np.setdiff1d(np.arange(len(cells)), out)
        center, _ = fit(arrays.only(kept), times[kept], noise).predict(arrays.only(np.array(out)))
        logs += list(center)
        truth += [cells[index].truth for index in out]
    return np.array(logs), np.array(truth)


def row(name: str, logs: Array, truth: Array, half: Array | None = None) -> None:
    """Print how far predictions are from what was measured."""
    if not len(logs):
        return
    error = np.abs(np.exp(logs) / np.asarray(truth) - 1)
    words = (
        f"{name:38} {len(error):3d}  {(error <= 0.05).mean():4.0%}  {(error <= 0.10).mean():4.0%}  "
        f"{error.mean():5.1%} {error.max():6.1%}"
    )
    if half is not None and np.isfinite(half).all():
        inside = np.abs(logs - np.log(truth)) <= half
        words += f"  {inside.mean():5.0%}  {np.median(half):6.1%}"
    print(words, flush=True)


def speed(calibration: Calibration) -> None:
    """Print how long a thousand networks take."""
    predictor = Predictor(calibration)
    grid = mncost.grid("v1,v2,v3-large,v4-conv-s", alpha="0.3:1.25:0.03", resolution="96:320:32")
    begun, spent = time.perf_counter(), time.process_time()
    predictor.predict(grid[:1000])
    wall, cpu = time.perf_counter() - begun, time.process_time() - spent
    print(f"{len(grid[:1000])} networks predicted in {wall:.1f} s ({cpu:.1f} s of CPU)")


if __name__ == "__main__":
    raise SystemExit(main())
