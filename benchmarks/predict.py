"""How well latencies are predicted: the whole protocol in one command.

Some of a run's processes are the calibration (--of, as many as ``mncost calibrate`` has); the
others are what predictions are held against, so a prediction is never judged by the processes that
it comes from. Intervals are held against as many of them as the calibration has, which is what they
are for. Other processes are the next calibration (--calibrations). Beside it stand: in proportion
to MACs, a + b × MACs, and the same cells measured twice (the calibration against the others).
Several runtimes, threads and precisions are measured one after the other, each for --max-time.

    python -m benchmarks.predict --max-time 12min --save predict.json
    python -m benchmarks.predict predict.json
    python -m benchmarks.predict --busy one --max-time 8min
    python -m benchmarks.predict --families every --max-time 10min
    python -m benchmarks.predict --threads 2 --max-time 8min
    python -m benchmarks.predict --precision int8 --max-time 8min
    python -m benchmarks.predict --runtime torch --max-time 8min
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from msgspec import structs

import mncost
from benchmarks.busy import CASES, busy
from mncost.cli.calibrate import asked
from mncost.errors import InputError
from mncost.measure.cell import Place
from mncost.measure.records import Options
from mncost.measure.run_file import write_run
from mncost.network import Network
from mncost.place import OnePlace
from mncost.predict.calibrate import designed, designed_points
from mncost.predict.calibration import Calibrated, Calibration, calibration_of
from mncost.predict.features import place_of as place_of_kind
from mncost.predict.features import trimmed
from mncost.predict.model import Cells, fit
from mncost.predict.predictor import Predictor
from mncost.predict.probes import probes
from mncost.predict.profile import place_of
from mncost.predict.spread import Spread
from mncost.results.bench import measure
from mncost.results.progress import watcher
from mncost.results.results import Results
from mncost.runs.begin import empty_run
from mncost.runs.networks import cells_of
from mncost.spec.catalog import families
from mncost.units import seconds
from mncost.which import Which

Array = Any
COUNTS = (0, 2, 4, 7)
SEVEN = "7 cells a family: ours"
MOST_MACS = 2.5e9  # of --families every
FEW_FAMILIES = 10  # with more of them, leaving each one out has no intervals: they take an hour
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
    """A network with what the processes of a calibration measured, and what the others did."""

    known: Calibrated
    truth: float  # seconds, of the other processes
    calm: float  # seconds of undisturbed runs, of the other processes
    again: float  # seconds, of as many of them as the calibration has


class Tried(NamedTuple):
    """Predictions and what they are held against."""

    logs: Array  # of predicted seconds
    half: Array | None  # of intervals, on the scale of logarithms
    truth: Array  # seconds
    again: Array | None = None  # seconds, which intervals are to hold


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the protocol; print its tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", nargs="?", type=Path, help="a run file; else it is measured now")
    parser.add_argument("--runtime", default="onnxruntime", help="several with commas")
    parser.add_argument("--threads", default="1", help="likewise")
    parser.add_argument("--precision", default="fp32", help="likewise")
    parser.add_argument("--families", default="six", choices=("six", "every"))
    parser.add_argument("--max-time", default="20min", help="to measure one place at most")
    parser.add_argument("--processes", type=int, default=6)
    parser.add_argument("--busy", choices=CASES, default="quiet", help="default: quiet")
    parser.add_argument("--of", type=int, default=5, metavar="N", help="processes of a calibration")
    parser.add_argument("--calibrations", type=int, default=3, metavar="N", help="default: 3")
    parser.add_argument("--save", type=Path, help="the run; of several, its place is added")
    given = parser.parse_args(arguments)
    try:
        if given.run:
            report(Results.read(given.run), given.of, given.calibrations)
            return 0
        words = given.runtime.split(","), given.threads.split(","), given.precision.split(",")
        places = [
            place_of(OnePlace(runtime, int(threads)), precision)
            for runtime, threads, precision in product(*words)
        ]
        networks = [*probes(), *(every_family() if given.families == "every" else six())]
        for place in places:
            named = None if len(places) == 1 else place
            report(measured(given, networks, place, named), given.of, given.calibrations)
    except InputError as error:
        parser.error(str(error))
    return 0


def six() -> list[Network]:
    """Return whole grids of six families."""
    return [
        network
        for arch, alphas in FAMILIES
        for network in mncost.grid(arch, alpha=alphas, resolution=SIZES)
    ]


def every_family() -> list[Network]:
    """Return nine networks or fewer of each family file: of its smallest architecture."""
    networks = []
    for family in families():
        published = [one for one in asked(Which(arch=family)) if one.macs <= MOST_MACS]
        if published:
            arch = min(published, key=lambda one: one.macs).arch
            own = [one for one in published if one.arch == arch]
            if len(own) < 9:
                alphas = ",".join({f"{one.alpha:g}": "" for one in own if one.alpha is not None})
                own = sized(arch, alphas or None) or own
            networks += designed(own, 9)
    return networks


def sized(arch: str, alpha: str | None) -> list[Network]:
    """Return an architecture at the sizes that it can have."""
    networks: list[Network] = []
    for size in SIZES.split(","):
        try:
            networks += mncost.grid(arch, alpha=alpha, resolution=size)
        except InputError:
            continue
    return networks


def measured(
    given: argparse.Namespace, networks: Sequence[Network], place: Place, named: Place | None
) -> Results:
    """Measure networks at one place."""
    options = Options(
        target_error=None,
        max_time=seconds("--max-time", given.max_time),
        processes=given.processes,
        seed=0,
    )
    run = empty_run(cells_of(networks, place), options)
    with busy(given.busy):
        results = measure(run, watch=watcher(True, None))
    if given.save:
        suffix = f"-{place.runtime}-{place.precision}-{place.threads}" if named else ""
        write_run(run, given.save.with_name(given.save.stem + suffix + ".json"))
    return results


def calibrations(calibration: Calibration, processes: int, most: int) -> list[list[Cell]]:
    """Return the cells once for each few processes that are taken as the calibration.

    Of a run with too few processes it is every second one. Cells that some process did not measure
    are left out.

    Raises:
        InputError: there is only one process.
    """
    count = max(len(cell.seconds) for cell in calibration.cells)
    if count < 2:
        raise InputError("the run has one process: several are needed")
    step = max(2, count // processes)
    whole = [cell for cell in calibration.cells if len(cell.seconds) == count]
    parts = [range(first, count, step)[:processes] for first in range(step)]
    return [
        [_cell(cell, parts[number], parts[number - 1]) for cell in whole]
        for number in range(step)[:most]
    ]


def _cell(cell: Calibrated, chosen: Sequence[int], again: Sequence[int]) -> Cell:
    """Divide the processes of a cell."""
    others = [index for index in range(len(cell.seconds)) if index not in chosen]

    def of(values: Sequence[float], indices: Sequence[int]) -> list[float]:
        return [values[index] for index in indices]

    known = structs.replace(cell, seconds=of(cell.seconds, chosen), calm=of(cell.calm, chosen))
    return Cell(
        known,
        geometric(of(cell.seconds, others)),
        geometric(of(cell.calm, others)),
        geometric(of(cell.seconds, again)),
    )


def geometric(values: Sequence[float]) -> float:
    """Return the geometric mean."""
    return float(np.exp(np.mean(np.log(values))))


def report(results: Results, processes: int, most: int) -> None:
    """Print every table of one run.

    Args:
        results: of the run.
        processes: of a calibration.
        most: calibrations to try.

    Raises:
        InputError: it has cells of several places, or too few.
    """
    calibration = calibration_of(results)
    tries: dict[str, list[Tried]] = {}
    ways = calibrations(calibration, processes, most)
    for cells in ways:
        for name, one in protocol(calibration, cells):
            tries.setdefault(name, []).append(one)
    families = {one.known.family for one in ways[0]} - {None}
    probes_ = sum(one.known.family is None for one in ways[0])
    print(f"{calibration.place.words()}; {conditions(results)}")
    print(
        f"{len(ways)} calibrations of {len(ways[0][0].known.seconds)} processes each; {probes_} "
        f"probes, {len(ways[0]) - probes_} cells of {len(families)} families"
    )
    print(f"{'':38}   n   ≤5%  ≤10%  mean   max   inside  ± half")
    joined = {name: join(parts) for name, parts in tries.items() if any(len(p.logs) for p in parts)}
    for name, one in joined.items():
        row(name, one)
    for number, one in enumerate(tries.get(SEVEN, ()), 1):
        row(f"    {SEVEN}, calibration {number}", one)
    repeatability(joined)
    say_goals(joined)
    speed(calibration)


def protocol(calibration: Calibration, cells: Sequence[Cell]) -> Iterator[tuple[str, Tried]]:
    """Yield what is predicted in each way, from one calibration."""
    every = [one for one in cells if one.known.family is not None]
    families = sorted({str(one.known.family) for one in every})
    truth = np.array([one.truth for one in every])
    calm = np.array([one.calm for one in every])
    once, quiet = (
        np.log([geometric(times) for times in columns])
        for columns in ([c.known.seconds for c in every], [c.known.calm for c in every])
    )
    yield "measured twice", Tried(once, None, truth)
    yield "measured twice, undisturbed runs", Tried(quiet, None, calm)
    for count in COUNTS:
        chosen = [one for f in families for one in corners(of_family(every, f), count)]
        left = without(every, chosen)
        for name, one in tried(calibration, cells, chosen, left).items():
            yield f"{count} cells a family: {name}", one
            if (count, name) == (COUNTS[-1], "ours"):
                undisturbed = np.array([cell.calm for cell in left])
                yield (
                    "    held against undisturbed runs",
                    Tried(one.logs, None, undisturbed),
                )
    for count in COUNTS[:-1]:
        made: dict[str, list[Tried]] = {}
        for family in families:
            own = of_family(every, family)
            chosen = corners(own, count)
            others = [
                one for f in families if f != family for one in corners(of_family(every, f), 7)
            ]
            left = without(own, chosen)
            training, has_intervals = [*others, *chosen], len(families) <= FEW_FAMILIES
            for name, one in tried(calibration, cells, training, left, has_intervals).items():
                made.setdefault(name, []).append(one)
        for name, parts in made.items():
            yield f"a new family, {count} cells: {name}", join(parts)
    noise = Spread([one.known for one in cells]).noise
    for name, key in (
        ("leave one cell out", id),
        ("leave one α of a family out", lambda one: (one.known.family, one.known.alpha)),
        ("leave one ρ of all out", lambda one: one.known.resolution),
    ):
        yield name, left_out(noise, cells, every, key)


def without(cells: Sequence[Cell], chosen: Sequence[Cell]) -> list[Cell]:
    """Return the cells that were not chosen."""
    kept = {id(one) for one in chosen}
    return [one for one in cells if id(one) not in kept]


def join(parts: Sequence[Tried]) -> Tried:
    """Return several tries as one."""
    logs, half, truth, again = (
        np.concatenate(column) if all(one is not None for one in column) else None
        for column in zip(*parts, strict=True)
    )
    return Tried(logs, half, truth, again)


def conditions(results: Results) -> str:
    """Say how busy the machine was."""
    found = results.run.conditions
    load = [one.other_load for one in found if one.other_load is not None]
    busy = f"other programs kept {np.median(load):.1f} cores busy" if load else ""
    return f"{len(results.run.processes)} processes, {results.run.seconds:.0f} s; {busy}"


def repeatability(rows: Mapping[str, Tried]) -> None:
    """Say how much of the error with seven cells is what the same cells differ by."""
    if SEVEN in rows:
        error, again = (squared_error(rows[name]) for name in (SEVEN, "measured twice"))
        print(
            f"error with 7 cells: {error**0.5:.1%} (root mean square); the same cells measured "
            f"twice differ by {again**0.5:.1%}"
        )


def squared_error(one: Tried) -> float:
    """Return the mean squared error of logarithms."""
    return float(np.mean((one.logs - np.log(one.truth)) ** 2))


def say_goals(rows: Mapping[str, Tried]) -> None:
    """Say which goals are reached."""
    for name, within, least in (
        (SEVEN, 0.05, 0.90),
        (SEVEN, 0.10, 0.99),
        ("a new family, 0 cells: ours", 0.10, 0.75),
        ("a new family, 4 cells: ours", 0.10, 0.95),
    ):
        if name in rows:
            one = rows[name]
            share = (np.abs(np.exp(one.logs) / one.truth - 1) <= within).mean()
            word = "reached" if share >= least else "missed"
            print(f"goal: {name}, ≤ {within:.0%}: {share:.0%} of at least {least:.0%}: {word}")
    if SEVEN in rows:
        inside, width, _ = intervals(rows[SEVEN])
        words = ["reached" if ok else "missed" for ok in (0.88 <= inside <= 0.95, width <= 0.06)]
        print(f"goal: {SEVEN}, inside: {inside:.0%} of 88 to 95%: {words[0]}")
        print(f"goal: {SEVEN}, median half-width: {width:.1%} of at most 6%: {words[1]}")


def of_family(cells: Sequence[Cell], family: str) -> list[Cell]:
    """Return the cells of one family."""
    return [one for one in cells if one.known.family == family]


def corners(cells: Sequence[Cell], count: int) -> list[Cell]:
    """Return the cells that a calibration would measure."""
    return [cells[index] for index in designed_points([one.known.where for one in cells], count)]


def tried(
    calibration: Calibration,
    cells: Sequence[Cell],
    chosen: Sequence[Cell],
    left: Sequence[Cell],
    has_intervals: bool = True,
) -> dict[str, Tried]:
    """Return what each model predicts of the cells left; intervals take fits of their own."""
    if not left:
        return {}
    training = [*(one for one in cells if one.known.family is None), *chosen]
    known = [one.known for one in training]
    scores: list[float] = [] if has_intervals else [1.0]
    new = structs.replace(calibration, cells=known, seen=scores, unseen=scores)
    predictor = Predictor(new)
    totals, odd = as_known(
        np.array([one.known.totals for one in left]),
        np.array([one.totals for one in known]),
        calibration.kinds,
    )
    families, where = zip(*((one.known.family, one.known.where) for one in left), strict=True)
    centers, half = predictor.predict_totals(totals, families, np.array(where), unknown=odd)
    truth = np.array([one.truth for one in left])
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
        "ours": Tried(
            np.log(centers),
            half if has_intervals else None,
            truth,
            np.array([one.again for one in left]),
        ),
        "∝ MACs": Tried(np.log(asked * share), None, truth),
        "a + b MACs": Tried(np.log(linear), None, truth),
    }


def as_known(totals: Array, known: Array, kinds: Sequence[str]) -> tuple[Array, Array]:
    """Let kinds of kernels that were not measured count as similar ones, as predictions do.

    Returns:
        The totals, and which networks have such kernels.
    """
    each, own = totals.reshape(len(totals), len(kinds), -1).copy(), np.array(known)
    measured = own.reshape(len(own), len(kinds), -1)[:, :, 0].sum(axis=0) > 0
    places = {kind: place for place, kind in enumerate(kinds) if measured[place]}
    odd = each[:, ~measured, 0].sum(axis=1) > 0
    for number in np.flatnonzero(~measured).tolist():
        for row_ in each:
            row_[place_of_kind(kinds[number], bool(row_[number, 1]), places)] += row_[number]
            row_[number] = 0
    return each.reshape(len(each), -1), odd


def macs_of(cell: Calibrated, calibration: Calibration) -> float:
    """Return the MMACs of a cell: the sum over its kinds of kernels."""
    each = len(cell.totals) // len(calibration.kinds)
    return sum(cell.totals[1::each])


def left_out(
    noise: float, cells: Sequence[Cell], every: Sequence[Cell], key: Callable[[Cell], object]
) -> Tried:
    """Return each cell as a fit without its group predicts it."""
    numbers = {f: i for i, f in enumerate(sorted({str(one.known.family) for one in every}))}
    arrays = Cells(
        trimmed(np.array([one.known.totals for one in cells])),
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
    return Tried(np.array(logs), None, np.array(truth))


def row(name: str, one: Tried) -> None:
    """Print how far predictions are from what was measured."""
    error = np.abs(np.exp(one.logs) / one.truth - 1)
    words = (
        f"{name:38} {len(error):4d}  {(error <= 0.05).mean():4.0%}  {(error <= 0.10).mean():4.0%}  "
        f"{error.mean():5.1%} {error.max():6.1%}"
    )
    if one.half is not None and np.isfinite(one.half).any():
        inside, width, without = intervals(one)
        words += f"  {inside:5.0%}  {width:6.1%}{f'  {without} without' * bool(without)}"
    print(words, flush=True)


def intervals(one: Tried) -> tuple[float, float, int]:
    """Return how many intervals hold a measurement, half their median width, how many are none."""
    assert one.half is not None
    assert one.again is not None
    known = np.isfinite(one.half)
    inside = (np.abs(one.logs - np.log(one.again)) <= one.half)[known].mean()
    return float(inside), float(np.median(one.half[known])), int((~known).sum())


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
